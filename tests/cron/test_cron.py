"""Schedules fire at the same times as in Argo: important cases (test_cron_go.py compares with Argo's own library)."""

from __future__ import annotations

import itertools
from datetime import datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest

from flowc import cron

UTC = timezone.utc
NEW_YORK = "America/New_York"


def fires(text: str, zone: str, after: str, count: int = 3) -> list[str]:
    schedule, at = cron.parse(text), datetime.fromisoformat(after).replace(tzinfo=ZoneInfo(zone))
    times = []
    for _ in range(count):
        if (following := schedule.next(at)) is None:
            break
        at = following
        times.append(at.astimezone(UTC).strftime("%Y-%m-%d %H:%MZ"))
    return times


@pytest.mark.parametrize(
    ("text", "after", "expected"),
    [
        ("30 6 * * *", "2026-03-01 06:30", ["2026-03-02 06:30Z", "2026-03-03 06:30Z", "2026-03-04 06:30Z"]),
        ("0 9 * * MON-FRI", "2026-01-02 12:00", ["2026-01-05 09:00Z", "2026-01-06 09:00Z", "2026-01-07 09:00Z"]),
        ("0 0 ? JAN,jul ?", "2026-01-31 00:00", ["2026-07-01 00:00Z", "2026-07-02 00:00Z", "2026-07-03 00:00Z"]),
        ("*/25 * * * *", "2026-01-01 00:00", ["2026-01-01 00:25Z", "2026-01-01 00:50Z", "2026-01-01 01:00Z"]),
        ("10/20 0 * * *", "2026-01-01 00:00", ["2026-01-01 00:10Z", "2026-01-01 00:30Z", "2026-01-01 00:50Z"]),
        # If neither day field (day of the month, day of the week) is `*`, a day that matches one of them is enough; */2
        # does not count as `*`, but */1 does.
        ("0 0 1 * MON", "2026-01-30 00:00", ["2026-02-01 00:00Z", "2026-02-02 00:00Z", "2026-02-09 00:00Z"]),
        ("0 0 */2 * MON", "2026-02-01 00:00", ["2026-02-02 00:00Z", "2026-02-03 00:00Z", "2026-02-05 00:00Z"]),
        ("0 0 */1 * MON", "2026-02-01 00:00", ["2026-02-02 00:00Z", "2026-02-09 00:00Z", "2026-02-16 00:00Z"]),
        ("0 0 29 2 *", "2026-01-01 00:00", ["2028-02-29 00:00Z", "2032-02-29 00:00Z", "2036-02-29 00:00Z"]),
        ("0 0 30 2 *", "2026-01-01 00:00", []),
        # 2100 is no leap year, so 2104 is the next one; the search covers five years: it finds 2104 from 2099, but not
        # from 2098
        ("0 0 29 2 *", "2099-06-01 00:00", ["2104-02-29 00:00Z", "2108-02-29 00:00Z", "2112-02-29 00:00Z"]),
        ("0 0 29 2 *", "2098-06-01 00:00", []),
        (", * * * *", "2026-01-01 00:00", []),
        ("@weekly", "2026-01-01 00:00", ["2026-01-04 00:00Z", "2026-01-11 00:00Z", "2026-01-18 00:00Z"]),
        ("@yearly", "2026-01-01 00:00", ["2027-01-01 00:00Z", "2028-01-01 00:00Z", "2029-01-01 00:00Z"]),
        ("@every 1h30m", "2026-01-01 00:10", ["2026-01-01 01:40Z", "2026-01-01 03:10Z", "2026-01-01 04:40Z"]),
    ],
)
def test_times(text: str, after: str, expected: list[str]) -> None:
    assert fires(text, "UTC", after) == expected


def test_a_time_that_spring_skips_is_not_run_that_day() -> None:
    assert fires("30 2 * * *", NEW_YORK, "2026-03-07 00:00", 2) == ["2026-03-07 07:30Z", "2026-03-09 06:30Z"]


