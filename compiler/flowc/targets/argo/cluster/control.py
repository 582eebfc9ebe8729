"""Holding, ending and removing what runs: runs, schedules and whole flows."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from flowc.targets.argo.cluster.errors import ClusterError
from flowc.targets.argo.cluster.resource_kinds import (
    CONFIG_MAP,
    CRON,
    FLOW_LABEL,
    MANAGED_LABEL,
    TEMPLATE,
    WORKFLOW,
    labels_of,
    name_of,
)
from flowc.targets.argo.cluster.submission import flow_of
from flowc.targets.argo.cluster.targets import Deployed, Run
from flowc.targets.argo.cluster.workflows import is_active, store_of, view
from flowc_runtime.base.errors import FlowcError
from flowc_runtime.store.records.store import Store

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from flowc.targets.argo.cluster.api import Cluster
    from flowc.targets.argo.cluster.resource_kinds import Object, ResourceKind
    from flowc.targets.argo.cluster.targets import ClusterTarget

INTERVAL = 1.0  # seconds between two looks at a run that is to end


def suspend(cluster: Cluster, target: ClusterTarget, *, on: bool) -> str:
    """Hold a run (what it has started goes on, nothing new starts) or a schedule, or let it go on; says what was done.

    Raises:
        ClusterError: the run has ended, or the flow has no schedule.
    """
    kind, name, item = _suspendable(target)
    before = bool((item.get("spec") or {}).get("suspend"))
    what = f"run {name}" if kind is WORKFLOW else f"the schedule of {name}"
    if before == on:
        return f"{what} is {'suspended already' if on else 'not suspended'}"
    cluster.patch(kind, name, {"spec": {"suspend": True if on else None}})
    if kind is WORKFLOW:
        return f"{what} is suspended: its tasks go on, no other starts" if on else f"{what} goes on"
    return f"{what} is suspended: it starts no runs" if on else f"{what} starts runs again"


def _suspendable(target: ClusterTarget) -> tuple[ResourceKind, str, Object]:
    match target:
        case Run(name=name, workflow=workflow):
            if (phase := view(workflow).phase) and not view(workflow).active:
                raise ClusterError(f"run {name} has ended: {phase}")
            return WORKFLOW, name, workflow
        case Deployed(name=name, cron=None):
            raise ClusterError(
                f"{name} has no schedule, so there is nothing to suspend", "name one of its runs: flowc runs --cluster"
            )
        case Deployed(name=name, cron=cron):
            assert cron is not None
            return CRON, name, cron


# -- ending a run ------------------------------------------------------------------------------------------------------


def end(cluster: Cluster, run: Run, *, now: bool) -> None:
    """Tell Argo to end a run: with its exit handler, which records the end in the store, or `now`, without.

    Raises:
        ClusterError: it has ended already.
    """
    seen = view(run.workflow)
    if not seen.active:
        raise ClusterError(f"run {run.name} has ended: {seen.phase}")
    cluster.patch(WORKFLOW, run.name, {"spec": {"shutdown": "Terminate" if now else "Stop", "suspend": None}})


def wait(cluster: Cluster, name: str, seconds: float, *, sleep: Callable[[float], None] = time.sleep) -> Object | None:
    """The workflow once it has ended, or None if that takes longer. Raises ClusterError, Missing if it is deleted."""
    deadline = time.monotonic() + seconds
    while True:
        workflow = cluster.get(WORKFLOW, name)
        if not view(workflow).active:
            return workflow
        if time.monotonic() >= deadline:
            return None
        sleep(INTERVAL)


def record_end(cluster: Cluster, workflow: Object, user: str) -> str | None:
    """Write into the store that the run was terminated; or say why that cannot be done from here.

    The exit handler knows only that the run failed, and does not run at all if it is ended `now`.
    """
    flow, url = flow_of(cluster, workflow), store_of(workflow)
    if flow is None or url is None:
        return "its code is not on the cluster, so its name in the store is not known"
    try:
        run = Store.open(url).run(flow.name, name_of(workflow))
        if not run.exists():  # also where file:// is a volume of the pods, not this machine's directory
            return f"the store {url} has no record of it, as seen from here"
        if run.status()["state"] != "succeeded":
            now = time.time()
            message = f"terminated by {user}"
            run.set_status({"state": "interrupted", "changed": now, "message": message, "ended": now})
    except FlowcError as error:
        return str(error)
    return None


# -- deleting ----------------------------------------------------------------------------------------------------------


def belongings(cluster: Cluster, target: ClusterTarget) -> list[tuple[ResourceKind, str]]:
    """What deleting the target deletes: the schedule before the template, so that no run starts in between.

    Raises:
        ClusterError: the flow was not put there by flowc.
    """
    match target:
        case Run(name=name):
            return [(WORKFLOW, name)]
        case Deployed(name=name, template=template, cron=cron):
            return list(_of_flow(cluster, name, template or cron or {"metadata": {}}))


def _of_flow(cluster: Cluster, name: str, item: Object) -> Iterator[tuple[ResourceKind, str]]:
    labels = labels_of(item)
    flow = labels.get(FLOW_LABEL)
    if labels.get(MANAGED_LABEL) != "flowc" or not flow:
        raise ClusterError(f"{name} was not deployed by flowc", "kubectl delete removes what others have put there")
    for kind in (CRON, TEMPLATE, CONFIG_MAP):
        for found in cluster.search(kind, f"{FLOW_LABEL}={flow},{MANAGED_LABEL}=flowc"):
            yield kind, name_of(found)


def active_runs(cluster: Cluster, target: ClusterTarget) -> list[str]:
    """The runs that have yet to end and would lose what they need, or themselves."""
    match target:
        case Run(name=name, workflow=workflow):
            return [name] if view(workflow).active else []
        case Deployed(template=template, cron=cron):
            flow = labels_of(template or cron or {"metadata": {}}).get(FLOW_LABEL)
            items = cluster.search(WORKFLOW, f"{FLOW_LABEL}={flow}") if flow else []
            return [name_of(item) for item in items if is_active(item)]
