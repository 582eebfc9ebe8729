"""A flow's regions as series of calls, cut so that no DAG has more tasks than Argo takes.

`series` regroups a region: a foreach stands together with the step that opens it, because Argo gives the count of one
task to another only within a DAG. `fit` then moves what is too much into parts, each a DAG of its own:

    a 1,000-step chain              ->  5 parts of 200 calls
    300 branches of one step        ->  2 parts of 150 calls, side by side
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias, final

from flowc.ir.model import NodeId, assert_never
from flowc.ir.regions import Again, Choose, Each, Parallel, Region, Repeat, Task

if TYPE_CHECKING:
    from collections.abc import Sequence


@final
@dataclass(frozen=True, slots=True)
class Call:
    """One task of a step."""

    node: NodeId


@final
@dataclass(frozen=True, slots=True)
class FanOut:
    """A task of the step `split` and, for each item it counts, the body."""

    split: NodeId
    body: Series


@final
@dataclass(frozen=True, slots=True)
class Fork:
    """Arms that run side by side."""

    arms: tuple[Series, ...]


@final
@dataclass(frozen=True, slots=True)
class Part:
    """A series in a DAG template of its own, called as one task."""

    series: Series


Block: TypeAlias = "Call | FanOut | Fork | Part"
Series: TypeAlias = "tuple[Block, ...]"


def series(region: Region) -> Series:
    """The region's items; each starts when all tasks of the one before it have ended."""
    blocks: list[Block] = []
    for item in region.items:
        match item:
            case Task(node=node):
                blocks.append(Call(node))
            case Parallel(arms=arms):
                blocks.append(Fork(tuple(series(arm) for arm in arms)))
            case Each(split=split, body=body):
                blocks[-1] = FanOut(split, series(body))
            case Choose() | Repeat() | Again():
                raise AssertionError(f"checks.check_flow refuses {item}")
            case _:
                assert_never(item)
    return tuple(blocks)


def tasks(blocks: Series) -> int:
    """How many tasks the series takes in one DAG."""
    return sum(_tasks(block) for block in blocks)


def _tasks(block: Block) -> int:
    match block:
        case Call() | Part():
            return 1
        case FanOut():
            return 2
        case Fork(arms=arms):
            return sum(tasks(arm) for arm in arms)
        case _:
            assert_never(block)


def first(blocks: Series) -> NodeId:
    """The first step of a series in the order written; it names the template."""
    match blocks[0]:
        case Call(node=node) | FanOut(split=node):
            return node
        case Fork(arms=arms):
            return first(arms[0])
        case Part(series=inner):
            return first(inner)
        case _:
            assert_never(blocks[0])


def fit(blocks: Series, limit: int) -> Series:
    """An equal series of at most `limit` tasks (at least 4), and so in every part and body inside it."""
    fitted: Series = tuple(_fit_block(block, limit) for block in blocks)
    # Forks take at most half a DAG each, so every round at least halves what is packed.
    while tasks(fitted) > limit:
        fitted = tuple(_part(chunk) for chunk in _pack(fitted, limit))
    return fitted


def _fit_block(block: Block, limit: int) -> Block:
    match block:
        case FanOut(split=split, body=body):
            return FanOut(split, fit(body, limit))
        case Fork(arms=arms):
            return _fit_fork(tuple(fit(arm, limit) for arm in arms), limit)
        case Call() | Part():
            return block
        case _:
            assert_never(block)


def _fit_fork(arms: Sequence[Series], limit: int) -> Block:
    if tasks((Fork(tuple(arms)),)) > limit // 2:
        arms = [(_part(arm),) for arm in arms]
    while len(arms) > limit // 2:
        groups = -(-len(arms) // limit)
        size = -(-len(arms) // groups)
        arms = [(Part((Fork(tuple(arms[at : at + size])),)),) for at in range(0, len(arms), size)]
    return Fork(tuple(arms))


def _part(blocks: Series) -> Block:
    """The series as one block of one task."""
    alone = blocks[0] if len(blocks) == 1 else None
    return alone if isinstance(alone, Call | Part) else Part(blocks)


def _pack(blocks: Series, limit: int) -> list[Series]:
    """Consecutive blocks in as few chunks as fit, evenly filled."""
    target = -(-tasks(blocks) // -(-tasks(blocks) // limit))
    chunks: list[list[Block]] = [[]]
    for block in blocks:
        have, more = tasks(tuple(chunks[-1])), _tasks(block)
        if have and (have >= target or have + more > limit):
            chunks.append([])
        chunks[-1].append(block)
    return [tuple(chunk) for chunk in chunks]
