"""Tells whether a step has changed a value that it has read: what it has only read keeps its digest.

The same value need not be pickled to the same bytes as before: a set has another order in another process, a view has
become an array of its own, equal texts that were one object have become two. What can be compared are two encodings of
*one process*: that of the value as it was read, and that of the value as the step has left it. If these are the same
bytes, then reading the artifact anew gives what the step has left.

docs/adr/0016-unchanged.md has the costs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, final

from flowc_runtime.codecs import IMMUTABLE, Encoded, decode
from flowc_runtime.errors import FlowcError

if TYPE_CHECKING:
    from flowc_runtime.codecs import ArtifactRef
    from flowc_runtime.objects import Objects

SMALL = 1 << 18  # bytes; up to this an artifact is encoded as soon as it was read: some milliseconds at most


@final
class Origin:
    """Where a value in a task came from: `ref`, and the `value` that was read."""

    __slots__ = ("_as_read", "_objects", "_stream", "_views", "ref", "value")

    def __init__(self, objects: Objects, ref: ArtifactRef, *, changes: bool = True) -> None:
        """Read an artifact. `changes`: the code may change it, so an encoding is made of one that is small.

        Raises:
            ArtifactError: it cannot be restored.
            NotFound: its blob is gone.
        """
        self._objects = objects
        self.ref = ref
        self.value, self._stream, self._views = decode(objects, ref)
        self._as_read = ""
        if changes and ref["size"] <= SMALL and type(self.value) not in IMMUTABLE:
            try:
                self._as_read = Encoded(self.value).digest
            except FlowcError:  # what cannot be pickled again is an error where it is stored, if it comes to that
                return

    def changed(self, value: Any) -> Encoded | None:
        """The encoding of `value`, which has to be stored; None if it is what was read.

        Raises:
            ArtifactError: it cannot be pickled.
        """
        if value is not self.value:
            return Encoded(value)
        if type(value) in IMMUTABLE:
            return None
        written = _is_written(self._views[0]) if self._views else None
        encoded = Encoded(value)
        if written or (written is False and self._is_mapped(encoded)):
            return encoded if written else None
        return None if self._reads_as(encoded) else encoded

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

    def _reads_as(self, encoded: Encoded) -> bool:
        """Whether what is read from the artifact has this encoding."""
        if self._as_read:
            return encoded.digest == self._as_read
        if encoded.size == self.ref["size"] and encoded.digest == self.ref["digest"]:
            return True
        try:
            again = decode(self._objects, self.ref).value
        except FlowcError:  # its blob has gone since
            return False
        return encoded.encodes(again)


# -- has a mapped page been written to? --------------------------------------------------------------------------------


def _address(view: memoryview) -> int:
    import ctypes

    return ctypes.addressof(ctypes.c_char.from_buffer(view))


def _same_memory(now: memoryview, then: memoryview) -> bool:
    return not now.readonly and now.nbytes == then.nbytes and _address(now) == _address(then)


def _is_written(view: memoryview) -> bool | None:
    """Whether a page of the private mapping that `view` lies in was written to; None where the system does not say.

    Linux tells it: /proc/self/smaps.
    """
    address = _address(view)
    try:
        with open("/proc/self/smaps", encoding="ascii", errors="replace") as smaps:
            inside = False
            for line in smaps:
                first = line.split(" ", 1)[0]
                if not first.endswith(":"):  # the head of a mapping: `start-end perms …`
                    start, _, end = first.partition("-")
                    inside = int(start, 16) <= address < int(end, 16)
                elif inside and first in ("Anonymous:", "Swap:") and line.split()[1] != "0":
                    return True
                elif inside and first == "Swap:":
                    return False
    except OSError:
        return None
    return None
