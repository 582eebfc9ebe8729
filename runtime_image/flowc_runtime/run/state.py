"""The artifacts of a task while its code runs: listed in the parents' records, read on first use, stored at the end."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple, TypeVar, overload

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
"""Attribute names that are not stored as artifacts in this process; decorators of extensions add their own."""

T = TypeVar("T")


class NextCall(NamedTuple):
    """A step's call of self.next. `choice` is the step that a switch chose; `gang` is the number of tasks of a gang."""

    steps: tuple[str, ...]
    foreach: str | None = None
    condition: str | None = None
    choice: str = ""
    gang: int | None = None


class TaskState:
    """The stored state behind a flow object. `inherited` are its initial artifacts that were not replaced."""

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
        self.inputs: Inputs[object] | None = None
        self.step = step
        self.path = path
        self.parents: Sequence[ParentsRecord] = ()
        self.before_split: Callable[[], Mapping[str, ArtifactRef]] = dict
        """Returns the artifacts of the split that a join closes."""
        self._frames = tuple(frames)
        self.seen: set[str] = set() if seen is None else seen  # inherited artifacts that were read; "*": all
        self.place: set[str] = set()  # parts of the frames that were read: "index", "item" or "stack"
        self.assigned: dict[str, ArtifactRef] = {}  # artifacts that the step itself set, known after `store`
        self.read_only = read_only
        self.transition: NextCall | None = None
        self.implied: Mapping[str, object] | None = None  # set by a decorator that replaced the code
        self._origins: dict[str, ValueOrigin] = {}

    @property
    def frames(self) -> tuple[ForeachFrame, ...]:
        """The foreach and gangs around the task, outermost first."""
        self.place.add("stack")
        return self._frames

    def see_all(self) -> None:
        """Mark all artifacts and frames as read."""
        self.seen.add("*")
        self.place.add("stack")

    def load(self, flow: object, name: str) -> bool:
        """Read an inherited artifact into the flow object; return False if there is none of this name.

        Args:
            flow: the object of the task, whose `__dict__` gets the value.
            name: the artifact's name.

        Raises:
            NotFound: the artifact was deleted from the store.
            Damaged: its bytes do not match their digest.
            ArtifactError: the artifact cannot be unpickled.
            StoreError: the store cannot be read.
        """
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
            raise type(error)(f"artifact '{name}': {error}") from None  # the message is complete
        except FlowcError as error:
            raise type(error)(f"artifact '{name}': {error}") from error
        # If several threads read it first at the same time, all get the value of the fastest. No lock is held while
        # the value is unpickled: that runs the user's code, which may wait for another thread.
        if flow.__dict__.setdefault(name, origin.value) is origin.value:
            self._origins[name] = origin
        return True

    def assign(self, name: str, value: object) -> None:
        """Note that the code assigns a value: forget the inherited artifact, unless it is the same object."""
        origin = self._origins.get(name)
        if origin is None or origin.value is not value:
            self.forget(name)

    def forget(self, name: str) -> None:
        """Forget the inherited artifact of a name that was assigned or deleted."""
        self._origins.pop(name, None)
        self.inherited.pop(name, None)

    @property
    def index(self) -> int | None:
        """The index of the item in the innermost foreach; None outside of a foreach."""
        self.place.add("index")
        return self._frames[-1].index if self._frames else None

    def input(self) -> object:
        """Return the task's item in the innermost foreach; None outside of a foreach."""
        self.place.add("item")
        return self._frames[-1].item if self._frames else None

    def store(self, flow: object, *, whatever: bool = False) -> dict[str, ArtifactRef]:
        """Store the artifacts that the step assigned or changed; return all artifacts that the next task inherits.

        Args:
            flow: the object of the task.
            whatever: whether values that cannot be pickled are left out.

        Returns:
            References by name, sorted.

        Raises:
            ArtifactError: a value cannot be pickled; its two arguments are the artifact's name and the reason.
            StoreError: the store cannot be written.
        """
        refs = dict(self.inherited)
        origins = self._values_read()
        mappings = Mappings()
        undecided: list[tuple[str, object, ValueOrigin, codecs.Encoded]] = []
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
        """Keep the stored artifact for a value that was read, perhaps under another name."""
        refs[name] = origin.ref
        if name not in self._origins:
            self.assigned[name] = origin.ref

    def _values_read(self) -> dict[int, ValueOrigin]:
        """Return the origin of each value read here or from a join's inputs, by `id`: a value may get another name."""
        states = [self, *(self.inputs._flowc_states_made() if self.inputs is not None else ())]
        return {id(origin.value): origin for state in states for origin in state._origins.values()}


class Inputs(Sequence[T]):
    """The inputs of a join: its parent tasks in order, as an immutable sequence; a slice of it is a list.

    Each input is a read-only flow object, made on first use, since a join of thousands may read only one. `inputs.step`
    is the input from that step; if there are several, the last of them.
    """

    # Any step name is an attribute. So no attribute here has a name that a step could have, except the methods of
    # sequences, and a step with such a name replaces them.

    def __init__(self, length: int, make: Callable[[int], T], steps: Sequence[str], last: Sequence[str] = ()) -> None:
        """Set the inputs: `make` returns an input by its index.

        `steps` are the last steps of the branches that ran; `last` are, after a foreach, the possible last steps of an
        item.
        """
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

    def __getattribute__(self, name: str) -> object:
        if name in _SEQUENCES and (found := self._flowc_named(name)) is not None:
            return found
        return super().__getattribute__(name)

    def __getattr__(self, name: str) -> T:
        if name.startswith(("__", OURS)):  # `copy` asks before the attributes are set
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
        """Return the state of an input."""
        state = self[number].__dict__[STATE]
        assert isinstance(state, TaskState)
        return state

    def _flowc_states_made(self) -> list[TaskState]:
        """Return the states of the inputs that were used."""
        return [self._flowc_state(number) for number, made in enumerate(self._flowc_made) if made is not None]

    def _flowc_differ(self) -> bool:
        """Return whether code can see the steps of the inputs without reading an artifact."""
        return bool(self._flowc_steps) or len(self._flowc_last) > 1


_SEQUENCES = ("count", "index")
