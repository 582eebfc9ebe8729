"""Find the values of an IR that are outside the limits of their fields.

Generated from the classes of flowc_ir.model and flowc_ir.policies by `make generate`: do not edit.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from flowc_ir.diagnostic import out_of_limits
from flowc_ir.model import Branch, Function, Merge, Notebook, Shell, Switch

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flowc_ir.diagnostic import Diagnostic
    from flowc_ir.model import (
        Code,
        Config,
        Flow,
        LoopLimit,
        Node,
        Parameter,
        Reducer,
        Resources,
        Retry,
        Return,
        Schedule,
        Span,
        Timeout,
    )


def limits_of_code(value: Code, at: str, where: Span) -> Iterator[Diagnostic]:
    if re.fullmatch(r"sha256:[0-9a-f]+", value.digest) is None:
        yield out_of_limits(f"{at}.digest", where, "sha256: and hexadecimal digits", value.digest)


def limits_of_return(value: Return, at: str, where: Span) -> Iterator[Diagnostic]:
    if not value.name:
        yield out_of_limits(f"{at}.name", where, "a text that is not empty", value.name)


def limits_of_function(value: Function, at: str, where: Span) -> Iterator[Diagnostic]:
    for index, return_ in enumerate(value.returns):
        yield from limits_of_return(return_, f"{at}.returns[{index}]", where)


def limits_of_notebook(value: Notebook, at: str, where: Span) -> Iterator[Diagnostic]:
    for index, return_ in enumerate(value.returns):
        yield from limits_of_return(return_, f"{at}.returns[{index}]", where)


def limits_of_shell(value: Shell, at: str, where: Span) -> Iterator[Diagnostic]:
    for index, return_ in enumerate(value.returns):
        yield from limits_of_return(return_, f"{at}.returns[{index}]", where)


def limits_of_reducer(value: Reducer, at: str, where: Span) -> Iterator[Diagnostic]:
    if not value.name:
        yield out_of_limits(f"{at}.name", where, "a text that is not empty", value.name)
    yield from limits_of_function(value.function, f"{at}.function", where)


def limits_of_merge(value: Merge, at: str, where: Span) -> Iterator[Diagnostic]:
    for index, reducer in enumerate(value.reducers):
        yield from limits_of_reducer(reducer, f"{at}.merge[{index}]", where)


def limits_of_branch(value: Branch, at: str, where: Span) -> Iterator[Diagnostic]:
    if len(value.targets) < 2 or len({*value.targets}) < len(value.targets):
        yield out_of_limits(at, where, "a list of at least 2, each once", value.targets)


def limits_of_loop_limit(value: LoopLimit, at: str, where: Span) -> Iterator[Diagnostic]:
    if value.iterations < 1:
        yield out_of_limits(f"{at}.iterations", where, "at least 1", value.iterations)


def limits_of_switch(value: Switch, at: str, where: Span) -> Iterator[Diagnostic]:
    if len(value.arms) < 1:
        yield out_of_limits(f"{at}.arms", where, "a list of at least 1", value.arms)
    if value.loop is not None:
        yield from limits_of_loop_limit(value.loop, f"{at}.loop", where)


def limits_of_retry(value: Retry, at: str, where: Span) -> Iterator[Diagnostic]:
    if value.times < 0:
        yield out_of_limits(f"{at}.times", where, "at least 0", value.times)
    if value.wait_seconds < 0:
        yield out_of_limits(f"{at}.wait_seconds", where, "at least 0", value.wait_seconds)


def limits_of_timeout(value: Timeout, at: str, where: Span) -> Iterator[Diagnostic]:
    if value.seconds < 1:
        yield out_of_limits(f"{at}.seconds", where, "at least 1", value.seconds)


def limits_of_resources(value: Resources, at: str, where: Span) -> Iterator[Diagnostic]:
    if value.cpu is not None and re.fullmatch(r"[0-9]+([.][0-9]+)?", value.cpu) is None:
        yield out_of_limits(f"{at}.cpu", where, "decimal text such as 0.5", value.cpu)
    if value.memory is not None and value.memory < 0:
        yield out_of_limits(f"{at}.memory", where, "at least 0", value.memory)
    if value.gpu is not None and value.gpu < 0:
        yield out_of_limits(f"{at}.gpu", where, "at least 0", value.gpu)
    if value.disk is not None and value.disk < 0:
        yield out_of_limits(f"{at}.disk", where, "at least 0", value.disk)
    if value.shared_memory is not None and value.shared_memory < 0:
        yield out_of_limits(f"{at}.shared_memory", where, "at least 0", value.shared_memory)


def limits_of_node(value: Node, at: str) -> Iterator[Diagnostic]:
    if not value.id:
        yield out_of_limits(f"{at}.id", value.where, "a text that is not empty", value.id)
    if isinstance(value.run, Function):
        yield from limits_of_function(value.run, f"{at}.run", value.where)
    if isinstance(value.run, Notebook):
        yield from limits_of_notebook(value.run, f"{at}.run", value.where)
    if isinstance(value.run, Shell):
        yield from limits_of_shell(value.run, f"{at}.run", value.where)
    if isinstance(value.run, Merge):
        yield from limits_of_merge(value.run, f"{at}.run", value.where)
    if isinstance(value.next, Branch):
        yield from limits_of_branch(value.next, f"{at}.next", value.where)
    if isinstance(value.next, Switch):
        yield from limits_of_switch(value.next, f"{at}.next", value.where)
    if value.retry is not None:
        yield from limits_of_retry(value.retry, f"{at}.retry", value.where)
    if value.timeout is not None:
        yield from limits_of_timeout(value.timeout, f"{at}.timeout", value.where)
    if value.resources is not None:
        yield from limits_of_resources(value.resources, f"{at}.resources", value.where)


def limits_of_parameter(value: Parameter, at: str) -> Iterator[Diagnostic]:
    if not value.name:
        yield out_of_limits(f"{at}.name", value.where, "a text that is not empty", value.name)


def limits_of_config(value: Config, at: str) -> Iterator[Diagnostic]:
    if not value.name:
        yield out_of_limits(f"{at}.name", value.where, "a text that is not empty", value.name)


def limits_of_schedule(value: Schedule, at: str) -> Iterator[Diagnostic]:
    if len(value.crons) < 1:
        yield out_of_limits(f"{at}.crons", value.where, "a list of at least 1", value.crons)


def limits_of_flow(value: Flow, at: str) -> Iterator[Diagnostic]:
    if not value.name:
        yield out_of_limits(f"{at}.name", value.where, "a text that is not empty", value.name)
    yield from limits_of_code(value.code, f"{at}.code", value.where)
    if len(value.nodes) < 1:
        yield out_of_limits(f"{at}.nodes", value.where, "a list of at least 1", value.nodes)
    for index, node in enumerate(value.nodes):
        yield from limits_of_node(node, f"{at}.nodes[{index}]")
    for index, parameter in enumerate(value.parameters):
        yield from limits_of_parameter(parameter, f"{at}.parameters[{index}]")
    for index, config in enumerate(value.configs):
        yield from limits_of_config(config, f"{at}.configs[{index}]")
    if value.schedule is not None:
        yield from limits_of_schedule(value.schedule, f"{at}.schedule")
