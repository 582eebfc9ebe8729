"""Cron schedules, and the search for a schedule's next time in a time zone. The search has the same steps as in
`robfig/cron`, the Go library that Argo uses, so that both find the same times."""

from __future__ import annotations

from abc import ABC, abstractmethod
from datetime import datetime, timedelta, timezone, tzinfo
from typing import final

from flowc_ir.late.dataclass import dataclass

UTC = timezone.utc
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
SECOND = timedelta(seconds=1)
_WIDEST = 15 * 3600  # seconds; every zone's offset from UTC is smaller
YEARS = 5  # robfig/cron gives up its search after this number of years


class CronSchedule(ABC):
    """The schedule of a flow."""

    @abstractmethod
    def next(self, after: datetime) -> datetime | None:
        """Return the first time after `after`, or None if there is none in five years.

        Args:
            after: an aware datetime in the schedule's zone.

        Raises:
            ValueError: `after` has no zone.
        """


@final
@dataclass(frozen=True)
class Every(CronSchedule):
    """A fixed interval in seconds, counted from the moment when the controller reads the schedule."""

    seconds: int

    def next(self, after: datetime) -> datetime | None:
        """Return the time one interval after `after`, an aware datetime, rounded down to a whole second.

        Raises:
            ValueError: `after` has no zone.
        """
        clock = Clock.of(after)
        return clock.time((after - EPOCH) // SECOND + self.seconds)


@final
@dataclass(frozen=True)
class CronFields(CronSchedule):
    """The values that each field of a cron expression matches.

    If `either_day` is true, a day matches if it is in `days` or in `weekdays`; otherwise it has to be in both.
    """

    minutes: frozenset[int]
    hours: frozenset[int]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]  # 0 is Sunday
    either_day: bool

    def matches(self, local: datetime) -> bool:
        """Return whether the schedule has the local time `local`, regardless of clock changes."""
        return (
            local.minute in self.minutes
            and local.hour in self.hours
            and local.month in self.months
            and self._day_matches(local)
        )

    def matches_day(self, local: datetime) -> bool:
        """Return whether the schedule has a time on this day."""
        return local.month in self.months and self._day_matches(local)

    @property
    def is_daily(self) -> bool:
        """Whether the schedule has a time on every day."""
        return len(self.months) == 12 and (len(self.days) == 31 or self.either_day) and len(self.weekdays) == 7

    @property
    def is_continuous(self) -> bool:
        """Whether the schedule has a time in every hour."""
        return len(self.hours) == 24 and self.is_daily

    def empty(self) -> str | None:
        """Return the name of the first field that matches no value, for example because the field is written as `,`.
        Return None if every field matches a value.

        If `either_day` is true, a day has to match only one of the two day fields, so the other field may match no
        value.
        """
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
        """Return the first time after `after` that Argo's controller finds, or None if it finds none in five years.

        Args:
            after: an aware datetime in the schedule's zone.

        Raises:
            ValueError: `after` has no zone.
        """
        if self.empty():
            return None  # skip the search of five years, because the schedule never starts a run
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
    """A zone's clock. Instants are integers, the seconds since 1970, and local times are naive datetimes."""

    zone: tzinfo

    @staticmethod
    def of(time: datetime) -> Clock:
        """Return the `Clock` of a datetime's time zone.

        Raises:
            ValueError: the datetime has no zone.
        """
        if time.tzinfo is None:
            raise ValueError("an aware datetime is needed: a schedule fires by the clock of a zone")
        return Clock(time.tzinfo)

    def time(self, at: int) -> datetime:
        """Return an instant as an aware datetime in the zone."""
        return (EPOCH + at * SECOND).astimezone(self.zone)

    def local(self, at: int) -> datetime:
        """Return the local time of an instant, without a zone."""
        return self.time(at).replace(tzinfo=None)

    def offset(self, at: int) -> int:
        """Return the zone's offset from UTC at an instant, in seconds."""
        return (self.time(at).utcoffset() or timedelta()) // SECOND

    def instants(self, local: datetime) -> list[int]:
        """Return the instants at which the clock shows a local time: none, one or two."""
        as_utc = (local.replace(tzinfo=UTC) - EPOCH) // SECOND
        offsets = {self.offset(as_utc - _WIDEST), self.offset(as_utc + _WIDEST)}
        return sorted(as_utc - by for by in offsets if self.offset(as_utc - by) == by)

    def at(self, local: datetime) -> int:
        """Return the instant of a local time; for a repeated or skipped time, the instant that Go's `time.Date`
        chooses."""
        as_utc = (local.replace(tzinfo=UTC) - EPOCH) // SECOND
        return as_utc - self.offset(as_utc - self.offset(as_utc))


@dataclass
class _Walk:
    """The search for the next time of a schedule. The search moves an instant forward, first by the coarse fields, such
    as the month.

    Each method searches one field, and returns False if the field wrapped around to its smallest value. A coarser field
    has then changed, so the search restarts with the month. Hours and minutes are added to the instant, days and months
    to the local time. A clock change can therefore skip a run at 02:30 or repeat a run at 01:30, exactly as in the Go
    library.
    """

    fields: CronFields
    clock: Clock
    at: int
    moved: bool = False  # whether the search has set the finer fields to their smallest values

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
            # If a clock change lies between the two days, adding a day to 00:00 gives another hour, such as 23:00 or
            # 01:00. Then go to the nearest midnight.
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
        # Historical offsets of a zone may include seconds; a run still starts at second 0.
        if second := self.clock.local(self.at).second:
            self.moved, self.at = True, self.at + 60 - second
            return False
        return True

    def _start(self, local: datetime) -> datetime:
        self.moved, self.at = True, self.clock.at(local)
        return self.clock.local(self.at)

    def _later(self, local: datetime) -> int:
        """Return the instant of the local time `local`; if the zone skipped that day, return the current instant plus
        24 hours.

        Samoa skipped a day in 2011. The search of the Go library never ends on a skipped day.
        """
        at = self.clock.at(local)
        return at if at > self.at else self.at + 24 * 3600
