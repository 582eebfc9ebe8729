"""A flow's regions as series of calls, for targets whose graphs of tasks ("DAGs") call each other.

A foreach stands together with the step that opens it, and a choice with its switch: such targets give the outputs of
one task to another only within a DAG.

An inner loop may lead straight to the next iteration of an outer one; what stands behind the inner loop must not be run
then, when it returns. So that goes into the inner loop's body, where it follows the ways out only.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias, final

from flowc_ir.graphs.regions import Again, BranchArms, Choose, Each, Item, Region, Repeat, Task
from flowc_ir.model import NodeId, assert_never

if TYPE_CHECKING:
    from collections.abc import Iterator


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
    together: bool = False  # a gang: all of them run at once


@final
@dataclass(frozen=True, slots=True)
class ParallelArms:
    """Arms that run side by side."""

    arms: tuple[Series, ...]


@final
@dataclass(frozen=True, slots=True)
class Part:
    """A series in a DAG of its own, called as one task."""

    series: Series


@final
@dataclass(frozen=True, slots=True)
class SwitchArms:
    """A task of the step `switch`, and one of the arms, which are given by the step that the switch leads to."""

    switch: NodeId
    arms: tuple[tuple[NodeId, Series], ...]


@final
@dataclass(frozen=True, slots=True)
class Iterations:
    """Iterations of the body, which begins with the header; `Again` ends one that is followed by another."""

    header: NodeId
    body: Series


Block: TypeAlias = "Call | FanOut | ParallelArms | Part | SwitchArms | Iterations | Again"
Series: TypeAlias = "tuple[Block, ...]"


def series(region: Region) -> Series:
    """The region's items; each starts when all tasks of the one before it have ended."""
    return _series(region.items)


def _series(items: tuple[Item, ...]) -> Series:
    blocks: list[Block] = []
    for at, item in enumerate(items):
        last = at + 1 == len(items)
        match item:
            case Task(node=node):
                blocks.append(Call(node))
            case BranchArms(arms=arms):
                blocks.append(ParallelArms(tuple(series(arm) for arm in arms)))
            case Each(split=split, body=body, together=together):
                blocks[-1] = FanOut(split, series(body), together)
            case Choose(switch=switch, arms=chosen):
                blocks[-1] = choice = SwitchArms(switch, tuple((arm.target, series(arm.region)) for arm in chosen))
                if not last and _leaves_inner_loop((choice,)):
                    longer = ((arm.target, _series(arm.region.items + items[at + 1 :])) for arm in chosen)
                    blocks[-1] = SwitchArms(switch, tuple(longer))
                    break
            case Repeat(header=header, body=body):
                loop = Iterations(header, series(body))
                if not last and leads((loop,)):
                    blocks.append(Iterations(header, _series(body.items + items[at + 1 :])))
                    break
                blocks.append(loop)
            case Again():
                blocks.append(item)
                break
            case _:
                assert_never(item)
    return tuple(blocks)


def leads(blocks: Series) -> list[NodeId]:
    """The headers of the loops around the series that it may lead to, once for each place where it does."""
    found: list[NodeId] = []
    for block in blocks:
        match block:
            case Again(header=header):
                found.append(header)
            case SwitchArms(arms=arms):
                found += [header for _, arm in arms for header in leads(arm)]
            case Iterations(header=own, body=body):
                found += [header for header in leads(body) if header != own]
            case (
                Call() | FanOut() | ParallelArms() | Part()
            ):  # a loop lies in one arm and one item: nothing leads out of them
                continue
            case _:
                assert_never(block)
    return found


def _leaves_inner_loop(blocks: Series) -> bool:
    return any(
        (isinstance(block, Iterations) and bool(leads((block,))))
        or (isinstance(block, SwitchArms) and any(_leaves_inner_loop(arm) for _, arm in block.arms))
        for block in blocks
    )


def levels(blocks: Series) -> int:
    """How deep DAGs call each other in the series, pods included, in the first iteration of its loops."""
    deepest = 0
    for block in blocks:
        match block:
            case Call() | Again():
                level = 1
            case FanOut(body=body):
                level = 1 + (1 if is_call(body) else 1 + levels(body))
            case ParallelArms(arms=arms):
                level = max(levels(arm) for arm in arms)
            case SwitchArms(arms=chosen):
                level = max(1, *(levels(arm) for _, arm in chosen))
            case Part(series=inner) | Iterations(body=inner):
                level = 1 + levels(inner)
            case _:
                assert_never(block)
        deepest = max(deepest, level)
    return deepest


def is_call(blocks: Series) -> bool:
    """Whether the series is one task."""
    return len(blocks) == 1 and isinstance(blocks[0], Call)


def loops(blocks: Series) -> Iterator[Iterations]:
    """All loops in the series."""
    for block in blocks:
        match block:
            case Iterations(body=body):
                yield block
                yield from loops(body)
            case FanOut(body=inner) | Part(series=inner):
                yield from loops(inner)
            case ParallelArms(arms=arms):
                for arm in arms:
                    yield from loops(arm)
            case SwitchArms(arms=chosen):
                for _, arm in chosen:
                    yield from loops(arm)
            case Call() | Again():
                continue
            case _:
                assert_never(block)


def tasks(blocks: Series) -> int:
    """How many tasks the series takes in one DAG."""
    return sum(block_tasks(block) for block in blocks)


def block_tasks(block: Block) -> int:
    """How many tasks a block takes in its DAG."""
    match block:
        case Call() | Part() | Iterations() | Again():
            return 1
        case FanOut():
            return 2
        case ParallelArms(arms=arms):
            return sum(tasks(arm) for arm in arms)
        case SwitchArms(arms=chosen):
            return 1 + sum(tasks(arm) for _, arm in chosen)
        case _:
            assert_never(block)


def first(blocks: Series) -> NodeId:
    """The first step of a series in the order written; it names the template."""
    match blocks[0]:
        case (
            Call(node=node)
            | FanOut(split=node)
            | SwitchArms(switch=node)
            | Iterations(header=node)
            | Again(header=node)
        ):
            return node
        case ParallelArms(arms=arms):
            return first(arms[0])
        case Part(series=inner):
            return first(inner)
        case _:
            assert_never(blocks[0])
