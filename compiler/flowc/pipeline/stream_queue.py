"""A program that wants the events of tasks sets a queue, into which `execute` then puts them. This module keeps the
queue."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import queue

_queue: queue.Queue[dict[str, Any]] | None = None


def set_stream_queue(queue: queue.Queue[dict[str, Any]] | None) -> None:
    """Set the queue into which this program's later calls of `execute` put the events of tasks; None for no queue."""
    global _queue
    _queue = queue


def get_stream_queue() -> queue.Queue[dict[str, Any]] | None:
    """Return the queue into which `execute` puts events; None if the program has set none."""
    return _queue


def truncate_value(value: object, max_bytes: int = 256) -> str:
    """Return `str(value)`, cut to at most `max_bytes` bytes; a cut text ends in `...`."""
    data = str(value).encode()
    return str(value) if len(data) <= max_bytes else data[: max(max_bytes - 3, 0)].decode(errors="ignore") + "..."
