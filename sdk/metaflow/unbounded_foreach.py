"""Inputs of a foreach whose number of items is unknown when the foreach starts.

At the end of the step that starts a foreach, flowc converts any iterable to a list, so an unbounded input works like a
list. There are two differences: `self.foreach_stack()` does not give the number of items, and readers of the run see a
control task (`flowc_runtime.run.control_tasks`).
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
    """The base class of inputs that are marked as unbounded; a subclass must be iterable."""

    flowc_unbounded = True


class InternalTestUnboundedForeachInput(UnboundedForeachInput, Generic[_T]):
    """An unbounded input over the items of an iterable, for tests."""

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
