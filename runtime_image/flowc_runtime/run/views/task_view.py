"""One task of a run, and one attempt of it: when it ran, how it ended, what it left."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, final

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
        OriginRecord,
        Outcome,
        ParentsRecord,
    )


@final
@dataclass(frozen=True, eq=False)
class AttemptView:
    """An attempt of a task. Its record is read when it is first needed, once.

    What its record says is None while it has none, and where that cannot be read; `readable` tells the two apart.
    """

    records: RunRecords
    step: str
    path: str
    number: int

    @classmethod
    def stored(cls, records: RunRecords, step: str, path: str, number: int) -> AttemptView:
        """Return the view of an attempt that is no control task's, which takes fewer reads."""
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
        """The record of an attempt that has ended."""
        return None if isinstance(self._end, RecordError) else self._end

    @property
    def end_error(self) -> RecordError | None:
        """Why the record of its end cannot be read."""
        return self._end if isinstance(self._end, RecordError) else None

    @property
    def error(self) -> RecordError | None:
        """Why it is not known how it is: its record cannot be read, or that of its beginning while it has no other."""
        if self._end is not None:
            return self.end_error
        return self._beginning if isinstance(self._beginning, RecordError) else None

    def readable(self) -> AttemptView:
        """Return the view itself. Raises RecordError if the record of its end cannot be read."""
        if self.end_error is not None:
            raise self.end_error
        return self

    # -- how it went

    @property
    def outcome(self) -> Outcome | None:
        """`ok`, `caught` or `failed`; None if it has no record."""
        return self.record["outcome"] if self.record is not None else None

    @property
    def state(self) -> str | None:
        """Its outcome, or UNREADABLE; None if it has neither, since it runs or has vanished."""
        return UNREADABLE if self.error is not None else self.outcome

    @property
    def is_done(self) -> bool:
        """Whether the run goes on after it."""
        return self.outcome in ("ok", "caught")

    @property
    def began(self) -> float | None:
        """When it began, in seconds since the epoch; the record of its beginning is read if it has no other."""
        if self.record is not None:
            return self.record["began"]
        begun = self._beginning if self._end is None else None
        return None if begun is None or isinstance(begun, RecordError) else begun["began"]

    @property
    def finished(self) -> float | None:
        """When it ended, in seconds since the epoch."""
        return self.record["ended"] if self.record is not None else None

    @property
    def seconds(self) -> float | None:
        """How long it took."""
        return self.record["ended"] - self.record["began"] if self.record is not None else None

    # -- why it failed

    @property
    def failure(self) -> ErrorRecord | None:
        """Its error, which may have been caught."""
        return self.record.get("error") if self.record is not None else None

    @property
    def failure_type(self) -> str | None:
        """The name of its error's class."""
        return self.failure["type"] if self.failure is not None else None

    @property
    def message(self) -> str | None:
        """The message of its error, with what differs from machine to machine."""
        return failures.told(self.failure) if self.failure is not None else None

    @property
    def ended_by_run(self) -> bool:
        """Whether it did not fail of its own: the run was interrupted, or another task of its gang failed."""
        return self.failure is not None and self.failure.get("ended_by_run", False)

    # -- more

    @property
    def note(self) -> str | None:
        """What the outcome does not tell."""
        return self.record.get("note") if self.record is not None else None

    @property
    def origin(self) -> OriginRecord | None:
        """The attempt in another run that its record was taken over from."""
        return self.record.get("origin") if self.record is not None else None

    @property
    def peak_rss(self) -> int | None:
        """The most memory that its process had, in bytes."""
        return self.record["exit"].get("peak_rss") if self.record is not None else None

    @property
    def machine(self) -> str | None:
        """The pod or the host that it ran on."""
        if self.record is None:
            return None
        return self.record["process"].get("pod") or self.record["process"].get("host", "")


@final
@dataclass(frozen=True, eq=False)
class TaskView:
    """A task of a run: its attempts, and what the latest of them has left.

    `numbers` are those of the attempts that have begun; without them, `attempts` is empty.
    """

    records: RunRecords
    step: str
    path: str
    numbers: tuple[int, ...] = ()

    @property
    def id(self) -> str:
        """The task's id, unique in the run: `train-0.3`."""
        return task_id(self.step, self.path)

    @property
    def pathspec(self) -> str:
        """FLOW/RUN/STEP/TASK."""
        run = self.records.store
        return task_pathspec(run.flow, run.id, self.step, path=self.path)

    @cached_property
    def attempts(self) -> tuple[AttemptView, ...]:
        """Its attempts, the first first."""
        return tuple(AttemptView(self.records, self.step, self.path, number) for number in self.numbers)

    @cached_property
    def latest(self) -> AttemptView | None:
        """The latest attempt that has ended, or whose record cannot be read; None if there is none."""
        ended = (attempt for attempt in reversed(self.attempts) if attempt.record or attempt.end_error)
        return next(ended, None)

    @property
    def error(self) -> RecordError | None:
        """Why the record of the latest attempt cannot be read."""
        return self.latest.end_error if self.latest is not None else None

    @property
    def record(self) -> AttemptRecord | None:
        """The record of the latest attempt that has ended; None if there is none, or if it cannot be read."""
        return self.latest.record if self.latest is not None else None

    @property
    def origin(self) -> OriginRecord | None:
        """The attempt in another run that it was taken over from."""
        return self.latest.origin if self.latest is not None else None

    @property
    def parents(self) -> Sequence[ParentsRecord]:
        """The tasks that it follows."""
        return self.record["parents"] if self.record is not None else ()

    @property
    def artifacts(self) -> Mapping[str, ArtifactRef]:
        """The artifacts that it has left, by name."""
        return self.record["artifacts"] if self.record is not None else {}

    def created(self, shown: Callable[[], AttemptView]) -> float:
        """Return when its first attempt began; of a task that another run has done, when the attempt `shown` began.

        Raises:
            RecordError: neither can be read.
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
