"""The artifacts of a task while its code runs: named by the parents' records, read on first use, stored at the end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, TypeVar

from flowc_runtime import codecs
from flowc_runtime.errors import ArtifactError, FlowcError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from flowc_runtime.codecs import ArtifactRef, Origin
    from flowc_runtime.objects import Objects
    from flowc_runtime.records import Fanout

STATE = "_flowc_state"  # in the flow object's __dict__; names that begin like this are never artifacts
PARAMETERS = "_flowc_parameters"
OURS = "_flowc_"


T = TypeVar("T")


def bind(cls: type[T], state: TaskState, parameters: Mapping[str, Any]) -> T:
    """A flow object for a task. The user's `__init__` is not called: a flow has no state of its own."""
    flow = cls.__new__(cls)
    flow.__dict__[PARAMETERS] = parameters
    flow.__dict__[STATE] = state
    return flow


class TaskState:
    """What a flow object knows of the store. `inherited` are the artifacts it starts with, not yet read."""

    def __init__(
        self,
        objects: Objects,
        inherited: Mapping[str, ArtifactRef],
        *,
        index: int | None = None,
        find_fanout: Callable[[], Fanout | None] = lambda: None,
        read_only: bool = False,
    ) -> None:
        self.objects = objects
        self.inherited = dict(inherited)
        self.inputs: Inputs[Any] | None = None
        self.index = index
        self.read_only = read_only
        self.transition: tuple[tuple[str, ...], str | None] | None = None  # what self.next was called with
        self.implied: Mapping[str, Any] | None = None  # a decorator ran in place of the code: what it says of self.next
        self._find_fanout = find_fanout  # called when the step asks for its input, not before
        self._input: list[Any] = []
        self._origins: dict[str, Origin] = {}

    def load(self, flow: object, name: str) -> bool:
        """Read an inherited artifact into the flow object; False if there is none of this name."""
        ref = self.inherited.get(name)
        if ref is None:
            return False
        try:
            origin = codecs.restore(self.objects, ref)
        except FlowcError as error:
            raise type(error)(f"artifact '{name}': {error}") from error
        self._origins[name] = origin
        flow.__dict__[name] = origin.value
        return True

    def forget(self, name: str) -> None:
        """The name was assigned or deleted: what it was before no longer counts."""
        self._origins.pop(name, None)
        self.inherited.pop(name, None)

    def input(self) -> Any:
        """The item of the innermost foreach that this task is about, None outside of any."""
        if self.index is None:
            return None
        if not self._input:  # a list of one, since the item itself may be None
            fanout = self._find_fanout()
            assert fanout is not None
            self._input.append(codecs.load_value(self.objects, fanout["items"])[self.index])
        return self._input[0]

    def store(self, flow: object) -> dict[str, ArtifactRef]:
        """Store what the step assigned or changed and name everything that the next task inherits.

        Raises:
            ArtifactError: a value cannot be pickled; its two arguments are the artifact's name and why.
        """
        refs = dict(self.inherited)
        for name, value in flow.__dict__.items():
            if name.startswith(OURS):
                continue
            origin = self._origins.get(name)
            if origin is not None and origin.unchanged(value):
                refs[name] = origin.ref
                continue
            try:
                refs[name] = codecs.store_value(self.objects, value)
            except ArtifactError as error:
                raise ArtifactError(name, str(error)) from error
        return {name: refs[name] for name in sorted(refs)}


class Inputs(Generic[T]):
    """What a join gets: the tasks before it, in order; `inputs[0]`, `for inp in inputs`, after a branch `inputs.step`.

    Each is a read-only flow object, made when it is first asked for: a join of thousands may look at one.
    """

    def __init__(self, length: int, make: Callable[[int], T], steps: Sequence[str]) -> None:
        self._made: list[T | None] = [None] * length
        self._make = make
        self._steps = steps  # the branches' last steps, none after a foreach

    def __len__(self) -> int:
        return len(self._made)

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
