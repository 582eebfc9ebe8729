"""Log frames: both streams of an attempt in one object, in order, every byte as written.

A frame is `<seconds since the epoch> <o|e> <length in bytes>\\n` and the bytes. Appending needs no lock and a reader
of a log that is being written sees whole frames and perhaps one that is cut: it stops there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterator

Stream: TypeAlias = Literal["stdout", "stderr"]
_LETTER = {"stdout": b"o", "stderr": b"e"}
_STREAM: dict[bytes, Stream] = {b"o": "stdout", b"e": "stderr"}


class Chunk(NamedTuple):
    """What one read of a stream brought: any bytes, not necessarily a line."""

    when: float
    stream: Stream
    data: bytes


def frame(when: float, stream: Stream, data: bytes) -> bytes:
    """A chunk as it stands in a log."""
    return b"%.6f %s %d\n%s" % (when, _LETTER[stream], len(data), data)


def chunks(log: bytes) -> Iterator[Chunk]:
    """The chunks of a log; a frame that is cut at the end gives the bytes that are there."""
    return (chunk for chunk, _ in _frames(log))


def whole(log: bytes) -> tuple[list[Chunk], int]:
    """The chunks of the frames that are not cut, and where these end: from there to read on, as the log grows."""
    found = [(chunk, end) for chunk, end in _frames(log) if end <= len(log)]
    return [chunk for chunk, _ in found], found[-1][1] if found else 0


def _frames(log: bytes) -> Iterator[tuple[Chunk, int]]:
    """Each frame, and where it ends: past the log's own end, if it is cut."""
    at = 0
    while (end := log.find(b"\n", at)) >= 0:
        head = log[at:end].split(b" ")
        if len(head) != 3 or head[1] not in _STREAM or not head[2].isdigit():
            return
        at = end + 1 + int(head[2])
        yield Chunk(float(head[0]), _STREAM[head[1]], log[end + 1 : at]), at


def lines(log: bytes, stream: Stream | None = None) -> Iterator[Chunk]:
    """The log as whole lines (with their line ends), each with the time and stream of its first byte."""
    begun: dict[Stream, tuple[float, list[bytes]]] = {}  # pieces: a long line is put together once
    for chunk in chunks(log):
        if stream is not None and chunk.stream != stream:
            continue
        first, *others = chunk.data.split(b"\n")
        when, pieces = begun.pop(chunk.stream, (chunk.when, []))
        pieces.append(first)
        if not others:
            begun[chunk.stream] = when, pieces
            continue
        *whole, last = others
        yield Chunk(when, chunk.stream, b"".join(pieces) + b"\n")
        for line in whole:
            yield Chunk(chunk.when, chunk.stream, line + b"\n")
        if last:
            begun[chunk.stream] = chunk.when, [last]
    for which, (when, pieces) in begun.items():
        yield Chunk(when, which, b"".join(pieces))
