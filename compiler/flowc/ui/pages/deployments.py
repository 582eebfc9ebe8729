"""The page of deployments: the flows on the cluster, and the schedules that the runs of the store have recorded."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import TYPE_CHECKING, Final

from flowc.cron.firing_times import FiringTimes, firing_times
from flowc.ui.acting.startable import flow_files
from flowc.ui.site import SitePage
from flowc_ir.late.namedtuple import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

    from starlette.requests import Request

    from flowc.targets.deployment import DeployedRow
    from flowc.ui.page_data.recorded_schedules import RecordedSchedule
    from flowc.ui.page_data.run_rows import ListedRun
    from flowc.ui.site import Site


SHOWN: Final = 5
"""The number of firing times that the page shows."""


class ShownDeployment(NamedTuple):
    """A deployed flow with its next firing times, and its last runs in this store, oldest first."""

    row: DeployedRow
    firing: FiringTimes
    runs: Sequence[ListedRun]


class ShownSchedule(NamedTuple):
    """A recorded schedule with its next firing times, and the last runs of its flow, oldest first."""

    recorded: RecordedSchedule
    firing: FiringTimes
    runs: Sequence[ListedRun]


def deployments_page(site: Site, request: Request) -> SitePage:
    """Return the page of deployments."""
    now = datetime.now(timezone.utc)
    answer = site.cluster.answer()
    recorded = [
        ShownSchedule(each, firing_times(each.crons, each.timezone or "UTC", now, SHOWN), site.index.trend(each.flow))
        for each in site.schedules.all()
    ]
    values = {
        "problem": answer.problem,
        "deployed": [_shown(site, row, now) for row in answer.flows],
        "recorded": recorded,
        "files": flow_files(site.actions.directory) if site.actions is not None else [],
    }
    return SitePage("deployments.html", values, "Deployments")


def _shown(site: Site, row: DeployedRow, now: datetime) -> ShownDeployment:
    if row.suspended or row.stopped:
        firing = FiringTimes((), f"no run starts: the schedule {'is suspended' if row.suspended else 'has ended'}")
    elif row.schedules and row.timezone is None:
        firing = FiringTimes((), "unknown: the schedule has no time zone, and uses the one of the cluster's controller")
    else:
        firing = firing_times(row.schedules, row.timezone, now, SHOWN) if row.timezone else FiringTimes(())
    return ShownDeployment(row, firing, site.index.trend(row.flow) if row.flow else ())
