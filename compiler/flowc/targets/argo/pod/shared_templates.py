"""Assigns container templates to steps. Steps whose pods differ only in the step's name share a template."""

from __future__ import annotations

from typing import TYPE_CHECKING, final

from flowc.targets.argo import names
from flowc_ir import Kubernetes
from flowc_ir.late.dataclass import dataclass
from flowc_ir.model import Flow, Foreach, Gang, Node, NodeId, Resources, Switch
from flowc_ir.policies import CONFIGURED
from flowc_runtime.base.contract import attempts_limit

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flowc_ir.graphs.analysis import Analysis


NO_OPTIONS = Kubernetes()


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class PodSpec:
    """The properties in which the pods of two steps can differ.

    `retries` is the number of Argo's retries: the number that the user wrote, plus one if the step catches failures,
    because the additional attempt records the failure. If the step leads to the next iteration of a loop, `loops` is
    the limit of the iterations (see `loops.budgets`); for other steps it is empty. `meets` is true for the pods of a
    gang. `secrets` has the Secrets whose keys become variables. `keys` has the names of the secrets whose source the
    setting `secrets` chooses.
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
    keys: tuple[str, ...] = ()


PLAIN = PodSpec()
"""The properties of pods without any options."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class StepTemplate:
    """A container template: its name and its spec. `titled` is true if a step's title differs from its name."""

    name: str
    spec: PodSpec
    titled: bool


def pod_spec(flow: Flow, node: Node, loops: str = "", *, meets: bool = False, tagged: bool = False) -> PodSpec:
    """Return the properties of a step's pods.

    Args:
        flow: the flow.
        node: the step.
        loops: the step's limit of iterations (`loops.budgets`); empty if it has none.
        meets: whether the step's tasks are a gang: they all run at the same time and find each other.
        tagged: whether runs get tags; the start step's pod records the tags.
    """
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
        keys=tuple(dict.fromkeys(secret.id for secret in node.secrets if secret.type == CONFIGURED)),
    )


def _secrets(node: Node) -> tuple[str, ...]:
    """Return the names of the cluster's Secrets in the environment of a step's pods."""
    own = node.kubernetes.secrets if node.kubernetes else ()
    return tuple(dict.fromkeys((*own, *(secret.id for secret in node.secrets if secret.type == "kubernetes"))))


def step_templates(
    analysis: Analysis, titles: Mapping[NodeId, str], loops: Mapping[NodeId, str], *, tagged: bool = False
) -> dict[NodeId, StepTemplate]:
    """Return the container template of each step; steps with equal specs share a template.

    Args:
        analysis: the analysis of the flow.
        titles: the title of each step.
        loops: the limits of iterations (`loops.budgets`), by step.
        tagged: whether runs get tags.
    """
    shared: dict[PodSpec, list[NodeId]] = {}
    for node in analysis.flow.nodes:
        meets = node.id in analysis.gang_members
        spec = pod_spec(analysis.flow, node, loops.get(node.id, ""), meets=meets, tagged=tagged)
        shared.setdefault(spec, []).append(node.id)
    of: dict[NodeId, StepTemplate] = {}
    for spec, nodes in shared.items():
        name = "step" if spec == PLAIN else f"step-{names.step_name(nodes[0])}"
        titled = any(titles[node] != node for node in nodes)
        of |= dict.fromkeys(nodes, StepTemplate(name=name, spec=spec, titled=titled))
    return {node.id: of[node.id] for node in analysis.flow.nodes}
