"""What a process is given to do: one attempt of one task."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, final

from flowc_runtime.store.records.store import RunStore

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flowc_ir import Node
    from flowc_runtime.base.index import Graph
    from flowc_runtime.run.program import Cards, Program
    from flowc_runtime.store.records.record_types import ArtifactRef


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Assignment:
    """One attempt to make.

    `last` says that no retry follows, `only_catch` that the user's code is not run any more, `claimed` that the
    attempt's number was already claimed in the store; `tags` are the user's when the run began. A foreach or gang of
    more than `max_splits` tasks fails. `origin` is the id of the run that this one resumes. `cards` are those that
    `begin_cards` has begun before. Without `cache`, steps with @cache run as others do. A `durable` task is on the disk
    before it is said to have ended.

    For a task that is tried by itself, `inputs` is the run that has the tasks before it, and `overrides` are artifacts
    that it, and each input of a join, has instead of theirs; `bare` leaves out the decorators around the step's code.
    """

    run: RunStore
    graph: Graph
    step: str
    path: str
    attempt: int
    program: Program
    parameters: Mapping[str, Any]
    user: str
    last: bool = True
    only_catch: bool = False
    claimed: bool = False
    tags: tuple[str, ...] = ()
    namespace: str | None = None
    max_splits: int | None = None
    cards: Cards | None = None
    origin: str | None = None
    cache: bool = True
    durable: bool = False
    inputs: str | None = None
    overrides: Mapping[str, ArtifactRef] = field(default_factory=dict)
    bare: bool = False

    @property
    def before(self) -> RunStore:
        """The run whose tasks come before this one."""
        return self.run if self.inputs is None else RunStore(self.run.objects, self.run.flow, self.inputs)

    @property
    def node(self) -> Node:
        """The node that the task is of."""
        return self.graph.node(self.step)
