"""The assignment of a process: one attempt of one task."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypedDict, cast, final

from flowc_ir.late.dataclass import dataclass, field, field_names
from flowc_runtime.store.records.run_store import RunStore

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flowc_ir import Node
    from flowc_runtime.base.index import Graph
    from flowc_runtime.run.patches import Patch
    from flowc_runtime.run.program import Cards, Program
    from flowc_runtime.store.records.record_types import ArtifactRef


_OWN = ("run", "graph", "program", "parameters", "cards")  # each process makes these itself


class AssignmentFields(TypedDict):
    """The fields of an assignment that a process without the parent's memory receives; it makes the others itself."""

    step: str
    path: str
    attempt: int
    user: str
    last: bool
    only_catch: bool
    claimed: bool
    tags: tuple[str, ...]
    namespace: str | None
    max_splits: int | None
    origin: str | None
    cache: bool
    durable: bool
    catalog: str
    inputs: str | None
    overrides: Mapping[str, ArtifactRef]
    bare: bool
    patch: Patch | None
    secrets: str
    pickler: str


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Assignment:
    """One attempt of one task, with all that the process needs to make it.

    Attributes:
        run: the run in the store.
        graph: the graph of the flow's IR.
        step: the name of the step.
        path: the task's index path.
        attempt: the number of the attempt, from 1.
        program: the user's code, prepared and begun.
        parameters: the values of the run's parameters, by name.
        user: the user that started the run.
        last: whether no retry follows this attempt.
        only_catch: whether the attempt only applies @catch, without running the step's code.
        claimed: whether the attempt's number is already claimed in the store.
        tags: the user's tags at the start of the run.
        namespace: the namespace of the run, such as `user:ada`.
        max_splits: the largest number of tasks that a foreach or gang may open; a larger one fails. None: no limit.
        cards: the attempt's cards, if `begin_cards` has already started them.
        origin: the id of the run that this run resumes.
        cache: whether steps with @cache use the cache.
        durable: whether the task's record and artifacts are flushed to disk before the task is reported as ended.
        catalog: where the files of the step are kept: the setting `catalog`.
        inputs: for `spin`, the id of the run that has the parent tasks; None: this run.
        overrides: for `spin`, artifacts that replace those of the parents and of each input of a join.
        bare: whether the step's code runs without its decorators.
        patch: what replaces the step's code; None runs the code.
        secrets: the value of the setting `secrets`, with an absolute path.
        pickler: the value of the setting `pickler`.
    """

    run: RunStore
    graph: Graph
    step: str
    path: str
    attempt: int
    program: Program
    parameters: Mapping[str, object]
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
    catalog: str = "store"
    inputs: str | None = None
    overrides: Mapping[str, ArtifactRef] = field(default_factory=dict)
    bare: bool = False
    patch: Patch | None = None
    secrets: str = "env"
    pickler: str = "pickle"

    @property
    def before(self) -> RunStore:
        """The run that has the parent tasks."""
        return self.run if self.inputs is None else RunStore(self.run.objects, self.run.flow, self.inputs)

    @property
    def node(self) -> Node:
        """The IR node of the task's step."""
        return self.graph.node(self.step)

    @property
    def portable(self) -> AssignmentFields:
        """The fields for another process, which reads the run from the store and makes the program and the cards."""
        names = [name for name in field_names(self) if name not in _OWN]
        # A test compares the names with those of AssignmentFields.
        return cast("AssignmentFields", {name: getattr(self, name) for name in names})
