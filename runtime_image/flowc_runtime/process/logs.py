"""Write and read logs: one object contains the output of an attempt on stdout and stderr, in order, as a sequence of
frames.

A frame is `<seconds since the epoch> <o|e> <length in bytes>\\n`, followed by the bytes. Appending a frame needs no
lock. A reader of a growing log finds whole frames, and perhaps an incomplete last frame, at which it stops.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, Literal, TypeAlias, TypeVar

from flowc_ir.late.namedtuple import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Iterator

Stream: TypeAlias = Literal["stdout", "stderr"]
_LETTER = {"stdout": b"o", "stderr": b"e"}
_STREAM: dict[bytes, Stream] = {b"o": "stdout", b"e": "stderr"}
_HEAD = 64  # the first line of a frame is shorter than this number of bytes


class Chunk(NamedTuple):
    """The bytes of one read from a stream, not necessarily a line; `when` is the time of the read, in seconds since the
    epoch."""

    when: float
    stream: Stream
    data: bytes


def frame(when: float, stream: Stream, data: bytes) -> bytes:
    """Return a chunk as a frame of a log.

    Args:
        when: the time in seconds since the epoch.
        stream: the stream that the bytes were written to.
        data: the bytes.
    """
    return b"%.6f %s %d\n%s" % (when, _LETTER[stream], len(data), data)


def chunks(log: bytes | Iterable[bytes]) -> Iterator[Chunk]:
    """Yield the chunks of a log, given as bytes or as parts of any size; an incomplete last frame is also a chunk."""
    rest = b""
    for piece in (log,) if isinstance(log, bytes) else log:
        rest += piece
        found, end = whole(rest)
        yield from found
        rest = rest[end:]
        # the log is damaged here, and the bytes that follow cannot be read
        if len(rest) >= _HEAD and not _is_frame(rest):
            return
    yield from (chunk for chunk, _ in _frames(rest))


def whole(log: bytes) -> tuple[list[Chunk], int]:
    """Return the chunks of the complete frames of a log, and the offset behind the last of these frames: the rest of
    the log begins there when it has grown."""
    found: list[Chunk] = []
    last = 0
    for chunk, end in _frames(log):
        if end <= len(log):
            found.append(chunk)
            last = end
    return found, last


def _frames(log: bytes) -> Iterator[tuple[Chunk, int]]:
    """Yield (chunk, offset) for each frame. The offset is where the frame ends; if the frame is incomplete, it is
    larger than the log's size."""
    at = 0
    while (end := log.find(b"\n", at, at + _HEAD)) >= 0:
        head = log[at:end].split(b" ")
        if len(head) != 3 or head[1] not in _STREAM or not head[2].isdigit():
            return
        at = end + 1 + int(head[2])
        yield Chunk(float(head[0]), _STREAM[head[1]], log[end + 1 : at]), at


def _is_frame(log: bytes) -> bool:
    return next(_frames(log), None) is not None


# -- lines -------------------------------------------------------------------------------------------------------------

Of = TypeVar("Of", bound="Hashable")


class Lines(Generic[Of]):
    """Joins the chunks of several streams into lines, each with the time of its first byte.

    A line of more than `limit` bytes is returned in parts of about `limit` bytes, without line ends.
    """

    def __init__(self, limit: int | None = None) -> None:
        self._limit = limit
        # for each unfinished line: its time, size and pieces
        self._begun: dict[Of, tuple[float, int, list[bytes]]] = {}

    def add(self, of: Of, chunk: Chunk) -> Iterator[Chunk]:
        """Yield the lines that are complete with this chunk, with their line ends.

        Args:
            of: any key that identifies the stream.
            chunk: the next chunk of the stream.
        """
        *ended, last = chunk.data.split(b"\n")
        for line in ended:
            when, _, pieces = self._begun.pop(of, (chunk.when, 0, []))
            yield Chunk(when, chunk.stream, b"".join([*pieces, line, b"\n"]))
        if last:
            when, size, pieces = self._begun.pop(of, (chunk.when, 0, []))
            pieces.append(last)
            if self._limit is not None and size + len(last) >= self._limit:
                yield Chunk(when, chunk.stream, b"".join(pieces))
            else:
                self._begun[of] = when, size + len(last), pieces

    def end(self, of: Of) -> tuple[float, bytes] | None:
        """Return the time and the bytes of an incomplete last line, if any, and discard them."""
        if (begun := self._begun.pop(of, None)) is None:
            return None
        return begun[0], b"".join(begun[2])


def lines(log: bytes | Iterable[bytes], stream: Stream | None = None, limit: int | None = None) -> Iterator[Chunk]:
    """Yield the log as lines (with their line ends), each with the time and stream of its first byte.

    Args:
        log: the log, or pieces of it of any size.
        stream: the only stream to yield; None for both.
        limit: the largest size of a line in bytes, as in `Lines`.
    """
    made: Lines[Stream] = Lines(limit)
    for chunk in chunks(log):
        if stream in (None, chunk.stream):
            yield from made.add(chunk.stream, chunk)
    for which in _STREAM.values():
        if (left := made.end(which)) is not None:
            yield Chunk(left[0], which, left[1])
