"""Report the values of an IR that are outside the limits of their fields.

Generated from the classes of flowc_ir.model and flowc_ir.policies by `make generate`: do not edit.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from flowc_ir.diagnostic import out_of_limits
from flowc_ir.model import Branch, Function, Merge, Notebook, Shell, Switch

if TYPE_CHECKING:
    from flowc_ir.diagnostic import Faults
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


def check_limits_of_code(value: Code, at: str, where: Span, faults: Faults) -> None:
    if re.fullmatch(r"sha256:[0-9a-f]+", value.digest) is None:
        out_of_limits(faults, f"{at}.digest", where, "sha256: and hexadecimal digits", value.digest)


def check_limits_of_return(value: Return, at: str, where: Span, faults: Faults) -> None:
    if not value.name:
        out_of_limits(faults, f"{at}.name", where, "a string that is not empty", value.name)


def check_limits_of_function(value: Function, at: str, where: Span, faults: Faults) -> None:
    for index, return_ in enumerate(value.returns):
        check_limits_of_return(return_, f"{at}.returns[{index}]", where, faults)


def check_limits_of_notebook(value: Notebook, at: str, where: Span, faults: Faults) -> None:
    for index, return_ in enumerate(value.returns):
        check_limits_of_return(return_, f"{at}.returns[{index}]", where, faults)


def check_limits_of_shell(value: Shell, at: str, where: Span, faults: Faults) -> None:
    for index, return_ in enumerate(value.returns):
        check_limits_of_return(return_, f"{at}.returns[{index}]", where, faults)


def check_limits_of_reducer(value: Reducer, at: str, where: Span, faults: Faults) -> None:
    if not value.name:
        out_of_limits(faults, f"{at}.name", where, "a string that is not empty", value.name)
    check_limits_of_function(value.function, f"{at}.function", where, faults)


def check_limits_of_merge(value: Merge, at: str, where: Span, faults: Faults) -> None:
    for index, reducer in enumerate(value.reducers):
        check_limits_of_reducer(reducer, f"{at}.merge[{index}]", where, faults)


def check_limits_of_branch(value: Branch, at: str, where: Span, faults: Faults) -> None:
    if len(value.targets) < 2 or len({*value.targets}) < len(value.targets):
        out_of_limits(faults, at, where, "a list of at least 2, each once", value.targets)


def check_limits_of_loop_limit(value: LoopLimit, at: str, where: Span, faults: Faults) -> None:
    if value.iterations < 1:
        out_of_limits(faults, f"{at}.iterations", where, "at least 1", value.iterations)


def check_limits_of_switch(value: Switch, at: str, where: Span, faults: Faults) -> None:
    if len(value.arms) < 1:
        out_of_limits(faults, f"{at}.arms", where, "a list of at least 1", value.arms)
    if value.loop is not None:
        check_limits_of_loop_limit(value.loop, f"{at}.loop", where, faults)


def check_limits_of_retry(value: Retry, at: str, where: Span, faults: Faults) -> None:
    if value.times < 0:
        out_of_limits(faults, f"{at}.times", where, "at least 0", value.times)
    if value.wait_seconds < 0:
        out_of_limits(faults, f"{at}.wait_seconds", where, "at least 0", value.wait_seconds)


def check_limits_of_timeout(value: Timeout, at: str, where: Span, faults: Faults) -> None:
    if value.seconds < 1:
        out_of_limits(faults, f"{at}.seconds", where, "at least 1", value.seconds)


def check_limits_of_resources(value: Resources, at: str, where: Span, faults: Faults) -> None:
    if value.cpu is not None and re.fullmatch(r"[0-9]+([.][0-9]+)?", value.cpu) is None:
        out_of_limits(faults, f"{at}.cpu", where, "decimal text such as 0.5", value.cpu)
    if value.memory is not None and value.memory < 0:
        out_of_limits(faults, f"{at}.memory", where, "at least 0", value.memory)
    if value.gpu is not None and value.gpu < 0:
        out_of_limits(faults, f"{at}.gpu", where, "at least 0", value.gpu)
    if value.disk is not None and value.disk < 0:
        out_of_limits(faults, f"{at}.disk", where, "at least 0", value.disk)
    if value.shared_memory is not None and value.shared_memory < 0:
        out_of_limits(faults, f"{at}.shared_memory", where, "at least 0", value.shared_memory)


def check_limits_of_node(value: Node, at: str, faults: Faults) -> None:
    if not value.id:
        out_of_limits(faults, f"{at}.id", value.where, "a string that is not empty", value.id)
    if isinstance(value.run, Function):
        check_limits_of_function(value.run, f"{at}.run", value.where, faults)
    if isinstance(value.run, Notebook):
        check_limits_of_notebook(value.run, f"{at}.run", value.where, faults)
    if isinstance(value.run, Shell):
        check_limits_of_shell(value.run, f"{at}.run", value.where, faults)
    if isinstance(value.run, Merge):
        check_limits_of_merge(value.run, f"{at}.run", value.where, faults)
    if isinstance(value.next, Branch):
        check_limits_of_branch(value.next, f"{at}.next", value.where, faults)
    if isinstance(value.next, Switch):
        check_limits_of_switch(value.next, f"{at}.next", value.where, faults)
    if value.retry is not None:
        check_limits_of_retry(value.retry, f"{at}.retry", value.where, faults)
    if value.timeout is not None:
        check_limits_of_timeout(value.timeout, f"{at}.timeout", value.where, faults)
    if value.resources is not None:
        check_limits_of_resources(value.resources, f"{at}.resources", value.where, faults)


def check_limits_of_parameter(value: Parameter, at: str, faults: Faults) -> None:
    if not value.name:
        out_of_limits(faults, f"{at}.name", value.where, "a string that is not empty", value.name)


def check_limits_of_config(value: Config, at: str, faults: Faults) -> None:
    if not value.name:
        out_of_limits(faults, f"{at}.name", value.where, "a string that is not empty", value.name)


def check_limits_of_schedule(value: Schedule, at: str, faults: Faults) -> None:
    if len(value.crons) < 1:
        out_of_limits(faults, f"{at}.crons", value.where, "a list of at least 1", value.crons)


def check_limits_of_flow(value: Flow, at: str, faults: Faults) -> None:
    if not value.name:
        out_of_limits(faults, f"{at}.name", value.where, "a string that is not empty", value.name)
    check_limits_of_code(value.code, f"{at}.code", value.where, faults)
    if len(value.nodes) < 1:
        out_of_limits(faults, f"{at}.nodes", value.where, "a list of at least 1", value.nodes)
    for index, node in enumerate(value.nodes):
        check_limits_of_node(node, f"{at}.nodes[{index}]", faults)
    for index, parameter in enumerate(value.parameters):
        check_limits_of_parameter(parameter, f"{at}.parameters[{index}]", faults)
    for index, config in enumerate(value.configs):
        check_limits_of_config(config, f"{at}.configs[{index}]", faults)
    if value.schedule is not None:
        check_limits_of_schedule(value.schedule, f"{at}.schedule", faults)
