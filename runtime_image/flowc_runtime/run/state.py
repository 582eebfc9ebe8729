"""The artifacts of a task while its code runs: named by the parents' records, read on first use, stored at the end."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar, overload

from flowc_runtime.base.errors import ArtifactError, Damaged, FlowcError, NotFound
from flowc_runtime.store.values import codecs
from flowc_runtime.store.values.unchanged import Left, Mappings, ValueOrigin

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from typing import SupportsIndex

    from flowc_runtime.store.backends.objects import Objects
    from flowc_runtime.store.records.record_types import ArtifactRef, ParentsRecord
    from flowc_runtime.store.values.fanouts import ForeachFrame

STATE = "_flowc_state"  # in the flow object's __dict__; names that begin like this are never artifacts
PARAMETERS = "_flowc_parameters"
OURS = "_flowc_"
GRAPH = "_flowc_graph"  # in a flow's object, or in its class while its decorators of extensions begin: its graph
NO_ARTIFACTS: set[str] = set()
"""Names that are no artifacts in this process: decorators of extensions add those that they use for themselves."""

T = TypeVar("T")


class Said(NamedTuple):
    """What a step called self.next with. `choice` is the step that a switch chose, `gang` the size of one."""

    steps: tuple[str, ...]
    foreach: str | None = None
    condition: str | None = None
    choice: str = ""
    gang: int | None = None


class TaskState:
    """What a flow object knows of the store. `inherited` are the artifacts it starts with, not yet read."""

    def __init__(
        self,
        objects: Objects,
        inherited: Mapping[str, ArtifactRef],
        *,
        step: str = "",
        path: str = "",
        frames: Sequence[ForeachFrame] = (),
        read_only: bool = False,
        seen: set[str] | None = None,
    ) -> None:
        self.objects = objects
        self.inherited = dict(inherited)
        self.inputs: Inputs[Any] | None = None
        self.step = step
        self.path = path
        self.parents: Sequence[ParentsRecord] = ()
        self._frames = tuple(frames)
        self.seen: set[str] = set() if seen is None else seen  # inherited artifacts that were looked for; "*": all
        self.place: set[str] = set()  # what was asked of the frames: "index", "item" or "stack"
        self.assigned: dict[str, ArtifactRef] = {}  # what `store` found to be the step's own
        self.read_only = read_only
        self.transition: Said | None = None
        self.implied: Mapping[str, Any] | None = None  # a decorator ran in place of the code: what it says of self.next
        self._origins: dict[str, ValueOrigin] = {}

    @property
    def frames(self) -> tuple[ForeachFrame, ...]:
        """The foreach and gangs around the task, outermost first."""
        self.place.add("stack")
        return self._frames

    def see_all(self) -> None:
        """Whatever there is may be read."""
        self.seen.add("*")
        self.place.add("stack")

    def load(self, flow: object, name: str) -> bool:
        """Read an inherited artifact into the flow object; False if there is none of this name."""
        self.seen.add(name)
        ref = self.inherited.get(name)
        if ref is None:
            return False
        try:
            origin = ValueOrigin(self.objects, ref)
        except NotFound as error:
            why = f"was deleted from the store ({error}): resume from the step that makes it"
            raise NotFound(f"artifact '{name}' {why}") from error
        except Damaged as error:
            raise type(error)(f"artifact '{name}': {error}") from None  # which says all of it
        except FlowcError as error:
            raise type(error)(f"artifact '{name}': {error}") from error
        # Of threads that read it for the first time at once, one is first, and all have its value. No lock is held
        # while the value is restored, which runs code of the user's that may wait for another thread.
        if flow.__dict__.setdefault(name, origin.value) is origin.value:
            self._origins[name] = origin
        return True

    def assign(self, name: str, value: Any) -> None:
        """The name gets a value: what it was before no longer counts, unless it is that."""
        origin = self._origins.get(name)
        if origin is None or origin.value is not value:
            self.forget(name)

    def forget(self, name: str) -> None:
        """The name was assigned or deleted: what it was before no longer counts."""
        self._origins.pop(name, None)
        self.inherited.pop(name, None)

    @property
    def index(self) -> int | None:
        """The number of the item in the innermost foreach, None outside of any."""
        self.place.add("index")
        return self._frames[-1].index if self._frames else None

    def input(self) -> Any:
        """The item of the innermost foreach that this task is about, None outside of any."""
        self.place.add("item")
        return self._frames[-1].item if self._frames else None

    def store(self, flow: object, *, whatever: bool = False) -> dict[str, ArtifactRef]:
        """Store what the step assigned or changed and name everything that the next task inherits.

        `whatever`: leave out what cannot be pickled.

        Raises:
            ArtifactError: a value cannot be pickled; its two arguments are the artifact's name and why.
        """
        refs = dict(self.inherited)
        origins = self._values_read()
        mappings = Mappings()
        undecided: list[tuple[str, Any, ValueOrigin, codecs.Encoded]] = []
        for name, value in list(flow.__dict__.items()):  # a thread of the step may still assign
            if name.startswith(OURS) or name in NO_ARTIFACTS:
                continue
            origin = self._origins.get(name) or origins.get(id(value))
            try:
                left = Left(codecs.Encoded(value), True) if origin is None else origin.left(value, mappings)
                if left is None:
                    assert origin is not None
                    self._keep(refs, name, origin)
                elif left.certain:
                    refs[name] = self.assigned[name] = codecs.store_value(self.objects, value, left.encoded)
                else:
                    assert origin is not None
                    undecided.append((name, value, origin, left.encoded))
            except ArtifactError as error:
                if not whatever:
                    raise ArtifactError(name, str(error)) from error
        for name, value, origin, encoded in undecided:
            if origin.reads_as(encoded):
                self._keep(refs, name, origin)
            else:
                refs[name] = self.assigned[name] = codecs.store_value(self.objects, value, encoded)
        return {name: refs[name] for name in sorted(refs)}

    def _keep(self, refs: dict[str, ArtifactRef], name: str, origin: ValueOrigin) -> None:
        """The name has what was read, perhaps under another name."""
        refs[name] = origin.ref
        if name not in self._origins:
            self.assigned[name] = origin.ref

    def _values_read(self) -> dict[int, ValueOrigin]:
        """Every value that was read, here and from the inputs of a join, by its id: one may get another name."""
        states = [self, *(self.inputs._flowc_states_made() if self.inputs is not None else ())]
        return {id(origin.value): origin for state in states for origin in state._origins.values()}


class Inputs(Sequence[T]):
    """What a join gets: the tasks before it, in order, as a sequence that cannot be changed; a slice is a list.

    Each is a read-only flow object, made when it is first asked for: a join of thousands may look at one. `inputs.step`
    is the input that comes from that step, the last one of several.
    """

    # Names of steps are attributes, whatever they are: nothing here has a name that a step could have but those of
    # sequences, which yield to it.

    def __init__(self, length: int, make: Callable[[int], T], steps: Sequence[str], last: Sequence[str] = ()) -> None:
        """`steps` are the last steps of the branches that ran; `last`, after a foreach, where an item may end."""
        self._flowc_made: list[T | None] = [None] * length
        self._flowc_make = make
        self._flowc_steps = tuple(steps)
        self._flowc_last = tuple(last)

    def __len__(self) -> int:
        return len(self._flowc_made)

    @overload
    def __getitem__(self, index: SupportsIndex) -> T: ...
    @overload
    def __getitem__(self, index: slice) -> list[T]: ...
    def __getitem__(self, index: SupportsIndex | slice) -> T | list[T]:
        if isinstance(index, slice):
            return [self[number] for number in range(len(self))[index]]
        made = self._flowc_made[index]
        if made is None:
            made = self._flowc_made[index] = self._flowc_make(range(len(self))[index])
        return made

    def __iter__(self) -> Iterator[T]:
        return (self[number] for number in range(len(self)))

    def __getattribute__(self, name: str) -> Any:
        if name in _SEQUENCES and (found := self._flowc_named(name)) is not None:
            return found
        return super().__getattribute__(name)

    def __getattr__(self, name: str) -> T:
        if name.startswith(("__", OURS)):  # an object that is being copied has none of ours yet
            raise AttributeError(f"{type(self).__name__} has no attribute '{name}'")
        if (found := self._flowc_named(name)) is not None:
            return found
        came_from = ", ".join(self._flowc_steps or self._flowc_last)
        raise AttributeError(f"no input is named '{name}'; the inputs are {came_from}")

    def _flowc_named(self, step: str) -> T | None:
        if step in self._flowc_steps:
            return self[self._flowc_steps.index(step)]
        if step not in self._flowc_last:
            return None
        numbers = reversed(range(len(self)))
        return next((self[number] for number in numbers if self._flowc_state(number).step == step), None)

    # -- for the runtime

    def _flowc_state(self, number: int) -> TaskState:
        """What an input knows of the store."""
        state = self[number].__dict__[STATE]
        assert isinstance(state, TaskState)
        return state

    def _flowc_states_made(self) -> list[TaskState]:
        """The same of those that somebody has asked for."""
        return [self._flowc_state(number) for number, made in enumerate(self._flowc_made) if made is not None]

    def _flowc_differ(self) -> bool:
        """Whether it can be seen which steps the inputs come from, without a look at an artifact."""
        return bool(self._flowc_steps) or len(self._flowc_last) > 1


_SEQUENCES = ("count", "index")
