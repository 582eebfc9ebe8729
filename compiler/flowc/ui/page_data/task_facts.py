"""The data of the pages of steps and tasks: rows of tasks, and artifacts with their previews and lineage."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowc.ui.page_data.lineage import MOST, ArtifactReaders, readers, where_made
from flowc.ui.page_data.shown_previews import shown_preview
from flowc.ui.page_data.times import bar_of, urgency
from flowc_ir.late.namedtuple import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flowc.ui.page_data.lineage import Maker, ReadingStep
    from flowc.ui.page_data.shown_previews import ShownPreview
    from flowc.ui.page_data.times import Bar
    from flowc_runtime.run.views.run_view import RunView
    from flowc_runtime.run.views.step_view import StepView
    from flowc_runtime.run.views.task_view import AttemptView
    from flowc_runtime.store.records.record_types import ArtifactRef


class TaskRow(NamedTuple):
    """A task of a step: its index path and id, its last attempt, the number of attempts, and the error's text."""

    path: str
    id: str
    bar: Bar | None
    state: str
    attempts: int
    message: str


def task_rows(view: RunView, step: StepView) -> Sequence[TaskRow]:
    """Return the tasks of a step: failed tasks first, then running ones, then the others in the order of their
    paths."""
    rows = []
    for task in step.tasks:
        last = task.attempts[-1]
        state = view.attempt_state(last)
        message = (last.message or "").partition("\n")[0]
        rows.append(TaskRow(task.path, task.id, bar_of(view, last), state, len(task.numbers), message))
    return sorted(rows, key=lambda row: urgency(row.state))


class ArtifactFacts(NamedTuple):
    """An artifact of a task.

    Attributes:
        name: the name.
        ref: its reference in the task's record.
        preview: the preview that the task which made the artifact has stored.
        maker: that task.
        here: whether the task itself is the maker.
        readers: the later tasks that have read the artifact, by step.
    """

    name: str
    ref: ArtifactRef
    preview: ShownPreview
    maker: Maker
    here: bool
    readers: Sequence[ReadingStep]


class StoredArtifact(NamedTuple):
    """An artifact as its record describes it: its name, type, size in bytes, digest, and the value in one line."""

    name: str
    type: str
    size: int
    digest: str
    preview: str


def stored_artifacts(attempt: AttemptView) -> Sequence[StoredArtifact]:
    """Return the artifacts of an attempt, sorted by name, from the attempt's record alone."""
    refs = attempt.record["artifacts"] if attempt.record is not None else {}
    return [
        StoredArtifact(name, ref["type"], ref["size"], ref["digest"], ref.get("repr", ""))
        for name, ref in sorted(refs.items())
    ]


class ArtifactTable(NamedTuple):
    """The artifacts of a task, sorted by name.

    `searched` is whether readers were searched, and `complete` whether all of them were found.
    """

    rows: Sequence[ArtifactFacts]
    searched: bool
    complete: bool


def artifacts_of(view: RunView, attempt: AttemptView, *, most: int = MOST, searches: bool = True) -> ArtifactTable:
    """Return the artifacts of an attempt. Nothing is unpickled: previews were made by the tasks.

    Args:
        view: the run.
        attempt: the attempt.
        most: the number of records that are read to find where the artifacts were made.
        searches: whether to search the tasks that have read the artifacts.
    """
    if attempt.record is None:
        return ArtifactTable((), False, True)
    made = where_made(view, attempt, most)
    read = readers(view, attempt) if searches else ArtifactReaders({}, True)
    rows = []
    for name, ref in sorted(attempt.record["artifacts"].items()):
        maker = made[name]
        preview = shown_preview(ref, ref.get("preview") or maker.ref.get("preview"))
        here = (maker.step, maker.path) == (attempt.step, attempt.path)
        rows.append(ArtifactFacts(name, ref, preview, maker, here, read.steps.get(name, ())))
    return ArtifactTable(rows, searches, read.complete)
