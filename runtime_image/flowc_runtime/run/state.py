"""The artifacts of a running task, which are listed in the parents' records, read on first use, and stored when the
step ends."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, TypeVar, overload

from flowc_ir.late import LateFunction, LateModule
from flowc_ir.late.namedtuple import NamedTuple
from flowc_runtime.base.errors import ArtifactError, Damaged, FlowcError, NotFound

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from typing import SupportsIndex

    from flowc_runtime.run.previews import making
    from flowc_runtime.store.backends.objects import Objects
    from flowc_runtime.store.records.record_types import ArtifactRef, ParentsRecord
    from flowc_runtime.store.values import codecs, descriptions
    from flowc_runtime.store.values.batches import Batches
    from flowc_runtime.store.values.codecs import Encoded
    from flowc_runtime.store.values.fanouts import ForeachFrame
    from flowc_runtime.store.values.unchanged import Left, Mappings, ValueOrigin
else:  # imported at first use, because the import costs start-up time and only tasks need it
    codecs = LateModule("flowc_runtime.store.values.codecs")
    descriptions = LateModule("flowc_runtime.store.values.descriptions")
    making = LateModule("flowc_runtime.run.previews.making")
    Batches = LateFunction("flowc_runtime.store.values.batches:Batches")
    Left = LateFunction("flowc_runtime.store.values.unchanged:Left")
    Mappings = LateFunction("flowc_runtime.store.values.unchanged:Mappings")
    ValueOrigin = LateFunction("flowc_runtime.store.values.unchanged:ValueOrigin")

STATE = "_flowc_state"  # the state's key in the flow object's __dict__; names that begin with OURS are never artifacts
PARAMETERS = "_flowc_parameters"
OURS = "_flowc_"
GRAPH = "_flowc_graph"  # the flow's graph: an attribute of the flow object, and of its class while hooks run
NO_ARTIFACTS: set[str] = set()
"""Attribute names that are not stored as artifacts in this process. Decorators of extensions add names."""

T = TypeVar("T")


class NextCall(NamedTuple):
    """A step's call of `self.next`. `choice` is the target that a switch chose; `gang` is the number of a gang's
    tasks."""

    steps: tuple[str, ...]
    foreach: str | None = None
    condition: str | None = None
    choice: str = ""
    gang: int | None = None


class TaskState:
    """The state of a task, which belongs to a flow object. `inherited`: the artifacts of the task's parents that the
    task has not changed."""

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
        """For a join: a function that returns the artifacts of the split that the join closes."""
        self._frames = tuple(frames)
        self.seen: set[str] = set() if seen is None else seen  # Inherited artifacts that were read; "*" for all.
        self.place: set[str] = set()  # The properties of the foreach that the step has read: "index", "item", "stack".
        self.assigned: dict[str, ArtifactRef] = {}  # The artifacts that the step assigned; set by `store`.
        self.read_only = read_only
        self.transition: NextCall | None = None
        self.implied: Mapping[str, object] | None = None  # set if a decorator replaced the step's code
        self._origins: dict[str, ValueOrigin] = {}

    @property
    def frames(self) -> tuple[ForeachFrame, ...]:
        """The foreach and gangs that contain the task, outermost first. A step that gets this attribute counts as
        having read its items."""
        self.place.add("stack")
        return self._frames

    def see_all(self) -> None:
        """Treat all inherited artifacts, and the items of all foreach around the task, as read by the step."""
        self.seen.add("*")
        self.place.add("stack")

    def load(self, flow: object, name: str) -> bool:
        """Load an inherited artifact into the flow object; return False if no inherited artifact has this name.

        Args:
            flow: the object of the task, whose `__dict__` gets the value.
            name: the artifact's name.

        Raises:
            NotFound: the artifact was deleted from the store.
            Damaged: the artifact's bytes do not match its digest.
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
            # the new message already contains the message of the error
            raise type(error)(f"artifact '{name}': {error}") from None
        except FlowcError as error:
            raise type(error)(f"artifact '{name}': {error}") from error
        # If several threads load the artifact at the same time, all get the value of the thread that finishes first. No
        # lock is held while the value is unpickled: unpickling runs user code, which may wait for another thread.
        if flow.__dict__.setdefault(name, origin.value) is origin.value:
            self._origins[name] = origin
        return True

    def assign(self, name: str, value: object) -> None:
        """The step assigns a value to a name. If an artifact with this name was inherited, it is dropped, unless the
        new value is the same object."""
        origin = self._origins.get(name)
        if origin is None or origin.value is not value:
            self.forget(name)

    def forget(self, name: str) -> None:
        """Drop the inherited artifact of a name that was assigned or deleted."""
        self._origins.pop(name, None)
        self.inherited.pop(name, None)

    @property
    def index(self) -> int | None:
        """The index of the task's item in the foreach that directly contains the step, or None outside of a foreach."""
        self.place.add("index")
        return self._frames[-1].index if self._frames else None

    def input(self) -> object:
        """Return the task's item of the foreach that directly contains the step, or None outside of a foreach."""
        self.place.add("item")
        return self._frames[-1].item if self._frames else None

    def store(self, flow: object, *, whatever: bool = False) -> dict[str, ArtifactRef]:
        """Store the artifacts that the step assigned or changed; return all artifacts of the task.

        Args:
            flow: the object of the task.
            whatever: whether values that cannot be pickled are left out instead of raising an error.

        Returns:
            References to the stored artifacts, sorted by name.

        Raises:
            ArtifactError: a value cannot be pickled; its two arguments are the artifact's name and the reason.
            StoreError: the store cannot be written.
        """
        refs = dict(self.inherited)
        origins = self._values_read()
        mappings, batches = Mappings(), Batches()
        undecided: list[tuple[str, object, ValueOrigin, Encoded]] = []
        # a copy, because a thread of the step may still assign attributes
        for name, value in list(flow.__dict__.items()):
            if name.startswith(OURS) or name in NO_ARTIFACTS:
                continue
            origin = self._origins.get(name) or origins.get(id(value))
            if origin is None and (ref := codecs.small_ref(value)) is not None:
                refs[name] = self.assigned[name] = _with_preview(ref, value)
                continue
            try:
                left = Left(codecs.Encoded(value), True) if origin is None else origin.left(value, mappings)
                if left is None:
                    assert origin is not None
                    self._keep(refs, name, origin)
                elif left.certain:
                    refs[name] = self.assigned[name] = self._stored(value, left.encoded, batches)
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
                refs[name] = self.assigned[name] = self._stored(value, encoded, batches)
        batches.store(self.objects)
        return {name: refs[name] for name in sorted(refs)}

    def _stored(self, value: object, encoded: Encoded, batches: Batches) -> ArtifactRef:
        return _with_preview(codecs.store_value(self.objects, value, encoded, batches), value)

    def _keep(self, refs: dict[str, ArtifactRef], name: str, origin: ValueOrigin) -> None:
        """Refer to the stored artifact instead of storing the value again: the step has read the value and not changed
        it, but may have assigned it to another name."""
        refs[name] = origin.ref
        if name not in self._origins:
            refs[name] = self.assigned[name] = _with_preview(origin.ref.copy(), origin.value)

    def _values_read(self) -> dict[int, ValueOrigin]:
        """Return the origin of each loaded value of this task and its inputs, by the value's `id`."""
        states = [self, *(self.inputs._flowc_states_made() if self.inputs is not None else ())]
        return {id(origin.value): origin for state in states for origin in state._origins.values()}


