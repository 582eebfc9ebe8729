"""Which steps share a container template: those whose pods differ in nothing but the step's name."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, final

from flowc.targets.argo import names
from flowc_ir import Kubernetes
from flowc_ir.model import Flow, Foreach, Gang, Node, NodeId, Resources, Switch
from flowc_runtime.base.contract import attempts_limit

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flowc_ir.graphs.analysis import Analysis


NO_OPTIONS = Kubernetes()


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class PodSpec:
    """All that makes one step's pods different from another's.

    `retries` counts Argo's: the user's, and one more where a failure is caught (its attempt only records it). `loops`
    is what a step that begins another iteration is told (`loops.budgets`); `meets` says that the pods are a gang's.
    """

    counts: bool = False
    chooses: bool = False
    loops: str = ""
    meets: bool = False
    takes_parameters: bool = False
    tags: bool = False
    retries: int = 0
    wait_seconds: int = 0
    timeout_seconds: int | None = None
    resources: Resources | None = None
    environment: tuple[tuple[str, str], ...] = ()
    pod: Kubernetes = NO_OPTIONS
    secrets: tuple[str, ...] = ()


PLAIN = PodSpec()
"""Pods of which nothing is asked."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class StepTemplate:
    """A container template: its name and spec; `titled` when its steps need a title that is not their name."""

    name: str
    spec: PodSpec
    titled: bool


def pod_spec(flow: Flow, node: Node, loops: str = "", *, meets: bool = False, tagged: bool = False) -> PodSpec:
    """What a step's pods need."""
    retry = node.retry
    return PodSpec(
        counts=isinstance(node.next, Foreach | Gang),
        chooses=isinstance(node.next, Switch),
        loops=loops,
        meets=meets,
        takes_parameters=bool(flow.parameters) and node.id == flow.start,
        tags=tagged and node.id == flow.start,
        retries=attempts_limit(node),
        wait_seconds=retry.wait_seconds if retry else 0,
        timeout_seconds=node.timeout.seconds + node.cards_seconds if node.timeout else None,
        resources=node.resources if node.resources != Resources() else None,
        environment=node.environment,
        pod=node.kubernetes or NO_OPTIONS,
        secrets=_secrets(node),
    )


def _secrets(node: Node) -> tuple[str, ...]:
    """The Secrets of the cluster that a step's pods have in their environment."""
    own = node.kubernetes.secrets if node.kubernetes else ()
    return tuple(dict.fromkeys((*own, *(secret.id for secret in node.secrets if secret.type == "kubernetes"))))


def step_templates(
    analysis: Analysis, titles: Mapping[NodeId, str], loops: Mapping[NodeId, str], *, tagged: bool = False
) -> dict[NodeId, StepTemplate]:
    """The container template of each step; steps of one spec get the same one. `tagged`: runs are given tags."""
    by_spec: dict[PodSpec, StepTemplate] = {}
    of: dict[NodeId, PodSpec] = {}
    for node in analysis.flow.nodes:
        meets = node.id in analysis.gang_members
        spec = of[node.id] = pod_spec(analysis.flow, node, loops.get(node.id, ""), meets=meets, tagged=tagged)
        name = "step" if spec == PodSpec() else f"step-{names.step_name(node.id)}"
        template = by_spec.setdefault(spec, StepTemplate(name=name, spec=spec, titled=False))
        if titles[node.id] != node.id:
            by_spec[spec] = replace(template, titled=True)
    return {node: by_spec[spec] for node, spec in of.items()}
