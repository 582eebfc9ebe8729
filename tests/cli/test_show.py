"""`flowc show`: runs, steps and tasks, for people and for programs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from flowc_runtime.run.task.failures import describe_death
from project import done_record

if TYPE_CHECKING:
    from project import Project

FLOW = """
    from metaflow import FlowSpec, Parameter, current, retry, step

    class Shown(FlowSpec):
        n = Parameter("n", default=3)
        text = Parameter("text", default="word")

        @step
        def start(self):
            self.items = list(range(self.n))
            self.next(self.work, foreach="items")

        @retry(times=1)
        @step
        def work(self):
            assert self.input != 1 or current.retry_count, "not yet"
            assert self.input != 2, "never"
            self.next(self.join)

        @step
        def join(self, inputs):
            self.next(self.end)

        @step
        def end(self):
            pass
    """


@pytest.fixture
def shown(project: Project) -> Project:
    """Return a failed run."""
    project.write("flow.py", FLOW)
    assert (
        project.flowc(
            "run", "flow.py", "--max-workers", "1", "--tag", "mine", "--text", "a b", METAFLOW_USER="ann"
        ).code
        == 1
    )
    return project


def test_a_run(shown: Project) -> None:
    lines = shown.flowc("show", "Shown/latest").out.splitlines()
    told = {name: rest.strip() for name, _, rest in (line.partition(":") for line in lines)}
    assert told["pathspec"] == f"Shown/{shown.latest().id}"
    assert (told["state"], told["failed"], told["message"]) == ("failed", "work/0.2", "AssertionError: never")
    assert (told["user"], told["tags"], told["parameters"]) == ("ann", "mine", "n = 3, text = a b")
    assert "origin" not in told  # there is none
    assert [line.split() for line in lines[lines.index("steps:") + 1 :]] == [
        ["start", "1", "of", "1", "task", "done"],
        ["work", "2", "of", "3", "tasks", "done", "5", "attempts"],
    ]


def test_a_run_for_a_program(shown: Project) -> None:
    told = json.loads(shown.flowc("show", "Shown/latest", "--json").out)
    assert told["parameters"] == {"n": 3, "text": "a b"}
    assert told["created"] < told["ended"]
    assert (told["state"], told["failed"], told["target"], told["origin"]) == ("failed", "work/0.2", "local", None)
    assert told["steps"][1] == {"step": "work", "tasks": 3, "total": 3, "done": 2, "attempts": 5}
    assert "user:ann" in told["system_tags"]


def test_a_step(shown: Project) -> None:
    lines = shown.flowc("show", "Shown/latest/work").out.splitlines()
    assert [line.split()[:3] for line in lines[2:]] == [
        ["work-0.0", "#1", "ok"],
        ["work-0.1", "#2", "ok"],
        ["work-0.2", "#2", "failed"],
    ]
    assert lines[-1].endswith("AssertionError: never")
    tasks = json.loads(shown.flowc("show", "Shown/latest/work", "--json").out)["tasks"]
    assert [(task["path"], task["attempt"], task["outcome"]) for task in tasks] == [
        ("0.0", 1, "ok"), ("0.1", 2, "ok"), ("0.2", 2, "failed")
    ]  # fmt: skip


def test_a_task(shown: Project) -> None:
    told = json.loads(shown.flowc("show", "Shown/latest/work/0.1", "--json").out)
    assert [attempt["message"] for attempt in told["attempts"]] == ["not yet", None]
    assert told["parents"] == ["start/start-0"]
    start = shown.flowc("show", "Shown/latest/start/0").out
    assert "artifacts:  items (list, " in start


def test_an_attempt_that_vanished_with_its_run(shown: Project) -> None:
    """After a power loss, an attempt may have a start record but no end record."""
    run = shown.latest()
    run.begin("end", "0", 1, {"version": 1, "began": 1.0, "process": {}})
    (task,) = json.loads(shown.flowc("show", "Shown/latest/end", "--json").out)["tasks"]
    assert (task["outcome"], task["began"], task["ended"]) == ("vanished", 1.0, None)
    assert "0 of 1 task done" in shown.flowc("show", "Shown/latest").out


@pytest.mark.parametrize("by_run", [False, True])
def test_whether_the_run_ended_an_attempt_is_no_matter_of_words(shown: Project, by_run: bool) -> None:
    run = shown.latest()
    run.begin("end", "0", 1, {"version": 1, "began": 1.0, "process": {}})
    error = describe_death(
        {}, "it was still running after its timeout" if by_run else "interrupted by nobody", ended_by_run=by_run
    )
    run.finish(done_record(run, "end", outcome="failed", error=error))
    (task,) = json.loads(shown.flowc("show", "Shown/latest/end", "--json").out)["tasks"]
    assert (task["outcome"], task["ended_by_run"]) == ("failed", by_run)
    line = shown.flowc("show", "Shown/latest/end").out.splitlines()[-1]
    told = (
        " ended " in line,
        line.endswith("  it was still running after its timeout"),
        "ProcessDied: interrupted by nobody" in line,
    )
    assert told == (by_run, by_run, not by_run), line


@pytest.mark.parametrize("command", ["show", "logs", "dump"])
@pytest.mark.parametrize("pathspec", ["Shwon/latest/work", "Shown/1/work", "Shown/latest/wrok", "Shown/latest/work/9"])
def test_what_does_not_exist(shown: Project, command: str, pathspec: str) -> None:
    done = shown.flowc(command, pathspec, "--json")
    assert (done.code, done.out) == (1, "")
    assert done.err.startswith("error: ")
