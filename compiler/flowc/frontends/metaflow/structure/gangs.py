"""Check gangs: steps whose tasks all run at the same time. `num_parallel` starts the tasks of a gang, and `@parallel`
marks the step."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowc.frontends.metaflow.decorators.plugins import plugin_class
from flowc_ir import Gang, Goto, codes, targets

if TYPE_CHECKING:
    from flowc.frontends.metaflow.structure.graph import DeclaredGraph
    from flowc.frontends.metaflow.structure.steps import StepMethod
    from flowc_ir.diagnostic import Faults, Related


def check_gangs(graph: DeclaredGraph, faults: Faults) -> None:
    """Report gangs without @parallel or without a join directly after them, and @parallel on steps that are not a gang.

    Args:
        graph: the graph of the flow.
        faults: collects the faults.
    """
    reached: set[str] = set()
    for name, following in graph.next_of.items():
        reached.update(targets(following) if following is not None else ())
        if isinstance(following, Gang) and following.body in graph.steps:
            _check_body(name, graph.steps[following.body], graph, faults)
    for name, following in graph.next_of.items():
        for target in targets(following) if following is not None and not isinstance(following, Gang) else ():
            if target in graph.steps and is_parallel(graph.steps[target]):
                _fault(
                    faults,
                    f"step '{target}' has @parallel, but step '{name}' does not lead to it with num_parallel",
                    graph.steps[target],
                    f"write `self.next(self.{target}, num_parallel=…)` in '{name}', or remove @parallel",
                    graph.mention(name, target, f"step '{name}' leads to it here"),
                )
    for name, method in graph.steps.items():
        if name not in reached and is_parallel(method):
            _fault(
                faults,
                f"step '{name}' has @parallel, but the flow starts with it",
                method,
                f"write a step before it that calls `self.next(self.{name}, num_parallel=…)`, or remove @parallel",
            )


def _check_body(split: str, body: StepMethod, graph: DeclaredGraph, faults: Faults) -> None:
    if not is_parallel(body):
        hint = f"write @parallel above '{body.name}'; for tasks that do not run all at once, use a foreach"
        message = f"step '{split}' leads to '{body.name}' with num_parallel, but '{body.name}' has no @parallel"
        _fault(faults, message, body, hint, graph.mention(split, body.name, f"step '{split}' leads to it here"))
    following = graph.next_of[body.name]
    if following is None or (isinstance(following, Goto) and graph.closes.get(following.target, split) == split):
        join = graph.steps.get(following.target) if isinstance(following, Goto) else None
        if join is None or join.takes_inputs:
            return
    _fault(
        faults,
        f"the tasks of step '{body.name}' run all at once, but this step does not lead straight to their join",
        body,
        "keep the parallel work in this step, and let it lead to a step `def join(self, inputs):`",
        graph.mention(body.name, following.target, "it leads here") if isinstance(following, Goto) else (),
    )


def is_parallel(method: StepMethod) -> bool:
    """Return whether the step has @parallel, @pytorch_parallel, or an extension's decorator of this kind."""
    names = [applied.name for applied in method.applied]
    return "parallel" in names or any(getattr(plugin_class(name, "step"), "IS_PARALLEL", False) for name in names)


def _fault(faults: Faults, message: str, at: StepMethod, hint: str, also: tuple[Related, ...] = ()) -> None:
    faults.add(codes.PARALLEL_STEP, at.where, message, hint=hint, also=also)
