#!/usr/bin/env bash
# papermill 2.7.0: a parameter that is a tuple arrives in the notebook as a text, "(1, 2)", without a warning. A list stays a
# list. A set or a date is refused with a TypeError, because the parameters are also written as JSON.
# Guessed before the first run: the tuple arrives as a list.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet papermill==2.7.0 nbclient==0.11.0 ipykernel==7.4.0
venv/bin/python - << 'PYTHON' 2> errors | tee seen || (cat errors && false)
import nbformat
import papermill
from nbformat.v4 import new_code_cell, new_notebook

KERNEL = {"kernelspec": {"name": "python3", "display_name": "Python", "language": "python"}}

cells = [new_code_cell("sizes = ()", metadata={"tags": ["parameters"]}), new_code_cell("print(type(sizes).__name__, sizes)")]
nbformat.write(new_notebook(cells=cells, metadata=KERNEL), "in.ipynb")
for value in ((1, 2), [1, 2], {1, 2}):
    try:
        done = papermill.execute_notebook("in.ipynb", "out.ipynb", parameters={"sizes": value}, progress_bar=False)
        print(value, "arrives as", done.cells[-1].outputs[0].text.strip())
    except TypeError as error:
        print(value, error)
PYTHON
diff - seen << 'EXPECTED'
(1, 2) arrives as str (1, 2)
[1, 2] arrives as list [1, 2]
{1, 2} Object of type set is not JSON serializable
EXPECTED
