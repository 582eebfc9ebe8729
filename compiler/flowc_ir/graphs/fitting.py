"""Series cut so that no DAG has more tasks than a target takes: what is too much goes into parts, DAGs of their own.

With a limit of 200 tasks:

    a 1,000-step chain              ->  5 parts of 200 calls
    300 branches of one step        ->  2 parts of 150 calls, side by side

What leads to the next iteration of a loop around it stays where it is: what follows must know whether it did.
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
    """An equal series of at most `limit` tasks (at least 4), and so in every part and body inside it.

    Only a loop that is large and goes on from many places, and a switch of very many arms, still have more.
    """
    fitted: Series = tuple(_fit_block(block, limit) for block in blocks)
    # Forks take at most half a DAG each, so every round at least halves what is packed.
    while tasks(fitted) > limit:
        packed = tuple(_part(chunk) for chunk in _pack(fitted, limit))
        if packed == fitted:
            break
        fitted = packed
    return fitted


def _fit_block(block: Block, limit: int) -> Block:
    match block:
        case FanOut(split=split, body=body, together=together):
            return FanOut(split, fit(body, limit), together)
        case ParallelArms(arms=arms):
            return _fit_fork(tuple(fit(arm, limit) for arm in arms), limit)
        case SwitchArms(switch=switch, arms=chosen):
            room = max(limit // 2 // len(chosen), 1)
            return SwitchArms(switch, tuple((target, _fit_arm(arm, room, limit)) for target, arm in chosen))
        case Iterations(header=header, body=body):
            return Iterations(header, fit(body, limit))
        case Call() | Part() | Again():
            return block
        case _:
            assert_never(block)


def _fit_arm(arm: Series, room: int, limit: int) -> Series:
    """An arm of a choice: one task, where there is no room for more."""
    fitted = fit(arm, limit)
    return (_part(fitted),) if tasks(fitted) > room and not leads(fitted) else fitted


def _fit_fork(arms: Sequence[Series], limit: int) -> Block:
    if tasks((ParallelArms(tuple(arms)),)) > limit // 2:
        arms = [(_part(arm),) for arm in arms]
    while len(arms) > limit // 2:
        groups = -(-len(arms) // limit)
        size = -(-len(arms) // groups)
        arms = [(Part((ParallelArms(tuple(arms[at : at + size])),)),) for at in range(0, len(arms), size)]
    return ParallelArms(tuple(arms))


def _part(blocks: Series) -> Block:
    """The series as one block, of one task unless it leads to a loop around it."""
    alone = blocks[0] if len(blocks) == 1 else None
    return alone if isinstance(alone, Call | Part | Iterations | Again) or (alone and leads(blocks)) else Part(blocks)


def _pack(blocks: Series, limit: int) -> list[Series]:
    """Consecutive blocks in as few chunks as fit, evenly filled."""
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
