"""`StatusView`: the state of a run, read from its status record."""

from __future__ import annotations

from typing import TYPE_CHECKING, final

from flowc_ir.late.dataclass import dataclass
from flowc_runtime.run.views.liveness import status_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flowc_runtime.base.errors import NotFound, RecordError
    from flowc_runtime.store.records.record_types import RunRecord, StatusRecord
    from flowc_runtime.store.records.run_store import RunStore

BEGINNING = "beginning"
"""The state of a run that has no record yet."""
UNREADABLE = "unreadable"
"""The state of a run or an attempt whose record cannot be read."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class StatusView:
    """The status of a run.

    Attributes:
        state: running, succeeded, failed, interrupted or killed; BEGINNING, or UNREADABLE.
        changed: the time when this state began, in seconds since the epoch, or None if the time is unknown.
        failed: the task that failed, as STEP/PATH.
        message: the reason of the state.
        tasks_ended: whether all tasks have ended: a run on a cluster may fail while tasks still run.
        metrics: the run's metrics by name, which the status contains only after the run has ended.
        error: the error if the status cannot be read.
    """

    state: str
    changed: float | None = None
    failed: str | None = None
    message: str | None = None
    tasks_ended: bool = False
    metrics: Mapping[str, float] | None = None
    error: NotFound | RecordError | None = None

    @property
    def is_running(self) -> bool:
        """Whether the run's state is `running`."""
        return self.state == "running"

    @property
    def ended(self) -> float | None:
        """The time when the run ended, in seconds since the epoch, or None if the run has not ended or the time is
        unknown."""
        return None if self.is_running else self.changed

    @property
    def line(self) -> str:
        """The first line of the message."""
        return (self.message or "").partition("\n")[0]

    def readable(self) -> StatusView:
        """Return the view itself, after checking that the status was read.

        Raises:
            NotFound: the run has no record yet.
            RecordError: the status cannot be read.
        """
        if self.error is not None:
            raise self.error
        return self


def read_status(run: RunStore, record: RunRecord | None = None) -> StatusView:
    """Read the status of a run.

    Args:
        run: the run.
        record: the run's record, if the caller has read it.

    Raises:
        NotFound: the run has no record.
        RecordError: the run's record or status cannot be read.
    """
    return status_view(status_of(run, record))


def status_view(status: StatusRecord) -> StatusView:
    """Create a view from a status record."""
    return StatusView(
        state=status["state"],
        changed=status["changed"],
        failed=status.get("failed"),
        message=status.get("message"),
        tasks_ended="ended" in status,
        metrics=status.get("metrics"),
    )


def unreadable_status(error: RecordError, message: str | None = None) -> StatusView:
    """Create a view for a status that cannot be read."""
    return StatusView(state=UNREADABLE, message=message, error=error)
