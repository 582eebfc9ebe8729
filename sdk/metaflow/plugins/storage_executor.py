"""`StorageExecutor`: a thread pool for concurrent requests of an extension."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

    _F = TypeVar("_F", bound=Callable[..., object])

__all__ = ["StorageExecutor", "as_completed", "handle_executor_exceptions"]


class StorageExecutor(ThreadPoolExecutor):
    """A thread pool for concurrent requests.

    The argument `use_processes` is ignored, since requests wait rather than compute.
    """

    def __init__(self, use_processes: bool = False) -> None:
        super().__init__(max_workers=64)

    def warm_up(self) -> None:
        """Do nothing; Metaflow's method starts processes in advance, but threads need no preparation."""


def handle_executor_exceptions(function: _F) -> _F:
    """Return the function unchanged, because an exception in a thread is raised when the result is read."""
    return function
