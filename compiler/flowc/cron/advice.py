"""What a right schedule or zone does that its author may not expect."""

from __future__ import annotations

import difflib
import zoneinfo
from collections.abc import Iterator
from datetime import datetime, timedelta

from flowc.cron.parser import parse
from flowc.cron.schedule import EPOCH, SECOND, YEARS, Clock, Every, Fields


def check_timezone(name: str) -> str | None:
    """What is wrong with a time zone's name, in one sentence, or None. Case counts, as it does in the cluster."""
    known = zoneinfo.available_timezones() - {"localtime"}
    if name in known or not known:  # a machine without zone data cannot tell; the cluster will
        return None
    wanted = name.lower().replace(" ", "_")
    same = sorted(zone for zone in known if wanted in (zone.lower(), zone.lower().rsplit("/")[-1]))
    close = same or difflib.get_close_matches(name, sorted(known), n=1)
    hint = f": did you mean {close[0]}?" if close else ": use a name like Europe/Paris or UTC"
    return f"time zone {name!r} is not known{hint}"


def warnings(cron: str, timezone: str | None, *, now: datetime | None = None) -> list[str]:
    """What a valid schedule does that its author may not expect, within the next five years; one sentence each."""
    schedule = parse(cron)
    zone = zoneinfo.ZoneInfo(timezone or "UTC")
    now = now.astimezone(zone) if now else datetime.now(zone)
    if isinstance(schedule, Every):
        return [f"{cron!r} counts from when the controller starts or the schedule changes, not from a time of day"]
    if schedule.next(now) is None:
        return [f"{cron!r} never fires: no day of the next {YEARS} years matches"]
    assert isinstance(schedule, Fields)
    if len(schedule.hours) == 24:
        return []  # every hour that passes has its run; clocks changing takes nothing away
    found: dict[bool, str] = {}  # the first change of each direction says it all
    for forward, start, end in _clock_changes(Clock(zone), now):
        minutes = (start + timedelta(minutes=m) for m in range((end - start) // timedelta(minutes=1)))
        hit = next(filter(schedule.matches, minutes), None)
        if hit and forward not in found:
            what, way, times = (
                ("is skipped", "forward", "does not exist") if forward else ("fires twice", "back", "comes twice")
            )
            found[forward] = (
                f"{cron!r} {what} on {hit:%Y-%m-%d}: clocks in {timezone} go {way} and {hit:%H:%M} {times}; "
                f"choose a time outside {start:%H:%M}-{end:%H:%M}, or UTC"
            )
    return list(found.values())


def _clock_changes(clock: Clock, now: datetime) -> Iterator[tuple[bool, datetime, datetime]]:
    """(forward?, start, end) of the local times that do not exist, or come twice, in the years after `now`."""
    day = 24 * 3600
    first = (now - EPOCH) // SECOND
    for start in range(first, first + YEARS * 366 * day, day):
        low, high = start, start + day
        if (before := clock.offset(low)) == (after := clock.offset(high)):
            continue
        while high - low > 1:  # the last second with the old offset, and the first with the new
            middle = (low + high) // 2
            low, high = (middle, high) if clock.offset(middle) == before else (low, middle)
        bounds = sorted(EPOCH.replace(tzinfo=None) + (high + offset) * SECOND for offset in (before, after))
        yield after > before, bounds[0], bounds[1]
