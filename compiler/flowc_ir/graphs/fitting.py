"""Split series (sequences of blocks) so that no DAG has more tasks than a target allows. If a DAG would have too many
tasks, groups of its tasks move into parts. A part is a separate DAG, which one task of the original DAG calls.

With a limit of 200 tasks:

    a 1,000-step chain              ->  5 parts of 200 calls
    300 branches of one step        ->  2 parts of 150 calls, side by side

Tasks that may lead to the next iteration of a loop around them are not moved, because they decide whether later tasks
of the same DAG run.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowc_ir.graphs.regions import Again
from flowc_ir.graphs.series import (
    Block,
    Call,
    FanOut,
    Iterations,
    ParallelArms,
    Part,
    Series,
    SwitchArms,
    block_tasks,
    leads,
    tasks,
)
from flowc_ir.model import assert_never

if TYPE_CHECKING:
    from collections.abc import Sequence


def fit(blocks: Series, limit: int) -> Series:
    """Return an equivalent series that fits into DAGs of limited size.

    Args:
        blocks: the series of a whole flow.
        limit: the maximum number of tasks in one DAG, at least 4.

    Returns:
        A series in which every DAG has at most `limit` tasks. There are two exceptions: a large loop whose next
        iteration starts from many places, and a switch with very many arms.
    """
    return _Fitting(limit).fit(blocks)


class _Fitting:
    """Splits series so that no DAG has more than `limit` tasks.

    If several arms contain the same series, it is split only once, and these arms share the result.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        # the keys are `id(series)`; each value keeps the series alive, because the id of a deleted object can be reused
        self._fitted: dict[int, tuple[Series, Series]] = {}
        self._parts: dict[int, tuple[Series, Block]] = {}  # the keys are `id(series)`, as in `_fitted`

    def fit(self, blocks: Series) -> Series:
        if id(blocks) not in self._fitted:
            self._fitted[id(blocks)] = blocks, self._fit(blocks)
        return self._fitted[id(blocks)][1]

    def _fit(self, blocks: Series) -> Series:
        fitted: Series = tuple(self._fit_block(block) for block in blocks)
        # Each round of this loop replaces chunks of consecutive blocks by one task each. The loop ends: a block of
        # parallel arms has at most half as many tasks as the limit, so at least two blocks fit into a chunk, and each
        # round at least halves the number of tasks.
        while tasks(fitted) > self._limit:
            packed = tuple(_part(chunk) for chunk in _pack(fitted, self._limit))
            if packed == fitted:
                break
            fitted = packed
        return fitted

    def _fit_block(self, block: Block) -> Block:
        match block:
            case FanOut(split=split, body=body, together=together):
                return FanOut(split, self.fit(body), together)
            case ParallelArms(arms=arms):
                return _fit_fork(tuple(self.fit(arm) for arm in arms), self._limit)
            case SwitchArms(switch=switch, arms=chosen):
                room = max(self._limit // 2 // len(chosen), 1)
                return SwitchArms(switch, tuple((target, self._fit_arm(arm, room)) for target, arm in chosen))
            case Iterations(header=header, body=body):
                return Iterations(header, self.fit(body))
            case Call() | Part() | Again():
                return block
            case _:
                assert_never(block)

    def _fit_arm(self, arm: Series, room: int) -> Series:
        """Return an arm of a switch with at most `room` tasks: a larger arm becomes one task, which calls the arm. An
        arm that leads to the next iteration of a loop around the switch keeps its tasks."""
        fitted = self.fit(arm)
        if tasks(fitted) <= room or leads(fitted):
            return fitted
        if id(fitted) not in self._parts:
            self._parts[id(fitted)] = fitted, _part(fitted)
        return (self._parts[id(fitted)][1],)


def _fit_fork(arms: Sequence[Series], limit: int) -> Block:
    if tasks((ParallelArms(tuple(arms)),)) > limit // 2:
        arms = [(_part(arm),) for arm in arms]
    while len(arms) > limit // 2:
        groups = -(-len(arms) // limit)
        size = -(-len(arms) // groups)
        arms = [(Part((ParallelArms(tuple(arms[at : at + size])),)),) for at in range(0, len(arms), size)]
    return ParallelArms(tuple(arms))


def _part(blocks: Series) -> Block:
    """Return the series as one block. This block needs one task, unless the series is a single block that leads to the
    next iteration of a loop around it."""
    alone = blocks[0] if len(blocks) == 1 else None
    return alone if isinstance(alone, Call | Part | Iterations | Again) or (alone and leads(blocks)) else Part(blocks)


def _pack(blocks: Series, limit: int) -> list[Series]:
    """Divide the blocks into as few chunks of consecutive blocks as possible, with similar numbers of tasks."""
    total = tasks(blocks)
    target = -(-total // -(-total // limit))
    chunks: list[list[Block]] = [[]]
    have = 0
    for block in blocks:
        more = block_tasks(block)
        apart = leads((block,)) or (have and leads((chunks[-1][-1],)))
        if have and (apart or have >= target or have + more > limit):
            chunks.append([])
            have = 0
        chunks[-1].append(block)
        have += more
    return [tuple(chunk) for chunk in chunks]
