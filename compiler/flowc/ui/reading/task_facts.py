"""The data of the pages of steps and tasks: rows of tasks, artifacts, and where each artifact was made."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowc.ui.reading.times import bar_of
from flowc_ir.late.namedtuple import NamedTuple
from flowc_runtime.base.errors import FlowcError
from flowc_runtime.base.index import task_id

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from flowc.ui.reading.times import Bar
    from flowc_runtime.run.views.run_view import RunView
    from flowc_runtime.run.views.step_view import StepView
    from flowc_runtime.run.views.task_view import AttemptView
    from flowc_runtime.store.records.record_types import ArtifactRef

_ORDER = {"failed": 0, "vanished": 1, "unreadable": 2, "running": 3, "caught": 4, "ok": 5}


class TaskRow(NamedTuple):
    """A task of a step: its index path and id, its last attempt, the number of attempts, and the error's text."""

    path: str
    id: str
    bar: Bar | None
    state: str
    attempts: int
    message: str


def task_rows(view: RunView, step: StepView) -> Sequence[TaskRow]:
    """Return the tasks of a step: failed tasks first, then running ones, then the others in the order of their paths."""
    rows = []
    for task in step.tasks:
        last = task.attempts[-1]
        state = view.attempt_state(last)
        message = (last.message or "").partition("\n")[0]
        rows.append(TaskRow(task.path, task.id, bar_of(view, last), state, len(task.numbers), message))
    return sorted(rows, key=lambda row: _ORDER.get(row.state, 6))


class ArtifactFacts(NamedTuple):
    """An artifact of a task: its name, type, size in bytes, digest, a preview in one line, and whether it is inherited
    from an earlier task."""

    name: str
    type: str
    size: int
    digest: str
    preview: str


def artifacts_of(view: RunView, attempt: AttemptView) -> Sequence[ArtifactFacts]:
    """Return the artifacts of an attempt, sorted by name. Nothing is unpickled: previews were made by the task."""
    refs: Mapping[str, ArtifactRef] = attempt.record["artifacts"] if attempt.record is not None else {}
    return [
        ArtifactFacts(name, ref["type"], ref["size"], ref["digest"], ref.get("repr", "")) for name, ref in sorted(refs.items())
    ]


class Maker(NamedTuple):
    """The task that made an artifact: its step, index path and id."""

    step: str
    path: str
    id: str


def where_made(view: RunView, attempt: AttemptView) -> Mapping[str, Maker]:
    """Return the task that made each artifact of an attempt, by name.

    An artifact with the same digest in a parent was inherited; the search goes back to the first task that has it.
    """
    made: dict[str, Maker] = {}
    if attempt.record is None:
        return made
    here = Maker(attempt.step, attempt.path, task_id(attempt.step, attempt.path))
    for name, ref in attempt.record["artifacts"].items():
        made[name] = _first(view, here, attempt, name, ref["digest"])
    return made


def _first(view: RunView, found: Maker, attempt: AttemptView, name: str, digest: str) -> Maker:
    record, seen = attempt.record, set[tuple[str, str]]()
    while record is not None:
        parent = next((each for each in record["parents"] if each["count"] is None), None)
        if parent is None or (parent["step"], parent["path"]) in seen:
            return found
        seen.add((parent["step"], parent["path"]))
        try:
            record = view.records.done(parent["step"], parent["path"])
        except FlowcError:
            return found
        if record is None or record["artifacts"].get(name, {}).get("digest") != digest:
            return found
        found = Maker(parent["step"], parent["path"], task_id(parent["step"], parent["path"]))
    return found
