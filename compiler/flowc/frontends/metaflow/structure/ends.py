"""Find the first and the last step of a flow."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowc_ir import codes
from flowc_ir.diagnostic import Faults

if TYPE_CHECKING:
    from flowc.frontends.metaflow.structure.graph import Candidates
    from flowc.frontends.metaflow.structure.steps import StepMethod


def find_ends(candidates: Candidates, faults: Faults) -> tuple[str, str]:
    """Return the names of the first and the last step; the caller reports a name that no step has.

    As in Metaflow, these are the steps with `@step(start=True)` and `@step(end=True)`, or named `start` and `end`. If a
    flow has only one step, this step is both the first and the last.

    Args:
        candidates: the methods that may be steps.
        faults: collects a fault if several steps could be the first or the last.
    """
    methods = [*candidates.methods.values()]
    if len(methods) == 1 and methods[0].is_step and "next" not in methods[0].function.__code__.co_names:
        only = methods[0].name
        # A method named `start` or `end` is probably a step whose @step is missing.
        if not {"start", "end"} & candidates.members.keys() - {only}:
            return only, only
    steps = [method for method in methods if method.is_step]
    return _one("start", steps, faults), _one("end", steps, faults)


def _one(which: str, steps: list[StepMethod], faults: Faults) -> str:
    marked = [method for method in steps if method.is_marked(which)]
    named = [method for method in steps if method.name == which and method not in marked]
    candidates = [*marked, *named]
    if not candidates:
        return which
    first, *others = candidates
    for other in others:
        faults.add(
            codes.AMBIGUOUS_STEP,
            first.where,
            f"steps '{first.name}' and '{other.name}' are both the flow's {which}",
            hint=f"keep @step({which}=True) on one step, and name no other step '{which}'",
            also=[(other.where, f"the other {which}")],
        )
    return first.name
