"""Warnings about valid schedules that may start runs at other times than their author expects, and a check of time zone
names."""

from __future__ import annotations

import zoneinfo
from bisect import bisect_right
from datetime import datetime, timedelta, tzinfo
from itertools import product
from typing import TYPE_CHECKING, Literal, TypeAlias

from flowc.cron.parser import Refusal, parse
from flowc.cron.schedule import EPOCH, SECOND, UTC, YEARS, Clock, CronFields, Every
from flowc_ir.late.namedtuple import NamedTuple
from flowc_ir.suggestion import did_you_mean, suggest

if TYPE_CHECKING:
    from collections.abc import Iterator

_DAY = 24 * 3600  # seconds

AdviceKind: TypeAlias = Literal["never", "interval", "skipped", "doubled"]


class Advice(NamedTuple):
    """A warning about a schedule: its kind, the message without a full stop, and what to write instead."""

    kind: AdviceKind
    message: str
    hint: str


def check_timezone(name: str) -> Refusal | None:
    """Return the error for an unknown time zone name, or None if the name is known. Names are case-sensitive, like on a
    cluster.

    If this machine has no time zone data, every name is accepted, because only the cluster can check it.
    """
    known = zoneinfo.available_timezones() - {"localtime"}
    if name in known or not known:  # without zone data, `known` is empty, and only the cluster can check the name
        return None
    wanted = name.lower().replace(" ", "_")
    same = sorted(zone for zone in known if wanted in (zone.lower(), zone.lower().rsplit("/")[-1]))
    hint = did_you_mean(same[0]) if same else suggest(name, known, "use a name like Europe/Paris or UTC")
    return Refusal(f"time zone {name!r} is not known", hint)


