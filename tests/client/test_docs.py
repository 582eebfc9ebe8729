"""The examples of the client's docstrings and of docs/client.md say what happens."""

from __future__ import annotations

import doctest
import re
from importlib import import_module
from typing import TYPE_CHECKING

import pytest

import metaflow
from metaflow import DataArtifact, Flow, Metaflow, Run, Step, Task
from metaflow.client.core import MetaflowCode, MetaflowData
from project import ROOT

if TYPE_CHECKING:
    from project import Project

NAMES = {name: getattr(metaflow, name) for name in ("Flow", "Metaflow", "Run", "Step", "Task", "namespace")}


@pytest.mark.parametrize("module", ["place", "flow", "run", "step", "task", "data"])
def test_docstrings(letters: Project, module: str) -> None:
    found = doctest.testmod(import_module(f"metaflow.client.{module}"), extraglobs=NAMES, report=True)
    assert found.attempted
    assert not found.failed


FAR = """
    from helpers import answer
    from metaflow import FlowSpec, step

    class Far(FlowSpec):
        @step
        def start(self):
            self.answer = answer()
            self.next(self.end)

        @step
        def end(self):
            pass
    """


@pytest.fixture
def far(letters: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run as pods make it, with its store in the directory `cluster`."""
    letters.write("cluster/code/flow.py", FAR)
    letters.write("cluster/code/helpers.py", "def answer():\n    return 42\n")
    ir = letters.write("cluster/ir.json", letters.flowc("ir", "cluster/code/flow.py").out)
    root = letters.root / "cluster"
    pod = {"FLOWC_STORE": f"file://{root}/.flowc", "FLOWC_IR": str(ir), "FLOWC_CODE": f"{root}/code",
           "FLOWC_OUT": f"{root}/out", "FLOWC_RUN": "far-1"}  # fmt: skip
    orders = {name: f"task {name} --path 0 --retry 0" for name in ("start", "end")} | {
        "exit": "finish --status Succeeded"
    }
    for name, order in orders.items():
        done = letters.python("-m", "flowc_runtime", *order.split(), **pod, FLOWC_POD=f"far-1-{name}")
        assert done.code == 0, done.err
    monkeypatch.chdir(letters.root)


@pytest.mark.usefixtures("far")
def test_page() -> None:
    page, flags = str(ROOT / "docs" / "client.md"), doctest.ELLIPSIS
    found = doctest.testfile(page, module_relative=False, encoding="utf-8", optionflags=flags)
    assert found.attempted
    assert not found.failed


def test_the_page_shows_all_there_is() -> None:
    """Each public name of each class of the client is in an example."""
    examples = doctest.DocTestParser().get_examples((ROOT / "docs" / "client.md").read_text(encoding="utf-8"))
    shown = {word for example in examples for word in re.findall(r"\w+", example.source)}
    kinds = (Metaflow, Flow, Run, Step, Task, DataArtifact, MetaflowCode, MetaflowData)
    public = {name for kind in kinds for name in dir(kind) if not name.startswith("_")}
    functions = {"namespace", "get_namespace", "default_namespace", "metadata", "get_metadata", "default_metadata"}
    assert (public | functions) - shown == set()
