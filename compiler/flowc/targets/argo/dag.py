"""Makes the tasks of one DAG template, with the conditions under which they start.

In `depends`, the plain name of a task means "succeeded or skipped". An arm is one of the branches of a switch. The
first task of an arm has the condition that the arm was chosen (`when`). The second task depends on `name.Succeeded` of
the first task. If the first task is skipped or fails, all later tasks of the arm are omitted; therefore they need no
condition:

    switch -> a (when the choice is a) -> a2         a2: depends a.Succeeded
           -> b (when the choice is b) ----> meet    meet: depends (a2 || a.Skipped) && b
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from flowc.targets.argo import names
from flowc.targets.argo.hera_models import m
from flowc.targets.argo.strict import make
from flowc_ir.graphs.regions import Again
from flowc_ir.graphs.series import Block, Call, FanOut, Iterations, ParallelArms, Part, Series, SwitchArms, first
from flowc_ir.model import NodeId, assert_never

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flowc.targets.argo.lowering import Lowering
    from flowc.targets.argo.template_places import TemplatePlace

# The terms of `depends` that must all hold before the next task starts. None means that the series ends with the next
# iteration of a loop, so that no task follows.
After: TypeAlias = "list[str] | None"


class Dag:
    """Collects the tasks of one DAG. A loop's DAG has the tasks of several successive iterations (`iterations`)."""

    def __init__(
        self, lowering: Lowering, place: TemplatePlace, loop: Iterations | None = None, iterations: int = 1
    ) -> None:
        self._lowering = lowering
        self._place = place
        self._loop = loop
        self._iterations = iterations
        self._tasks: dict[str, m.DAGTask] = {}

    def run(self, blocks: Series) -> list[m.DAGTask]:
        """Return the tasks of a series (a sequence of blocks), including the tasks of inner blocks."""
        self._series(blocks, [])
        return list(self._tasks.values())

    def _series(self, blocks: Series, after: After, when: str | None = None) -> After:
        """Add the tasks of these blocks to the DAG. The first block depends on `after` and has the condition `when`.
        Return the terms of `depends` for the block that follows the last one."""
        for block in blocks:
            if after is None:
                break
            after, when = self._block(block, after, when), None
        return after

    def _block(self, block: Block, after: list[str], when: str | None) -> After:
        match block:
            case Call(node=node):
                return [self._wait(self._step(node, after, when))]
            case FanOut(split=split, body=body, together=together):
                return [self._each(split, body, together, self._step(split, after, when))]
            case ParallelArms(arms=arms):
                return [term for arm in arms for term in self._series(arm, after) or ()]
            case Part(series=inner):
                template = self._lowering.dag_template("part", inner, self._place)
                name = f"part--{names.step_name(first(inner))}"
                return [self._wait(self._task(name, template, self._place.arguments(), after, when))]
            case SwitchArms():
                return self._choice(block, after, when)
            case Iterations(header=header):
                template = self._lowering.loop_template(block, self._place)
                begin = self._place.arguments() | {f"n{len(self._place.rounds) + 1}": "0"}
                return [self._wait(self._task(f"loop--{names.step_name(header)}", template, begin, after, when))]
            case Again(header=header):
                self._again(header, after, when)
                return None
            case _:
                assert_never(block)

    def _choice(self, choice: SwitchArms, after: list[str], when: str | None) -> After:
        """Add the tasks of a switch and of its arms to the DAG; an arm starts only if the switch chooses it. Return the
        terms of `depends` for the next block."""
        switch = self._step(choice.switch, after, when)
        chosen = f'"{{{{tasks.{switch}.outputs.parameters.choice}}}}"'
        terms, goes_on = [], False
        for target, arm in choice.arms:
            if not arm:  # an arm without tasks: it was chosen if all other arms are skipped
                goes_on = True
                continue
            known = len(self._tasks)
            ends = self._series(arm, [self._wait(switch)], f'{chosen} == "{target}"')
            head = list(self._tasks)[known]
            goes_on = goes_on or ends is not None
            terms.append(_either(ends, head))
        return (terms or [self._wait(switch)]) if goes_on else None

    def _again(self, header: NodeId, after: list[str], when: str | None) -> None:
        """Add the next iteration of a loop to the DAG: the iteration's tasks or, if the DAG has enough iterations
        already, one task that calls the loop's template."""
        here, following = self._place, self._place.again(header)
        last = following.rounds[-1]
        if self._loop is not None and self._loop.header == header and last.offset < self._iterations:
            self._place = following
            self._series(self._loop.body, after, when)
            self._place = here
        else:
            self._task(f"again--{names.step_name(header)}", last.template, following.arguments(), after, when)

    def _step(self, node: NodeId, after: list[str], when: str | None) -> str:
        template, arguments = self._lowering.step_template(node), self._lowering.step_arguments(node)
        return self._task(names.step_name(node), template, arguments | self._at(node), after, when)

    def _each(self, split: NodeId, body: Series, together: bool, task: str) -> str:
        template, passed = self._lowering.each_template(body, together)
        given = passed | {"count": f"{{{{tasks.{task}.outputs.parameters.count}}}}"} | self._at(split)
        return self._task(f"each--{names.step_name(first(body))}", template, given, [self._wait(task)])

    def _at(self, node: NodeId) -> dict[str, str]:
        return {"path": self._lowering.path(node, self._place)}

    def _task(
        self, base: str, template: str, arguments: dict[str, str], after: Sequence[str], when: str | None = None
    ) -> str:
        name, number = base, 1
        while name in self._tasks:  # the name is taken: the step is in several arms or iterations
            number += 1
            name = f"{base}--{number}"
        self._tasks[name] = make(
            m.DAGTask,
            name=name,
            template=template,
            arguments=arguments_of(arguments),
            depends=" && ".join(after) or None,
            when=when,
        )
        return name

    def _wait(self, task: str) -> str:
        """Return the term of `depends` that is true if the task has succeeded."""
        return f"{task}.Succeeded" if self._tasks[task].when else task


def _either(ends: After, head: str) -> str:
    """Return the term of `depends` that is true if the arm has ended, or if another arm was chosen."""
    if ends is None:
        return f"{head}.Skipped"
    return head if ends == [f"{head}.Succeeded"] else f"({' && '.join(ends)} || {head}.Skipped)"


def arguments_of(values: dict[str, str]) -> m.Arguments:
    """Convert names and values of arguments to Argo's model."""
    return make(m.Arguments, parameters=[make(m.Parameter, name=key, value=value) for key, value in values.items()])
