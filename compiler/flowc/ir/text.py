"""The printer: a flow as the short text that goldens, `flowc ir --text` and bug reports show."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowc.ir.model import Branch, Config, End, Flow, Foreach, Goto, Node, Parameter, Transition, assert_never

if TYPE_CHECKING:
    from collections.abc import Iterator


def print_flow(flow: Flow) -> str:
    """One line a parameter, schedule and node, policies indented below their node; ends with a newline."""
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
    for node in flow.nodes:
        joins = f" joins {node.joins}" if node.joins is not None else ""
        yield f"  {node.id}{joins} -> {_transition(node.next)}"
        yield from (f"    {policy}" for policy in _policies(node))


def _parameter(parameter: Parameter) -> str:
    default = " = <computed>" if parameter.computed else f" = {parameter.default}" if parameter.default else ""
    several = "[]" if parameter.multiple else f" split at {parameter.separator!r}" if parameter.separator else ""
    among = f" of {', '.join(parameter.choices)}" if parameter.choices else ""
    if parameter.minimum or parameter.maximum:
        among = f" in {parameter.minimum or ''}..{parameter.maximum or ''}"
    bytes_ = " of bytes" if parameter.type == "file" and parameter.encoding is None else ""
    required = " (required)" if parameter.required else ""
    return f"{parameter.name}: {parameter.type}{several}{among}{bytes_}{default}{required}"


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
        case Foreach(over=over, body=body):
            return f"{body} for each of {over}"
        case _:
            assert_never(transition)


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
    for name, value in node.environment:
        yield f"environment {name}={value!r}"
