"""The transition of a task: checks the step's call of `self.next` against the IR, and stores the items of a foreach."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowc_ir import Branch, End, Foreach, Gang, Goto, Switch, targets
from flowc_ir.model import assert_never
from flowc_runtime.base.errors import ProtocolError
from flowc_runtime.store.values import codecs
from flowc_runtime.store.values.fanouts import items_of, store_items

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flowc_ir import Node, Transition
    from flowc_runtime.run.assignment import Assignment
    from flowc_runtime.run.program import Program
    from flowc_runtime.run.state import NextCall, TaskState
    from flowc_runtime.store.records.record_types import ArtifactRef, Fanout


def check_transition(job: Assignment, flow: object, state: TaskState) -> None:
    """Check that the step's call of `self.next` matches the transition in the IR.

    If a decorator replaced the step's code, no code has called `self.next`, and the task takes the transition that the
    IR has for the step. A task of a gang may end without calling `self.next`.

    Args:
        job: the attempt.
        flow: the object of the task.
        state: the state of the task, which contains the call.

    Raises:
        ProtocolError: the step did not call `self.next`, or called it with other targets.
    """
    call, node = state.transition, job.node
    if isinstance(node.next, End):
        return
    if call is None and state.implied is not None:
        _imply(job.program, flow, node, state.implied)
        return
    if call is None and _in_gang(job):  # a gang's task has only one successor, the join
        return
    if call is None:
        raise ProtocolError(f"step '{node.id}' returned before its self.next(…)")
    if not _agree(call, node.next):
        raise ProtocolError(f"step '{node.id}' called self.next with other targets than its source shows")


def _in_gang(job: Assignment) -> bool:
    split = job.graph.foreach_of(job.node)
    return split is not None and isinstance(split.next, Gang)


def _imply(program: Program, flow: object, node: Node, given: Mapping[str, object]) -> None:
    """Apply the IR's transition, with a decorator's arguments, to a task in which this decorator replaced the step's
    code."""
    known = {"foreach"} if isinstance(node.next, Foreach) else set()
    if unknown := sorted(set(given) - known):
        raise ProtocolError(
            f"a decorator of step '{node.id}' passes {', '.join(unknown)}= to self.next, but the step's call does not"
        )
    program.imply(flow, node.next, given)


def _agree(call: NextCall, expected: Transition) -> bool:
    """Return whether a call of `self.next` matches the transition in the IR."""
    return (
        call.steps == targets(expected)
        and call.foreach == (expected.over if isinstance(expected, Foreach) else None)
        and call.condition == (expected.condition if isinstance(expected, Switch) else None)
        and (call.gang is None) == (not isinstance(expected, Gang))
    )


def fan_out(job: Assignment, flow: object, state: TaskState, artifacts: Mapping[str, ArtifactRef]) -> Fanout | None:
    """Store the items of a foreach; return the number of tasks of a foreach or gang, as a record. None for other steps.

    Args:
        job: the attempt.
        flow: the object of the task.
        state: the state of the task.
        artifacts: the stored artifacts of the task.

    Raises:
        ValueError: the number of tasks exceeds --max-num-splits.
        TypeError: the value of the foreach cannot be iterated.
        ArtifactError: an item cannot be pickled.
        StoreError: the store cannot be written.
    """
    call = state.transition
    match job.node.next:
        case Foreach(over=over):
            over = call.foreach if call is not None and call.foreach is not None else over
            value = getattr(flow, over)
            items = items_of(value)
            check_splits(job, len(items), f"the foreach over self.{over}")
            # the foreach may be over a parameter, which has no artifact
            whole = artifacts.get(over) or codecs.store_value(state.objects, items)
            fanout = store_items(state.objects, over, items, whole)
            if getattr(value, "flowc_unbounded", False):
                fanout["unbounded"] = True
            return fanout
        case Gang():
            assert call is not None
            assert call.gang is not None
            check_splits(job, call.gang, "num_parallel")
            return {"count": call.gang}
        case End() | Goto() | Branch() | Switch():
            return None
        case _:
            assert_never(job.node.next)


def check_splits(job: Assignment, count: int, what: str) -> None:
    """Check that the number of tasks of a foreach or gang does not exceed the maximum.

    Args:
        job: the attempt, which knows the maximum.
        count: the number of tasks.
        what: a description of the foreach or gang for the message.

    Raises:
        ValueError: the number exceeds the maximum.
    """
    most = job.max_splits
    if most is not None and count > most:
        raise ValueError(f"{what} in step '{job.node.id}' makes {count} tasks, but --max-num-splits allows {most}")
