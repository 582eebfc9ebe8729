"""The next start of a scheduled flow, computed like in Argo's controller.

The status of a CronWorkflow has only the time of the last start (`lastScheduledTime`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowc.cron.firing_times import firing_times

if TYPE_CHECKING:
    from datetime import datetime

    from flowc.targets.argo.object_types import Object


def next_start(cron: Object, now: datetime) -> datetime | None:
    """Return the next time at which the controller starts a run of a CronWorkflow, in the schedule's time zone.

    The result is None if the schedule is suspended, has ended (the phase `Stopped`) or matches no time in the next five
    years. The result is also None if only the controller knows the time: it counts `@every` from its own start, and
    uses its own time zone if the schedule has no time zone. The result is also None if one of several schedules is
    invalid, because the controller then starts no run.

    Args:
        cron: the CronWorkflow.
        now: an aware datetime; the result is later.
    """
    spec = cron.get("spec") or {}
    timezone = spec.get("timezone")
    if spec.get("suspend") or (cron.get("status") or {}).get("phase") == "Stopped" or not timezone:
        return None
    return next(iter(firing_times(spec.get("schedules") or [], timezone, now, 1).times), None)
