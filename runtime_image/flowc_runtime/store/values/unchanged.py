"""Check whether a step has changed a value that it read; an unchanged value keeps its digest.

An unchanged value may be pickled to other bytes than before: a set has another order in another process, a view has
become a separate array, two references to one text have become two texts. But two encodings that *one process* makes
can be compared: the encoding of the value after the step, and the encoding of the artifact when it is read again. If
the two encodings are equal, the artifact already contains the value after the step, and nothing is stored.
docs/adr/0016-unchanged.md describes the costs.
"""

from __future__ import annotations

from bisect import bisect_right
from contextlib import suppress
from typing import TYPE_CHECKING, final

from flowc_ir.late import LateModule
from flowc_ir.late.namedtuple import NamedTuple
from flowc_runtime.base.ambient import ambient
from flowc_runtime.base.errors import ArtifactError, FlowcError
from flowc_runtime.store.values.codecs import Encoded, decode
from flowc_runtime.store.values.descriptions import IMMUTABLE

if TYPE_CHECKING:
    import ctypes
    from collections.abc import Sequence

    from flowc_runtime.store.backends.objects import Objects
    from flowc_runtime.store.records.record_types import ArtifactRef
else:
    # imported at first use: the import costs start-up time, and only mapped values need it
    ctypes = LateModule("ctypes")


# A larger pickle (in bytes, without its large buffers) is not compared: the comparison would restore the
# stored value, which takes up to ten times the pickle's size in memory.
LARGE = 1 << 24


class Left(NamedTuple):
    """The encoding of a value after a step. `certain`: the value is stored without a comparison, because it has changed
    or is too large to compare."""

    encoded: Encoded
    certain: bool


@final
class ValueOrigin:
    """An artifact that a task has read: its reference `ref`, and the `value`."""

    __slots__ = ("_objects", "_stream", "_views", "ref", "value")

    def __init__(self, objects: Objects, ref: ArtifactRef) -> None:
        """Read an artifact.

        Raises:
            ArtifactError: the value cannot be restored.
            NotFound: the blob is missing.
        """
        self._objects = objects
        self.ref = ref
        self.value, self._stream, self._views = decode(objects, ref)

    def left(self, value: object, mappings: Mappings) -> Left | None:
        """Encode a value after the step; return None if the value is certainly unchanged.

        Args:
            value: the value of the artifact after the step.
            mappings: the private mappings of this process.

        Raises:
            ArtifactError: the value cannot be pickled.
        """
        if value is not self.value:
            return Left(Encoded(value), certain=True)
        if type(value) in IMMUTABLE:
            return None
        written = mappings.written(self._views) if self._views else None
        if written:
            return Left(Encoded(value), certain=True)
        writer = self.ref["pickler"]["name"] if "pickler" in self.ref else "pickle"
        if writer != ambient().pickler:  # only the pickler that wrote the artifact can produce the same bytes
            with suppress(ArtifactError):
                if self._is_same(Encoded(value, pickler=writer), written):
                    return None
        encoded = Encoded(value)
        if self._is_same(encoded, written):
            return None
        stored = len(self._stream) if self._views else self.ref["size"]
        return Left(encoded, certain=max(stored, sum(map(len, encoded.pickled))) > LARGE)

    def _is_same(self, encoded: Encoded, written: bool | None) -> bool:
        """Return whether an encoding equals the artifact's bytes; `written` is the result of `Mappings.written`."""
        if written is False and self._is_mapped(encoded):
            return True
        return encoded.size == self.ref["size"] and encoded.digest == self.ref["digest"]

    def _is_mapped(self, encoded: Encoded) -> bool:
        """Return whether the large buffers are still in the mapped blob, and the pickle is the same.

        The blob was mapped privately: a page that the step wrote to is anonymous memory, and the kernel counts such
        pages. So an array of a gigabyte that was only read is neither read nor hashed again.
        """
        return (
            encoded.stream == self._stream
            and len(encoded.buffers) == len(self._views)
            and all(map(_same_memory, encoded.buffers, self._views))
        )

    def reads_as(self, encoded: Encoded) -> bool:
        """Read the artifact again, and return whether its value has this encoding.

        Reading an artifact may change singletons of this process, so call this after all values are encoded.
        """
        try:
            again = decode(self._objects, self.ref).value
        except FlowcError:  # for example, the blob was deleted meanwhile
            return False
        return encoded.encodes(again)


# -- pages of mappings that were written to ----------------------------------------------------------------------------


@final
class Mappings:
    """Finds the private memory mappings of this process that were written to, from /proc/self/smaps, which is read
    once."""

    def __init__(self) -> None:
        self._starts: list[int] = []
        self._ends: list[tuple[int, bool]] | None = None  # (end of the mapping, whether a page was written to)

    def written(self, views: Sequence[memoryview]) -> bool | None:
        """Return whether the process has written to a page of the mapping that contains the views, or None if this is
        unknown.

        One file may have several mappings, since mprotect or madvise on a part splits a mapping. Source: proc(5),
        smaps.
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
                    if not first.endswith(":"):  # the first line of a mapping: `start-end perms …`
                        start, _, end = first.partition("-")
                        self._starts.append(int(start, 16))
                        ends.append((int(end, 16), False))
                    elif first in ("Anonymous:", "Swap:") and line.split()[1] != "0":
                        ends[-1] = (ends[-1][0], True)
        except OSError:
            self._starts.clear()
            ends.clear()


def _address(view: memoryview) -> int:
    return ctypes.addressof(ctypes.c_char.from_buffer(view))


def _same_memory(now: memoryview, then: memoryview) -> bool:
    return not now.readonly and now.nbytes == then.nbytes and _address(now) == _address(then)
