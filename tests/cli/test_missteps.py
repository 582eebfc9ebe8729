"""What people do in their first hour that cannot work: each gets a message of its own that says what to type."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from project import Project

CLASS = """
from metaflow import FlowSpec, Parameter, step

class Good(FlowSpec):
    n = Parameter("n", default=3, help="How many.")
    learning_rate = Parameter("learning-rate", default=0.1)
    dry = Parameter("dry", is_flag=True)

    @step
    def start(self):
        self.seen = self.n
        self.next(self.end)

    @step
    def end(self):
        pass
"""
MAIN = """
if __name__ == "__main__":
    Good()
"""


@pytest.fixture
def good(project: Project) -> Project:
    project.write("good.py", CLASS + MAIN)
    return project


# -- the guard ---------------------------------------------------------------------------------------------------------


def test_a_flow_that_is_called_when_it_is_imported(project: Project) -> None:
    project.write("flow.py", CLASS + "\nGood()\n")
    project.write("inner.py", CLASS + "\ndef main():\n    Good()\n\nmain()\n")
    for file in ("flow.py", "inner.py"):
        for command in (["check"], ["run", "--n", "4"], ["compile"]):
            done = project.flowc(command[0], file, *command[1:])
            assert done.code == 1
            assert done.err.startswith("error[unguarded-flow]: the flow is started when its file is imported: Good()")
            assert 'hint: put it under the guard: `if __name__ == "__main__":`' in done.err
    project.write("other.py", "import flow\n" + CLASS + MAIN)
    assert "RuntimeError: Good() is called when its file is imported" in project.flowc("check", "other.py").err


@pytest.mark.parametrize("start", ["fork", "fresh"])
def test_without_the_guard_a_flow_runs_by_itself(project: Project, start: str) -> None:
    """As under Metaflow: tasks import the file up to the call."""
    project.write("flow.py", CLASS + "\nGood()\n1 / 0\n")
    done = project.python("flow.py", "run", "--n", "4", "--start", start)
    assert done.code == 0, done.err
    assert project.artifacts(project.latest(), "end")["seen"] == 4


def test_a_flow_that_is_never_called(project: Project) -> None:
    project.write("flow.py", CLASS)
    for words in (["run"], ["--quiet", "run", "--n", "3"]):
        done = project.python("flow.py", *words)
        assert done.err.splitlines()[0] == (
            "warning: flow.py defines the flow 'Good' and never calls it: nothing has been done"
        )
        assert done.err.endswith("`Good()`; or type: flowc run flow.py\n")
    assert project.python("flow.py").err == ""  # it may be a module that is tried out
    project.write("broken.py", CLASS + "\n1 / 0\n")
    assert "warning" not in project.python("broken.py", "run").err
    project.write("good.py", CLASS + MAIN)
    for words in (["run"], ["run", "--start", "fresh"], ["show"], ["run", "--help"]):
        assert "never calls" not in project.python("good.py", *words).err


# -- which flow --------------------------------------------------------------------------------------------------------


def test_a_file_with_two_flows(project: Project) -> None:
    project.write("two.py", CLASS + "\nclass Other(Good):\n    pass\n\nclass Third(Good):\n    pass\n")
    done = project.flowc("run", "two.py")
    assert done.code == 1
    assert "two.py defines several flows: 'Other' and 'Third'" in done.err
    assert "hint: name one: two.py:Other or two.py:Third\n" in done.err
    assert project.flowc("run", "two.py:Third").code == 0


def test_a_flow_in_a_package(project: Project) -> None:
    """By its path a relative import cannot work; the hint is what to type instead."""
    for package in ("outer", "outer/inner"):
        project.write(f"{package}/__init__.py", "")
        project.write(f"{package}/helper.py", "X = 1\n")
        project.write(f"{package}/flow.py", "from . import helper\n" + CLASS + MAIN)
    for path, module in (("outer/flow.py", "outer.flow"), ("outer/inner/flow.py", "outer.inner.flow")):
        done = project.flowc("check", path)
        assert done.code == 1
        assert (
            f"hint: a file that is named by its path is in no package; name the module instead of the path: {module}\n"
            in done.err
        )
        assert project.flowc("check", module).code == 0
        assert project.python("-m", module, "run").code == 0
    inside = "import os, sys; os.chdir('outer/inner'); os.execv(sys.executable, [sys.executable, '-m', 'flowc', 'check', 'flow.py'])"
    done = project.python("-c", inside)
    assert f"instead of the path, in the directory {project.root}: outer.inner.flow\n" in done.err
    for words in ("outer", "outer.inner", "outer/inner"):
        done = project.flowc("run", words)
        assert done.code == 2
        assert f"hint: name a module: {words.replace('/', '.')}.flow\n" in done.err


# -- what is no flow ---------------------------------------------------------------------------------------------------


def test_a_runner_of_a_notebook(project: Project) -> None:
    """Its JSON would be run as a program."""
    project.write("book.ipynb", '{"cells": [], "metadata": {"x": null}, "nbformat": 4}')
    for kind in ("Runner", "Deployer"):
        done = project.python("-c", f"from metaflow import {kind}; {kind}('book.ipynb', show_output=False)")
        assert done.code == 1
        assert "book.ipynb' is a notebook, not a Python file: a notebook is not a flow by itself" in done.err
