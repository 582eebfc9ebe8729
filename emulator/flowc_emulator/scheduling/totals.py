"""Count the tasks of a run, as far as the number is known before the tasks have run. Like the scheduler, this module
uses no clock, no processes and no store.

The number of items of a foreach, and the target of a switch, are known when the task that opens the foreach or the
switch is done. Until then the total is a lower bound, and `exact` is false. The total never decreases.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, final

from flowc_ir import Branch, End, Foreach, Gang, Goto, Switch, targets
from flowc_ir.model import assert_never

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flowc_runtime.base.index import Graph


@final
class Totals:
    """`least` is a lower bound of the number of tasks of a run. It can still increase if a foreach turns out to have
    more items, or a switch chooses a longer arm."""

    def __init__(self, graph: Graph, only: str | None = None) -> None:
        self._graph = graph
        self._needs: dict[str, float] = dict.fromkeys(graph.nodes, math.inf)
        self._open: dict[str, int] = dict.fromkeys(graph.nodes, 0)
        if only is not None:
            self.least, self._unknown = 1, 0
            return
        order = list(_last_first(graph))
        while sum(map(self._improve, order)):  # without loops in the graph, the second round changes nothing
            continue
        for _ in order:
            if not sum(map(self._count_open, order)):
                break
        start = graph.flow.start
        self.least, self._unknown = self._need(start), self._open[start]

    @property
    def exact(self) -> bool:
        """Whether `least` is the exact number of tasks, because the number of items of every foreach and the choice of
        every switch are known."""
        return not self._unknown

    def opened(self, split: str, count: int) -> None:
        """Increase the total: the number of items of a foreach, or of members of a gang, is known now.

        Args:
            split: the step that starts the foreach or gang.
            count: the number of items or members.
        """
        (body,) = targets(self._graph.nodes[split].next)
        self.least += count * self._need(body)
        self._unknown += count * self._open[body] - 1

    def chosen(self, switch: str, target: str) -> None:
        """Increase the total: the step that a switch has chosen is known now."""
        self.least += self._need_of(target) - self._least_arm(switch)
        self._unknown += self._open_of(target) - self._open[switch]

    # -- `_needs` and `_open` have one number for each step. They count only from this step to the join of the split
    # that contains the step: `_needs` counts tasks, `_open` counts foreaches and switches.

    def _need(self, step: str) -> int:
        need = self._needs[step]
        return int(need) if math.isfinite(need) else 1  # a loop without an exit: only the step's own task is certain

    def _need_of(self, target: str) -> int:
        """Return the number of tasks that an edge to `target` adds: 0 if the target is a join."""
        return 0 if self._graph.nodes[target].joins is not None else self._need(target)

    def _open_of(self, target: str) -> int:
        return 0 if self._graph.nodes[target].joins is not None else self._open[target]

    def _least_arm(self, switch: str) -> int:
        return min(map(self._need_of, targets(self._graph.nodes[switch].next)))

    def _improve(self, step: str) -> bool:
        """Compute the smallest number of tasks from a step on, from the same numbers of the next steps. Return
        whether the number has decreased."""
        following = self._graph.nodes[step].next
        needs = [0.0 if self._graph.nodes[t].joins is not None else self._needs[t] for t in targets(following)]
        match following:
            case End():
                need = 1.0
            case Goto():
                need = 1 + needs[0]
            case Switch():
                need = 1 + min(needs)
            case Branch():
                need = 1 + sum(needs) + self._needs[self._graph.join_of[step]]
            case Foreach() | Gang():
                need = 1 + self._needs[self._graph.join_of[step]]
            case _:
                assert_never(following)
        if need >= self._needs[step]:
            return False
        self._needs[step] = need
        return True

    def _count_open(self, step: str) -> bool:
        """Count the foreaches and switches from a step on that may still increase the number of tasks. Return whether
        the count has changed."""
        count, self._open[step] = self._open[step], self._find_open(step)
        return count != self._open[step]

    def _find_open(self, step: str) -> int:
        """Compute the same count as `_count_open` from the counts of the next steps. Foreaches and switches after a
        switch are counted only when the target of this switch is known."""
        following = self._graph.nodes[step].next
        match following:
            case End():
                return 0
            case Goto(target=target):
                return self._open_of(target)
            case Switch():
                arms = targets(following)
                same = len({self._need_of(arm) for arm in arms}) == 1
                return 0 if same and not any(map(self._open_of, arms)) else 1
            case Branch():
                return sum(map(self._open_of, targets(following))) + self._open_of_join(step)
            case Foreach() | Gang():
                return 1 + self._open_of_join(step)
            case _:
                assert_never(following)

    def _open_of_join(self, split: str) -> int:
        return self._open[self._graph.join_of[split]]


def _after(graph: Graph, step: str) -> Iterator[str]:
    yield from targets(graph.nodes[step].next)
    if step in graph.join_of:
        yield graph.join_of[step]


def _last_first(graph: Graph) -> Iterator[str]:
    """Return the steps in reverse topological order, without regard to the edges that lead back in loops."""
    seen = {graph.flow.start}
    waiting = [(graph.flow.start, _after(graph, graph.flow.start))]
    while waiting:
        step, following = waiting[-1]
        for target in following:
            if target not in seen:
                seen.add(target)
                waiting.append((target, _after(graph, target)))
                break
        else:
            waiting.pop()
            yield step
