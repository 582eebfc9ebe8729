"""Lists the deployed flows of a cluster for `flowc ui`, which prints nothing and must not end its process."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from flowc.targets.argo.cluster.api import connect
from flowc.targets.argo.cluster.errors import ClusterError
from flowc.targets.argo.cluster.resource_kinds import CRON, FLOW_LABEL, TEMPLATE, WORKFLOW, labels_of, name_of
from flowc.targets.argo.cluster.submission import flow_of
from flowc.targets.argo.cluster.targets import runs_of
from flowc.targets.argo.cluster.workflows import view
from flowc.targets.deployment import DeployedRow, TargetError
from flowc_runtime.base.config import configuration

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from flowc.targets.argo.cluster.api import Cluster
    from flowc.targets.argo.object_types import Object
    from flowc_ir.model import Flow

TITLE: Final = "workflows.argoproj.io/title"
"""The annotation of a template with the flow's name, which `flowc.targets.argo.spec` writes."""


def list_flows(place: Mapping[str, str | None]) -> Sequence[DeployedRow]:
    """Return the deployed flows of a cluster, sorted by name.

    Args:
        place: the values of the options --context, --kubeconfig and --namespace; a missing value is the setting's.

    Raises:
        TargetError: there is no cluster, it does not answer, or it refuses a request.
    """
    try:
        cluster = connect(
            kubeconfig=place.get("kubeconfig"),
            context=place.get("context") or configuration.text("context") or None,
            namespace=place.get("namespace") or configuration.text("namespace") or None,
        )
        return _rows(cluster)
    except ClusterError as error:
        raise TargetError(error.message, error.hint or "flowc status shows the same error") from error


def _rows(cluster: Cluster) -> list[DeployedRow]:
    templates = {name_of(item) for item in cluster.search(TEMPLATE, FLOW_LABEL)}
    crons = {name_of(item) for item in cluster.search(CRON, FLOW_LABEL)}
    newest: dict[str, str] = {}
    for item in runs_of(cluster, None):
        newest.setdefault(labels_of(item)[FLOW_LABEL], name_of(item))
    return [
        _row(cluster, name, cluster.find(TEMPLATE, name) if name in templates else None,
             cluster.find(CRON, name) if name in crons else None, newest.get(name))
        for name in sorted(templates | crons)
    ]  # fmt: skip


def _row(cluster: Cluster, name: str, template: Object | None, cron: Object | None, newest: str | None) -> DeployedRow:
    first = template or cron
    spec, status = (cron or {}).get("spec") or {}, (cron or {}).get("status") or {}
    flow = _flow(cluster, template) if template is not None else None
    workflow = cluster.find(WORKFLOW, newest) if newest is not None else None
    run = view(workflow) if workflow is not None else None
    return DeployedRow(
        name=name,
        flow=flow.name if flow is not None else _title(first),
        file=flow.code.file if flow is not None else "",
        namespace=cluster.namespace,
        deployed=None if first is None else first["metadata"].get("creationTimestamp"),
        triggers=template is not None,
        schedules=spec.get("schedules") or [],
        timezone=spec.get("timezone"),
        suspended=bool(spec.get("suspend")),
        stopped=status.get("phase") == "Stopped",
        last_started=status.get("lastScheduledTime"),
        run=run.name if run is not None else "",
        state=run.phase if run is not None else "",
        started=(run.started or run.created) if run is not None else None,
    )


def _flow(cluster: Cluster, template: Object) -> Flow | None:
    """Return the flow of a template; None if its code cannot be read, as with an account that may read no ConfigMap."""
    try:
        return flow_of(cluster, template)
    except ClusterError:
        return None


def _title(item: Object | None) -> str:
    """Return the flow's name from the annotation with its title."""
    annotations = (item["metadata"].get("annotations") if item is not None else None) or {}
    return annotations.get(TITLE, "")
