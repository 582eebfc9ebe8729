"""Chooses the node name of each step of a pipeline. Outer steps are named first, so that they keep their own names."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from flowc.pipeline.composites import Conditional, Loop, Map, Parallel

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flowc.frontends.pipeline.node_names import NodeNames
    from flowc.pipeline.pipelines import BasePipeline
    from flowc.pipeline.steps import Step

Position: TypeAlias = "tuple[object, ...]"
"""The position of a step or pipeline inside a pipeline: alternately the index of a step and the key of one of its
branches. For example, `(0, "left", 2)` is the third step of the branch `left` of the first step."""

BRANCH, DEFAULT, HANDLER = ("branch",), ("default",), ("on_failure",)
"""The keys of those inner pipelines of a step that are not in the step's dict `branches`. These keys are tuples,
because any string can be the name of a branch in the dict.
"""


def names_of_steps(pipeline: BasePipeline, names: NodeNames) -> dict[Position, str]:
    """Return the names of the nodes of all steps by the steps' positions.

    Outer steps get their names first: a step inside a branch or a handler gets a longer name if an outer step has its
    name.

    Args:
        pipeline: the outermost pipeline.
        names: makes unique names.
    """
    found: dict[Position, str] = {}
    level: list[tuple[Position, tuple[str, ...], BasePipeline]] = [((), (), pipeline)]
    while level:
        inner: list[tuple[Position, tuple[str, ...], BasePipeline]] = []
        for at, around, each in level:
            for number, step in enumerate(each.steps):
                if not isinstance(step, Parallel) or len(step.branches) > 1:  # a Parallel with one branch has no node
                    here: Position = (*at, number)
                    found[here] = names.take(*around, step.name)
                for key, outer, branch in _inside(step):
                    inner.append(((*at, number, key), (*around, step.name, *outer), branch))
        level = inner
    return found


def _inside(step: Step) -> Iterator[tuple[object, tuple[str, ...], BasePipeline]]:
    """For each pipeline inside a step, yield the pipeline's key, a tuple of prefixes for the names of the pipeline's
    steps, and the pipeline itself. For a parallel step with several branches, the tuple of prefixes has the name of the
    branch; otherwise it is empty.
    """
    match step:
        case Map() | Loop():
            yield BRANCH, (), step.branch
        case Parallel():
            for key, branch in step.branches.items():
                yield key, (str(key),) if len(step.branches) > 1 else (), branch
        case Conditional():
            for choice, branch in step.branches.items():
                yield choice, (), branch
            if step.default is not None:
                yield DEFAULT, (), step.default
    if step.on_failure is not None:
        yield HANDLER, (), step.on_failure
