"""Views of runs, steps, tasks and attempts, also if their records are unreadable."""

from __future__ import annotations

from dataclasses import FrozenInstanceError
from typing import TYPE_CHECKING

import pytest

from flowc_runtime.base.errors import DamagedRecord, NotFound
from flowc_runtime.run.views.run_view import RunView
from flowc_runtime.run.views.status_view import BEGINNING, UNREADABLE, status_view
from flowc_runtime.store.records.store import Store

if TYPE_CHECKING:
    from pathlib import Path

    from flowc_runtime.store.records.run_store import RunStore
    from project import Project

FLOW = """
    from metaflow import FlowSpec, Parameter, catch, current, retry, step

    class Seen(FlowSpec):
        n = Parameter("n", default=3)

        @step
        def start(self):
            self.items = list(range(self.n))
            self.next(self.work, foreach="items")

        @retry(times=1, minutes_between_retries=0)
        @step
        def work(self):
            assert self.input != 1 or current.retry_count, "not yet"
            self.next(self.join)

        @catch(var="oops", print_exception=False)
        @step
        def join(self, inputs):
            assert self.n < 4, "many"
            self.next(self.end)

        @step
        def end(self):
            assert self.n != 5, "five"
    """


def run_of(project: Project, *words: str, code: int = 0) -> RunStore:
    """Run the flow and return the run."""
    project.write("flow.py", FLOW)
    assert project.flowc("run", "--local", "flow.py", *words, METAFLOW_USER="ann").code == code
    return Store.open(str(project.root / ".flowc")).run("Seen", project.latest().id)


def test_a_run(project: Project) -> None:
    view = RunView.of(run_of(project, "--n", "2", "--tag", "b", "--tag", "a"))
    assert (view.pathspec, view.user, view.target) == (f"Seen/{view.records.store.id}", "ann", "local")
    assert (view.parameters, view.tags, view.origin, view.error) == ({"n": 2}, ["a", "b"], None, None)
    assert "user:ann" in view.system_tags
    assert (view.status.state, view.status.is_running) == ("succeeded", False)
    assert view.created is not None
    assert view.ended is not None
    assert view.seconds == view.ended - view.created > 0
    assert [step.name for step in view.steps] == ["start", "work", "join", "end"]


def test_steps_tasks_and_attempts(project: Project) -> None:
    view = RunView.of(run_of(project))
    work = view.step("work")
    assert (work.begun, len(work.done), work.total, work.attempts_begun, work.errors) == (3, 3, 3, 4, ())
    task = work.task("0.1")
    assert (task.id, task.pathspec) == ("work-0.1", f"{view.pathspec}/work/work-0.1")
    first, second = task.attempts
    assert task.latest is second
    assert task.parents == [{"step": "start", "path": "0", "count": None}]
    assert (first.outcome, first.failure_type, first.message) == ("failed", "AssertionError", "not yet")
    assert (second.outcome, second.failure, second.is_done, second.number) == ("ok", None, True, 2)
    assert second.began is not None
    assert second.finished is not None
    assert second.seconds == second.finished - second.began
    assert task.created(lambda: second) <= first.began <= second.began  # type: ignore[operator]


def test_a_caught_failure_and_a_failed_run(project: Project) -> None:
    view = RunView.of(run_of(project, "--n", "5", code=1))
    caught, failed = (view.step(name).task("0").latest for name in ("join", "end"))
    assert caught is not None
    assert failed is not None
    assert (caught.outcome, caught.is_done, caught.message) == ("caught", True, "many")
    assert (failed.outcome, failed.is_done, failed.message) == ("failed", False, "five")
    assert (view.status.state, view.status.failed, view.status.line) == ("failed", "end/0", "AssertionError: five")


def test_what_cannot_be_read(project: Project) -> None:
    run = run_of(project)
    run.objects.put(run.task_key("work", "0.1"), b"{")
    view = RunView.of(run)
    work = view.step("work")
    assert (work.begun, len(work.done)) == (3, 2)
    assert [type(error) for error in work.errors] == [DamagedRecord]
    attempt = work.task("0.1").attempts[1]
    assert (attempt.state, attempt.outcome, type(attempt.error)) == (UNREADABLE, None, DamagedRecord)
    with pytest.raises(DamagedRecord):
        attempt.readable()
    run.objects.put(f"{run.prefix}/status.json", b"{")
    assert (RunView.of(run).status.state, RunView.of(run).ended) == (UNREADABLE, None)
    with pytest.raises(DamagedRecord):
        RunView.of(run).own_status.readable()
    run.objects.put(f"{run.prefix}/run.json", b"{")
    damaged = RunView.of(run).begun()
    assert (damaged.status.state, damaged.created, damaged.parameters) == (UNREADABLE, None, None)
    assert isinstance(damaged.error, DamagedRecord)


def test_a_run_that_has_not_begun(tmp_path: Path) -> None:
    view = RunView.of(Store.open(str(tmp_path)).run("Seen", "1"))
    assert (view.status.state, view.created, view.system_tags, view.tags) == (BEGINNING, None, [], [])
    with pytest.raises(NotFound):
        view.begun()


def test_an_attempt_without_a_record_runs_as_long_as_the_run(project: Project) -> None:
    run = run_of(project)
    run.objects.delete(run.task_key("end", "0"))
    view = RunView.of(run)
    (attempt,) = view.step("end").task("0").attempts
    assert attempt.began is not None
    assert (attempt.state, view.attempt_state(attempt)) == (None, "vanished")
    run.set_status({"state": "running", "changed": 1.0})
    assert view.attempt_state(attempt) == "vanished"  # this view keeps the status that it read earlier
    record = {**run.record(), "process": {"host": "another", "pid": 1}}
    again = RunView.of(run)
    again.records._record = record  # type: ignore[assignment]
    assert again.attempt_state(attempt) == "running"


def test_views_do_not_change() -> None:
    status = status_view({"state": "failed", "changed": 2.0, "message": "a\nb", "ended": 3.0})
    assert (status.line, status.ended, status.tasks_ended, status.failed) == ("a", 2.0, True, None)
    with pytest.raises(FrozenInstanceError):
        status.state = "succeeded"  # type: ignore[misc]
