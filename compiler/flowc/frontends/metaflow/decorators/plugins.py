"""Decorators of extensions in Metaflow's older form -> the IR's Plugins; and their hooks that come before a run."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from flowc.frontends.metaflow.decorators.reader import ArgumentKind, canonical
from flowc.frontends.metaflow.mutators import mutator_fault
from flowc_ir import Plugin, Retry, codes, json_text
from metaflow import _extensions

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flowc.frontends.metaflow.decorators.reader import Reader
    from flowc.frontends.metaflow.structure.steps import StepMethod
    from flowc.frontends.source import Sources
    from flowc_ir import Flow, Node
    from flowc_ir.diagnostic import Faults
    from metaflow._program import FlowProgram
    from metaflow.decorators import Applied

_HINT = "hooks run wherever the flow does: step_init and flow_init when it is checked, compiled or started, and in pods"


def plugin_class(name: str, kind: str) -> Any:
    """The class of an extension's decorator of a `step` or a `flow`; None where there is none of that name."""
    if name not in _extensions.decorators:
        return None
    from metaflow._legacy.hooks import legacy

    return legacy(name, kind)


def is_json(value: object) -> bool:
    """Whether JSON can hold it."""
    try:
        json_text.dumps(value)
    except (TypeError, ValueError):
        return False
    return True


def read_plugin(reader: Reader, applied: Applied, cls: Any) -> Plugin | None:
    """One application; None where it has a fault."""
    from metaflow._legacy.hooks import unsupported_hooks

    kind = ArgumentKind("a value that JSON can hold", is_json, "it travels to every pod; name what is meant by a text")
    table: Mapping[str, ArgumentKind] = dict.fromkeys(cls.defaults, kind)
    given = reader.arguments(applied, table)
    hooks = unsupported_hooks(cls)
    for hook, hint in hooks.items():
        reader.faults.add(
            codes.UNSUPPORTED_FEATURE,
            reader.span(applied),
            f"@{applied.name} has the hook {hook}, which flowc does not call",
            hint=hint,
        )
    if given is None or hooks:
        return None
    return Plugin(name=applied.name, attributes=canonical(given), written=applied.line > 0)


def read_flow_plugin(reader: Reader, applied: Applied, owner: type) -> Plugin | None:
    """One application to the class of a flow, with the values of its options."""
    cls = plugin_class(applied.name, "flow")
    plugin = read_plugin(reader, applied, cls)
    if plugin is None or not cls.options:
        return plugin
    from metaflow._legacy.options import values

    found = values(cls, owner)
    for name, value in found.items():
        if not is_json(value):
            reader.faults.add(
                codes.BAD_ARGUMENT,
                reader.span(applied),
                f"@{applied.name}: JSON cannot hold the option {name}, {value!r}",
                hint="it travels to every pod: make it a text or a number",
            )
            return None
    return replace(plugin, options=canonical(found))


def begin_plugins(
    program: FlowProgram, flow: Flow, methods: Mapping[str, StepMethod], sources: Sources, faults: Faults
) -> Flow:
    """Let the decorators begin; the flow with what they say of retries, of options in the tasks and of its steps."""
    from flowc.frontends.metaflow.decorators.with_decorators import parse_with
    from metaflow.user_decorators._errors import PreparationError

    try:
        hooks = program.begin(flow, str(sources.root), parse_with)
        if hooks is None:
            return flow
        if hooks.added:
            from flowc.frontends.metaflow.decorators.attached import attach

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
