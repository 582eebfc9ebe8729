"""Print a flow as a short text, for `flowc ir --text`, bug reports and the expected outputs of tests."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING

from flowc_ir.model import (
    Branch,
    Config,
    End,
    Flow,
    Foreach,
    Function,
    Gang,
    Goto,
    Merge,
    Method,
    Node,
    Notebook,
    Packages,
    Parameter,
    Shell,
    Stub,
    Switch,
    Transition,
    assert_never,
)
from flowc_ir.policies import SecurityContext, Toleration

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from flowc_ir.model import Return
    from flowc_ir.policies import Card, Kubernetes, Plugin, Secret, StepFiles, Trigger


def print_flow(flow: Flow) -> str:
    """Return the text: one line per parameter, schedule and node, with a node's policies indented below it."""
    return "".join(f"{line}\n" for line in _lines(flow))


def _lines(flow: Flow) -> Iterator[str]:
    yield f"flow {flow.name} ({flow.code.file})"
    for parameter in flow.parameters:
        yield f"  parameter {_parameter(parameter)}"
    for config in flow.configs:
        yield f"  config {_config(config)}"
    if flow.schedule:
        zone = f" in {flow.schedule.timezone}" if flow.schedule.timezone else ""
        yield f"  schedule {', '.join(repr(cron) for cron in flow.schedule.crons)}{zone}"
    if flow.project:
        yield f"  project {flow.project.name}, branch {flow.project.branch}"
    for trigger in flow.triggers:
        yield f"  {_trigger(trigger)}"
    for hook in flow.exit_hooks:
        yield f"  on {hook.on} call {hook.function}"
    for name, arguments in flow.with_decorators:
        yield f"  with {name} {arguments}"
    yield from (f"  {_plugin(plugin)}" for plugin in flow.plugins)
    if flow.elsewhere:
        yield f"  elsewhere {', '.join(flow.elsewhere)}"
    for node in flow.nodes:
        joins = f" joins {node.joins}" if node.joins is not None else ""
        yield f"  {node.id}{joins} -> {_transition(node.next)}"
        if action := _action(node):
            yield f"    run {action}"
        yield from (f"    {policy}" for policy in _policies(node))


def _trigger(trigger: Trigger) -> str:
    place = ".".join(part for part in (trigger.project, trigger.branch) if part)
    within = f" of {place}" if place else ""
    passing = (
        f" with {', '.join(f'{name}={field}' for name, field in trigger.parameters)}" if trigger.parameters else ""
    )
    return f"start on {trigger.kind} {'<computed>' if trigger.computed else trigger.name}{within}{passing}"


def _parameter(parameter: Parameter) -> str:
    default = " = <computed>" if parameter.computed else f" = {parameter.default}" if parameter.default else ""
    several = "[]" if parameter.multiple else f" split at {parameter.separator!r}" if parameter.separator else ""
    among = f" of {', '.join(parameter.choices)}" if parameter.choices else ""
    if parameter.minimum or parameter.maximum:
        among = f" in {parameter.minimum or ''}..{parameter.maximum or ''}"
    bytes_ = " of bytes" if parameter.type == "file" and parameter.encoding is None else ""
    required = " (required)" if parameter.required else ""
    converted = " converted" if parameter.converted else ""
    return f"{parameter.name}: {parameter.type}{several}{among}{bytes_}{converted}{default}{required}"


def _config(config: Config) -> str:
    return config.name if config.value is None else f"{config.name} = {config.value}"


def _transition(transition: Transition) -> str:
    match transition:
        case End():
            return "end"
        case Goto(target=target):
            return target
        case Branch(targets=several):
            return " & ".join(several)
        case Foreach(over=over, body=body, item=item):
            return f"{body} for each {item + ' ' if item else ''}of {over}"
        case Gang(body=body):
            return f"{body} as a gang"
        case Switch(condition=condition, arms=arms, default=default, loop=loop):
            cases = [f"{choice!r} -> {target}" for choice, target in arms]
            other = [] if default is None else [f"else -> {default}"]
            limit = f", at most {loop.iterations} iterations" if loop else ""
            counter = f" counted by {loop.index}" if loop and loop.index else ""
            return f"by {condition}: " + ", ".join([*cases, *other]) + limit + counter
        case _:
            assert_never(transition)


