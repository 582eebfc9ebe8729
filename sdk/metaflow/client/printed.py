"""The output of a task's attempt as text and lines, decoded from the attempt's log."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import TYPE_CHECKING

from flowc_runtime.process import logs

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from flowc_runtime.process.logs import Stream

_STREAMS: dict[str, Stream] = {"stdout": "stdout", "stderr": "stderr"}


def text(log: Iterable[bytes], stream: Stream) -> str:
    """Return the output on one stream as text; bytes that are not UTF-8 are replaced.

    Args:
        log: the bytes of the attempt's log (`flowc_runtime.process.logs`), in chunks of any size.
        stream: `stdout` or `stderr`.
    """
    data = b"".join(chunk.data for chunk in logs.chunks(log) if chunk.stream == stream)
    return data.decode("utf-8", "replace")


def size(log: Iterable[bytes], stream: Stream) -> int:
    """Return the size of a stream in bytes."""
    return sum(len(chunk.data) for chunk in logs.chunks(log) if chunk.stream == stream)


def lines(log: Iterable[bytes], stream: str) -> Iterator[tuple[datetime, bytes]]:
    """Yield (time, line) for each line of one stream: the time in UTC without a time zone, the line without its line
    break.

    Args:
        log: the bytes of the attempt's log, in chunks of any size.
        stream: `stdout` or `stderr`.

    Raises:
        ValueError: `stream` is neither `stdout` nor `stderr`.
    """
    if stream not in _STREAMS:
        raise ValueError(f"a task has 'stdout' and 'stderr', not {stream!r}")
    for when, _, line in logs.lines(log, _STREAMS[stream]):
        yield datetime.fromtimestamp(when, timezone.utc).replace(tzinfo=None), line.removesuffix(b"\n")
