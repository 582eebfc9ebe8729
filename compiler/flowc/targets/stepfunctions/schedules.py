"""Converts the cron expressions of a flow to expressions of EventBridge Scheduler."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowc.cron import CronError, CronFields, Every, parse

if TYPE_CHECKING:
    from collections.abc import Set

_DAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")


class ScheduleProblem(Exception):
    """EventBridge Scheduler cannot express a schedule: `message` says why, `hint` says what to write instead."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


def schedule_expression(cron: str) -> str:
    """Return the EventBridge expression of a schedule: a cron expression of five fields, a macro, or `@every 90m`.

    Raises:
        ScheduleProblem: EventBridge Scheduler has no such expression.
    """
    try:
        schedule = parse(cron)
    except CronError as error:
        raise ScheduleProblem(str(error), "correct the expression") from error
    match schedule:
        case Every(seconds=seconds) if seconds % 60:
            raise ScheduleProblem(
                "AWS takes only intervals of whole minutes", "round it to minutes, such as '@every 2m'"
            )
        case Every(seconds=seconds):
            minutes = seconds // 60
            return f"rate({minutes} minute{'' if minutes == 1 else 's'})"
        case CronFields():
            return _cron(schedule)
    raise ScheduleProblem("it is of an unknown kind", "write five fields")


def _cron(fields: CronFields) -> str:
    if not (fields.minutes and fields.hours and fields.months and (fields.days or fields.weekdays)):
        raise ScheduleProblem("a field matches no value", "list at least one value in each field")
    all_days, all_weekdays = len(fields.days) == 31, len(fields.weekdays) == 7
    if not all_days and not all_weekdays:
        logic = "of either kind" if fields.either_day else "of both kinds"
        raise ScheduleProblem(
            f"it restricts days of the month and days of the week, and matches days {logic}; "
            "AWS allows only one of the two restrictions",
            "write two expressions, or restrict one of them in the first step",
        )
    days = "?" if not all_weekdays else _values(fields.days, 1, 31)
    weekdays = "?" if all_weekdays else ",".join(_DAYS[day] for day in sorted(fields.weekdays))
    minutes, hours = _values(fields.minutes, 0, 59), _values(fields.hours, 0, 23)
    return f"cron({minutes} {hours} {days} {_values(fields.months, 1, 12)} {weekdays} *)"


def _values(values: Set[int], low: int, high: int) -> str:
    """Return the values of a field as text, with ranges: `1-5,9`; `*` if the field has all values."""
    if len(values) == high - low + 1:
        return "*"
    found: list[list[int]] = []
    for value in sorted(values):
        if found and value == found[-1][-1] + 1:
            found[-1].append(value)
        else:
            found.append([value])
    return ",".join(f"{run[0]}-{run[-1]}" if len(run) > 2 else ",".join(map(str, run)) for run in found)
