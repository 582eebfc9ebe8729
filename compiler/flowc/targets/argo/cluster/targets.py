"""Finds the run or the deployed flow that a name on the command line means."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, TypeAlias, final

from flowc.targets.argo.cluster.errors import ClusterError
from flowc.targets.argo.cluster.resource_kinds import (
    CRON,
    FLOW_LABEL,
    TEMPLATE,
    WORKFLOW,
    check_version,
    labels_of,
    name_of,
)
from flowc.targets.argo.names import flow_name
from flowc_ir.late.dataclass import dataclass
from flowc_ir.late.pattern import late_pattern
from flowc_ir.suggestion import closest, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flowc.targets.argo.cluster.api import Cluster
    from flowc.targets.argo.cluster.resource_kinds import ResourceKind
    from flowc.targets.argo.object_types import Object

_OBJECT_NAME = late_pattern(r"[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?", re.ASCII)


@final
@dataclass(frozen=True, slots=True)
class Run:
    """A run on the cluster."""

    name: str
    workflow: Object


@final
@dataclass(frozen=True, slots=True)
class Deployed:
    """A deployed flow: its template, its schedule, or both."""

    name: str
    template: Object | None
    cron: Object | None


ClusterTarget: TypeAlias = Run | Deployed


def find_target(cluster: Cluster, text: str) -> ClusterTarget:
    """Return the run or the flow that `text` names.

    Args:
        cluster: the cluster.
        text: a run's name, FLOW/RUN, the name of a flow's template, or the name of a flow's class; runs take
            precedence.

    Raises:
        ClusterError: no such run or flow exists (the hint has similar names), a newer flowc deployed the run or flow,
            or the cluster does not answer.
    """
    run = text.rpartition("/")[2]
    if workflow := _find(cluster, WORKFLOW, run):
        return Run(run, workflow)
    if "/" not in text and (deployed := find_deployed(cluster, text)):
        return deployed
    raise ClusterError(*missing(cluster, "run or flow", run, [TEMPLATE, WORKFLOW]))


def find_run(cluster: Cluster, text: str) -> Run:
    """Return the run that `text` names, which is a run's name or FLOW/RUN.

    Raises:
        ClusterError: the run does not exist, a newer flowc deployed the run's flow, or the cluster does not answer.
    """
    run = text.rpartition("/")[2]
    if workflow := _find(cluster, WORKFLOW, run):
        return Run(run, workflow)
    raise ClusterError(*missing(cluster, "run", run, [WORKFLOW]))


def find_deployed(cluster: Cluster, text: str) -> Deployed | None:
    """Return the deployed flow whose template or class has the name `text`; None if no such flow is deployed.

    Raises:
        ClusterError: a newer flowc deployed the flow, or the cluster does not answer.
    """
    for name in flow_names(text):
        template, cron = _find(cluster, TEMPLATE, name), _find(cluster, CRON, name)
        if template or cron:
            return Deployed(name, template, cron)
    return None


def _find(cluster: Cluster, kind: ResourceKind, name: str) -> Object | None:
    """Return the object of this name, or None. Raises ClusterError if a newer flowc deployed it."""
    item = cluster.find(kind, name) if _OBJECT_NAME.fullmatch(name) else None
    if item is not None:
        check_version(item, kind)
    return item


def flow_names(text: str) -> list[str]:
    """Return the possible names of a flow's template, if the user calls the flow `text`; the likeliest name is
    first."""
    own = [text] if _OBJECT_NAME.fullmatch(text) else []
    return list(dict.fromkeys([*own, flow_name(text)]))


def missing(cluster: Cluster, what: str, text: str, kinds: Sequence[ResourceKind]) -> tuple[str, str | None]:
    """Return the message and the hint for a run or flow that does not exist; the hint has similar names.

    Args:
        cluster: the cluster.
        what: what `text` should name, for the message: `run` or `run or flow`.
        text: the name that does not exist.
        kinds: the kinds of objects whose names the hint may suggest.

    Raises:
        ClusterError: the cluster does not answer.
    """
    known = [name_of(item) for kind in kinds for item in cluster.search(kind)]
    message = f"there is no {what} '{text}' in namespace {cluster.namespace}"
    for name in (text, flow_name(text)):
        if close := closest(name, known):
            return message, did_you_mean(close)
    if not known:
        return message, "flowc deploy puts a flow there"
    newest = sorted(known)[:5]
    return message, f"there are {', '.join(newest)}{', …' if len(known) > len(newest) else ''}"


def runs_of(cluster: Cluster, flow: str | None) -> list[Object]:
    """Return one object for each run of a flow, or of all flows, newest first. The objects have only the field
    `metadata`.

    Args:
        cluster: the cluster.
        flow: the value of the flow's label; None for the runs of all flows.

    Raises:
        ClusterError: the cluster does not answer.
    """
    items = cluster.search(WORKFLOW, f"{FLOW_LABEL}={flow}" if flow else FLOW_LABEL)
    return sorted(items, key=lambda item: (item["metadata"]["creationTimestamp"], name_of(item)), reverse=True)


def flow_label(target: ClusterTarget) -> str | None:
    """Return the label by which all objects of the target's flow can be found on the cluster; None if flowc did not
    create the target."""
    match target:
        case Run(workflow=item):
            return labels_of(item).get(FLOW_LABEL)
        case Deployed(template=template, cron=cron):
            return labels_of(template or cron or {"metadata": {}}).get(FLOW_LABEL)
