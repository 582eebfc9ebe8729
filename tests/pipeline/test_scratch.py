"""No run leaves temporary directories, not even after Ctrl-C.

If a run is killed, the next run removes the directories of the killed run.
"""

from __future__ import annotations

import json
import os
import signal
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from project import read_until, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from project import Project

NOTEBOOK = {
    "nbformat": 4, "nbformat_minor": 4, "metadata": {},
    "cells": [{"cell_type": "code", "metadata": {}, "execution_count": None, "outputs": [],
               "source": "import time\nprint('it waits', flush=True)\ntime.sleep(600)"}],
}  # fmt: skip
PROGRAM = """
    import signal
    from flowc.pipeline import NotebookTask, Pipeline, PythonTask, ShellTask

    def wait():
        print("it waits", flush=True)
        signal.pause()

    notebook = Pipeline(name="notebook", steps=[NotebookTask(notebook="waits.ipynb")])
    shell = Pipeline(name="shell", steps=[ShellTask(name="s", command="echo it waits; sleep 600")])
    python = Pipeline(name="python", steps=[PythonTask(name="wait", function=wait)])
    quick = Pipeline(name="quick", steps=[ShellTask(name="s", command="true")])

    if __name__ == "__main__":
        python.execute()
    """


@pytest.fixture
def waits(project: Project) -> Iterator[Project]:
    project.write("waits.ipynb", json.dumps(NOTEBOOK))
    project.write("flow.py", PROGRAM)
    del project.environment["PYTHONWARNINGS"]  # allows Jupyter's warnings
    with tempfile.TemporaryDirectory(dir="/tmp") as short:
        # `execute` uses TMPDIR only if its path is short, otherwise /tmp
        project.environment["TMPDIR"] = short
        yield project
        project.close()


def left(project: Project) -> list[Path]:
    return [path for path in Path(project.environment["TMPDIR"]).iterdir() if path.name.startswith("flowc-")]


@pytest.mark.parametrize("name", ["notebook", "shell"])
def test_an_interrupted_run_leaves_no_temporary_directory(waits: Project, name: str) -> None:
    with waits.start("-m", "flowc", "run", "--local", f"flow.py:{name}") as process:
        read_until(process.stdout, "it waits")
        assert left(waits) != []
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
    assert "interrupted" in err
    wait_until(lambda: left(waits) == [], f"{left(waits)} are left")


@pytest.mark.parametrize("name", ["notebook", "shell", "python"])
def test_the_run_after_a_killed_one_removes_its_temporary_directories(waits: Project, name: str) -> None:
    words = ["flow.py"] if name == "python" else ["-m", "flowc", "run", "--local", f"flow.py:{name}"]
    with waits.start(*words) as process:
        read_until(process.stdout, "it waits")
        assert left(waits) != []
        run = waits.store.run(name, waits.store.runs(name)[-1])
        os.kill(run.record()["process"]["pid"], signal.SIGKILL)
        process.kill()  # no effect if this process is the run, which was killed above
        process.communicate(timeout=60)

    def swept() -> bool:  # runs again until it is true: the killed run's guardian may still be ending tasks
        assert waits.flowc("run", "--local", "flow.py:quick").code == 0
        return left(waits) == []

    wait_until(swept, f"{left(waits)} are left")