def _action(node: Node) -> str | None:
    """Return the text about the code that a node's tasks run; None if the tasks run the method with the step's name,
    which is the usual case."""
    match node.run:
        case Method(name=name):
            return None if name == node.id else f"method {name}"
        case Function(returns=returns) as function:
            at_event = f" at the event {function.end_event}" if function.end_event else ""
            return f"{_function(function)}{_returns(returns)}{at_event}"
        case Notebook(file=file, returns=returns):
            return f"notebook {file}{_returns(returns)}"
        case Shell(command=command, returns=returns):
            return f"shell {command!r}{_returns(returns)}"
        case Merge(reducers=reducers):
            reduced = ", ".join(f"{reducer.name} by {_function(reducer.function)}" for reducer in reducers)
            return f"merge {reduced}".rstrip()
        case Stub():
            return "nothing"
        case _:
            assert_never(node.run)


def _function(function: Function) -> str:
    return f"function {function.module}:{function.name}" if function.module else f"pickled function {function.name}"


def _returns(returns: Sequence[Return]) -> str:
    named = (each.name if each.kind == "json" else f"{each.kind} {each.name}" for each in returns)
    return f" returns {', '.join(named)}" if returns else ""


def _policies(node: Node) -> Iterator[str]:
    if node.retry:
        yield f"retry {node.retry.times} times, {node.retry.wait_seconds} s apart"
    if node.catch:
        yield f"catch into {node.catch.var or 'nothing'}"
    if node.timeout:
        yield f"timeout {node.timeout.seconds} s"
    if node.resources:
        r = node.resources
        named = {"cpu": r.cpu, "memory": r.memory, "gpu": r.gpu, "disk": r.disk, "shared_memory": r.shared_memory}
        yield "resources " + ", ".join(f"{name} {value}" for name, value in named.items() if value is not None)
    if node.override:
        yield f"override {node.override}"
    for name, value in node.environment:
        yield f"environment {name}={value!r}"
    if node.kubernetes:
        yield f"kubernetes {', '.join(_changed(node.kubernetes))}".rstrip()
    for secret in node.secrets:
        yield f"secret {', '.join(_changed(secret))}"
    for card in node.cards:
        yield f"card {', '.join(_changed(card))}".rstrip()
    if node.cache:
        yield "cache"
    if node.files:
        yield f"files {', '.join(_changed(node.files))}".rstrip()
    if node.packages:
        yield f"packages {_packages(node.packages)}"
    yield from (_plugin(plugin) for plugin in node.plugins)
    if node.elsewhere:
        yield f"elsewhere {', '.join(node.elsewhere)}"
    if node.info:
        yield f"info {node.info}"


def _plugin(plugin: Plugin) -> str:
    options = f" with {plugin.options}" if plugin.options != "{}" else ""
    return f"plugin {plugin.name} {plugin.attributes}{options}"


def _changed(policy: Kubernetes | Secret | Card | StepFiles) -> Iterator[str]:
    """Yield the fields of a policy that differ from their default, as `NAME VALUE`."""
    for field in fields(policy):
        value = getattr(policy, field.name)
        if value != field.default:
            shown = dict(value) if value and isinstance(value, tuple) and isinstance(value[0], tuple) else value
            yield f"{field.name} {shown if isinstance(shown, str) else _plain(shown)}"


def _plain(value: object) -> str:
    """Return the text of a value; tolerations and security contexts show only the fields that are set."""
    match value:
        case Toleration() | SecurityContext():
            given = {field.name: getattr(value, field.name) for field in fields(value)}
            return str({name: inner for name, inner in given.items() if inner is not None})
        case tuple():
            return f"[{', '.join(_plain(item) for item in value)}]"
        case _:
            return repr(value)


def _packages(packages: Packages) -> str:
    if packages.disabled:
        return "disabled"
    python = [f"python {packages.python}"] if packages.python else []
    named = [f"{kind} {name} {version}".rstrip() for kind in ("pypi", "conda")
             for name, version in getattr(packages, kind)]  # fmt: skip
    return ", ".join([*python, *named]) or "none"
