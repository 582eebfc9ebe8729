"""examples/client.ipynb runs from its first cell to its last."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from project import ROOT

if TYPE_CHECKING:
    from project import Project

EXECUTE = """
    import json, sys
    import nbformat
    from nbclient import NotebookClient

    notebook = nbformat.read(sys.argv[1], as_version=4)
    NotebookClient(notebook, timeout=120, kernel_name="python3").execute()
    results = [
        output["data"]
        for cell in notebook.cells if cell.cell_type == "code"
        for output in cell.outputs if output.output_type == "execute_result"
    ]
    print(json.dumps(results))
    """


def test_notebook(project: Project) -> None:
    pytest.importorskip("nbclient")
    pytest.importorskip("ipykernel")
    del project.environment["PYTHONWARNINGS"]  # those of Jupyter are not ours to fix
    project.environment["METAFLOW_USER"] = "ann"
    program = project.write("execute.py", EXECUTE)
    done = project.python(str(program), str(ROOT / "examples" / "client.ipynb"), timeout=180)
    assert done.code == 0, done.err
    shown = json.loads(done.out.splitlines()[-1])
    text = [one["text/plain"] for one in shown]
    assert text[0] == "Flow('Primes')"
    assert "failed</td>" in shown[0]["text/html"]
    assert "succeeded</td>" in shown[1]["text/html"]
    assert text[2].startswith("(1229, 0.1229, datetime.timedelta(")
    assert "<td>primes</td><td>list</td>" in shown[3]["text/html"]
    assert "ValueError: range() arg 3 must not be zero" in text[5]
    assert text[6] == "[168, 25]"
    assert text[7] == "[1229, 168]"
    assert text[-1] == "True"
