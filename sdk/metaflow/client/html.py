"""The display of the client's objects in notebooks. The HTML shows the descriptions in the records, so no value is
loaded."""

from __future__ import annotations

from html import escape
from itertools import islice
from typing import TYPE_CHECKING, Any

from flowc_runtime.run.views.status_view import UNREADABLE
from flowc_runtime.store.records import unreadable

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from metaflow.client.base import MetaflowObject
    from metaflow.client.data import DataArtifact
    from metaflow.client.flow import Flow
    from metaflow.client.run import Run
    from metaflow.client.step import Step
    from metaflow.client.task import Task

MAX_ROWS = 20  # the maximum number of runs or tasks in a table
_COLORS = {"succeeded": "#2a7", "failed": "#c33", "interrupted": "#c33", "killed": "#c33", "running": "#27c"}


def show(value: MetaflowObject) -> str:
    """Return the object as HTML: its pathspec, and tables of its facts and of at most 20 children."""
    return f"<b>{escape(repr(value))}</b>{_BODIES[type(value).__name__](value)}"


def artifact_table(artifacts: Iterable[DataArtifact]) -> str:
    """Return an HTML table of artifacts with their types, sizes in bytes and one-line descriptions."""
    rows = [[artifact.id, artifact.type, f"{artifact.size:,}", artifact._short] for artifact in artifacts]
    return _table(("artifact", "type", "bytes", "value"), rows)


def _flow(flow: Flow) -> str:
    rows = [
        [run.id, _status(run), str(run.created_at)[:19], ", ".join(sorted(run.user_tags))]
        for run in islice(flow, MAX_ROWS)
    ]
    return _table(("run", "status", "began", "tags"), rows)


def _run(run: Run) -> str:
    rows = []
    for step in run:
        tasks = len(run._reader.paths(step.id))
        rows.append([step.id, f"{tasks:,}"])
    facts = [
        ["status", _status(run)],
        ["began", str(run.created_at)[:19]],
        ["ended", _end_time(run)],
        ["tags", ", ".join(sorted(run.user_tags))],
        *[[name, repr(value)[:100]] for name, value in run._reader.record["parameters"].items()],
    ]
    return _table((), facts) + _table(("step", "tasks"), rows)


def _step(step: Step) -> str:
    rows = [[task.id, *_outcome_and_attempt(task)] for task in islice(step, MAX_ROWS)]
    total = len(step._reader.paths(step.id))
    more = f"<p>{total - MAX_ROWS:,} more</p>" if total > MAX_ROWS else ""
    return _table(("task", "status", "attempt"), rows) + more


def _task(task: Task) -> str:
    facts = [["status", _outcome(task)], ["attempt", str(task.current_attempt + 1)]]
    if (error := task.exception) is not None:
        facts.append(["exception", f"{error.type}: {error.exception}"])
    return _table((), facts) + artifact_table(task)


def _artifact(artifact: DataArtifact) -> str:
    return artifact_table([artifact])


def _status(run: Run) -> str:
    with unreadable.skipping():
        return _State(run.status)
    return UNREADABLE


def _end_time(run: Run) -> str:
    with unreadable.skipping():
        return str(run.finished_at or "")[:19]
    return UNREADABLE


def _outcome_and_attempt(task: Task) -> tuple[str, str]:
    with unreadable.skipping():
        return _outcome(task), str(task.current_attempt + 1)
    return UNREADABLE, ""


class _State(str):
    """The status of a run, which the table shows in the status's color."""

    __slots__ = ()


_OUTCOMES = {
    None: _State("running"),
    "ok": _State("succeeded"),
    "caught": "failed, and caught",
    "failed": _State("failed"),
}


def _outcome(task: Task) -> str:
    return _OUTCOMES[task._view.outcome]


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    titles = f"<tr>{''.join(f'<th>{escape(title)}</th>' for title in head)}</tr>" if head else ""
    body = "".join(f"<tr>{''.join(map(_cell, row))}</tr>" for row in rows)
    return f"<table>{titles}{body}</table>"


def _cell(text: str) -> str:
    style = f' style="color:{_COLORS[text]}"' if isinstance(text, _State) and text in _COLORS else ""
    return f"<td{style}>{escape(text)}</td>"


_BODIES: dict[str, Any] = {"Flow": _flow, "Run": _run, "Step": _step, "Task": _task, "DataArtifact": _artifact}
