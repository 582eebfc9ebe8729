"""The queue that gets the events of the tasks of `execute`, if the program has set one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import queue

_queue: queue.Queue[dict[str, Any]] | None = None


def set_stream_queue(queue: queue.Queue[dict[str, Any]] | None) -> None:
    """Set the queue that gets the events of later executions of this program; None for no queue."""
    global _queue
    _queue = queue


def get_stream_queue() -> queue.Queue[dict[str, Any]] | None:
    """Return the queue that gets the events of executions; None if the program has set none."""
    return _queue


def truncate_value(value: object, max_bytes: int = 256) -> str:
    """Return the text of a value, cut to a number of bytes."""
    data = str(value).encode()
    return str(value) if len(data) <= max_bytes else data[: max(max_bytes - 3, 0)].decode(errors="ignore") + "..."
