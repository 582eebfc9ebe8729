"""Killed at any moment, a run and what resumes it leave a store from which a resumption gets the right result."""

from __future__ import annotations

import random
import time
from typing import TYPE_CHECKING

from project import Project

if TYPE_CHECKING:
    from pathlib import Path

FLOW = """
from metaflow import FlowSpec, catch, retry, step

class Killed(FlowSpec):
    @step
    def start(self):
        self.items = [1, 2, 3, 4]
        self.next(self.each, foreach="items")

    @retry(times=1)
    @step
    def each(self):
        self.left = self.value = self.input
        self.next(self.count)

    @step
    def count(self):
        self.left -= 1
        self.value *= 10
        self.go = "on" if self.left > 0 else "off"
        self.next({"on": self.count, "off": self.join}, condition="go")

    @step
    def join(self, inputs):
        self.values = [given.value for given in inputs]
        self.next(self.risky, self.safe)

    @catch(var="failure")
    @step
    def risky(self):
        raise ValueError("as ever")
        self.next(self.end_of_both)

    @step
    def safe(self):
        self.next(self.end_of_both)

    @step
    def end_of_both(self, inputs):
        self.merge_artifacts(inputs)
        self.next(self.end)

    @step
    def end(self):
        self.result = (self.values, str(self.failure))

if __name__ == "__main__":
    Killed()
"""
VALUES = [10, 200, 3000, 40000]
MOMENTS = 32


def make(root: Path) -> Project:
    root.mkdir()
    project = Project(root)
    project.write("flow.py", FLOW)
    return project


def kill(project: Project, moment: float, *command: str) -> None:
    """Start the flow's file and kill it after so many seconds."""
    with project.start("flow.py", *command) as process:
        time.sleep(moment)
        process.kill()


def has_begun(project: Project) -> bool:
    return any(project.store.run("Killed", run).exists() for run in project.store.runs("Killed"))


def test_killed_at_any_moment_and_resumed(tmp_path: Path) -> None:
    began = time.monotonic()
    assert make(tmp_path / "whole").python("flow.py", "run").code == 0
    whole = time.monotonic() - began
    seed = random.randrange(1 << 30)
    choose = random.Random(seed)
    for number in range(MOMENTS):
        project = make(tmp_path / str(number))
        kill(project, choose.uniform(0.3, 1.1) * whole, "run")
        if number % 2 and has_begun(project):  # what resumes it is killed as well
            kill(project, choose.uniform(0.3, 1.1) * whole, "resume")
        done = project.python("flow.py", "resume" if has_begun(project) else "run")
        told = f"seed {seed}, round {number}: {done.err}"
        assert done.code == 0, told
        run = project.latest()
        assert project.artifacts(run, "end")["values"] == VALUES, told
        assert run.status()["state"] == "succeeded", told
