"""Python's garbage collection is rare while a command starts, and has its usual thresholds in tasks."""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING

import pytest

from flowc_runtime.process.collecting import RARE, collect_as_usual, collect_rarely

if TYPE_CHECKING:
    from collections.abc import Iterator

    from project import Project

THRESHOLDS = """
import gc
from metaflow import FlowSpec, step


class Flow(FlowSpec):
    @step
    def start(self):
        self.in_task = gc.get_threshold()
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    Flow()
"""


@pytest.fixture(autouse=True)
def kept() -> Iterator[None]:
    """Restore this process's threshold of garbage collection after the test."""
    before = gc.get_threshold()
    yield
    collect_as_usual()
    gc.set_threshold(*before)


def test_it_is_rare_until_it_is_usual_again() -> None:
    gc.set_threshold(701, 11, 12)
    collect_rarely()
    collect_rarely()
    assert gc.get_threshold()[0] == RARE
    collect_as_usual()
    assert gc.get_threshold()[0] == 701
    collect_as_usual()
    assert gc.get_threshold()[0] == 701


def test_the_program_decides() -> None:
    for own in (0, RARE + 1):
        gc.set_threshold(own, 10, 10)
        collect_rarely()
        assert gc.get_threshold()[0] == own
    gc.set_threshold(700, 10, 10)
    collect_rarely()
    gc.set_threshold(5, 10, 10)  # a flow's file may set a threshold when it is imported
    collect_as_usual()
    assert gc.get_threshold()[0] == 5


def test_tasks_have_the_usual_threshold(project: Project) -> None:
    project.write("flow.py", THRESHOLDS)
    for begin in (["-m", "flowc", "run", "--local", "flow.py"], ["flow.py", "run"]):
        done = project.python(*begin)
        assert done.code == 0, done.err
        assert project.artifacts(project.latest(), "start")["in_task"] == gc.get_threshold()