def warnings(cron: str, timezone: str | None, *, now: datetime | None = None) -> list[Advice]:
    """Return warnings about the next five years of a valid schedule.

    Only two clock changes are reported: the first that skips a run, and the first that causes two runs.

    Args:
        cron: the schedule.
        timezone: the name of the schedule's time zone, or None for UTC.
        now: the start of the five years, an aware datetime, or None for the present.

    Raises:
        CronError: Argo would refuse the schedule.
        ZoneInfoNotFoundError: this machine does not have the time zone.
    """
    schedule = parse(cron)
    zone: tzinfo = zoneinfo.ZoneInfo(timezone) if timezone else UTC
    now = now.astimezone(zone) if now else datetime.now(zone)
    if isinstance(schedule, Every):
        return [
            Advice(
                "interval",
                f"{cron!r} counts from when the controller starts or the schedule changes, not from a time of day",
                "for times of day write five fields, such as '0 */6 * * *'",
            )
        ]
    assert isinstance(schedule, CronFields)
    if empty := schedule.empty():
        return [Advice("never", f"{cron!r} never fires: its field {empty} has no value", f"write * for every {empty}")]
    if schedule.is_continuous:
        return []  # the schedule fires in every hour, so clock changes skip no run
    if schedule.next(now) is None:
        message = f"{cron!r} never fires: no day of the next {YEARS} years matches"
        return [Advice("never", message, "choose a day that exists in these months")]
    found: dict[str, Advice] = {}
    for change in _clock_changes(Clock(zone), now):
        for surprise in _surprises(schedule, change, (now - EPOCH) // SECOND):
            kind: AdviceKind = "doubled" if surprise.doubled else "skipped"
            found.setdefault(kind, Advice(kind, *_words(cron, schedule, change, surprise)))
        if len(found) == 2:
            break
    return list(found.values())


class _Change(NamedTuple):
    """A clock change, such as the beginning of summer time. `before` and `after` are the offsets from UTC in seconds,
    and `at` is the first instant with the new offset."""

    clock: Clock
    at: int
    before: int
    after: int

    @property
    def bounds(self) -> tuple[datetime, datetime]:
        """The change skips or repeats an interval of local times: the first local time of this interval, and the first
        local time after it."""
        first, last = sorted(EPOCH.replace(tzinfo=None) + (self.at + by) * SECOND for by in (self.before, self.after))
        return first, last

    @property
    def forward(self) -> bool:
        return self.after > self.before

    def instants(self, local: datetime) -> list[int]:
        """Return the instants at which the clock shows this local time near the change: none, one or two."""
        as_utc = (local.replace(tzinfo=UTC) - EPOCH) // SECOND
        early, late = as_utc - self.before, as_utc - self.after
        return [*([early] if early < self.at else []), *([late] if late >= self.at else [])]


class _Surprise(NamedTuple):
    """A scheduled local time at which no run or two runs start; `exists` is False if the clock skips this time."""

    local: datetime
    exists: bool
    doubled: bool


def _surprises(schedule: CronFields, change: _Change, now: int) -> Iterator[_Surprise]:
    """Yield the scheduled times around a clock change at which the schedule starts no run or two runs."""
    first = change.bounds[0].replace(hour=0, minute=0) - timedelta(days=1)
    days = [first + timedelta(days=number) for number in range(4)]
    times = [time for day in days if schedule.matches_day(day) for time in _times(schedule, day)]
    if not times:
        return
    before, end = _before(schedule, change.clock, first, now), change.clock.at(days[-1])
    fired = set(_fires(schedule, change, before, end, times))
    hourly = len(schedule.hours) == 24  # hourly schedules should also start runs in a repeated hour
    for time in times:
        instants = change.instants(time)
        if time >= days[-1] or any(at <= now for at in instants or [change.at]):
            continue
        fires = len(fired.intersection(instants))
        if hourly:
            if fires < len(instants):
                yield _Surprise(time, exists=True, doubled=False)
        elif fires != 1:
            yield _Surprise(time, exists=bool(instants), doubled=fires > 1)


def _times(schedule: CronFields, day: datetime) -> Iterator[datetime]:
    for hour, minute in product(sorted(schedule.hours), sorted(schedule.minutes)):
        yield day.replace(hour=hour, minute=minute)


def _before(schedule: CronFields, clock: Clock, day: datetime, now: int) -> int:
    """Return the instant of the last scheduled time before `day`, or `now` if `now` is later.

    The simulation of Argo's search starts at this instant, because the result of the search can depend on the start.
    """
    start = clock.local(now)
    while (day := day - timedelta(days=1)) > start:
        if schedule.matches_day(day):
            return max(now, clock.at(day.replace(hour=max(schedule.hours), minute=max(schedule.minutes))))
    return now


def _fires(schedule: CronFields, change: _Change, after: int, end: int, times: list[datetime]) -> Iterator[int]:
    """Yield the instants after `after` and before `end` at which Argo starts runs.

    `times` has the scheduled local times around the change, in order. On the days before and after the clock change,
    Argo starts runs exactly at the scheduled times. On the day of the change, and after an instant whose local time is
    not in `times`, the function simulates Argo's search (`schedule.next`), which takes fifty times as long.
    """
    clock, at = change.clock, after
    day_of_change = change.bounds[1].date()
    while True:
        local = clock.local(at)
        number = bisect_right(times, local)
        named = None
        if 0 < number < len(times) and times[number - 1] == local:
            named = at + (times[number] - local) // SECOND
        if named is not None and (named < change.at or local.date() > day_of_change):
            at = named
        elif (following := schedule.next(clock.time(at))) is not None:
            at = (following - EPOCH) // SECOND
        else:
            return
        if at >= end:
            return
        yield at


def _words(cron: str, schedule: CronFields, change: _Change, surprise: _Surprise) -> tuple[str, str]:
    """Return the message and the hint of a warning."""
    local, (start, end) = surprise.local, change.bounds
    clocks = f"clocks in {change.clock.zone} go {'forward' if change.forward else 'back'}"
    if surprise.exists and not surprise.doubled:
        message = (
            f"{cron!r} is skipped on {local:%Y-%m-%d} at {local:%H:%M}: {clocks} on {start:%Y-%m-%d}, "
            "and Argo's search for the next time steps over it"
        )
        return (
            message,
            f"use timezone='UTC'{'' if schedule.is_daily else ', or fire daily and check the day in the flow'}",
        )
    what, why = ("fires twice", "comes twice") if surprise.doubled else ("is skipped", "does not exist")
    message = f"{cron!r} {what} on {local:%Y-%m-%d}: {clocks} and {local:%H:%M} {why}"
    return message, f"choose a time outside {start:%H:%M}-{end:%H:%M}, or timezone='UTC'"


def _clock_changes(clock: Clock, now: datetime) -> Iterator[_Change]:
    """Yield the clock changes in the five years after `now`."""
    first = (now - EPOCH) // SECOND
    for start in range(first, first + YEARS * 366 * _DAY, _DAY):
        low, high = start, start + _DAY
        if (before := clock.offset(low)) == (after := clock.offset(high)):
            continue
        while high - low > 1:  # search for the last second with the old offset
            middle = (low + high) // 2
            low, high = (middle, high) if clock.offset(middle) == before else (low, middle)
        yield _Change(clock, high, before, after)