def test_a_time_that_autumn_repeats_runs_twice() -> None:
    assert fires("30 1 * * *", NEW_YORK, "2026-11-01 00:00", 2) == ["2026-11-01 05:30Z", "2026-11-01 06:30Z"]


def test_midnight_runs_skip_a_day_where_clocks_change_at_midnight() -> None:
    assert fires("0 0 * * *", "America/Sao_Paulo", "2018-11-03 00:00", 1) == ["2018-11-05 02:00Z"]


def test_a_day_that_a_zone_skipped_does_not_hang_us() -> None:
    # Samoa skipped 2011-12-30 to cross the date line; for this day, Go's library loops forever
    assert fires("0 0 1 1 *", "Pacific/Apia", "2011-12-29 00:00", 1) == ["2011-12-31 10:00Z"]


def test_the_result_keeps_the_zone_it_was_asked_in() -> None:
    after = datetime(2026, 1, 1, 12, 0, 30, 5, tzinfo=ZoneInfo("Asia/Kolkata"))
    result = cron.parse("0 6 * * *").next(after)
    assert result == datetime(2026, 1, 2, 6, 0, tzinfo=ZoneInfo("Asia/Kolkata"))
    assert result is not None and result.tzinfo is after.tzinfo


@pytest.mark.parametrize("text", ["0 6 * * *", "@every 1h"])
def test_a_naive_time_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="aware"):
        cron.parse(text).next(datetime(2026, 1, 1))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "empty"),
        ("  ", "empty"),
        ("5 4", "2 fields"),
        ("5", "1 field,"),
        ("0 30 6 * * *", "write '30 6 * * *'"),
        ("0 0 12 ? * MON 2026", "write '0 12 ? * MON'"),
        ("0 0 0 L * *", "write minute, hour, day of month, month, day of week"),
        ("0 6 * * 7", "write 0 (or SUN) for Sunday"),
        ("0 6 * * 8", "not between 0 and 6"),
        ("0 24 * * *", "write 0 for midnight"),
        ("60 * * * *", "minute 60 is not between 0 and 59"),
        ("0 0 0 * *", "day of month 0 is not between 1 and 31"),
        ("0 0 * 13 *", "month 13"),
        ("0 0 L * *", "'L' (the last)"),
        ("0 0 * * 5L", "'L' (the last)"),
        ("0 0 15W * *", "MON-FRI"),
        ("0 0 * * FRI#2", "'#'"),
        ("H 0 * * *", "Jenkins"),
        ("0~30 0 * * *", "'~'"),
        ("0 0 * * FRI-MON", "write FRI-SAT,SUN-MON"),
        ("0 22-2 * * *", "write 22-23,0-2"),
        ("0 0 * * Friday", "did you mean 'FRI'?"),
        ("0 0 * Sept *", "did you mean 'SEP'?"),
        ("0 0 * * XYZ", "SUN MON TUE"),
        ("MON 0 * * *", "write numbers"),
        ("*/0 * * * *", "step of 0"),
        ("1-2-3 * * * *", "more than one '-'"),
        ("*/2/3 * * * *", "more than one '/'"),
        ("*/-2 * * * *", "not understood"),
        ("99999999999999999999 * * * *", "not understood"),
        ("9" * 5000 + " * * * *", "not understood"),
        ("@every " + "9" * 5000 + "h", "is not a duration"),
        ("٣ * * * *", "not understood"),
        ("@reboot", "nothing boots"),
        ("@Daily", "write @daily"),
        ("@dayly", "@every 1h30m"),
        ("@", "@every 1h30m"),
        ("@every", "@every 1h30m"),
        ("@every 1x", "is not a duration"),
        ("@every ", "is not a duration"),
        ("@every 9999999h", "is not a duration"),
        ("CRON_TZ=UTC 0 0 * * *", "`timezone`"),
        ("CRON_TZ=UTC", "`timezone`"),  # robfig/cron, the library of Argo, panics for this text
        ("TZ=UTC 0 0 * * *", "`timezone`"),
        ("+5 0 * * *", "Argo 4"),
        ("@every 1.5h", "Argo 4"),
    ],
)
def test_what_is_wrong_is_said_in_a_sentence_with_what_to_write(text: str, says: str) -> None:
    refusal = cron.check(text)
    assert refusal is not None
    message = str(refusal)
    assert says in message
    assert "\n" not in message


