"""Hooks that come before a run: the lowered flow with what they have put on its steps, retries and options."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from flowc.frontends.metaflow.decorators.cards import check_card_types
from flowc.frontends.metaflow.decorators.plugins import is_json
from flowc.frontends.metaflow.decorators.policies import STEP_DECORATORS, policies
from flowc.frontends.metaflow.decorators.reader import canonical
from flowc.frontends.metaflow.decorators.with_decorators import parse_with
from flowc.frontends.metaflow.mutators import mutator_fault
from flowc_ir import Plugin, Retry, codes, json_text
from flowc_ir.diagnostic import Faults
from metaflow.decorators import Applied
from metaflow.user_decorators._errors import PreparationError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from flowc.frontends.metaflow.structure.steps import StepMethod
    from flowc.frontends.source import Sources
    from flowc_ir import Flow, Node
    from metaflow._legacy.hooks import Added
    from metaflow._program import FlowProgram

_HINT = "hooks run wherever the flow does: step_init and flow_init when it is checked, compiled or started, and in pods"
_NOT_LATER: Final = frozenset({"step", "parallel", "unbounded_test_foreach_internal", "cache"})
"""What the graph, or the code of the step, was read by."""


def attach(node: Node, method: StepMethod, added: Sequence[Added], faults: Faults) -> Node:
    """Return the node with these decorators besides its own; of what a node has once, its own counts."""
    own: list[Applied] = []
    plugins: list[Plugin] = []
    for decorator in added:
        if not decorator.plugin and (decorator.name not in STEP_DECORATORS or decorator.name in _NOT_LATER):
            _fault(faults, method, decorator, "flowc cannot put it on a step any more", "write it in the flow")
        elif not decorator.plugin:
            own.append(Applied(decorator.name, (), dict(decorator.attributes), "--with", 0))
        elif not is_json(decorator.attributes):
            hint = "they travel to every pod: name what is meant by a text"
            _fault(faults, method, decorator, "JSON cannot hold its attributes", hint)
        else:
            attributes = canonical(decorator.attributes)
            plugins.append(Plugin(name=decorator.name, attributes=attributes, written=False))
    fields: dict[str, Any] = policies(replace(method, applied=()), node.next, faults, own) if own else {}
    fields.pop("plugins", None)
    check_card_types(replace(method, applied=()), own, {**fields, "kubernetes": node.kubernetes}, faults)
    cards = (*node.cards, *fields.pop("cards", ()))
    missing = {name: value for name, value in fields.items() if not getattr(node, name)}
    return replace(node, cards=cards, plugins=(*node.plugins, *plugins), **missing)


def _fault(faults: Faults, method: StepMethod, decorator: Added, why: str, hint: str) -> None:
    message = f"a hook has put @{decorator.name} on step '{method.name}': {why}"
    faults.add(codes.UNSUPPORTED_FEATURE, method.where, message, hint=hint)


def begin_plugins(
    program: FlowProgram, flow: Flow, methods: Mapping[str, StepMethod], sources: Sources, faults: Faults
) -> Flow:
    """Let the decorators begin; the flow with what they say of retries, of options in the tasks and of its steps."""
    try:
        hooks = program.begin(flow, str(sources.root), parse_with)
        if hooks is None:
            return flow
        if hooks.added:
            flow = replace(
                flow,
                nodes=tuple(
                    attach(node, methods[node.id], hooks.added.get(node.id, ()), faults) for node in flow.nodes
                ),
            )
        nodes = tuple(_with_retries(node, hooks.retries(node)) for node in flow.nodes)
        plugins = tuple(
            replace(plugin, options=canonical({**json_text.mapping(plugin.options), **options})) if options else plugin
            for plugin, options in zip(flow.plugins, hooks.task_options(), strict=True)
        )
        changed = replace(flow, nodes=nodes, plugins=plugins)
        hooks.become(changed)
    except PreparationError as error:
        mutator_fault(error, sources, faults, hint=_HINT)
        return flow
    return changed


def _with_retries(node: Node, times: int) -> Node:
    before = node.retry
    if times <= (before.times if before else 0):
        return node
    return replace(node, retry=Retry(times=times, wait_seconds=before.wait_seconds if before else 0))
