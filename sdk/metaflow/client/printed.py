"""What a task's attempt printed: text, size and lines of its log, whose frames are given in pieces."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import TYPE_CHECKING

from flowc_runtime.process import logs

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from flowc_runtime.process.logs import Stream

_STREAMS: dict[str, Stream] = {"stdout": "stdout", "stderr": "stderr"}


def text(log: Iterable[bytes], stream: Stream) -> str:
    """All of a stream; what is not UTF-8 is replaced."""
    found = b"".join(chunk.data for chunk in logs.chunks(log) if chunk.stream == stream)
    return found.decode("utf-8", "replace")


def size(log: Iterable[bytes], stream: Stream) -> int:
    """The bytes of a stream."""
    return sum(len(chunk.data) for chunk in logs.chunks(log) if chunk.stream == stream)


def lines(log: Iterable[bytes], stream: str) -> Iterator[tuple[datetime, bytes]]:
    """Its lines without their ends, and when each began (UTC). Raises ValueError for another stream."""
    if stream not in _STREAMS:
        raise ValueError(f"a task has 'stdout' and 'stderr', not {stream!r}")
    for when, _, line in logs.lines(log, _STREAMS[stream]):
        yield datetime.fromtimestamp(when, timezone.utc).replace(tzinfo=None), line.removesuffix(b"\n")
