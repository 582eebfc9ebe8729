"""`Assignment`: everything that a process needs to execute one attempt of one task."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast, final

from flowc_ir.late.dataclass import dataclass, field, field_names
from flowc_ir.late.typeddict import TypedDict
from flowc_runtime.store.records.run_store import RunStore

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flowc_ir import Node
    from flowc_runtime.base.index import Graph
    from flowc_runtime.run.patches import Patch
    from flowc_runtime.run.program import Cards, Program
    from flowc_runtime.store.records.record_types import ArtifactRef


# the fields of `Assignment` that are not sent: each process creates them itself
_OWN = ("run", "graph", "program", "parameters", "cards")


class AssignmentFields(TypedDict):
    """The fields that are sent to a process that is not a fork of the sender. The receiving process creates the other
    fields itself."""

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
    """Everything that a process needs to execute one attempt of one task.

    Attributes:
        run: the run in the store.
        graph: the graph of the flow's IR.
        step: the name of the step.
        path: the task's index path.
        attempt: the number of the attempt, from 1.
        program: the user code, after `Program.prepare` and `Program.begin`.
        parameters: the values of the run's parameters, by name.
        user: the name of the user who started the run.
        last: whether no retry follows this attempt.
        only_catch: whether the attempt only performs the action of @catch, without running the step's code.
        claimed: whether the attempt's number is already claimed in the store.
        tags: the user's tags at the start of the run.
        namespace: the namespace of the run, such as `user:ada`.
        max_splits: the maximum number of tasks of one foreach or gang; None for no limit.
        cards: the attempt's cards, if `begin_cards` has already started them.
        origin: the id of the run that this run resumes.
        cache: whether steps with @cache use the cache.
        durable: whether the task's record and artifacts are flushed to disk before the task is reported as ended.
        catalog: the value of the setting `catalog`, which selects the storage for the files of the step.
        inputs: for `spin`, the id of the run with the parent tasks; None if the parent tasks are in this run.
        overrides: for `spin`, artifacts that replace artifacts of the parents, or of each input of a join.
        bare: whether the step's code runs without its decorators.
        patch: the patch that replaces the step's code; None if the step's own code runs.
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
        """The run with the parent tasks: this run, or for `spin` another run."""
        return self.run if self.inputs is None else RunStore(self.run.objects, self.run.flow, self.inputs)

    @property
    def node(self) -> Node:
        """The IR node of the task's step."""
        return self.graph.node(self.step)

    @property
    def portable(self) -> AssignmentFields:
        """The fields to send to another process, which creates the remaining fields itself."""
        names = [name for name in field_names(self) if name not in _OWN]
        # A test compares these names with the fields of AssignmentFields.
        return cast("AssignmentFields", {name: getattr(self, name) for name in names})
