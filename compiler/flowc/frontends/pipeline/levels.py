"""The position of a sequence of steps in a pipeline: which nodes follow the sequence, and which node handles its
failures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, final

from flowc.pipeline.composites import Conditional, Loop, Parallel
from flowc_ir import End, Goto, Switch
from flowc_ir.late.dataclass import dataclass
from flowc_runtime.run.nodes.failing import FAILED

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flowc.frontends.pipeline.step_names import Position
    from flowc.pipeline.pipelines import BasePipeline
    from flowc_ir import Transition
    from flowc_ir.model import NodeId

ERROR: Final = "error"
"""The name of the artifact that contains a step's failure; the steps of `on_failure` can read it."""


@final
@dataclass(frozen=True, slots=True)
class Level:
    """The nodes that follow a sequence of steps.

    Attributes:
        then: the node that runs after the sequence; None if the run ends.
        exit: the node that runs after the pipeline that contains the sequence; the pipeline's handlers of failures lead
            to this node, too.
        failure: the node that runs after a failed step; None if no failure is handled.
        around: the names of the composite steps (maps, loops, …) that contain the sequence, outermost first.
        at: the position of the pipeline that contains the sequence, or of the step that is being added.
    """

    then: NodeId | None
    exit: NodeId | None
    failure: NodeId | None = None
    around: tuple[str, ...] = ()
    at: Position = ()


def needs_end(pipeline: BasePipeline) -> bool:
    """Return whether several paths lead to the end of a pipeline; if so, the paths need a common last node."""
    last = pipeline.steps[-1]
    return (
        isinstance(last, (Conditional, Loop))
        or _handles(pipeline)
        or (isinstance(last, Parallel) and len(last.branches) == 1 and needs_end(*last.branches.values()))
    )


def _handles(pipeline: BasePipeline) -> bool:
    """Return whether a step of the pipeline handles failures; a step inside a branch that ends in a join does not
    count."""
    for step in pipeline.steps:
        inner: Sequence[BasePipeline] = ()
        match step:
            case Conditional():
                inner = [*step.branches.values(), *([step.default] if step.default is not None else [])]
            case Loop():
                inner = [step.branch]
            case Parallel() if len(step.branches) == 1:
                inner = [*step.branches.values()]
        if step.on_failure is not None or any(map(_handles, inner)):
            return True
    return False


def goto(target: NodeId | None) -> Transition:
    """Return the transition to a node, or the end of the run if `target` is None."""
    return End() if target is None else Goto(target=target)


def leaving(level: Level) -> Transition:
    """Return the transition of a task or join: it leads to the handler of failures if the task or one of the join's
    inputs failed.
    """
    if level.failure is None:
        return goto(level.then)
    assert level.then is not None  # a pipeline that handles failures gets a last node (`needs_end`)
    if level.then == level.failure:  # the next node is a join, which handles the failures of its branches
        return Goto(target=level.then)
    return Switch(condition=ERROR, arms=((FAILED, level.failure),), default=level.then)
