"""The schedules of flows, with their next firing times."""

from __future__ import annotations

import zoneinfo
from typing import TYPE_CHECKING, Final, final

from flowc.cron import CronError, Every, parse
from flowc_ir.late.namedtuple import NamedTuple
from flowc_runtime.base.errors import FlowcError
from flowc_runtime.run.views.run_view import RunView

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from flowc_runtime.store.records.store import Store

SHOWN: Final = 5
"""The number of firing times that the page shows."""
_TRIED: Final = 5  # runs of a flow whose IR is tried, newest first


class FiringTimes(NamedTuple):
    """The next firing times of schedules, and why there are none or fewer than expected; empty if all are known."""

    times: Sequence[datetime]
    note: str = ""


def firing_times(crons: Sequence[str], zone_name: str, now: datetime, number: int = SHOWN) -> FiringTimes:
    """Return the next times at which a cluster starts runs of a flow, in the time zone of the schedule.

    Args:
        crons: the cron expressions.
        zone_name: the name of the time zone.
        now: an aware datetime; the times are later.
        number: the number of times.
    """
    try:
        zone = zoneinfo.ZoneInfo(zone_name)
        schedules = [parse(cron) for cron in crons]
    except CronError as error:
        return FiringTimes((), f"no run starts, because a schedule is not valid: {error}")
    except (zoneinfo.ZoneInfoNotFoundError, ValueError):
        return FiringTimes((), f"this machine does not know the time zone {zone_name}")
    if any(isinstance(schedule, Every) for schedule in schedules):
        return FiringTimes(
            (), "an interval counts from the start of the cluster's controller, so its times are unknown"
        )
    found: list[datetime] = []
    for schedule in schedules:
        at = now.astimezone(zone)
        for _ in range(number):
            following = schedule.next(at)
            if following is None:
                break
            found.append(at := following)
    # Timestamps are compared, because Python compares datetimes of one zone by local time, which repeats when a clock
    # is set back.
    by_time = {time.timestamp(): time for time in found}
    times = [by_time[each] for each in sorted(by_time)][:number]
    return FiringTimes(times, "" if times else "it matches no time of the next five years")


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

    def __init__(self, store: Store) -> None:
        self._store = store
        self._known: dict[tuple[str, str], RecordedSchedule | None] = {}

    def all(self) -> Iterator[RecordedSchedule]:
        """Yield the schedules of the flows that have one."""
        for flow in self._store.flows():
            if (found := self._newest(flow)) is not None and found.crons:
                yield found

    def _newest(self, flow: str) -> RecordedSchedule | None:
        for run in [*reversed(self._store.runs(flow))][:_TRIED]:
            if (flow, run) not in self._known:
                self._known[flow, run] = self._read(flow, run)
            if (found := self._known[flow, run]) is not None:
                return found
        return None

    def _read(self, flow: str, run: str) -> RecordedSchedule | None:
        try:
            ir = RunView.of(self._store.run(flow, run)).records.flow
        except FlowcError:
            return None
        schedule = ir.schedule
        crons, zone = (schedule.crons, schedule.timezone) if schedule is not None else ((), None)
        return RecordedSchedule(flow, run, crons, zone, ir.code.file)
