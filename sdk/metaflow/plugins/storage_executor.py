"""Concurrent requests of an extension."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

    _F = TypeVar("_F", bound=Callable[..., object])

__all__ = ["StorageExecutor", "as_completed", "handle_executor_exceptions"]


class StorageExecutor(ThreadPoolExecutor):
    """Threads for requests. It ignores `use_processes`: requests wait and do not compute."""

    def __init__(self, use_processes: bool = False) -> None:
        super().__init__(max_workers=64)

    def warm_up(self) -> None:
        """Do nothing: threads need no preparation."""


def handle_executor_exceptions(function: _F) -> _F:
    """Decorate a function that runs in a thread: its exception is raised when the result is read."""
    return function
