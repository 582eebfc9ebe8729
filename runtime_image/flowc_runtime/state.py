"""The artifacts of a task while its code runs: named by the parents' records, read on first use, stored at the end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, NamedTuple, TypeVar

from flowc_runtime import codecs
from flowc_runtime.errors import ArtifactError, FlowcError, NotFound

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from flowc_runtime.codecs import ArtifactRef, Origin
    from flowc_runtime.fanouts import Frame
    from flowc_runtime.objects import Objects
    from flowc_runtime.records import ParentsRecord

STATE = "_flowc_state"  # in the flow object's __dict__; names that begin like this are never artifacts
PARAMETERS = "_flowc_parameters"
OURS = "_flowc_"
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
        frames: Sequence[Frame] = (),
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
        self._origins: dict[str, Origin] = {}

    @property
    def frames(self) -> tuple[Frame, ...]:
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
            origin = codecs.restore(self.objects, ref)
        except NotFound as error:
            why = f"was deleted from the store ({error}): resume from the step that makes it"
            raise NotFound(f"artifact '{name}' {why}") from error
        except FlowcError as error:
            raise type(error)(f"artifact '{name}': {error}") from error
        self._origins[name] = origin
        flow.__dict__[name] = origin.value
        return True

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
        for name, value in list(flow.__dict__.items()):  # a thread of the step may still assign
            if name.startswith(OURS) or name in NO_ARTIFACTS:
                continue
            origin = self._origins.get(name)
            if origin is not None and origin.unchanged(value):
                refs[name] = origin.ref
                continue
            try:
                refs[name] = self.assigned[name] = codecs.store_value(self.objects, value)
            except ArtifactError as error:
                if not whatever:
                    raise ArtifactError(name, str(error)) from error
        return {name: refs[name] for name in sorted(refs)}


class Inputs(Generic[T]):
    """What a join gets: the tasks before it, in order; `inputs[0]`, `for inp in inputs`, after a branch `inputs.step`.

    Each is a read-only flow object, made when it is first asked for: a join of thousands may look at one.
    """

    def __init__(self, length: int, make: Callable[[int], T], steps: Sequence[str]) -> None:
        self._made: list[T | None] = [None] * length
        self._make = make
        self._steps = steps  # the last steps of the branches that ran, none after a foreach

    def __len__(self) -> int:
        return len(self._made)

    @property
    def steps(self) -> Sequence[str]:
        """The last steps of the branches that ran, none after a foreach."""
        return self._steps

    def state(self, number: int) -> TaskState:
        """What an input knows of the store."""
        state = self[number].__dict__[STATE]
        assert isinstance(state, TaskState)
        return state

    def __getitem__(self, index: int) -> T:
        made = self._made[index]
        if made is None:
            made = self._made[index] = self._make(range(len(self._made))[index])
        return made

    def __iter__(self) -> Iterator[T]:
        return (self[index] for index in range(len(self._made)))

    def __getattr__(self, name: str) -> T:
        if name in self._steps:
            return self[self._steps.index(name)]
        came_from = ", ".join(self._steps) or "the items of a foreach: use inputs[0] or a loop"
        raise AttributeError(f"no input is named '{name}'; the inputs are {came_from}")
