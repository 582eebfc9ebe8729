"""The examples in the client's docstrings and in docs/client.md are correct."""

from __future__ import annotations

import doctest
import re
from importlib import import_module
from typing import TYPE_CHECKING

import pytest

import metaflow
from metaflow import DataArtifact, Flow, Metaflow, Run, Step, Task, metadata, namespace
from metaflow.client.core import MetaflowCode, MetaflowData
from project import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterable

    from project import Project

NAMES = {name: getattr(metaflow, name) for name in ("Flow", "Metaflow", "Run", "Step", "Task", "namespace")}


MODULES = ("place", "base", "flow", "run", "step", "task", "data", "code")
KINDS = (Metaflow, Flow, Run, Step, Task, DataArtifact, MetaflowCode, MetaflowData)
PLACES = {"namespace", "get_namespace", "default_namespace", "metadata", "get_metadata", "default_metadata"}
PUBLIC = PLACES | {name for kind in KINDS for name in dir(kind) if not name.startswith("_")}


def words(examples: Iterable[doctest.Example]) -> set[str]:
    """Return all names that occur in the examples."""
    return {word for example in examples for word in re.findall(r"\w+", example.source)}


def test_the_docstrings_show_all_there_is() -> None:
    """Each public name of the client is in an example."""
    modules = [import_module(f"metaflow.client.{module}") for module in MODULES]
    examples = [example for one in modules for test in doctest.DocTestFinder().find(one) for example in test.examples]
    assert PUBLIC - words(examples) == set()


def test_the_page_shows_all_there_is() -> None:
    page = (ROOT / "docs" / "client.md").read_text(encoding="utf-8")
    assert PUBLIC - words(doctest.DocTestParser().get_examples(page)) == set()


@pytest.mark.parametrize("module", MODULES)
def test_docstrings(
    letters: Project, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest, module: str
) -> None:
    monkeypatch.chdir(letters.root)
    if module == "code":
        request.getfixturevalue("far")
        metadata("cluster")
        namespace(None)
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
    """Create a run as pods do; its store is the directory `cluster`."""
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
