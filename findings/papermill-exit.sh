#!/usr/bin/env bash
# papermill 2.7.0 and nbclient 0.11.0 with ipykernel 7.4.0: `exit()` in a cell has no effect. The cells after it run, and nothing
# is reported. `sys.exit(0)` ends the notebook: a success in papermill, a CellExecutionError in nbclient.
# Guessed before the first run: after `exit()` the kernel is gone and both raise DeadKernelError.
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

for text in ("exit()", "import sys; sys.exit(0)"):
    cells = [new_code_cell(text), new_code_cell("print('after')")]
    nbformat.write(new_notebook(cells=cells, metadata=KERNEL), "in.ipynb")
    papermill.execute_notebook("in.ipynb", "out.ipynb", progress_bar=False)
    done = nbformat.read("out.ipynb", 4)
    print(text, "papermill: the cell after it has run:", bool(done.cells[-1].outputs))
    try:
        done = NotebookClient(nbformat.read("in.ipynb", 4)).execute()
        print(text, "nbclient: the cell after it has run:", bool(done.cells[-1].outputs))
    except Exception as error:
        print(text, "nbclient:", type(error).__name__)
PYTHON
diff - seen << 'EXPECTED'
exit() papermill: the cell after it has run: True
exit() nbclient: the cell after it has run: True
import sys; sys.exit(0) papermill: the cell after it has run: False
import sys; sys.exit(0) nbclient: CellExecutionError
EXPECTED
