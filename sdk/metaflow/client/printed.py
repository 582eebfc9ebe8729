"""What a task's attempt printed: text, sizes and lines of its log."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import TYPE_CHECKING

from flowc_runtime.process import logs

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flowc_runtime.process.logs import Stream
    from metaflow.client.task import Task

_STREAMS: dict[str, Stream] = {"stdout": "stdout", "stderr": "stderr"}


def text(task: Task, stream: Stream) -> str:
    """All of a stream; what is not UTF-8 is replaced."""
    found = b"".join(chunk.data for chunk in logs.chunks(_log(task)) if chunk.stream == stream)
    return found.decode("utf-8", "replace")


def size(task: Task, stream: Stream) -> int:
    """The bytes of a stream."""
    return sum(len(chunk.data) for chunk in logs.chunks(_log(task)) if chunk.stream == stream)


def lines(task: Task, stream: str) -> Iterator[tuple[datetime, bytes]]:
    """Its lines without their ends, and when each began (UTC). Raises ValueError for another stream."""
    if stream not in _STREAMS:
        raise ValueError(f"a task has 'stdout' and 'stderr', not {stream!r}")
    for when, _, line in logs.lines(_log(task), _STREAMS[stream]):
        yield datetime.fromtimestamp(when, timezone.utc).replace(tzinfo=None), line.removesuffix(b"\n")


def _log(task: Task) -> Iterator[bytes]:
    """Its frames, in pieces that are read when they are asked for."""
    return task._reader.store.log(*task._place, task.current_attempt + 1)
