"""Warnings about schedules when clocks change, compared with the Go library inside Argo's controller."""

from __future__ import annotations

import itertools
import random
import zoneinfo
from collections import Counter
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pytest

from cron.test_cron_go import ANSWERS, fired, recorded_zones
from flowc import cron
from tools import recorded

if TYPE_CHECKING:
    from collections.abc import Sequence

UTC = timezone.utc
YEARS = 3
_HOURS = ["0", "1", "2", "3", "23", "12", "*/2", "1-3", "0,12", "22-23"]
_DAYS = ["* * *"] * 4 + [
    "* * FRI",
    "* * SAT",
    "* * SUN",
    "* * MON-FRI",
    "1 * *",
    "*/7 * *",
    "13 * FRI",
    "24 4 *",
    "* 3 SUN",
]


def _changing(choose: random.Random, count: int) -> list[str]:
    """Return most time zones whose clocks change, and some alternative names of zones."""
    zones = sorted(zoneinfo.available_timezones() - {"localtime", "Factory"})
    choose.shuffle(zones)
    january, july = (datetime(2026, month, 1, tzinfo=UTC) for month in (1, 7))
    changing = [
        z for z in zones if january.astimezone(ZoneInfo(z)).utcoffset() != july.astimezone(ZoneInfo(z)).utcoffset()
    ]
    odd = [
        "Africa/Cairo",
        "Australia/Lord_Howe",
        "Africa/Casablanca",
        "America/Santiago",
        "Atlantic/Azores",
        "America/Nuuk",
    ]
    return [*odd, "Asia/Tokyo", *changing][:count]


@pytest.mark.parametrize("seed", range(2))
@recorded_zones()
def test_what_is_said_is_what_the_go_library_does(seed: int) -> None:
    choose = random.Random(seed)
    cases = []
    for zone in _changing(choose, 40) * 2:
        text = f"{choose.choice(['0', '30', '15,45', '59'])} {choose.choice(_HOURS)} {choose.choice(_DAYS)}"
        if seed == 0 and zone == "Africa/Cairo":
            text = "0 * * * FRI"
        now = datetime(choose.randint(2023, 2034), choose.randint(1, 12), choose.randint(1, 28), 5, tzinfo=UTC)
        cases.append((text, zone, int(now.timestamp())))

    def ask(questions: Sequence[tuple[str, str, int]]) -> list[dict[str, str]]:
        fire = fired(questions, _count)
        return [_first(*case, answer["times"]) for case, answer in zip(questions, fire, strict=True)]

    wrong, told = [], 0
    for (text, zone, now), expected in zip(cases, recorded.answers(f"{ANSWERS}-changes", cases, ask), strict=True):
        found = _said(text, zone, now)
        told += len(found)
        if found != expected:
            wrong.append((text, zone, now, expected, found))
    assert not wrong, f"{len(wrong)} of {len(cases)} differ, such as {wrong[:3]}"
    assert told > len(cases) / 20, "the cases should be of both kinds"


def _end(now: int) -> int:
    return now + YEARS * 365 * 86400


def _said(text: str, zone: str, now: int) -> dict[str, str]:
    """Return flowc's warnings as kind -> first day, without days later than the times that the library has returned."""
    said = cron.warnings(text, zone, now=datetime.fromtimestamp(now, UTC))
    days = {each.kind: each.message.partition(" on ")[2][:10] for each in said}
    last = f"{datetime.fromtimestamp(_end(now), ZoneInfo(zone)):%Y-%m-%d}"
    return {kind: day for kind, day in days.items() if day < last}


def _count(text: str) -> int:
    """Return an upper limit for the number of times that a schedule fires in the years that are compared."""
    schedule = cron.parse(text)
    assert isinstance(schedule, cron.CronFields)
    first = datetime(2024, 1, 1)
    days = sum(schedule.matches_day(first + timedelta(days=number)) for number in range(366))
    return (YEARS + 1) * (days + 8) * (len(schedule.hours) + 1) * len(schedule.minutes)


def _first(text: str, zone: str, now: int, times: list[int]) -> dict[str, str]:
    """Return the first day on which a time is skipped, and the first day on which a time is repeated."""
    schedule, clock, end = cron.parse(text), ZoneInfo(zone), _end(now)
    assert isinstance(schedule, cron.CronFields)
    assert not times or times[-1] >= end
    if len(schedule.hours) == 24:  # an hourly schedule fires in each real hour, whatever the local time is
        instants = set(times)
        for at in range(now - now % 60 + 60, end, 60):
            if at not in instants and schedule.matches(local := datetime.fromtimestamp(at, clock).replace(tzinfo=None)):
                return {"skipped": f"{local:%Y-%m-%d}"}
        return {}
    fired = Counter(datetime.fromtimestamp(at, clock).replace(tzinfo=None) for at in times if at < end)
    start = datetime.fromtimestamp(now, clock).replace(tzinfo=None)
    last = datetime.fromtimestamp(end, clock).replace(tzinfo=None)
    found: dict[str, str] = {}
    for number in range(YEARS * 365):
        day = start + timedelta(days=number)
        for hour, minute in itertools.product(sorted(schedule.hours), sorted(schedule.minutes)):
            local = day.replace(hour=hour, minute=minute)
            if schedule.matches(local) and start < local < last and fired[local] != 1:
                found.setdefault("doubled" if fired[local] else "skipped", f"{local:%Y-%m-%d}")
    return found
