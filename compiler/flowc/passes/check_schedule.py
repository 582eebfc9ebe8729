"""Warn about a flow's schedule that may not start runs when its author expects.

@schedule(cron="0 0 * * *", timezone="Africa/Cairo")

warning[schedule-clock-change]: '0 0 * * *' is skipped on 2026-04-24: clocks in Africa/Cairo go forward and …
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from flowc_ir import codes
from flowc_ir.diagnostic import Faults

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flowc.cron import AdviceKind
    from flowc.passes.context import Context
    from flowc_ir import Flow
    from flowc_ir.diagnostic import Diagnostic

_CODES: Final[Mapping[AdviceKind, str]] = {
    "never": codes.SCHEDULE_NEVER_FIRES,
    "interval": codes.SCHEDULE_INTERVAL,
    "skipped": codes.SCHEDULE_CLOCK_CHANGE,
    "doubled": codes.SCHEDULE_CLOCK_CHANGE,
}


def check_schedule(flow: Flow, context: Context) -> tuple[Diagnostic, ...]:
    """Return warnings about the next five years of the schedule.

    Returns:
        The warnings: for each cron expression, at most one of each kind (`AdviceKind`). The result is empty if the
        schedule will not start runs (`context.scheduled`), or if this machine lacks the time zone.

    Raises:
        CronError: Argo does not accept a cron expression. This happens only if the front end has not checked the
            expressions.
    """
    if flow.schedule is None or not context.scheduled:
        return ()
    from zoneinfo import ZoneInfoNotFoundError

    from flowc.cron import warnings

    schedule = flow.schedule
    try:
        found = [each for cron in schedule.crons for each in warnings(cron, schedule.timezone, now=context.now)]
    except ZoneInfoNotFoundError:
        return ()
    faults = Faults()
    for each in found:
        faults.add(_CODES[each.kind], schedule.where, each.message, hint=each.hint)
    return tuple(faults)
