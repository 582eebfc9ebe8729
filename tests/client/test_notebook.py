"""examples/client.ipynb runs from the first cell to the last, and its outputs equal the saved ones.

`pytest --update-golden` writes the outputs into the notebook. Ids, times and durations are replaced by fixed values of
a day in 2026.
"""

from __future__ import annotations

import json
import re
from itertools import count
from typing import TYPE_CHECKING

import pytest

from project import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from project import Project

NOTEBOOK = ROOT / "examples" / "client.ipynb"
EXECUTE = """
    import json, sys
    import nbformat
    from nbclient import NotebookClient

    notebook = nbformat.read(sys.argv[1], as_version=4)
    NotebookClient(notebook, timeout=120, kernel_name="python3", record_timing=False).execute()
    cells = notebook.cells
    print(json.dumps([cell.outputs if cell.cell_type == "code" else None for cell in cells]))
    """


def settled(text: str) -> str:
    """Replace the values that differ in each execution."""
    ids = (f"20261120-14{number:02}00-{number:03}abc" for number in count())
    found = re.findall(r"\d{8}-\d{6}-\d{3}[a-z]{3}", text)
    for id, instead in zip(sorted(set(found)), ids, strict=False):
        text = text.replace(id, instead)
    text = re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", "2026-11-20 14:00:00", text)
    text = re.sub(r"datetime\.datetime\([^)]*\)", "datetime.datetime(2026, 11, 20, 14, 0)", text)
    text = re.sub(r"timedelta\([^)]*\)", "timedelta(microseconds=98765)", text)
    return re.sub(r"'seconds': [\d.e-]+", "'seconds': 0.098765", text)


def test_notebook(project: Project, golden: Callable[[Path, str], None]) -> None:
    pytest.importorskip("nbclient")
    pytest.importorskip("ipykernel")
    del project.environment["PYTHONWARNINGS"]  # allows Jupyter's warnings
    project.environment["METAFLOW_USER"] = "ann"
    program = project.write("execute.py", EXECUTE)
    done = project.python(str(program), str(NOTEBOOK), timeout=180)
    assert done.code == 0, done.err
    notebook = json.loads(NOTEBOOK.read_text(encoding="utf-8"))
    outputs = json.loads(settled(done.out.splitlines()[-1]))
    number = count(1)
    for cell, shown in zip(notebook["cells"], outputs, strict=True):
        if shown is not None:
            cell["execution_count"] = next(number)
            for output in shown:
                if "execution_count" in output:
                    output["execution_count"] = cell["execution_count"]
            cell["outputs"] = shown
    golden(NOTEBOOK, json.dumps(notebook, indent=1, ensure_ascii=False) + "\n")
