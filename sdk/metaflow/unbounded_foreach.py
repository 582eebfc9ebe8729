"""Inputs of a foreach whose length nobody asks before it begins.

flowc lists any iterable when the split ends, so such an input is gone over like every other; what remains of it being
unbounded is that `self.foreach_stack()` names no number of items, and that readers of the run find a control task
(`flowc_runtime.run.control_tasks`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = ["CONTROL_TASK_TAG", "UBF_CONTROL", "UBF_TASK", "InternalTestUnboundedForeachInput", "UnboundedForeachInput"]

CONTROL_TASK_TAG = "control_task"
UBF_CONTROL = "ubf_control"
UBF_TASK = "ubf_task"

_T = TypeVar("_T")


class UnboundedForeachInput:
    """Base of the inputs that say of themselves that they are unbounded; a subclass can be iterated."""

    flowc_unbounded = True


class InternalTestUnboundedForeachInput(UnboundedForeachInput, Generic[_T]):
    """An unbounded input over the items of an iterable, for trying it out."""

    NAME = "InternalTestUnboundedForeachInput"

    def __init__(self, iterable: Iterable[_T]) -> None:
        self.iterable = iterable

    def __iter__(self) -> Iterator[_T]:
        return iter(self.iterable)

    def __len__(self) -> int:
        return len(list(self.iterable))

    def __getitem__(self, index: int) -> _T:
        iterable: Any = self.iterable
        item: _T = iterable[index]
        return item

    def __str__(self) -> str:
        return str(self.iterable)

    def __repr__(self) -> str:
        return f"{self.NAME}({self.iterable!r})"
