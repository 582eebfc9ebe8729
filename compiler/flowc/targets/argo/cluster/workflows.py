"""A run as the cluster sees it: the `Workflow` object read into what people ask of it."""

from __future__ import annotations

import base64
import gzip
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias, final

from flowc.targets.argo.cluster.resource_kinds import FLOW_LABEL, labels_of, name_of
from flowc_runtime.base import contract

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

Nodes: TypeAlias = "dict[str, dict[str, Any]]"

ENDED = frozenset({"Succeeded", "Failed", "Error"})
COMPLETED_LABEL = "workflows.argoproj.io/completed"
CRON_LABEL = "workflows.argoproj.io/cron-workflow"


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class NodeView:
    """A task that failed or waits: `task` is step/path, or the node's own name where it is none of a flow's."""

    task: str
    phase: str
    message: str


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class WorkflowView:
    """One run. Times are as Kubernetes writes them (RFC 3339, UTC), None for what has not happened.

    Attributes:
        flow: the label `flowc.dev/flow`, None for a workflow of somebody else's.
        phase: Argo's: Pending, Running, Succeeded, Failed, Error.
        asked: `suspended`, or what it was told to end by (`stop`, `terminate`), as long as it runs.
        progress: pods done of pods known, such as `3/7`.
        failed: tasks that failed for good.
        waiting: tasks whose pods have not started, with the reason.
        note: why there is less here than there should be.
    """

    name: str
    flow: str | None
    phase: str
    asked: str | None
    message: str
    created: str
    started: str | None
    finished: str | None
    progress: str
    failed: tuple[NodeView, ...]
    waiting: tuple[NodeView, ...]
    note: str | None = None

    @property
    def active(self) -> bool:
        """Whether it has yet to end."""
        return self.phase not in ENDED


def view(workflow: Mapping[str, Any]) -> WorkflowView:
    """What a `Workflow` says of itself."""
    status, spec = workflow.get("status") or {}, workflow.get("spec") or {}
    nodes, note = _nodes(status)
    phase = status.get("phase") or "Pending"
    asked = None
    if phase not in ENDED:
        asked = str(spec["shutdown"]).lower() if spec.get("shutdown") else "suspended" if spec.get("suspend") else None
    return WorkflowView(
        name=name_of(workflow),
        flow=labels_of(workflow).get(FLOW_LABEL),
        phase=phase,
        asked=asked,
        message=status.get("message") or "",
        created=workflow["metadata"].get("creationTimestamp") or "",
        started=status.get("startedAt"),
        finished=status.get("finishedAt"),
        progress=status.get("progress") or "",
        failed=tuple(_shown(node) for node in _failed(nodes)),
        waiting=tuple(_shown(node) for node in _waiting(nodes)),
        note=note,
    )


def is_active(item: Mapping[str, Any]) -> bool:
    """Whether a run has yet to end, from its metadata alone."""
    return labels_of(item).get(COMPLETED_LABEL) != "true"


# -- where its code and records are ------------------------------------------------------------------------------------


def body_of(item: Mapping[str, Any]) -> Mapping[str, Any]:
    """The spec that has the templates: of a run, the copy that Argo took of its template; or the spec itself."""
    stored = (item.get("status") or {}).get("storedWorkflowTemplateSpec")
    return stored or item.get("spec") or item


def code_of(item: Mapping[str, Any]) -> str | None:
    """The ConfigMap with the code and the IR that a template or a run refers to; None if it is not one of flowc's."""
    for volume in body_of(item).get("volumes") or []:
        if volume.get("name") == contract.CODE_VOLUME and "configMap" in volume:
            return str(volume["configMap"]["name"])
    return None


def store_of(item: Mapping[str, Any]) -> str | None:
    """The address of the store that the pods of a template or a run write to."""
    for template in body_of(item).get("templates") or []:
        for variable in (template.get("container") or {}).get("env") or []:
            if variable.get("name") == contract.STORE:
                return str(variable.get("value", "")) or None
    return None


# -- nodes -------------------------------------------------------------------------------------------------------------


def _nodes(status: Mapping[str, Any]) -> tuple[Nodes, str | None]:
    """The nodes of a run, which Argo compresses when there are many, or keeps in a database of its own."""
    if packed := status.get("compressedNodes"):
        nodes = json.loads(gzip.decompress(base64.b64decode(packed)))
        assert isinstance(nodes, dict)
        return nodes, None
    if status.get("offloadNodeStatusVersion"):
        return {}, "Argo keeps this run's tasks in its database: `argo get` shows them"
    return status.get("nodes") or {}, None


def _failed(nodes: Nodes) -> Iterator[dict[str, Any]]:
    """The failed nodes that are the cause: a task with its retries counts once, what contains it does not count."""
    attempts = {child for node in nodes.values() if node["type"] == "Retry" for child in node.get("children") or []}
    for key, node in nodes.items():
        if not _bad(node) or key in attempts:
            continue
        children = [nodes[child] for child in node.get("children") or [] if child in nodes]
        if node["type"] == "Retry":
            # The last attempt knows why; the node around it only that no retries are left.
            last = [child for child in children if _bad(child)][-1:]
            yield {**node, "message": next((n["message"] for n in [*last, node] if n.get("message")), "")}
        elif node["type"] == "Pod" or not any(map(_bad, [*children, *_inside(nodes, key)])):
            yield node


def _bad(node: Mapping[str, Any]) -> bool:
    return node.get("phase") in ("Failed", "Error")


def _inside(nodes: Nodes, key: str) -> Iterator[dict[str, Any]]:
    """The nodes of the template that a node is an instance of."""
    return (node for node in nodes.values() if node.get("boundaryID") == key)


def _waiting(nodes: Nodes) -> Iterator[dict[str, Any]]:
    for node in nodes.values():
        if node["type"] == "Pod" and node.get("phase") == "Pending" and node.get("message"):
            yield node


def _shown(node: Mapping[str, Any]) -> NodeView:
    passed = {entry["name"]: entry.get("value", "") for entry in (node.get("inputs") or {}).get("parameters") or []}
    task = (
        f"{passed['step']}/{passed['path']}" if "step" in passed and "path" in passed else node.get("displayName", "")
    )
    return NodeView(task=task, phase=node.get("phase", ""), message=" ".join(node.get("message", "").split()))
