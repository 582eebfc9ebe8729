"""Tells whether a step has changed a value that it has read: what it has only read keeps its digest.

The same value need not be pickled to the same bytes as before: a set has another order in another process, a view has
become an array of its own, equal texts that were one object have become two. What can be compared are two encodings of
*one process*: that of the value as the step has left it, and that of the artifact as it is read anew. If these are the
same bytes, then reading the artifact gives what the step has left.

docs/adr/0016-unchanged.md has the costs.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING, Any, NamedTuple, final

from flowc_runtime.base.errors import FlowcError
from flowc_runtime.store.values.codecs import IMMUTABLE, Encoded, decode

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flowc_runtime.store.backends.objects import Objects
    from flowc_runtime.store.records.record_types import ArtifactRef


LARGE = 1 << 24  # bytes of a pickle, without its large buffers: it takes ten times that to restore it once more


class Left(NamedTuple):
    """The encoding of a value as the step has left it; `certain` if it is another value than was read, or too large."""

    encoded: Encoded
    certain: bool


@final
class ValueOrigin:
    """Where a value in a task came from: `ref`, and the `value` that was read."""

    __slots__ = ("_objects", "_stream", "_views", "ref", "value")

    def __init__(self, objects: Objects, ref: ArtifactRef) -> None:
        """Read an artifact.

        Raises:
            ArtifactError: it cannot be restored.
            NotFound: its blob is gone.
        """
        self._objects = objects
        self.ref = ref
        self.value, self._stream, self._views = decode(objects, ref)

    def left(self, value: Any, mappings: Mappings) -> Left | None:
        """Encode `value`; None if it is certainly what was read.

        Raises:
            ArtifactError: it cannot be pickled.
        """
        if value is not self.value:
            return Left(Encoded(value), certain=True)
        if type(value) in IMMUTABLE:
            return None
        written = mappings.written(self._views) if self._views else None
        encoded = Encoded(value)
        if written:
            return Left(encoded, certain=True)
        if written is False and self._is_mapped(encoded):
            return None
        if encoded.size == self.ref["size"] and encoded.digest == self.ref["digest"]:
            return None
        stored = len(self._stream) if self._views else self.ref["size"]
        return Left(encoded, certain=max(stored, sum(map(len, encoded.pickled))) > LARGE)

    def _is_mapped(self, encoded: Encoded) -> bool:
        """Whether the large buffers still are those of the blob and the rest is the same.

        They were mapped privately: a page that the step wrote to is anonymous memory now, and the kernel counts those,
        so a gigabyte that was only read is neither read nor hashed again.
        """
        return (
            encoded.stream == self._stream
            and len(encoded.buffers) == len(self._views)
            and all(map(_same_memory, encoded.buffers, self._views))
        )

    def reads_as(self, encoded: Encoded) -> bool:
        """Whether what is read from the artifact has this encoding.

        It reads the artifact anew, and that may change objects that a process has only one of: ask it once every value
        is encoded.
        """
        try:
            again = decode(self._objects, self.ref).value
        except FlowcError:  # its blob has gone since
            return False
        return encoded.encodes(again)


# -- has a mapped page been written to? --------------------------------------------------------------------------------


@final
class Mappings:
    """Which mappings of this process's memory were written to, as Linux tells it: /proc/self/smaps, read once."""

    def __init__(self) -> None:
        self._starts: list[int] = []
        self._ends: list[tuple[int, bool]] | None = None  # with whether there are pages of the process's own

    def written(self, views: Sequence[memoryview]) -> bool | None:
        """Return whether a page of the private mapping that the views lie in was written to.

        One file may be mapped in several parts, since a part may have got other rights or advice. None: the system
        does not tell.
        """
        if self._ends is None:
            self._ends = []
            self._read(self._ends)
        places = [_address(view) for view in views]
        low, high = min(places), max(at + view.nbytes for at, view in zip(places, views, strict=True))
        first = bisect_right(self._starts, low) - 1
        if first < 0 or self._ends[first][0] <= low:
            return None
        last = bisect_right(self._starts, high - 1)
        return any(written for _, written in self._ends[first:last])

    def _read(self, ends: list[tuple[int, bool]]) -> None:
        try:
            with open("/proc/self/smaps", encoding="ascii", errors="replace") as smaps:
                for line in smaps:
                    first = line.split(" ", 1)[0]
                    if not first.endswith(":"):  # the head of a mapping: `start-end perms …`
                        start, _, end = first.partition("-")
                        self._starts.append(int(start, 16))
                        ends.append((int(end, 16), False))
                    elif first in ("Anonymous:", "Swap:") and line.split()[1] != "0":
                        ends[-1] = (ends[-1][0], True)
        except OSError:
            self._starts.clear()
            ends.clear()


def _address(view: memoryview) -> int:
    import ctypes

    return ctypes.addressof(ctypes.c_char.from_buffer(view))


def _same_memory(now: memoryview, then: memoryview) -> bool:
    return not now.readonly and now.nbytes == then.nbytes and _address(now) == _address(then)
