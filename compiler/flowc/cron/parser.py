"""The parser of cron schedules. It returns a schedule, or raises an error with a hint."""

from __future__ import annotations

import re

from flowc.cron.schedule import CronFields, CronSchedule, Every
from flowc_ir.late.dataclass import dataclass
from flowc_ir.late.namedtuple import NamedTuple
from flowc_ir.late.pattern import late_pattern
from flowc_ir.suggestion import closest, did_you_mean


class Refusal(NamedTuple):
    """The reason why a schedule or time zone is refused, and a hint, if one is known, that says what to write
    instead."""

    message: str
    hint: str | None = None

    def __str__(self) -> str:
        """Return the message and the hint in one line."""
        return self.message if self.hint is None else f"{self.message}: {self.hint}"


class CronError(ValueError):
    """The error for a cron expression that Argo would refuse. The attribute `refusal` is the reason."""

    def __init__(self, message: str, hint: str | None = None) -> None:
        self.refusal = Refusal(message, hint)
        super().__init__(str(self.refusal))


@dataclass(frozen=True)
class _Kind:
    name: str
    low: int
    high: int
    names: tuple[str, ...] = ()  # the first name stands for the number `low`, the second name for `low + 1`


_MINUTE, _HOUR, _DAY = _Kind("minute", 0, 59), _Kind("hour", 0, 23), _Kind("day of month", 1, 31)
_MONTH = _Kind("month", 1, 12, ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"))
_WEEKDAY = _Kind("day of week", 0, 6, ("sun", "mon", "tue", "wed", "thu", "fri", "sat"))

_MACROS = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
# White space as Go defines it. `str.split` would also split at U+001C to U+001F.
_SPACE = late_pattern("[\t\n\v\f\r \x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+")
_INTEGER = late_pattern(r"\+?(?=[0-9])0*([0-9]*)")
_DURATION_PART = late_pattern(r"([0-9]*)(?:\.([0-9]*))?([^.0-9]+)")
_NANOSECONDS = {"ns": 1, "us": 10**3, "µs": 10**3, "μs": 10**3, "ms": 10**6, "s": 10**9, "m": 60 * 10**9}
_NANOSECONDS["h"] = 60 * _NANOSECONDS["m"]
_INT64 = 2**63 - 1

# The pattern in Argo 4's CronWorkflow resource. A schedule must match this pattern and be valid for the Go library.
ARGO_4 = (
    r"^(@(yearly|annually|monthly|weekly|daily|midnight|hourly)|@every\s+([0-9]+(ns|us|µs|ms|s|m|h))+|"
    r"([A-Za-z0-9*,/?-]+\s+){4}[A-Za-z0-9*,/?-]+)$"
)


def check(cron: str) -> Refusal | None:
    """Return the reason why Argo refuses a schedule, or None if Argo accepts it.

    The schedule must be valid for `parse` and match the pattern of Argo 4's CronWorkflow resource (`ARGO_4`).
    """
    try:
        parse(cron)
    except CronError as error:
        return error.refusal
    if not re.fullmatch(ARGO_4, cron):
        hint = "write whole numbers without signs and without white space around them"
        return Refusal(f"{cron!r} is refused by Argo 4", hint)
    return None


def parse(cron: str) -> CronSchedule:
    """Parse a schedule by the rules of robfig/cron v3, `ParseStandard`: five fields, a macro such as `@daily`, or
    `@every`.

    Raises:
        CronError: the library would refuse the schedule. The error's `refusal` has the reason and, if known, a hint.
    """
    if cron.startswith(("TZ=", "CRON_TZ=")):
        raise CronError(f"{cron.split('=')[0]}= is not part of an Argo schedule", "give the time zone in `timezone`")
    if cron.startswith("@"):
        return _macro(cron)
    words = [word for word in _SPACE.split(cron) if word]
    if not words:
        raise CronError("the schedule is empty", "five fields are needed, such as '0 6 * * *' for 06:00 every day")
    if len(words) != 5:
        raise _wrong_count(words)
    kinds = (_MINUTE, _HOUR, _DAY, _MONTH, _WEEKDAY)
    (minutes, _), (hours, _), (days, any_day), (months, _), (weekdays, any_weekday) = map(_values, words, kinds)
    # If neither of the two day fields has a star, a day has to match only one of them: `0 0 1 * MON` matches the 1st of
    # a month, and each Monday.
    return CronFields(minutes, hours, days, months, weekdays, either_day=not (any_day or any_weekday))


def _wrong_count(words: list[str]) -> CronError:
    count, fields = len(words), "minute, hour, day of month, month, day of week"
    if count not in (6, 7):
        return CronError(f"{count} field{'s' * (count > 1)}, but five are needed", fields)
    five = " ".join(words[1:6])
    hint = f"write {fields if check(five) else repr(five)}"
    return CronError(f"{count} fields, but Argo has no seconds and no years", hint)


def _values(text: str, kind: _Kind) -> tuple[frozenset[int], bool]:
    """Return the values that a field matches, and whether one of its items is a plain star."""
    found: set[int] = set()
    star = False
    for item in filter(None, text.split(",")):
        values, all_of_them = _item(item, kind)
        found.update(values)
        star = star or all_of_them
    return frozenset(found), star


def _item(item: str, kind: _Kind) -> tuple[range, bool]:
    span, *steps = item.split("/")
    first, *rest = span.split("-")
    if len(steps) > 1:
        raise CronError(f"{kind.name} {item!r} has more than one '/'")
    if first in ("*", "?"):
        low, high = kind.low, kind.high
    else:
        if len(rest) > 1:
            raise CronError(f"{kind.name} {item!r} has more than one '-'")
        low = _number(first, item, kind)
        high = _number(rest[0], item, kind) if rest else low
    step = _number(steps[0], item, kind, a_step=True) if steps else 1
    if steps and not rest:
        high = kind.high  # `N/step` is the range from N to the field's largest value
    for end in (low, high):
        if not kind.low <= end <= kind.high:
            raise _out_of_range(end, kind)
    if low > high:
        wrap = f"{span.split('-')[0]}-{_name(kind.high, kind, span)},{_name(kind.low, kind, span)}-{rest[0]}"
        raise CronError(f"{kind.name} {item!r} runs backwards, and a range does not wrap around", f"write {wrap}")
    if step == 0:
        raise CronError(f"{kind.name} {item!r} has a step of 0", "the smallest step is 1")
    return range(low, high + 1, step), first in ("*", "?") and step == 1


def _number(text: str, item: str, kind: _Kind, a_step: bool = False) -> int:
    if not a_step and text.lower() in kind.names:
        return kind.low + kind.names.index(text.lower())
    digits = _INTEGER.fullmatch(text)
    if digits and len(digits[1]) <= 19 and int(digits[1] or "0") <= _INT64:  # `int` refuses thousands of digits
        return int(digits[1] or "0")
    raise CronError(f"{kind.name} {item!r} is not understood", _habit(item, text, kind))


def _habit(item: str, text: str, kind: _Kind) -> str:
    """Return a hint for an item of a field whose part `text` is refused by Argo. The hint says what to write
    instead."""
    upper = item.upper()
    if "#" in item:
        return "'#' (the n-th weekday of a month) does not exist here; choose days of the month and check in the flow"
    if upper == "H" or upper.startswith(("H/", "H(")):
        return f"'H' is for Jenkins; choose a {kind.name}"
    if "~" in item:
        return f"'~' (a random value) does not exist here; choose a {kind.name}"
    if kind is _DAY and upper.endswith("W"):
        return "'W' (the nearest working day) does not exist here; use MON-FRI as the day of week"
    if kind in (_DAY, _WEEKDAY) and (upper.startswith("L") or upper.endswith("L")):
        return "'L' (the last) does not exist here; use day 1 of the next month, or days 28-31 and check in the flow"
    if not kind.names:
        return f"write numbers from {kind.low} to {kind.high}, '*', a range 'a-b', a step '/n' or a list of these"
    close = [name for name in kind.names if text[:3].lower() == name]
    meant = close[0] if close else closest(text.lower(), kind.names)
    return did_you_mean(meant.upper()) if meant else f"use a number or {' '.join(kind.names).upper()}"


def _out_of_range(value: int, kind: _Kind) -> CronError:
    hint = None
    if kind is _WEEKDAY and value == 7:
        hint = "write 0 (or SUN) for Sunday"
    elif kind is _HOUR and value == 24:
        hint = "write 0 for midnight"
    return CronError(f"{kind.name} {value} is not between {kind.low} and {kind.high}", hint)


def _name(value: int, kind: _Kind, like: str) -> str:
    """Return the text of `value`. The text is a name such as MON if the author's text `like` begins with a letter,
    otherwise a number."""
    return kind.names[value - kind.low].upper() if kind.names and like[:1].isalpha() else str(value)


def _macro(text: str) -> CronSchedule:
    if text in _MACROS:
        return parse(_MACROS[text])
    if text.startswith("@every "):
        return Every(max(1, _duration(text[len("@every ") :]) // 10**9))
    if text.strip() == "@reboot":
        raise CronError(
            "@reboot does not exist in a cluster, where nothing boots", "choose a time, or start a run by hand"
        )
    if (plain := text.strip().lower()) in _MACROS:
        raise CronError(f"{text!r} is not understood", f"write {plain}")
    raise CronError(f"{text!r} is not understood", f"there are {', '.join(_MACROS)} and '@every 1h30m'")


def _duration(text: str) -> int:
    """Return the nanoseconds of a Go duration such as `1h30m` or `1.5h`.

    Go allows negative durations; a schedule treats a negative duration as one second.
    """
    unsigned = text[1:] if text[:1] in ("+", "-") else text
    if unsigned == "0":
        return 0
    total, at = 0, 0
    while part := _DURATION_PART.match(unsigned, at):
        whole, fraction, unit = part[1], part[2] or "", part[3]
        if not (whole or fraction) or unit not in _NANOSECONDS or len(whole.lstrip("0")) > 19:
            break
        total += int(whole.lstrip("0") or "0") * _NANOSECONDS[unit]
        if fraction:  # in floating point, so that 1.99…9s is rounded like in Go
            total += int(float(fraction[:18]) * (_NANOSECONDS[unit] / 10.0 ** len(fraction[:18])))
        at = part.end()
    if not unsigned or at < len(unsigned) or total > _INT64:
        raise CronError(f"@every {text!r} is not a duration", "write hours, minutes and seconds, such as 90m or 1h30m")
    return -total if text[0] == "-" else total
