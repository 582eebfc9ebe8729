"""When a schedule fires: the library's search for the next time, step by step, on the clock of a zone."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone, tzinfo
from typing import final

UTC = timezone.utc
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
SECOND = timedelta(seconds=1)
_WIDEST = 15 * 3600  # seconds: no zone is further from UTC
YEARS = 5  # beyond this the library stops looking, and so do we


class CronSchedule(ABC):
    """When a flow runs."""

    @abstractmethod
    def next(self, after: datetime) -> datetime | None:
        """The first time after `after`, which is aware and in the schedule's zone; None if not within five years."""


@final
@dataclass(frozen=True)
class Every(CronSchedule):
    """A fixed interval in seconds. It counts from when the controller read the schedule, not from midnight."""

    seconds: int

    def next(self, after: datetime) -> datetime | None:
        clock = Clock.of(after)
        return clock.time((after - EPOCH) // SECOND + self.seconds)


@final
@dataclass(frozen=True)
class CronFields(CronSchedule):
    minutes: frozenset[int]
    hours: frozenset[int]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]  # 0 is Sunday
    either_day: bool

    def matches(self, local: datetime) -> bool:
        """Whether the clock time `local` is one of this schedule, whatever a time zone makes of it."""
        return (
            local.minute in self.minutes
            and local.hour in self.hours
            and local.month in self.months
            and self._day_matches(local)
        )

    def matches_day(self, local: datetime) -> bool:
        """Whether the schedule names a time of this day."""
        return local.month in self.months and self._day_matches(local)

    @property
    def is_daily(self) -> bool:
        """Whether it names a time of every day."""
        return len(self.months) == 12 and (len(self.days) == 31 or self.either_day) and len(self.weekdays) == 7

    @property
    def is_continuous(self) -> bool:
        """Whether it names a time of every hour."""
        return len(self.hours) == 24 and self.is_daily

    def empty(self) -> str | None:
        """The first field that matches nothing, such as `,`; of the two for days, only where none matches."""
        if not self.minutes:
            return "minute"
        if not self.hours:
            return "hour"
        if not self.days and not (self.either_day and self.weekdays):
            return "day of month"
        if not self.months:
            return "month"
        return None if self.weekdays or (self.either_day and self.days) else "day of week"

    def _day_matches(self, local: datetime) -> bool:
        day, weekday = local.day in self.days, local.isoweekday() % 7 in self.weekdays
        return day or weekday if self.either_day else day and weekday

    def next(self, after: datetime) -> datetime | None:
        if self.empty():
            return None  # do not walk five years of minutes to find out
        clock = Clock.of(after)
        at = (after - EPOCH) // SECOND + 1
        last_year = clock.local(at).year + YEARS
        walk = _Walk(self, clock, at)
        while clock.local(walk.at).year <= last_year:
            if walk.month() and walk.day() and walk.hour() and walk.minute():
                return clock.time(walk.at)
        return None


@dataclass(frozen=True)
class Clock:
    """A zone's clock. Instants are whole seconds since 1970; local times are naive datetimes."""

    zone: tzinfo

    @staticmethod
    def of(time: datetime) -> Clock:
        if time.tzinfo is None:
            raise ValueError("an aware datetime is needed: a schedule fires by the clock of a zone")
        return Clock(time.tzinfo)

    def time(self, at: int) -> datetime:
        return (EPOCH + at * SECOND).astimezone(self.zone)

    def local(self, at: int) -> datetime:
        return self.time(at).replace(tzinfo=None)

    def offset(self, at: int) -> int:
        return (self.time(at).utcoffset() or timedelta()) // SECOND

    def instants(self, local: datetime) -> list[int]:
        """When the clock shows a local time: once, twice or never."""
        as_utc = (local.replace(tzinfo=UTC) - EPOCH) // SECOND
        offsets = {self.offset(as_utc - _WIDEST), self.offset(as_utc + _WIDEST)}
        return sorted(as_utc - by for by in offsets if self.offset(as_utc - by) == by)

    def at(self, local: datetime) -> int:
        """The instant of a local time; where the clock shows it twice or never, the one that Go takes."""
        as_utc = (local.replace(tzinfo=UTC) - EPOCH) // SECOND
        return as_utc - self.offset(as_utc - self.offset(as_utc))


@dataclass
class _Walk:
    """Moves an instant forward, coarse field first, to the next match.

    Each method returns False when its field wrapped around: a coarser one has changed, and the search starts over from
    the month. Hours and minutes are added to the instant, days and months to the clock: that is what makes a run at
    02:30 skipped or one at 01:30 doubled when clocks change, and so it must be the library's way and not a better one.
    """

    fields: CronFields
    clock: Clock
    at: int
    moved: bool = False  # from the first step on, the finer fields have been set to their start

    def month(self) -> bool:
        while (now := self.clock.local(self.at)).month not in self.fields.months:
            if not self.moved:
                now = self._start(now.replace(day=1, hour=0, minute=0, second=0))
            first = (now.replace(day=1) + timedelta(days=31)).replace(day=1)
            self.at = self._later(first + timedelta(days=now.day - 1))
            if self.clock.local(self.at).month == 1:
                return False
        return True

    def day(self) -> bool:
        while not self.fields._day_matches(now := self.clock.local(self.at)):
            if not self.moved:
                now = self._start(now.replace(hour=0, minute=0, second=0))
            self.at = self._later(now + timedelta(days=1))
            # Where clocks change at midnight there may be no 00:00; the hour search goes on from what there is.
            hour = self.clock.local(self.at).hour
            self.at += 3600 * ((24 - hour) if hour > 12 else -hour)
            if self.clock.local(self.at).day == 1:
                return False
        return True

    def hour(self) -> bool:
        while (now := self.clock.local(self.at)).hour not in self.fields.hours:
            if not self.moved:
                self._start(now.replace(minute=0, second=0))
            self.at += 3600
            if self.clock.local(self.at).hour == 0:
                return False
        return True

    def minute(self) -> bool:
        while self.clock.local(self.at).minute not in self.fields.minutes:
            if not self.moved:
                self.moved, self.at = True, self.at - self.at % 60
            self.at += 60
            if self.clock.local(self.at).minute == 0:
                return False
        # A zone's mean time of long ago may be off by seconds; then, too, a run is at second 0.
        if second := self.clock.local(self.at).second:
            self.moved, self.at = True, self.at + 60 - second
            return False
        return True

    def _start(self, local: datetime) -> datetime:
        self.moved, self.at = True, self.clock.at(local)
        return self.clock.local(self.at)

    def _later(self, local: datetime) -> int:
        """The instant of `local`. Where a zone skipped a whole day (Samoa, 2011) the library loops; we go on."""
        at = self.clock.at(local)
        return at if at > self.at else self.at + 24 * 3600
