"""Runs for the client, created once: a successful and a failed run of `Letters`, and a run of `Shapes`."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from metaflow import default_metadata, default_namespace, metadata
from project import Project

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LETTERS = """
    import sys

    from metaflow import FlowSpec, Parameter, current, retry, step


    class Letters(FlowSpec):
        n = Parameter("n", default=3)

        @step
        def start(self):
            self.items = list(range(self.n))
            print("hello")
            print("and trouble", file=sys.stderr)
            self.next(self.each, foreach="items")

        @retry(times=1, minutes_between_retries=0)
        @step
        def each(self):
            print("attempt", current.retry_count)
            if self.input == 1 and current.retry_count == 0:
                raise ValueError("once")
            self.letter = "ABC"[self.input]
            current.metric("length", len(self.letter))
            self.next(self.join)

        @step
        def join(self, inputs):
            self.letters = "".join(one.letter for one in inputs)
            current.metric("score", 0.75)
            self.next(self.end)

        @step
        def end(self):
            pass


    if __name__ == "__main__":
        Letters()
    """

SHAPES = """
    from metaflow import FlowSpec, catch, parallel, step


    class Shapes(FlowSpec):
        @step
        def start(self):
            self.rows = ["a", "b"]
            self.next(self.row, foreach="rows")

        @step
        def row(self):
            self.columns = [1, 2, 3]
            self.next(self.cell, foreach="columns")

        @step
        def cell(self):
            self.kind = "odd" if self.input % 2 else "even"
            self.next({"odd": self.odd, "even": self.even}, condition="kind")

        @step
        def odd(self):
            self.next(self.join_cells)

        @step
        def even(self):
            self.next(self.join_cells)

        @step
        def join_cells(self, inputs):
            self.next(self.join_rows)

        @step
        def join_rows(self, inputs):
            self.turns = 0
            self.next(self.turn)

        @step
        def turn(self):
            self.turns += 1
            self.again = "yes" if self.turns < 3 else "no"
            self.next({"yes": self.turn, "no": self.split}, condition="again")

        @step
        def split(self):
            self.next(self.left, self.right)

        @step
        def left(self):
            self.next(self.meet)

        @catch(var="oops", print_exception=False)
        @step
        def right(self):
            print("about to fail")
            1 / 0
            self.next(self.meet)

        @step
        def meet(self, inputs):
            self.next(self.crowd)

        @step
        def crowd(self):
            self.next(self.member, num_parallel=3)

        @parallel
        @step
        def member(self):
            self.next(self.gather)

        @step
        def gather(self, inputs):
            self.next(self.end)

        @step
        def end(self):
            pass


    if __name__ == "__main__":
        Shapes()
    """


def _project(root: Path, flow: str) -> Project:
    project = Project(root)
    project.environment["METAFLOW_USER"] = "ann"
    project.write("flow.py", flow)
    return project


@pytest.fixture(scope="session")
def made_letters(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a directory with two runs of `Letters`; tests work on copies."""
    project = _project(tmp_path_factory.mktemp("letters"), LETTERS)
    project.run("flow.py", "--tag", "good")
    assert project.flowc("run", "--local", "flow.py", "--n", "4", "--tag", "bad").code == 1
    return project.root


@pytest.fixture(scope="session")
def made_shapes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a directory with a run of `Shapes`; tests work on copies."""
    project = _project(tmp_path_factory.mktemp("shapes"), SHAPES)
    project.run("flow.py")
    return project.root


def copied(source: Path, to: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """Copy a project and return the copy; then the client in this process reads the copy's store, as the user ann."""
    shutil.copytree(source, to)
    project = Project(to)
    project.environment["METAFLOW_USER"] = "ann"
    monkeypatch.setenv("METAFLOW_USER", "ann")
    monkeypatch.delenv("FLOWC_STORE", raising=False)
    metadata(str(to))
    return project


@pytest.fixture
def letters(made_letters: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Project]:
    """Return a copy with the runs of `Letters`: the older run succeeded, the newer one failed."""
    yield copied(made_letters, tmp_path / "letters", monkeypatch)
    default_metadata()
    default_namespace()


@pytest.fixture
def shapes(made_shapes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Project]:
    """Return a copy with the run of `Shapes`: nested foreach with a switch, a loop, a branch with a caught failure, a gang."""
    yield copied(made_shapes, tmp_path / "shapes", monkeypatch)
    default_metadata()
    default_namespace()