def _with_preview(ref: ArtifactRef, value: object) -> ArtifactRef:
    """Return the reference, to which the value's preview was added, if there is one."""
    if descriptions.says_little(ref) and (preview := making.preview_of(value)) is not None:
        ref["preview"] = preview
    return ref


class Inputs(Sequence[T]):
    """The inputs of a join, one for each branch or foreach item, as an immutable sequence. A slice is a list.

    Each input is a read-only flow object. An input is created on first use, since a join of thousands of tasks may read
    only one of them. `inputs.NAME` is the input that comes from the step NAME. If several inputs come from this step,
    it is the last of them.
    """

    # Each step name is an attribute. So no step can have the name of an attribute of this class. Methods of sequences
    # are the exception: a step of the same name hides such a method.

    def __init__(self, length: int, make: Callable[[int], T], steps: Sequence[str], last: Sequence[str] = ()) -> None:
        """Create the sequence; `make` is a function from an index to the input.

        For branches, `steps` lists the last step of each branch that ran. For a foreach, `last` lists the steps that
        may be the last step of an item.
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
        if name.startswith(("__", OURS)):  # `copy.copy` reads private names from an object without attributes
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

    # -- methods that only the runtime calls

    def _flowc_state(self, number: int) -> TaskState:
        """Return the task state of the input with this index."""
        state = self[number].__dict__[STATE]
        assert isinstance(state, TaskState)
        return state

    def _flowc_states_made(self) -> list[TaskState]:
        """Return the task states of the inputs that were already created: an input is created when code first uses
        it."""
        return [self._flowc_state(number) for number, made in enumerate(self._flowc_made) if made is not None]

    def _flowc_differ(self) -> bool:
        """Return whether the inputs may come from different steps: code can observe the steps without reading an
        artifact."""
        return bool(self._flowc_steps) or len(self._flowc_last) > 1


_SEQUENCES = ("count", "index")
