"""`TaskView` and `AttemptView`: the times, outcomes and results of a task and its attempts."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, final

from flowc_ir.late.dataclass import dataclass
from flowc_runtime.base.errors import RecordError
from flowc_runtime.base.index import task_id, task_pathspec
from flowc_runtime.run.task import failures
from flowc_runtime.run.views.status_view import UNREADABLE

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from flowc_runtime.run.views.run_records import RunRecords
    from flowc_runtime.store.records.record_types import (
        ArtifactRef,
        AttemptRecord,
        BeginRecord,
        ErrorRecord,
        MetricRecord,
        OriginRecord,
        Outcome,
        ParentsRecord,
        TaskFileRecord,
    )


@final
@dataclass(frozen=True, eq=False)
class AttemptView:
    """A snapshot of an attempt of a task. The attempt's record is read once, on first use.

    Values from the record are None if the attempt has no record yet, or if the record cannot be read. For an unreadable
    record, `readable` raises the error.
    """

    records: RunRecords
    step: str
    path: str
    number: int

    @classmethod
    def stored(cls, records: RunRecords, step: str, path: str, number: int) -> AttemptView:
        """Create the view of an attempt whose records can be in the store. (The control task of an unbounded foreach
        has no stored records.) This needs fewer reads from the store than the constructor."""
        view = cls(records, step, path, number)
        try:
            vars(view)["_end"] = records.store.attempt(step, path, number)
        except RecordError as error:
            vars(view)["_end"] = error
        return view

    @cached_property
    def _end(self) -> AttemptRecord | RecordError | None:
        try:
            return self.records.attempt(self.step, self.path, self.number)
        except RecordError as error:
            return error

    @cached_property
    def _beginning(self) -> BeginRecord | RecordError | None:
        try:
            return self.records.began(self.step, self.path, self.number)
        except RecordError as error:
            return error

    @property
    def record(self) -> AttemptRecord | None:
        """The attempt's record, or None while the attempt runs or if its record cannot be read."""
        return None if isinstance(self._end, RecordError) else self._end

    @property
    def end_error(self) -> RecordError | None:
        """The error that explains why the attempt's record cannot be read, or None if the record can be read."""
        return self._end if isinstance(self._end, RecordError) else None

    @property
    def error(self) -> RecordError | None:
        """The error of reading the attempt's record, or the record of its start while the attempt runs, or None without
        an error."""
        if self._end is not None:
            return self.end_error
        return self._beginning if isinstance(self._beginning, RecordError) else None

    def readable(self) -> AttemptView:
        """Return the view itself, after checking that the record can be read.

        Raises:
            RecordError: the attempt's record cannot be read.
        """
        if self.end_error is not None:
            raise self.end_error
        return self

    # -- its outcome

    @property
    def outcome(self) -> Outcome | None:
        """The outcome (`ok`, `caught` or `failed`), or None if the attempt has no record."""
        return self.record["outcome"] if self.record is not None else None

    @property
    def state(self) -> str | None:
        """The outcome, UNREADABLE if a record of the attempt cannot be read, or None if the attempt has no record."""
        return UNREADABLE if self.error is not None else self.outcome

    @property
    def is_done(self) -> bool:
        """Whether the task succeeded or its failure was caught, so that the run continues."""
        return self.outcome in ("ok", "caught")

    @property
    def began(self) -> float | None:
        """The time when the attempt began, in seconds since the epoch, from its record or the record of its start."""
        if self.record is not None:
            return self.record["began"]
        begun = self._beginning if self._end is None else None
        return None if begun is None or isinstance(begun, RecordError) else begun["began"]

    @property
    def finished(self) -> float | None:
        """The time when the attempt ended, in seconds since the epoch."""
        return self.record["ended"] if self.record is not None else None

    @property
    def seconds(self) -> float | None:
        """The attempt's duration in seconds."""
        return self.record["ended"] - self.record["began"] if self.record is not None else None

    # -- the attempt's failure

    @property
    def failure(self) -> ErrorRecord | None:
        """The attempt's error, whether it was caught or not."""
        return self.record.get("error") if self.record is not None else None

    @property
    def failure_type(self) -> str | None:
        """The name of the error's class."""
        return self.failure["type"] if self.failure is not None else None

    @property
    def message(self) -> str | None:
        """The error's message, followed by its note, whose text may differ between machines."""
        return failures.text_of(self.failure) if self.failure is not None else None

    @property
    def ended_by_run(self) -> bool:
        """Whether the run ended the attempt: it was interrupted, or another task of the gang failed."""
        return self.failure is not None and self.failure.get("ended_by_run", False)

    # -- other values

    @property
    def note(self) -> str | None:
        """The remark in the attempt's record."""
        return self.record.get("note") if self.record is not None else None

    @property
    def files(self) -> Sequence[TaskFileRecord]:
        """The files that the attempt got from the catalog and put into the catalog."""
        return self.record.get("files", ()) if self.record is not None else ()

    @property
    def metrics(self) -> Mapping[str, MetricRecord]:
        """The metrics that the attempt recorded, by name; empty for an attempt whose process was killed."""
        return self.record.get("metrics", {}) if self.record is not None else {}

    @property
    def is_mocked(self) -> bool:
        """Whether a patch replaced the step's code."""
        return self.record is not None and self.record.get("mocked", False)

    @property
    def origin(self) -> OriginRecord | None:
        """The attempt of another run whose results this attempt reuses."""
        return self.record.get("origin") if self.record is not None else None

    @property
    def peak_rss(self) -> int | None:
        """The peak memory of the process, in bytes."""
        return self.record["exit"].get("peak_rss") if self.record is not None else None

    @property
    def machine(self) -> str | None:
        """The name of the pod or host on which the attempt ran."""
        if self.record is None:
            return None
        return self.record["process"].get("pod") or self.record["process"].get("host", "")