@pytest.mark.parametrize(
    "text", ["0 6 * * MON-FRI", "*/5 0-6,22-23 1,15 jan-mar ?", "@hourly", "@every 90m", "30 12 1 * *"]
)
def test_what_is_right_has_no_message(text: str) -> None:
    assert cron.check(text) is None


NOW = datetime(2026, 6, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "zone", "says"),
    [
        ("30 2 * * *", NEW_YORK, ["is skipped on 2027-03-14"]),
        ("30 1 * * *", NEW_YORK, ["fires twice on 2026-11-01"]),
        ("30 2 * * *", "Europe/Paris", ["is skipped on 2027-03-28", "fires twice on 2026-10-25"]),
        ("30 2 * * MON-FRI", NEW_YORK, []),  # clocks change on Sundays
        ("0 0 * * *", "Africa/Cairo", ["is skipped on 2027-04-30"]),
        ("0 6 * * *", NEW_YORK, []),
        ("30 * * * *", NEW_YORK, []),  # one run in each real hour: clock changes skip or double none
        ("30 2 * * *", "UTC", []),
        ("30 2 * * *", None, []),
        ("30 2 * * *", "Asia/Tokyo", []),
        ("0 0 30 2 *", "UTC", ["never fires: no day of the next 5 years matches"]),
        (", * * * *", None, ["field minute has no value"]),
        ("0 , * * *", None, ["field hour has no value"]),
        ("0 0 , * *", None, ["field day of month has no value"]),
        ("0 0 * , *", None, ["field month has no value"]),
        ("0 0 * * ,", None, ["field day of week has no value"]),
        ("0 0 , * MON", None, []),  # a field without a value is no error here: the other day field is enough
        (
            "0 12 * * FRI",
            "Africa/Cairo",
            ["is skipped on 2027-04-30 at 12:00"],
        ),  # clocks skip midnight on this day, and Argo's library then skips the whole day
        ("0 12 * * THU", "Africa/Cairo", []),
        ("0 2 * * *", "Australia/Lord_Howe", ["is skipped on 2026-10-04: "]),
        ("@every 90m", NEW_YORK, ["counts from when the controller starts"]),
        ("@daily", NEW_YORK, []),
    ],
)
def test_warnings(text: str, zone: str | None, says: list[str]) -> None:
    found = cron.warnings(text, zone, now=NOW)
    assert len(found) == len(says)
    assert all(any(part in each.message for each in found) for part in says)


@pytest.mark.parametrize("zone", [NEW_YORK, "Europe/Paris", "Africa/Cairo"])
@pytest.mark.parametrize("text", ["30 1 * * *", "30 2 * * *", "15 0 * * *"])
def test_warnings_agree_with_the_times(zone: str, text: str) -> None:
    """A daily schedule has a warning exactly if some day of the next year has no run, or two runs."""
    days = []
    at: datetime | None = NOW.astimezone(ZoneInfo(zone))
    while (at := cron.parse(text).next(at)) and at < NOW + timedelta(days=365):  # type: ignore[arg-type]
        days.append(at.date())
    skipped = any(b - a > timedelta(days=1) for a, b in itertools.pairwise(days))
    doubled = len(set(days)) < len(days)
    found = " ".join(each.message for each in cron.warnings(text, zone, now=NOW))
    assert (skipped, doubled) == ("is skipped" in found, "fires twice" in found)


def test_time_zones_are_known_by_their_exact_names() -> None:
    assert cron.check_timezone("UTC") is None
    assert cron.check_timezone("Europe/Paris") is None
    assert "did you mean 'Europe/Paris'?" in str(cron.check_timezone("europe/paris"))
    assert "did you mean 'America/New_York'?" in str(cron.check_timezone("New York"))
    assert "not known" in str(cron.check_timezone("Local"))
