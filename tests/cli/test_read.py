"""`flowc runs`, `logs` and `dump` on existing runs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from flowc_runtime.store.backends.objects import blob_key

if TYPE_CHECKING:
    from project import Project

FLOW = """
    import sys
    from metaflow import FlowSpec, step, Parameter, retry, current

    class Point:
        def __repr__(self):
            return "Point()"

    class Left(FlowSpec):
        fail = Parameter("fail", default=False)

        @step
        def start(self):
            sys.stdout.buffer.write(b"\\xff raw, no newline")
            self.items = "ab"
            self.point = Point()
            self.long = "x" * 2000
            self.next(self.work, foreach="items")

        @retry(times=1)
        @step
        def work(self):
            print("item", self.input, "attempt", current.retry_count)
            print("warning", file=sys.stderr)
            assert self.index == 0 or current.retry_count == 1 and not self.fail
            self.next(self.join)

        @step
        def join(self, inputs):
            self.next(self.end)

        @step
        def end(self):
            pass
    """


@pytest.fixture
def left(project: Project) -> Project:
    project.write("flow.py", FLOW)
    project.run("flow.py")
    return project


def test_runs(left: Project) -> None:
    left.flowc("run", "flow.py", "--fail", "true")
    done = left.flowc("runs")
    newest, oldest = done.out.splitlines()
    assert newest.split()[:2] == [f"Left/{left.latest().id}", "failed"]
    assert newest.endswith("work/0.1: AssertionError")
    assert oldest.split()[1] == "succeeded"
    assert left.flowc("runs", "Left", "--limit", "1").out.split() == newest.split()
    rows = json.loads(left.flowc("runs", "--json").out)
    assert [row["state"] for row in rows] == ["failed", "succeeded"]
    assert rows[0]["parameters"] == {"fail": True}


def test_runs_where_there_are_none(project: Project) -> None:
    done = project.flowc("runs")
    assert (done.code, done.out) == (0, "")
    assert "no runs in" in done.err
    assert project.flowc("runs", "Nope").code == 1


def test_logs_of_one_task_are_its_bytes(left: Project) -> None:
    run = left.latest().id
    done = left.flowc("logs", f"Left/{run}/start/0")
    assert done.out.encode("utf-8", "surrogateescape") == b"\xff raw, no newline"
    done = left.flowc("logs", "Left/latest/work/0.1")
    assert done.out == "item b attempt 0\nitem b attempt 1\n"
    assert done.err.startswith("warning\nTraceback")
    assert left.flowc("logs", "Left/latest/work/0.1", "--attempt", "2").out == "item b attempt 1\n"
    assert left.flowc("logs", "Left/latest/work/0.1", "--stderr").out == ""


def test_logs_of_several_tasks_have_a_prefix(left: Project) -> None:
    done = left.flowc("logs", "Left/latest", "--stdout")
    assert done.out.encode("utf-8", "surrogateescape") == (
        b"[start/0] \xff raw, no newline\n[work/0.0] item a attempt 0\n"
        b"[work/0.1] item b attempt 0\n[work/0.1 #2] item b attempt 1\n"
    )
    assert left.flowc("logs", "Left/latest/work", "--stdout").out.count("item") == 3


def test_dump(left: Project) -> None:
    done = left.flowc("dump", "Left/latest/start/0")
    assert done.out.splitlines() == [
        f"Left/{left.latest().id}/start/start-0",
        "  items: str, 17 bytes = 'ab'",
        f"  long: str, 2,018 bytes = '{'x' * 999}… (2,002 characters)",
        f"  point: flow.Point, {done.out.split('flow.Point, ')[1].split(' ')[0]} bytes = Point()",
    ]
    assert left.flowc("dump", "Left/latest/work").out.count("items: str") == 2
    (record,) = json.loads(left.flowc("dump", "Left/latest/start", "--json").out)
    assert record["artifacts"]["items"]["type"] == "str"


def test_a_value_that_cannot_be_restored_here_is_described(left: Project) -> None:
    """If neither the flow's file nor the copy of the code in the store exists, `dump` prints the error instead of the
    value."""
    (left.root / "flow.py").unlink()
    left.store.objects.delete(blob_key(left.latest().record()["sources"]["digest"]))
    done = left.flowc("dump", "Left/latest/start/0")
    assert done.code == 0
    assert "<flow.Point> (cannot restore an artifact of type flow.Point: ModuleNotFoundError" in done.out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["logs", "Lef/latest"], "error: no run of a flow 'Lef'"),
        (["logs", "Lef/latest"], "hint: did you mean 'Left'?"),
        (["logs", "Left/nope"], "error: flow 'Left' has no run 'nope'"),
        (["logs", "Left/latest/wrok"], "hint: did you mean 'work'?"),
        (["logs", "Left/latest/work/0.7"], "error: step 'work' has no task '0.7'"),
        (["logs", "Left/latest/work/0.1", "--attempt", "9"], "has no attempt 9"),
        (["dump", "Left/latest/nope"], "has no tasks of a step 'nope'"),
    ],
)
def test_what_does_not_exist(left: Project, arguments: list[str], message: str) -> None:
    done = left.flowc(*arguments)
    assert done.code == 1
    assert message in done.err


@pytest.mark.parametrize(
    "arguments", [["logs", "Left"], ["dump", "Left/latest"], ["logs", "a/b/c/d/e"], ["logs", "a//b"]]
)
def test_not_a_pathspec(left: Project, arguments: list[str]) -> None:
    done = left.flowc(*arguments)
    assert done.code == 2
    assert "not a pathspec" in done.err


def test_a_failed_task_s_artifacts_are_what_its_last_attempt_had_set(project: Project) -> None:
    project.write("flow.py", FLOW)
    project.flowc("run", "flow.py", "--fail", "true")
    done = project.flowc("dump", "Left/latest/work/0.1")
    assert done.err == "note: task work/0.1 has failed; attempt 2 had set these artifacts\n"
    assert "point: flow.Point" in done.out


def test_a_task_whose_process_was_killed_left_no_artifacts(project: Project) -> None:
    kill = "import os; os.kill(os.getpid(), 9)"
    project.write("flow.py", FLOW.replace("assert self.index == 0", f"{kill} if self.fail else None; assert True"))
    project.flowc("run", "flow.py", "--fail", "true")
    done = project.flowc("dump", "Left/latest/work/0.0")
    assert done.err == "note: task work/0.0 has failed; it left no artifacts\n"
    assert done.out.splitlines() == [f"Left/{project.latest().id}/work/work-0.0"]


def test_a_task_that_has_not_finished_has_no_artifacts(project: Project) -> None:
    kill = "import os, signal; os.kill(os.getppid(), 9); signal.pause()"
    project.write("flow.py", FLOW.replace("assert self.index == 0 or current.retry_count == 1 and not self.fail", kill))
    project.flowc("run", "flow.py", "--max-workers", "1")
    done = project.flowc("dump", "Left/latest/work/0.0")
    assert done.code == 1
    assert "has not finished" in done.err
