"""The state of a run: what its status says, and what is known where that cannot be read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, final

from flowc_runtime.store.records.liveness import status_of

if TYPE_CHECKING:
    from flowc_runtime.base.errors import NotFound, RecordError
    from flowc_runtime.store.records.record_types import RunRecord, StatusRecord
    from flowc_runtime.store.records.store import RunStore

BEGINNING = "beginning"
"""The state of a run that has no record yet."""
UNREADABLE = "unreadable"
"""The state of a run or an attempt whose record cannot be read."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class StatusView:
    """How a run is doing.

    Attributes:
        state: running, succeeded, failed, interrupted or killed; BEGINNING, or UNREADABLE.
        changed: when that began, in seconds since the epoch; None where it is not known.
        failed: the task that failed, as STEP/PATH.
        message: why the run is in this state.
        tasks_ended: whether no task of it is left; a run on a cluster fails before that.
        error: why the status is not known.
    """

    state: str
    changed: float | None = None
    failed: str | None = None
    message: str | None = None
    tasks_ended: bool = False
    error: NotFound | RecordError | None = None

    @property
    def is_running(self) -> bool:
        """Whether the run has not ended, as far as is known."""
        return self.state == "running"

    @property
    def ended(self) -> float | None:
        """When the run ended; None if it has not, or if that is not known."""
        return None if self.is_running else self.changed

    @property
    def line(self) -> str:
        """The first line of the message."""
        return (self.message or "").partition("\n")[0]

    def readable(self) -> StatusView:
        """Return the view itself. Raises NotFound, RecordError where the status is not known."""
        if self.error is not None:
            raise self.error
        return self


def read_status(run: RunStore, record: RunRecord | None = None) -> StatusView:
    """Return how a run is doing now; `record` is its record, if it has been read. Raises NotFound, RecordError."""
    return status_view(status_of(run, record))


def status_view(status: StatusRecord) -> StatusView:
    """Return the view of a status."""
    return StatusView(
        state=status["state"],
        changed=status["changed"],
        failed=status.get("failed"),
        message=status.get("message"),
        tasks_ended="ended" in status,
    )


def unreadable_status(error: RecordError, message: str | None = None) -> StatusView:
    """Return the view of a status that cannot be read."""
    return StatusView(state=UNREADABLE, message=message, error=error)
