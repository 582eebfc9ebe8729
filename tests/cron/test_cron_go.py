"""`flowc.cron` compared with the Go library inside Argo's controller, for many schedules, zones and moments.

The ordinary tests compare with recorded answers of the library. `make test-go` asks the library itself, for about four
times as many schedules.
"""

from __future__ import annotations

import contextlib
import importlib.metadata
import importlib.resources
import itertools
import json
import os
import random
import re
import subprocess
import zoneinfo
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any, TypeVar
from zoneinfo import ZoneInfo

import pytest

from flowc import cron
from flowc.cron.parser import ARGO_4
from tools import argo, gobuild, recorded, versions

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    T = TypeVar("T")
    A = TypeVar("A")

UTC = timezone.utc
# The recorded answers depend on the edition of the time zone data.
ANSWERS = f"cron-{versions.ROBFIG_CRON}-tzdata-{importlib.metadata.version('tzdata')}"

ZONES = {  # each has a reason
    "UTC": "no change",
    "Asia/Kolkata": "an odd offset",
    "America/New_York": "clocks change at 02:00",
    "Europe/Paris": "at 01:00 UTC",
    "Europe/Dublin": "winter is the exception",
    "Australia/Lord_Howe": "by half an hour",
    "Pacific/Chatham": "at 02:45",
    "Antarctica/Troll": "by two hours",
    "America/Sao_Paulo": "at midnight, until 2019",
    "America/Havana": "at midnight",
    "Africa/Cairo": "at midnight, since 2023 again",
    "Asia/Beirut": "at midnight",
    "America/Santiago": "at midnight",
    "Asia/Tehran": "at midnight, until 2022",
    "Africa/Casablanca": "around Ramadan",
}
MONTHS = ("jan", "FEB", "Mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "DEC")
WEEKDAYS = ("sun", "MON", "Tue", "wed", "thu", "fri", "SAT")
FIELDS: list[tuple[int, int, tuple[str, ...]]] = [
    (0, 59, ()),
    (0, 23, ()),
    (1, 31, ()),
    (1, 12, MONTHS),
    (0, 6, WEEKDAYS),
]

ODD = [
    "",
    "",
    "@yearly",
    "@annually",
    "@monthly",
    "@weekly",
    "@daily",
    "@midnight",
    "@hourly",
    "@reboot",
    "@Daily",
    "@daily ",
    "@every",
    "@every 1h",
    "@every 90m",
    "@every 1h30m10s",
    "@every 1.5h",
    "@every .5m",
    "@every 1500ms",
    "@every 1us",
    "@every 1µs",
    "@every 1μs",
    "@every 0",
    "@every -5m",
    "@every +2h30s",
    "@every 36h",
    "@every 1d",
    "@every 5",
    "@every h",
    "@every 1.h",
    "@every .h",
    "@every 1h-2m",
    "@every 1.99999999999999999s",
    "@every 2562047h",
    "@every 2562048h",
    " 0 0 * *",
    "* * * * *",
    "* * * * * *",
    " 5 5 * * * ",
    "5\t5 * *\xa0*",
    "5\u20025 * * *",
    "0 0 * * 7",
    "0 0 * * FRI-MON",
    "0 0 L * *",
    "0 0 * * 5#2",
    "*-5 * * * *",
    "?/7 * * * *",
    "*-1-2/9 3 * * *",
    ", 0 * * *",
    "0 0 , * MON",
    "0 0 , * *",
    "5,,6 1 * * *",
    "0/0 * * * *",
    "+5 +6 * * *",
    "0 0 01 002 *",
    "1- * * * *",
    "-1 * * * *",
    "5/ * * * *",
    "/5 * * * *",
    "*/+2 0 * * *",
    "*/-2 0 * * *",
    "0 0 * * sun-sat",
    "0 0 * * mon/2",
    "0 0 * dec-jan *",
    "5-5 5-5 * * *",
    "*/99999 * * * *",
    "99999999999999999999 * * * *",
    "0 0 31 2,4 *",
    "0 0 29 2 *",
    "0 0 29 2 1",
    "0 0 30 2 *",
    "1_0 * * * *",
    "0x1 * * * *",
    "٣ * * * *",
    "0" * 5000 + "5 * * * *",
    "@every " + "0" * 5000 + "5h",
    "9" * 5000 + " * * * *",
    "-0 * * * *",
    "*/-0 * * * *",
    "*/+0 * * * *",
    "",
]


def _item(choose: random.Random, low: int, high: int, names: tuple[str, ...]) -> str:
    def value() -> str:
        if names and choose.random() < 0.4:
            return choose.choice(names)
        # sometimes out of range
        return str(
            choose.randint(low, high) if choose.random() < 0.98 else choose.choice([low - 1, high + 1, high + 40])
        )

    shape = choose.random()
    if shape < 0.5:
        text = value()
    elif shape < 0.8:
        a, b = sorted(choose.choices(range(low, high + 1), k=2))
        if choose.random() < 0.05:
            a, b = b, a
        text = f"{a}-{b}"
    else:
        text = choose.choice("**?")
    return f"{text}/{choose.choice([0, 1, 1, 2, 3, 5, 7, 15, 40])}" if choose.random() < 0.25 else text


def _expression(choose: random.Random) -> str:
    words = []
    for low, high, names in FIELDS:
        if choose.random() < 0.35:
            words.append(choose.choice(["*", "*", "?"]))
        else:
            words.append(",".join(_item(choose, low, high, names) for _ in range(choose.choice([1, 1, 1, 2, 3]))))
    text = " ".join(words)
    if choose.random() < 0.12:  # insert a typing error at a random position
        at = choose.randrange(len(text))
        text = text[:at] + choose.choice([*"-/,* 9LW#~+", ""]) + text[at + choose.randint(0, 1) :]
    return text


def _moment(choose: random.Random, zone: str) -> int:
    """Return a random time; half of these times are shortly before a clock change."""
    at = choose.randrange(*(int(datetime(year, 1, 1, tzinfo=UTC).timestamp()) for year in (2014, 2034)))
    if choose.random() < 0.5:
        clock, day = ZoneInfo(zone), 86400
        offset = datetime.fromtimestamp(at, clock).utcoffset()
        for ahead in range(at, at + 400 * day, day):
            if datetime.fromtimestamp(ahead, clock).utcoffset() != offset:
                return ahead - choose.randrange(3 * day)
    return at


@contextlib.contextmanager
def recorded_zones() -> Iterator[None]:
    """Let Python use the time zones of the package `tzdata`, which Go uses too, because system editions may differ."""
    before = zoneinfo.TZPATH
    zoneinfo.reset_tzpath([])
    ZoneInfo.clear_cache()
    try:
        yield
    finally:
        zoneinfo.reset_tzpath(before)
        ZoneInfo.clear_cache()


@pytest.mark.parametrize("seed", range(4 if recorded.asks() else 1))
@recorded_zones()
def test_same_as_the_go_library(seed: int) -> None:
    choose, count = random.Random(seed), 12
    texts = [*(ODD if seed == 0 else []), *(_expression(choose) for _ in range(600))]
    cases = [(text, zone, _moment(choose, zone)) for text in texts for zone in [choose.choice(list(ZONES))]]

    def ask(questions: Sequence[tuple[str, str, int]]) -> list[list[int] | None]:
        return [None if each["error"] else _steps(each["times"]) for each in fired(questions, lambda _: count)]

    answers = (recorded.answers if seed == 0 else _unrecorded)(ANSWERS, cases, ask)
    wrong = []
    for (text, zone, after), answer in zip(cases, answers, strict=True):
        times = _ours(text, zone, after, count)
        ours = None if times is None else _steps(times)
        if ours != answer:
            wrong.append((text, zone, after, answer, ours))
    assert not wrong, f"{len(wrong)} of {len(cases)} differ, such as {wrong[:3]}"
    refused = sum(answer is None for answer in answers)
    assert 0.05 < refused / len(cases) < 0.6, "the cases should be of both kinds"


def _ours(text: str, zone: str, after: int, count: int) -> list[int] | None:
    try:
        schedule = cron.parse(text)
    except cron.CronError:
        return None
    times: list[int] = []
    at = datetime.fromtimestamp(after, ZoneInfo(zone))
    while len(times) < count and (following := schedule.next(at)):
        at = following
        times.append(int(at.timestamp()))
    return times


def _steps(times: list[int]) -> list[int]:
    """Return the first time, then the difference between each time and the time before it.

    The differences make the recorded file smaller.
    """
    return [later - earlier for earlier, later in itertools.pairwise([0, *times])]


def _unrecorded(_: str, cases: Sequence[T], ask: Callable[[Sequence[T]], list[A]]) -> list[A]:
    return ask(cases)


def fired(cases: Sequence[tuple[str, str, int]], count: Callable[[str], int]) -> list[dict[str, Any]]:
    """Return the library's answer for each (schedule, zone, moment): an error, or the next start times after the
    moment.

    `count` returns, for a schedule, how many of the next start times the library shall compute.
    """
    asked = ({"cron": text, "zone": zone, "after": at, "count": count(text)} for text, zone, at in cases)
    lines = "".join(f"{json.dumps(each)}\n" for each in asked)
    environment = os.environ | {"ZONEINFO": str(importlib.resources.files("tzdata") / "zoneinfo")}
    output = subprocess.run(
        [gobuild.build(gobuild.CRON)],
        input=lines,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
        encoding="utf-8",
    ).stdout
    return [json.loads(line) for line in output.splitlines()]


def test_check_refuses_what_the_crd_of_argo_4_refuses() -> None:
    """flowc refuses schedules that do not match the pattern in the CRD of CronWorkflows."""

    def ask(versions: Sequence[str]) -> list[list[str]]:
        return [_patterns(version) for version in versions]

    (patterns,) = recorded.answers("crd-patterns", [versions.ARGO[1]], ask)
    assert ARGO_4 in patterns


def _patterns(version: str) -> list[str]:
    (crd,) = (path for path in argo.crds(version) if "cron" in path.name)
    found = re.findall(
        r"^ +pattern: (.*)$", crd.read_text("utf-8"), re.MULTILINE
    )  # a regular expression is used, because parsing megabytes of YAML takes long
    return sorted(set(found))
