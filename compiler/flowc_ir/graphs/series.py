"""Convert the regions (nested parts) of a flow's graph to series of blocks, for targets whose task graphs ("DAGs") call
each other.

A series is a list of blocks that run one after another. A foreach and the step that starts it form one block, and so do
a switch and its arms, because they must be in the same DAG: the step that starts a foreach outputs the number of items,
a switch outputs its choice, and on these targets only tasks of the same DAG can read an output.

A step in an inner loop may lead directly to the next iteration of an outer loop. If it does, the steps after the inner
loop must not run. Therefore this module moves the steps after the inner loop into the inner loop's body: there they
follow each arm that ends the inner loop without leading to the next iteration of the outer loop.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, TypeAlias, final

from flowc_ir.graphs.regions import Again, BranchArms, Choose, Each, Item, Region, Repeat, Task
from flowc_ir.late.dataclass import dataclass, field
from flowc_ir.late.namedtuple import NamedTuple
from flowc_ir.model import NodeId, assert_never

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping


class Size(NamedTuple):
    """The size of a block: how many tasks and nested calls it needs. The size of each block is computed only once, from
    the sizes of the blocks inside it.

    The same block may be part of several series. Computing the size again for each use of a block
    would take time exponential in the number of switches that share arms.

    Attributes:
        tasks: the number of tasks that the block adds to its DAG.
        levels: how deep calls of DAGs and pods are nested in the block; only the first iteration of each loop counts.
        leads: for each loop around the block whose next iteration starts in the block: the loop's header -> the number
            of places in the block that start the next iteration.
        digest: the block's hash.
    """

    tasks: int
    levels: int
    leads: Mapping[NodeId, int]
    digest: int


class _Compound:
    """A block with other blocks inside it. The hash of the block is computed once, when the block is made."""

    __slots__ = ()
    size: Size

    def _measure(self, size: Size) -> None:
        object.__setattr__(self, "size", size)  # instances are frozen, so a plain assignment fails


@final
@dataclass(frozen=True, slots=True)
class Call:
    """A block that is one task of a step."""

    node: NodeId


@final
@dataclass(frozen=True, slots=True)
class FanOut(_Compound):
    """A foreach or gang: the task of the step `split`, and the body, which runs for each item."""

    split: NodeId
    body: Series
    together: bool = False  # a gang: all its tasks run together
    size: Size = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        self._measure(
            Size(
                tasks=2,
                levels=1 + (1 if is_call(self.body) else 1 + levels(self.body)),
                leads={},
                digest=hash(("FanOut", self.split, self.body, self.together)),
            )
        )

    def __hash__(self) -> int:
        return self.size.digest


@final
@dataclass(frozen=True, slots=True)
class ParallelArms(_Compound):
    """Arms that run in parallel."""

    arms: tuple[Series, ...]
    size: Size = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        self._measure(
            Size(
                tasks=sum(map(tasks, self.arms)),
                levels=max(map(levels, self.arms)),
                leads={},
                digest=hash(("ParallelArms", self.arms)),
            )
        )

    def __hash__(self) -> int:
        return self.size.digest


@final
@dataclass(frozen=True, slots=True)
class Part(_Compound):
    """A series that has its own DAG, which is called by one task."""

    series: Series
    size: Size = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        self._measure(
            Size(
                tasks=1,
                levels=1 + levels(self.series),
                leads={},
                digest=hash(("Part", self.series)),
            )
        )

    def __hash__(self) -> int:
        return self.size.digest


@final
@dataclass(frozen=True, slots=True)
class SwitchArms(_Compound):
    """The task of the step `switch`, and its arms. Only one arm of the switch runs. Each arm has the name of its first
    step."""

    switch: NodeId
    arms: tuple[tuple[NodeId, Series], ...]
    size: Size = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        self._measure(
            Size(
                tasks=1 + sum(tasks(arm) for _, arm in self.arms),
                levels=max(1, *(levels(arm) for _, arm in self.arms)),
                leads=_sum(leads(arm) for _, arm in self.arms),
                digest=hash(("SwitchArms", self.switch, self.arms)),
            )
        )

    def __hash__(self) -> int:
        return self.size.digest


@final
@dataclass(frozen=True, slots=True)
class Iterations(_Compound):
    """A loop: the iterations of `body`, which starts with the step `header`. An `Again` in the body starts the next
    iteration."""

    header: NodeId
    body: Series
    size: Size = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        self._measure(
            Size(
                tasks=1,
                levels=1 + levels(self.body),
                leads={header: count for header, count in leads(self.body).items() if header != self.header},
                digest=hash(("Iterations", self.header, self.body)),
            )
        )

    def __hash__(self) -> int:
        return self.size.digest


Block: TypeAlias = "Call | FanOut | ParallelArms | Part | SwitchArms | Iterations | Again"
Series: TypeAlias = "tuple[Block, ...]"


def series(region: Region) -> Series:
    """Return the region's items as a series of blocks. A block starts when all tasks of the previous block have ended.

    Arms of two switches can lead to the same steps, so two regions can contain the same inner region. The series of
    both outer regions then contain the same object for the inner region.
    """
    return _Builder().series(region)


class _Builder:
    def __init__(self) -> None:
        # the keys are `id(region)`; each value keeps the region alive, because the id of a deleted object can be reused
        self._made: dict[int, tuple[Region, Series]] = {}

    def series(self, region: Region) -> Series:
        if id(region) not in self._made:
            self._made[id(region)] = region, self._series(region.items)
        return self._made[id(region)][1]

    def _series(self, items: tuple[Item, ...]) -> Series:
        blocks: list[Block] = []
        for at, item in enumerate(items):
            last = at + 1 == len(items)
            match item:
                case Task(node=node):
                    blocks.append(Call(node))
                case BranchArms(arms=arms):
                    blocks.append(ParallelArms(tuple(self.series(arm) for arm in arms)))
                case Each(split=split, body=body, together=together):
                    blocks[-1] = FanOut(split, self.series(body), together)
                case Choose(switch=switch, arms=chosen):
                    blocks[-1] = choice = SwitchArms(
                        switch, tuple((arm.target, self.series(arm.region)) for arm in chosen)
                    )
                    if not last and _leaves_inner_loop((choice,), {}):
                        longer = ((arm.target, self._series(arm.region.items + items[at + 1 :])) for arm in chosen)
                        blocks[-1] = SwitchArms(switch, tuple(longer))
                        break
                case Repeat(header=header, body=body):
                    loop = Iterations(header, self.series(body))
                    if not last and leads((loop,)):
                        blocks.append(Iterations(header, self._series(body.items + items[at + 1 :])))
                        break
                    blocks.append(loop)
                case Again():
                    blocks.append(item)
                    break
                case _:
                    assert_never(item)
        return tuple(blocks)


def leads(blocks: Series) -> Mapping[NodeId, int]:
    """Return, for the header of each loop around the series, how many places in the series start the loop's next
    iteration."""
    return _sum(_block_leads(block) for block in blocks)


def _block_leads(block: Block) -> Mapping[NodeId, int]:
    match block:
        case Again(header=header):
            return {header: 1}
        case Call():
            return {}
        case _:
            return block.size.leads


def _sum(counts: Iterable[Mapping[NodeId, int]]) -> Mapping[NodeId, int]:
    total: Counter[NodeId] = Counter()
    for each in counts:
        total.update(each)
    return total


def _leaves_inner_loop(blocks: Series, known: dict[int, bool]) -> bool:
    """Return whether a loop in the blocks may start the next iteration of an outer loop. `known` caches the results for
    switches, by their `id`."""
    return any(
        (isinstance(block, Iterations) and bool(leads((block,))))
        or (isinstance(block, SwitchArms) and _switch_leaves(block, known))
        for block in blocks
    )


def _switch_leaves(switch: SwitchArms, known: dict[int, bool]) -> bool:
    if id(switch) not in known:
        known[id(switch)] = any(_leaves_inner_loop(arm, known) for _, arm in switch.arms)
    return known[id(switch)]


def levels(blocks: Series) -> int:
    """Return how deep calls of DAGs and pods are nested in the series. Only the first iteration of each loop counts."""
    return max((1 if isinstance(block, Call | Again) else block.size.levels for block in blocks), default=0)


def is_call(blocks: Series) -> bool:
    """Return whether the series is a single call of a step."""
    return len(blocks) == 1 and isinstance(blocks[0], Call)


def loops(blocks: Series) -> Iterator[Iterations]:
    """Yield the loops in the series without duplicates."""
    return _loops(blocks, set())


def _loops(blocks: Series, seen: set[int]) -> Iterator[Iterations]:
    """Yield the loops in the blocks, and add the `id` of each visited block to `seen`; blocks whose `id` is in `seen`
    already are skipped. No other object can get an id in `seen`, because the series keeps all blocks alive."""
    for block in blocks:
        if isinstance(block, Call | Again) or id(block) in seen:
            continue
        seen.add(id(block))
        match block:
            case Iterations(body=body):
                yield block
                yield from _loops(body, seen)
            case FanOut(body=inner) | Part(series=inner):
                yield from _loops(inner, seen)
            case ParallelArms(arms=arms):
                for arm in arms:
                    yield from _loops(arm, seen)
            case SwitchArms(arms=chosen):
                for _, arm in chosen:
                    yield from _loops(arm, seen)
            case _:
                assert_never(block)


def tasks(blocks: Series) -> int:
    """Return the number of tasks of the series in one DAG."""
    return sum(block_tasks(block) for block in blocks)


def block_tasks(block: Block) -> int:
    """Return the number of tasks that a block adds to its DAG."""
    return 1 if isinstance(block, Call | Again) else block.size.tasks


def first(blocks: Series) -> NodeId:
    """Return the first step of a series; the template that runs the series gets its name from this step."""
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