@final
@dataclass(frozen=True, eq=False)
class TaskView:
    """A task of a run: its attempts, and the results of the latest one.

    `numbers` contains the numbers of the attempts that have begun; if it is not given, `attempts` is empty.
    """

    records: RunRecords
    step: str
    path: str
    numbers: tuple[int, ...] = ()

    @property
    def id(self) -> str:
        """The task's id, such as `train-0.3`, unique in the run."""
        return task_id(self.step, self.path)

    @property
    def pathspec(self) -> str:
        """The task's pathspec, FLOW/RUN/STEP/TASK."""
        run = self.records.store
        return task_pathspec(run.flow, run.id, self.step, path=self.path)

    @cached_property
    def attempts(self) -> tuple[AttemptView, ...]:
        """The attempts, sorted by number."""
        return tuple(AttemptView(self.records, self.step, self.path, number) for number in self.numbers)

    @cached_property
    def latest(self) -> AttemptView | None:
        """The latest attempt with a record, even an unreadable record, or None if no attempt has a record."""
        ended = (attempt for attempt in reversed(self.attempts) if attempt.record or attempt.end_error)
        return next(ended, None)

    @property
    def error(self) -> RecordError | None:
        """The error of reading the latest attempt's record, or None if the record can be read."""
        return self.latest.end_error if self.latest is not None else None

    @property
    def record(self) -> AttemptRecord | None:
        """The record of the latest attempt that has ended, or None if the record is missing or cannot be read."""
        return self.latest.record if self.latest is not None else None

    @property
    def origin(self) -> OriginRecord | None:
        """The attempt of another run whose results this task reuses."""
        return self.latest.origin if self.latest is not None else None

    @property
    def parents(self) -> Sequence[ParentsRecord]:
        """The parents of the task."""
        return self.record["parents"] if self.record is not None else ()

    @property
    def files(self) -> Sequence[TaskFileRecord]:
        """The files that the task got from the catalog and put into the catalog."""
        return self.latest.files if self.latest is not None else ()

    @property
    def metrics(self) -> Mapping[str, MetricRecord]:
        """The metrics of the task, by name."""
        return self.latest.metrics if self.latest is not None else {}

    @property
    def artifacts(self) -> Mapping[str, ArtifactRef]:
        """The artifacts of the task, by name."""
        return self.record["artifacts"] if self.record is not None else {}

    def created(self, shown: Callable[[], AttemptView]) -> float:
        """Return the time when the task's first attempt began, in seconds since the epoch.

        Args:
            shown: a function that returns the attempt whose results the task has; for a reused task, the time of that
                attempt is returned.

        Raises:
            RecordError: neither the start of the first attempt nor the start of the attempt that `shown` returns can be
                read.
        """
        try:
            first = self.records.began(self.step, self.path, 1)
        except RecordError:
            began = shown().began
            if began is None:
                raise
            return began
        began = first["began"] if first is not None else shown().began
        assert began is not None
        return began
