"""Call the hooks of extensions' decorators when a flow is checked, and add the decorators and options that the hooks
set to the IR."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, cast

from flowc.frontends.metaflow.decorators.cards import check_card_types
from flowc.frontends.metaflow.decorators.plugins import is_json
from flowc.frontends.metaflow.decorators.policies import STEP_DECORATORS, Policies, policies
from flowc.frontends.metaflow.decorators.reader import canonical
from flowc.frontends.metaflow.decorators.with_decorators import parse_with
from flowc_ir import Plugin, Retry, codes, json_text
from flowc_ir.diagnostic import Faults
from flowc_ir.late import LateFunction, LateModule
from flowc_ir.late.dataclass import replace
from metaflow.decorators import Applied

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from flowc.frontends.metaflow.mutators import mutator_fault
    from flowc.frontends.metaflow.structure.steps import StepMethod
    from flowc.frontends.source import Sources
    from flowc_ir import Flow, Node
    from metaflow._legacy.hooks import Added
    from metaflow._program import FlowProgram
    from metaflow.user_decorators import _errors as decorator_errors
else:  # imported at first use, because the import costs start-up time
    decorator_errors = LateModule("metaflow.user_decorators._errors")
    mutator_fault = LateFunction("flowc.frontends.metaflow.mutators:mutator_fault")

_HINT = "step_init and flow_init run when the flow is checked, compiled or started, and in every pod"
_NOT_LATER: Final = frozenset({"step", "parallel", "unbounded_test_foreach_internal", "cache"})
"""Decorators that a hook cannot add, because the graph and the digest of a step's code depend on them."""


def attach(node: Node, method: StepMethod, added: Sequence[Added], faults: Faults) -> Node:
    """Add decorators to a step's node, and return the new node. Hooks of extensions attached these decorators to the
    step.

    Args:
        node: the step in the IR. Decorators in the flow's source have precedence over added ones of the same name.
        method: the step's method.
        added: the decorators that hooks added.
        faults: collects decorators that a hook cannot add.
    """
    own: list[Applied] = []
    plugins: list[Plugin] = []
    for decorator in added:
        if not decorator.plugin and (decorator.name not in STEP_DECORATORS or decorator.name in _NOT_LATER):
            _fault(faults, method, decorator, "the step has been read already", "write the decorator in the flow")
        elif not decorator.plugin:
            own.append(Applied(decorator.name, (), dict(decorator.attributes), "--with", 0))
        elif not is_json(decorator.attributes):
            hint = "attributes are sent to every pod: use strings, numbers, lists and dicts"
            _fault(faults, method, decorator, "JSON cannot hold its attributes", hint)
        else:
            attributes = canonical(decorator.attributes)
            plugins.append(Plugin(name=decorator.name, attributes=attributes, written=False))
    fields: Policies = policies(replace(method, applied=()), node.next, faults, own) if own else {}
    fields.pop("plugins", None)
    check_card_types(replace(method, applied=()), own, {**fields, "kubernetes": node.kubernetes}, faults)
    cards = (*node.cards, *fields.pop("cards", ()))
    missing = cast("Policies", {name: value for name, value in fields.items() if not getattr(node, name)})
    changed: Policies = {**missing, "cards": cards, "plugins": (*node.plugins, *plugins)}
    return replace(node, **changed)


def _fault(faults: Faults, method: StepMethod, decorator: Added, why: str, hint: str) -> None:
    message = f"a hook cannot add @{decorator.name} to step '{method.name}': {why}"
    faults.add(codes.UNSUPPORTED_FEATURE, method.where, message, hint=hint)


def begin_plugins(
    program: FlowProgram, flow: Flow, methods: Mapping[str, StepMethod], sources: Sources, faults: Faults
) -> Flow:
    """Call the hooks of extensions' decorators; return the flow with decorators, retries and options from the hooks.

    Args:
        program: the program with the flow's class.
        flow: the flow.
        methods: the steps by name.
        sources: the files of the flow.
        faults: collects the fault of a hook that fails; the flow is then returned unchanged.
    """
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
    except decorator_errors.PreparationError as error:
        mutator_fault(error, sources, faults, hint=_HINT)
        return flow
    return changed


def _with_retries(node: Node, times: int) -> Node:
    before = node.retry
    if times <= (before.times if before else 0):
        return node
    return replace(node, retry=Retry(times=times, wait_seconds=before.wait_seconds if before else 0))
