"""The next times at which Argo's controller starts the runs of a schedule."""

from __future__ import annotations

import zoneinfo
from typing import TYPE_CHECKING

from flowc.cron.parser import CronError, parse
from flowc.cron.schedule import Every
from flowc_ir.late.namedtuple import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime


class FiringTimes(NamedTuple):
    """The next firing times of schedules, and why there are none or fewer than expected; empty if all are known."""

    times: Sequence[datetime]
    note: str = ""


def firing_times(crons: Sequence[str], zone_name: str, now: datetime, number: int) -> FiringTimes:
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
