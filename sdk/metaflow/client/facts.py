"""The metadata of a task's attempts: facts that Metaflow also records, under Metaflow's names, and further facts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from flowc_ir import json_text
from flowc_ir.late.namedtuple import NamedTuple
from flowc_runtime.base.config.settings import datastore_of
from flowc_runtime.base.index import task_id
from flowc_runtime.run.views.task_view import AttemptView

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flowc_runtime.store.records.record_types import AttemptRecord, BeginRecord, RevisionRecord
    from metaflow.client.reader import RunReader

__all__ = ["Metadata", "metadata_of"]


class OfAttempt(Protocol):
    """The attributes of a client's `Task` from which the task's metadata is computed."""

    _attempt: int | None

    @property
    def pathspec(self) -> str:
        """The pathspec `FLOW/RUN/STEP/TASK`."""
        ...

    @property
    def current_attempt(self) -> int:
        """The number, from 0, of the attempt whose results the task shows."""
        ...

    @property
    def index(self) -> int | None:
        """The index of the task's item in the innermost foreach."""
        ...

    @property
    def _place(self) -> tuple[str, str]:
        """The step and the index path of the task, such as `("train", "0.3")`."""
        ...


class Metadata(NamedTuple):
    """One fact about a task; `created_at` is in milliseconds since 1970."""

    name: str
    value: Any
    created_at: int
    type: str
    task: OfAttempt


def metadata_of(task: OfAttempt, reader: RunReader) -> list[Metadata]:
    """Return the facts about all attempts, or about the selected attempt, the oldest attempt first.

    Facts that Metaflow also records have Metaflow's names. For each attempt, the facts that decorators registered come
    last.

    Args:
        task: the client's task. If `task._attempt` is not None, only the facts about this attempt are returned.
        reader: the reader of the task's run.

    Raises:
        RecordError: the record of an attempt cannot be read.
    """
    step, path = task._place
    last = task.current_attempt
    facts: list[Metadata] = []
    for attempt in [last] if task._attempt is not None else range(last + 1):
        beginning = reader.began(step, path, attempt + 1)
        view = AttemptView(reader, step, path, attempt + 1).readable()
        began = beginning["began"] if beginning is not None else view.began or 0.0
        ended = view.finished or 0.0
        facts += [
            Metadata(name, value, int(1000 * (ended if late else began)), name, task)
            for name, value, late in _items(task, reader, attempt, view.record, beginning)
        ]
        registered = view.record.get("metadata", ()) if view.record is not None else ()
        facts += [Metadata(one["name"], one["value"], int(1000 * ended), one["type"], task) for one in registered]
    return facts


def _items(
    task: OfAttempt, reader: RunReader, attempt: int, record: AttemptRecord | None, beginning: BeginRecord | None
) -> Iterator[tuple[str, object, bool]]:
    """Yield (name, value, is_final) for each fact in the records of an attempt.

    `is_final` is true for a fact that is known only after the attempt has ended.
    """
    from metaflow.client.lineage import execution_path, is_gang

    step, path = task._place
    scheme, _, place = reader.store.objects.url.partition("://")
    yield "attempt", str(attempt), False
    yield "runtime", reader.tagged("runtime:"), False
    yield "user", reader.record["user"], False
    yield "metaflow_version", reader.metaflow_version, False
    yield "python_version", reader.tagged("python_version:"), False
    yield "script-name", reader.flow.code.file, False
    if (revision := reader.record.get("revision")) is not None:
        yield "git-info", _git_info(revision), False
    yield "ds-type", datastore_of(reader.store.objects.url), False
    yield "ds-root", place if scheme == "file" else reader.store.objects.url, False
    yield "origin-run-id", str(reader.record.get("origin")), False
    if items := execution_path(reader, step, path):
        yield "foreach-execution-path", items, False
    if (is_gang(reader, step) and task.index == 0) or reader.is_control(step, path):
        yield "internal_task_type", "control_task", False
    known: Any = record or beginning or {}
    for name in ("host", "pid", "pod", "node"):
        if name in known.get("process", {}):
            yield name, str(known["process"][name]), False
    if record is None:
        return
    if origin := record.get("origin"):
        yield "origin-task-id", task_id(origin["step"], origin["path"]), False
    # "attempt_ok" is True even if the attempt failed and @catch handled the failure, as in Metaflow
    yield "attempt_ok", str(record["outcome"] != "failed"), True
    yield "attempt-done", str(attempt), True
    for name in ("code", "signal", "peak_rss"):
        if name in known["exit"]:
            yield f"exit-{name.replace('_', '-')}", str(known["exit"][name]), True


def _git_info(revision: RevisionRecord) -> str:
    """Return a Git revision as JSON in Metaflow's form, without the URL of the remote, which flowc does not record."""
    commit = revision.get("commit")
    info: dict[str, object] = {}
    if commit is not None:
        info = {"branch_name": revision.get("branch", "HEAD"), "commit_sha": commit}
    if commit is None or not {"staged", "unstaged"}.isdisjoint(revision.get("dirty", ())):
        info["has_uncommitted_changes"] = True
    return json_text.dumps(info)
