"""The schedules of flows that the runs of a store have recorded."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, final

from flowc_ir.late.namedtuple import NamedTuple
from flowc_runtime.base.errors import FlowcError
from flowc_runtime.run.views.run_view import RunView

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from flowc.ui.page_data.run_rows import RunIndex
    from flowc_runtime.store.records.run_store import RunStore

_TRIED: Final = 5  # runs of a flow whose IR is tried, newest first


class RecordedSchedule(NamedTuple):
    """The schedule of a flow as its newest readable run has recorded it, with the file and the class of the flow."""

    flow: str
    run: str
    crons: Sequence[str]
    timezone: str | None
    file: str


@final
class RecordedSchedules:
    """Reads the schedules of a store's flows. The IR of a run does not change, so each one is read once."""

    def __init__(self, index: RunIndex) -> None:
        self._index = index
        self._known: dict[tuple[str, str], RecordedSchedule | None] = {}

    def all(self) -> Iterator[RecordedSchedule]:
        """Yield the schedules of the flows that have one."""
        for flow in self._index.store.flows():
            if (found := self._newest(flow)) is not None and found.crons:
                yield found

    def _newest(self, flow: str) -> RecordedSchedule | None:
        for run in reversed(self._index.listed(flow)[-_TRIED:]):
            if (flow, run.id) not in self._known:
                self._known[flow, run.id] = _read(run)
            if (found := self._known[flow, run.id]) is not None:
                return found
        return None


def _read(run: RunStore) -> RecordedSchedule | None:
    try:
        ir = RunView.of(run).records.flow
    except FlowcError:
        return None
    schedule = ir.schedule
    crons, zone = (schedule.crons, schedule.timezone) if schedule is not None else ((), None)
    return RecordedSchedule(run.flow, run.id, crons, zone, ir.code.file)
