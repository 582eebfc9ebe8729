#!/usr/bin/env bash
# jupytext 1.19.6: a code cell that contains the comment line "# %%" comes back from the format py:percent as two cells. The
# line itself is gone. The formats py:light and md keep the cell. Programs of editors write such lines ("# %%" starts a cell in
# a plain script), and people paste them into notebooks. A notebook that is kept as py:percent then changes when it is read: a
# workflow that uses the "third cell" gets another cell, and digests of the cells change.
# Guessed before the first run: the line is escaped, and one cell comes back, as it does with "%%bash" and "!ls".
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet jupytext==1.19.6
"$folder/venv/bin/python" - << 'PYTHON' | tee "$folder/seen"
import jupytext
from nbformat.v4 import new_code_cell, new_notebook

kernel = {"name": "python3", "display_name": "Python", "language": "python"}
for source in ("x = 1\n# %%\ny = 2", "%%bash\nls\n# %%", "!ls"):
    notebook = new_notebook(cells=[new_code_cell(source)], metadata={"kernelspec": kernel})
    for format in ("py:percent", "py:light", "md"):
        again = jupytext.reads(jupytext.writes(notebook, format), format)
        print(f"{source!r} by {format}: {[cell.source for cell in again.cells]}")
PYTHON
diff - "$folder/seen" << 'EXPECTED'
'x = 1\n# %%\ny = 2' by py:percent: ['x = 1', 'y = 2']
'x = 1\n# %%\ny = 2' by py:light: ['x = 1\n# %%\ny = 2']
'x = 1\n# %%\ny = 2' by md: ['x = 1\n# %%\ny = 2']
'%%bash\nls\n# %%' by py:percent: ['%%bash\nls\n# %%']
'%%bash\nls\n# %%' by py:light: ['%%bash\nls\n# %%']
'%%bash\nls\n# %%' by md: ['%%bash\nls\n# %%']
'!ls' by py:percent: ['!ls']
'!ls' by py:light: ['!ls']
'!ls' by md: ['!ls']
EXPECTED
