"""The names of the values that a run of a pipeline gets: a step must be able to take each of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowc.pipeline.errors import PipelineError
from flowc_ir import Function, Notebook, Shell
from flowc_ir.graphs.step_values import returns_of
from flowc_ir.suggestion import closest, did_you_mean
from flowc_runtime.run.nodes.binding import takes_all

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from flowc.frontends.pipeline.dataflow import FreeNames
    from flowc_ir import Flow
    from flowc_ir.model import Action
    from flowc_runtime.run.nodes.programs.notebook_source import NotebookSource
    from flowc_runtime.run.nodes.user_functions import UserFunction


def takes_any_name(flow: Flow, functions: Mapping[Function, UserFunction]) -> bool:
    """Return whether a step of the flow can read values that it does not name.

    Args:
        flow: the flow.
        functions: the functions of its nodes.
    """
    return any(_sees_all(node.run, functions) for node in flow.nodes)


def check_given(
    given: Collection[str],
    names: FreeNames,
    declared: Collection[str],
    flow: Flow,
) -> None:
    """Raise PipelineError for a value whose name no step can take.

    Args:
        given: the names of the values that a run gets.
        names: the names that the steps take from outside.
        declared: the names that the pipeline declares.
        flow: the flow.
    """
    known = {*names.uses, *declared}
    returned = {each.name for node in flow.nodes for each in returns_of(node.run)}
    for name in given:
        if name not in known | returned:
            near = closest(name, sorted(known))
            hint = did_you_mean(near) if near else f"the parameters are {', '.join(sorted(known)) or 'none'}"
            raise PipelineError(f"no step of the pipeline takes a value '{name}': {hint}")


def check_notebooks(given: Collection[str], flow: Flow, notebooks: Mapping[str, NotebookSource]) -> None:
    """Raise PipelineError for a value that a notebook replaces by one of its own.

    Args:
        given: the names of the values that a run gets.
        flow: the flow.
        notebooks: the notebooks of its nodes, by their files.
    """
    for node in flow.nodes:
        if isinstance(node.run, Notebook):
            for name in notebooks[node.run.file].own.intersection(given):
                raise PipelineError(
                    f"the notebook {node.run.file} sets '{name}' itself, so that a value from outside has no effect: "
                    "give the cell that sets it the tag 'parameters'"
                )


def _sees_all(action: Action, functions: Mapping[Function, UserFunction]) -> bool:
    if isinstance(action, (Notebook, Shell)):
        return True
    if not isinstance(action, Function) or action not in functions:
        return False
    return takes_all(functions[action])
