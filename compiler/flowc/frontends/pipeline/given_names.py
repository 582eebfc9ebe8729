"""Checks the names of values that are passed to a pipeline's run: some step must be able to use each value."""

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
    """Return whether one of the flow's steps may use values of any name. Shell commands, notebooks and functions with
    `**kwargs` may do so.

    Args:
        flow: the flow.
        functions: the Python function of each `Function` in the flow.
    """
    return any(_sees_all(node.run, functions) for node in flow.nodes)


def check_given(
    given: Collection[str],
    names: FreeNames,
    declared: Collection[str],
    flow: Flow,
) -> None:
    """Raise PipelineError for a value that no step uses.

    Args:
        given: the names of the values that are passed to the run.
        names: the names that steps use and no step produces.
        declared: the names of the parameters that the pipeline declares.
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
    """Raise PipelineError if a notebook assigns a name that is given a value: the given value would have no effect.

    Args:
        given: the names of the values that are passed to the run.
        flow: the flow.
        notebooks: the notebooks of the flow's nodes, by file name.
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
