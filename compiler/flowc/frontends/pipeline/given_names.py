"""The names of the values that a run of a pipeline gets: a step must be able to take each of them."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING

from flowc.pipeline.errors import PipelineError
from flowc_ir import Function, Notebook, Shell
from flowc_ir.graphs.step_values import returns_of
from flowc_ir.suggestion import closest, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from flowc.frontends.pipeline.dataflow import FreeNames
    from flowc_ir import Flow
    from flowc_ir.model import Action
    from flowc_runtime.run.nodes.user_functions import UserFunction


def check_given(
    given: Collection[str],
    names: FreeNames,
    declared: Collection[str],
    flow: Flow,
    functions: Mapping[Function, UserFunction],
) -> None:
    """Raise PipelineError for a value whose name no step can take.

    Args:
        given: the names of the values that a run gets.
        names: the names that the steps take from outside.
        declared: the names that the pipeline declares.
        flow: the flow; a step that sees all values accepts any name.
        functions: the functions of its nodes.
    """
    if any(_sees_all(node.run, functions) for node in flow.nodes):
        return
    known = {*names.uses, *declared}
    returned = {each.name for node in flow.nodes for each in returns_of(node.run)}
    for name in given:
        if name not in known | returned:
            near = closest(name, sorted(known))
            hint = did_you_mean(near) if near else f"the parameters are {', '.join(sorted(known)) or 'none'}"
            raise PipelineError(f"no step of the pipeline takes a value '{name}': {hint}")


def _sees_all(action: Action, functions: Mapping[Function, UserFunction]) -> bool:
    """Return whether the code of a node can read values that it does not name."""
    if isinstance(action, (Notebook, Shell)):
        return True
    if not isinstance(action, Function) or action not in functions:
        return False
    try:
        arguments = inspect.signature(functions[action]).parameters.values()
    except (TypeError, ValueError):  # a builtin without a signature
        return False
    return any(argument.kind is argument.VAR_KEYWORD for argument in arguments)
