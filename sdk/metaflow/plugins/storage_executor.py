"""Many requests of an extension at once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

    _F = TypeVar("_F", bound=Callable[..., object])

__all__ = ["StorageExecutor", "as_completed", "handle_executor_exceptions"]


class StorageExecutor(ThreadPoolExecutor):
    """Threads for requests, `use_processes` or not: requests wait, and do not compute."""

    def __init__(self, use_processes: bool = False) -> None:
        super().__init__(max_workers=64)

    def warm_up(self) -> None:
        """Do nothing: threads need no preparation."""


def handle_executor_exceptions(function: _F) -> _F:
    """Decorate what is called in a thread: what it raises is raised where its result is asked for."""
    return function
