#!/usr/bin/env bash
# papermill 2.7.0 and the tag `raises-exception`, with which Jupyter and nbclient 0.11.0 allow a cell to fail: papermill
# also runs every cell after it, but raises PapermillExecutionError at the end. A notebook that passes in
# Jupyter fails in a pipeline, after all its work.
# Guessed before the first run: papermill succeeds, because it executes cells with nbclient.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet papermill==2.7.0 nbclient==0.11.0 ipykernel==7.4.0
venv/bin/python - << 'PYTHON' 2> errors | tee seen || (cat errors && false)
import nbformat
import papermill
from nbclient import NotebookClient
from nbformat.v4 import new_code_cell, new_notebook

KERNEL = {"kernelspec": {"name": "python3", "display_name": "Python", "language": "python"}}

cells = [new_code_cell("1 / 0", metadata={"tags": ["raises-exception"]}), new_code_cell("print('after')")]
nbformat.write(new_notebook(cells=cells, metadata=KERNEL), "in.ipynb")

done = NotebookClient(nbformat.read("in.ipynb", 4)).execute()
print("nbclient", [output.get("text", output.get("ename")) for cell in done.cells for output in cell.outputs])
try:
    papermill.execute_notebook("in.ipynb", "out.ipynb", progress_bar=False)
except papermill.PapermillExecutionError as error:
    print("papermill", type(error).__name__, error.ename)
print("papermill's last cell has run:", nbformat.read("out.ipynb", 4).cells[-1].execution_count is not None)
PYTHON
diff - seen << 'EXPECTED'
nbclient ['ZeroDivisionError', 'after\n']
papermill PapermillExecutionError ZeroDivisionError
papermill's last cell has run: True
EXPECTED
