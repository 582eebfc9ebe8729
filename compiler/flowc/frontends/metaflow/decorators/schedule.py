"""Read `@schedule` on a flow's class into the IR's `Schedule`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypedDict, cast

from flowc.frontends.metaflow.decorators.reader import BOOL as _BOOL
from flowc.frontends.metaflow.decorators.reader import ArgumentKind
from flowc_ir import Schedule, codes

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from flowc.frontends.metaflow.decorators.reader import Reader
    from flowc_ir import Span
    from metaflow.decorators import Applied

    class _Arguments(TypedDict, total=False):
        hourly: bool
        daily: bool
        weekly: bool
        cron: str | Sequence[str] | None
        timezone: str | None


_FIELDS: Final = "the five fields are minute, hour, day of month, month and day of week"


def _is_crons(value: object) -> bool:
    several = value if isinstance(value, (list, tuple)) else [value]
    return value is None or (bool(several) and all(isinstance(cron, str) for cron in several))


SCHEDULE: Final[Mapping[str, ArgumentKind]] = {
    "hourly": _BOOL,
    "daily": _BOOL,
    "weekly": _BOOL,
    "cron": ArgumentKind("a cron expression as text, or a list of them", _is_crons),
    "timezone": ArgumentKind("a time zone's name as text", lambda value: value is None or isinstance(value, str)),
}
_CRONS: Final = {"hourly": "0 * * * *", "daily": "0 0 * * *", "weekly": "0 0 * * 0"}


def read_schedule(reader: Reader, applied: Applied) -> Schedule | None:
    """Return the flow's schedule; None if the decorator has a fault, which is reported, or sets only `daily=False`.

    Cron expressions in the result have Argo's five fields. An AWS expression, which has six fields, is converted if
    five fields can express the same times.

    Args:
        reader: reads decorators of the class and collects their faults.
        applied: the decorator `@schedule` as it was applied.
    """
    arguments = cast("_Arguments | None", reader.arguments(applied, SCHEDULE))
    if arguments is None:
        return None
    before = len(reader.faults)
    crons = _crons(applied, arguments, reader)
    timezone = arguments.get("timezone")
    if timezone is not None:
        _check_timezone(applied, timezone, reader)
    where = reader.span(applied)
    if len(reader.faults) > before or not crons:
        return None
    return Schedule(crons=crons, timezone=timezone, where=where)


def _crons(applied: Applied, arguments: _Arguments, reader: Reader) -> tuple[str, ...]:
    cron = arguments.get("cron")
    chosen = [name for name in _CRONS if arguments.get(name)] + (["cron"] if cron is not None else [])
    if len(chosen) > 1:
        reader.faults.add(
            codes.BAD_SCHEDULE,
            reader.span(applied, chosen[1]),
            f"@schedule has both {' and '.join(chosen)}",
            hint='keep one of them; for several times give a list: cron=["…", "…"]',
        )
        return ()
    if not chosen:
        return (_CRONS["daily"],) if arguments.get("daily", True) else ()
    if cron is None:
        return (_CRONS[chosen[0]],)
    several = (cron,) if isinstance(cron, str) else tuple(cron)
    return tuple(_read_cron(one, reader.span(applied, "cron", index), reader) for index, one in enumerate(several))


def _read_cron(written: str, span: Span, reader: Reader) -> str:
    """Return a cron expression in Argo's form with five fields; report an invalid expression."""
    fields = written.split()
    # A cron expression of AWS has six fields: the minute first, the year last, and `?` for the day of the month or of
    # the week. Other formats with six fields start with seconds, so that their `?` is at another position.
    of_aws = len(fields) == 6 and (fields[2] == "?") != (fields[4] == "?")
    if of_aws and fields[5] == "*" and not any(map(str.isdigit, fields[4])):
        five = " ".join(fields[:5]).replace("?", "*")
        _check_cron(five, written, span, reader)
        return five
    if of_aws and (fields[5] == "*" or fields[5][:2] == "20"):
        what = "a year" if fields[5] != "*" else "days of the week by numbers, which AWS counts from 1 and Argo from 0"
        hint = ("leave the year out, and remove the schedule when it is no longer needed" if fields[5] != "*" else
                "name the days, such as MON-FRI, or write Argo's five fields")  # fmt: skip
        reader.faults.add(codes.BAD_SCHEDULE, span, f"{written!r} is an AWS schedule with {what}", hint=hint)
        return written
    _check_cron(written, written, span, reader)
    return written


def _check_cron(cron: str, written: str, span: Span, reader: Reader) -> None:
    from flowc.cron import check

    refusal = check(cron)
    if refusal is not None:
        message = f"{written!r} is not a schedule: {refusal.message}"
        reader.faults.add(codes.BAD_SCHEDULE, span, message, hint=refusal.hint or _FIELDS)


def _check_timezone(applied: Applied, timezone: str, reader: Reader) -> None:
    from zoneinfo import ZoneInfo

    try:
        ZoneInfo(timezone)
    except (KeyError, ValueError, OSError):  # the name is unknown, an absolute path, or a directory
        from flowc.cron import check_timezone  # imported only after an error: it compares all time zones

        refusal = check_timezone(timezone)
    else:
        return
    if refusal is not None:
        span = reader.span(applied, "timezone")
        reader.faults.add(codes.BAD_SCHEDULE, span, refusal.message, hint=refusal.hint)
