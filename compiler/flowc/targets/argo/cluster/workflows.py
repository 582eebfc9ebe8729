"""Reads a run's `Workflow` object: its state, its failed and waiting tasks, its code and its store."""

from __future__ import annotations

import base64
import gzip
import json
from typing import TYPE_CHECKING, TypeAlias, final

from flowc.targets.argo.cluster.resource_kinds import FLOW_LABEL, labels_of, name_of
from flowc_ir.late.dataclass import dataclass
from flowc_runtime.base import contract

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flowc.targets.argo.object_types import ArgoNode, Object, ObjectSpec, Status

Nodes: TypeAlias = "dict[str, ArgoNode]"

ENDED = frozenset({"Succeeded", "Failed", "Error"})
COMPLETED_LABEL = "workflows.argoproj.io/completed"
CRON_LABEL = "workflows.argoproj.io/cron-workflow"


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class NodeView:
    """A task that failed or waits. `task` is the step and the index path, such as `train/0.4`, or the name of Argo's
    node if the node is not a task of a flow."""

    task: str
    phase: str
    message: str


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class WorkflowView:
    """The state of a run. Times are strings in the format of Kubernetes (RFC 3339, UTC). The time of an event that has
    not happened is None.

    Attributes:
        flow: the value of the label `flowc.dev/flow`; None for a workflow that flowc did not create.
        phase: Argo's phase of the Workflow: Pending, Running, Succeeded, Failed or Error.
        asked: what the user has asked for, if the run is active: `suspended`, `stop` or `terminate`; None without a
            request, or for an ended run.
        progress: the numbers of finished pods and of all known pods, such as `3/7`.
        failed: the tasks that failed and are not retried.
        waiting: tasks whose pods have not started, with the reason.
        note: the reason why the lists of tasks are empty, or None.
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
        """Whether the run has not ended."""
        return self.phase not in ENDED


def view(workflow: Object) -> WorkflowView:
    """Return the state of a run from its `Workflow` object."""
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


def is_active(item: Object) -> bool:
    """Return whether a run has not ended. The metadata of the object is enough: Argo sets a label on completed
    workflows."""
    return labels_of(item).get(COMPLETED_LABEL) != "true"


# -- the code and the store of a run -----------------------------------------------------------------------------------


def body_of(item: Object) -> ObjectSpec:
    """Return the spec with the Argo templates that the object runs. A run of a WorkflowTemplate has a copy of that
    template's spec in its status, which is returned. Any other object has them in its own spec."""
    stored = (item.get("status") or {}).get("storedWorkflowTemplateSpec")
    return stored or item.get("spec") or {}


def code_of(item: Object) -> str | None:
    """Return the name of the ConfigMap that contains the code and the IR for a template or a run; None if flowc did not
    create the object."""
    for volume in body_of(item).get("volumes") or []:
        if volume.get("name") == contract.CODE_VOLUME and "configMap" in volume:
            return str(volume["configMap"]["name"])
    return None


def store_of(item: Object) -> str | None:
    """Return the address of the store that the pods of a template or a run use; None if the pods have no store."""
    for template in body_of(item).get("templates") or []:
        for variable in (template.get("container") or {}).get("env") or []:
            if variable.get("name") == contract.STORE:
                return str(variable.get("value", "")) or None
    return None


# -- nodes -------------------------------------------------------------------------------------------------------------


def _nodes(status: Status) -> tuple[Nodes, str | None]:
    """Return the nodes of a run, and the reason why the object does not contain the nodes (None if it contains
    them)."""
    if packed := status.get("compressedNodes"):
        nodes = json.loads(gzip.decompress(base64.b64decode(packed)))
        assert isinstance(nodes, dict)
        return nodes, None
    if status.get("offloadNodeStatusVersion"):
        return {}, "Argo keeps this run's tasks in its database: `argo get` shows them"
    return status.get("nodes") or {}, None


def _failed(nodes: Nodes) -> Iterator[ArgoNode]:
    """Yield the nodes that caused the failure. A task with several attempts is one node; nodes that only contain a
    failed node are left out."""
    attempts = {child for node in nodes.values() if node["type"] == "Retry" for child in node.get("children") or []}
    for key, node in nodes.items():
        if not _bad(node) or key in attempts:
            continue
        children = [nodes[child] for child in node.get("children") or [] if child in nodes]
        if node["type"] == "Retry":
            # The last attempt's message has the cause. The message of the Retry node only says that no retries are
            # left.
            last = [child for child in children if _bad(child)][-1:]
            yield {**node, "message": next((n["message"] for n in [*last, node] if n.get("message")), "")}
        elif node["type"] == "Pod" or not any(map(_bad, [*children, *_inside(nodes, key)])):
            yield node


def _bad(node: ArgoNode) -> bool:
    return node.get("phase") in ("Failed", "Error")


def _inside(nodes: Nodes, key: str) -> Iterator[ArgoNode]:
    """Yield the nodes inside a node that is a call of a template."""
    return (node for node in nodes.values() if node.get("boundaryID") == key)


def _waiting(nodes: Nodes) -> Iterator[ArgoNode]:
    for node in nodes.values():
        if node["type"] == "Pod" and node.get("phase") == "Pending" and node.get("message"):
            yield node


def _shown(node: ArgoNode) -> NodeView:
    passed = {entry["name"]: entry.get("value", "") for entry in (node.get("inputs") or {}).get("parameters") or []}
    task = (
        f"{passed['step']}/{passed['path']}" if "step" in passed and "path" in passed else node.get("displayName", "")
    )
    return NodeView(task=task, phase=node.get("phase", ""), message=" ".join(node.get("message", "").split()))
