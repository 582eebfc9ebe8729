"""Suspends, ends and deletes runs, schedules and whole flows."""

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
    from flowc.targets.argo.cluster.resource_kinds import ResourceKind
    from flowc.targets.argo.cluster.targets import ClusterTarget
    from flowc.targets.argo.object_types import Object

INTERVAL = 1.0  # seconds between two requests for the state of a run that is ending


def suspend(cluster: Cluster, target: ClusterTarget, *, on: bool) -> str:
    """Suspend or unsuspend a run or a schedule, and return a sentence for the user.

    When a run is suspended, tasks that have started continue, and no other tasks start.

    Args:
        cluster: the cluster.
        target: the run or the deployed flow.
        on: whether to suspend the target; if false, the target continues.

    Raises:
        ClusterError: the run has ended, the flow has no schedule, or the cluster refuses the request.
    """
    kind, name, item = _suspendable(target)
    before = bool((item.get("spec") or {}).get("suspend"))
    what = f"run {name}" if kind is WORKFLOW else f"the schedule of {name}"
    if before == on:
        return f"{what} is {'already suspended' if on else 'not suspended'}"
    cluster.patch(kind, name, {"spec": {"suspend": True if on else None}})
    if kind is WORKFLOW:
        return f"{what} is suspended: started tasks continue, no others start" if on else f"{what} continues"
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
    """End a run.

    Args:
        cluster: the cluster.
        run: the run.
        now: whether to end the run without its exit handler, which records the run's end in the store.

    Raises:
        ClusterError: the run has already ended, or the cluster refuses the request.
    """
    seen = view(run.workflow)
    if not seen.active:
        raise ClusterError(f"run {run.name} has ended: {seen.phase}")
    cluster.patch(WORKFLOW, run.name, {"spec": {"shutdown": "Terminate" if now else "Stop", "suspend": None}})


def wait(cluster: Cluster, name: str, seconds: float, *, sleep: Callable[[float], None] = time.sleep) -> Object | None:
    """Wait until a run has ended and return its Workflow; return None if the run is active after `seconds`.

    Args:
        cluster: the cluster.
        name: the run's name.
        seconds: how long to wait; 0 checks the state only once.
        sleep: the function that waits between two requests; tests replace it.

    Raises:
        Missing: the run was deleted.
        ClusterError: the cluster does not answer, or refuses the request.
    """
    deadline = time.monotonic() + seconds
    while True:
        workflow = cluster.get(WORKFLOW, name)
        if not view(workflow).active:
            return workflow
        if time.monotonic() >= deadline:
            return None
        sleep(INTERVAL)


def record_end(cluster: Cluster, workflow: Object, user: str) -> str | None:
    """Record in the store that the run was terminated. Return None, or the reason why this machine cannot record it.

    The exit handler does not record a termination: it records a terminated run as failed, and it does not run at all if
    the run was ended with `now`. The record of a run that succeeded is not changed.

    Args:
        cluster: the cluster.
        workflow: the run's Workflow.
        user: the user who ended it, for the record's message.

    Raises:
        ClusterError: a newer flowc deployed the run's code, or the cluster does not answer.
    """
    flow, url = flow_of(cluster, workflow), store_of(workflow)
    if flow is None or url is None:
        return "its code is not on the cluster, so its name in the store is unknown"
    try:
        run = Store.open(url).run(flow.name, name_of(workflow))
        if not run.exists():  # a file:// store may be on a volume that only pods can read
            return f"this machine finds no record of it in the store {url}"
        if run.status()["state"] != "succeeded":
            now = time.time()
            message = f"terminated by {user}"
            run.set_status({"state": "interrupted", "changed": now, "message": message, "ended": now})
    except FlowcError as error:
        return str(error)
    return None


# -- deleting ----------------------------------------------------------------------------------------------------------


def belongings(cluster: Cluster, target: ClusterTarget) -> list[tuple[ResourceKind, str]]:
    """Return (kind, name) for each object on the cluster that belongs to a run or a deployed flow, in the order in
    which the objects must be deleted. The schedule comes first, so that it does not start a run of a deleted template.

    Raises:
        ClusterError: flowc did not deploy the flow, or the cluster does not answer.
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
        hint = "kubectl delete also removes objects that flowc did not create"
        raise ClusterError(f"{name} was not deployed by flowc", hint)
    for kind in (CRON, TEMPLATE, CONFIG_MAP):
        for found in cluster.search(kind, f"{FLOW_LABEL}={flow},{MANAGED_LABEL}=flowc"):
            yield kind, name_of(found)


def active_runs(cluster: Cluster, target: ClusterTarget) -> list[str]:
    """Return the names of the active runs that would end or fail if the target were deleted.

    Raises:
        ClusterError: the cluster does not answer.
    """
    match target:
        case Run(name=name, workflow=workflow):
            return [name] if view(workflow).active else []
        case Deployed(template=template, cron=cron):
            flow = labels_of(template or cron or {"metadata": {}}).get(FLOW_LABEL)
            items = cluster.search(WORKFLOW, f"{FLOW_LABEL}={flow}") if flow else []
            return [name_of(item) for item in items if is_active(item)]
