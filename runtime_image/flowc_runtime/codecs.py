"""Values to bytes and back: pickle protocol 5 with large buffers out of band, cloudpickle where pickle cannot.

The layout with buffers is: each buffer, padded to a page; the pickle; a table of (offset, length) of the buffers and
then of the pickle, as little-endian u64; their count as u64; a magic number. Aligned to pages so that a reader can
map the blob and hand out arrays that lie in it.
"""

from __future__ import annotations

import base64
import itertools
import pickle
import reprlib
import struct
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, TypedDict, get_args

from flowc_runtime.errors import ArtifactError
from flowc_runtime.objects import blob_key, sha256

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from typing_extensions import NotRequired

    from flowc_runtime.external import ExternalRecord
    from flowc_runtime.objects import Objects

Codec: TypeAlias = Literal["pickle5", "pickle5+buffers"]
PLAIN: Codec = "pickle5"
BUFFERS: Codec = "pickle5+buffers"
CODECS: tuple[Codec, ...] = get_args(Codec)  # all that any flowc has written; a name never gets another meaning
INLINE_LIMIT = 512  # bytes; a smaller artifact stands in the record itself
OUT_OF_BAND = 1 << 16  # bytes; below, a page of its own costs more than a copy
PAGE = 4096
MAGIC = b"flowcbuf"
EXTERNAL = "flowc_runtime.external.ExternalFile"


class ArtifactRef(TypedDict):
    """An artifact as a record names it. `data` is the bytes themselves, base64, of an artifact too small for a blob.

    `external` is the file that it stands for. A reference has no version: it is part of a record or a cache entry.
    """

    digest: str
    size: int
    type: str
    codec: Codec
    repr: str
    data: NotRequired[str]
    external: NotRequired[ExternalRecord]


class Encoded:
    """A value as the parts of its blob, not copied: `parts` are views of the value's own buffers and the pickle."""

    __slots__ = ("buffers", "codec", "parts", "pickled")

    def __init__(self, value: Any) -> None:
        """Pickle the value.

        Raises:
            ArtifactError: neither pickle nor cloudpickle can; the message says which type inside it is to blame.
        """
        self.buffers: list[memoryview] = []
        self.pickled = _pickle(value, self._out_of_band)
        self.codec: Codec = BUFFERS if self.buffers else PLAIN
        self.parts: Sequence[bytes | memoryview] = self._layout() if self.buffers else self.pickled

    def _out_of_band(self, buffer: pickle.PickleBuffer) -> bool:
        raw = buffer.raw()
        if raw.nbytes < OUT_OF_BAND:
            return True  # true means: in band
        self.buffers.append(raw)
        return False

    def _layout(self) -> list[bytes | memoryview]:
        parts: list[bytes | memoryview] = []
        table: list[int] = []
        offset = 0
        wholes: list[Sequence[bytes | memoryview]] = [*([buffer] for buffer in self.buffers), self.pickled]
        for whole in wholes:
            size = sum(memoryview(part).nbytes for part in whole)
            parts += whole
            table += [offset, size]
            offset += size
            if padding := -offset % PAGE:
                parts.append(bytes(padding))
                offset += padding
        parts.append(struct.pack(f"<{len(table) + 1}Q", *table, len(self.buffers)) + MAGIC)
        return parts

    @property
    def stream(self) -> bytes:
        """The pickle, in one piece."""
        return self.pickled[0] if len(self.pickled) == 1 else b"".join(self.pickled)

    @property
    def size(self) -> int:
        """The blob's size in bytes."""
        return sum(memoryview(part).nbytes for part in self.parts)


def store_value(objects: Objects, value: Any) -> ArtifactRef:
    """Store a value and name it; the same bytes are stored once. Raises ArtifactError."""
    encoded = Encoded(value)
    ref = ArtifactRef(
        digest="",
        size=encoded.size,
        type=type_name(type(value)),
        codec=encoded.codec,
        repr=short_repr(value),
    )
    if ref["type"] == EXTERNAL:
        ref["repr"], ref["external"] = repr(value), value.record()
    if ref["size"] <= INLINE_LIMIT:
        ref["digest"] = sha256(encoded.parts)
        ref["data"] = base64.b64encode(encoded.stream).decode("ascii")
    else:
        ref["digest"] = objects.create_blob(encoded.parts)
    return ref


class Origin:
    """Where a value in a task came from, to tell cheaply whether the step changed it."""

    __slots__ = ("ref", "stream", "value", "views")

    def __init__(self, ref: ArtifactRef, value: Any, stream: memoryview, views: list[memoryview]) -> None:
        self.ref = ref
        self.value = value
        self.stream = stream
        self.views = views

    def unchanged(self, value: Any) -> bool:
        """Whether `value` certainly still is what was read; where it is not certain, the caller compares digests.

        Large buffers were mapped privately: a page that the step wrote to is anonymous memory now, and the kernel
        counts those, so a gigabyte that was only read is neither read nor hashed again.
        """
        if value is not self.value:
            return False
        if type(value) in _IMMUTABLE:
            return True
        if not self.views or not _is_clean(self.views[0]):
            return False
        encoded = Encoded(value)
        return (
            encoded.stream == self.stream
            and len(encoded.buffers) == len(self.views)
            and all(map(_same_memory, encoded.buffers, self.views))
        )


def restore(objects: Objects, ref: ArtifactRef) -> Origin:
    """Read an artifact. Raises ArtifactError if it cannot be restored, NotFound if its blob is gone."""
    views: list[memoryview] = []
    if ref["codec"] not in CODECS:
        raise ArtifactError(
            f"an artifact of type {ref['type']} was written by a newer flowc (codec {ref['codec']!r}; this flowc reads "
            f"{' and '.join(map(repr, CODECS))}): upgrade flowc, `pip install -U flowc`"
        )
    if ref["codec"] == BUFFERS:
        stream, views = _split(objects.map(blob_key(ref["digest"])), ref)
    elif "data" in ref:
        stream = memoryview(base64.b64decode(ref["data"]))
    else:
        stream = memoryview(objects.get(blob_key(ref["digest"])))
    try:
        value = pickle.loads(stream, buffers=views)
    except Exception as error:
        raise ArtifactError(f"cannot restore an artifact of type {ref['type']}: {_one_line(error)}") from error
    return Origin(ref, value, stream if views else memoryview(b""), views)


def load_value(objects: Objects, ref: ArtifactRef) -> Any:
    """The value of an artifact. Raises ArtifactError, NotFound."""
    return restore(objects, ref).value


class _Chunks(list[bytes]):
    """What a pickler writes to: a large bytes or text object comes as it is, and is not copied."""

    write = list.append


def _pickle(value: Any, buffer_callback: Any) -> list[bytes]:
    file = _Chunks()
    try:
        pickle.Pickler(file, protocol=5, buffer_callback=buffer_callback).dump(value)
    except RecursionError:
        raise ArtifactError(f"a value of type {type_name(type(value))} is nested too deeply to be pickled") from None
    except Exception as plain:
        # A lambda, a local class: what pickle cannot name, cloudpickle stores by value.
        import cloudpickle

        file = _Chunks()
        try:
            cloudpickle.Pickler(file, protocol=5, buffer_callback=buffer_callback).dump(value)
        except Exception as error:
            raise ArtifactError(
                f"a value of type {type_name(type(value))} cannot be pickled: {_one_line(error)}"
            ) from plain
    return file


def _split(blob: memoryview, ref: ArtifactRef) -> tuple[memoryview, list[memoryview]]:
    try:
        (count,) = struct.unpack_from("<Q", blob, len(blob) - 16)
        table = struct.unpack_from(f"<{2 * count + 2}Q", blob, len(blob) - 16 - 16 * (count + 1))
    except struct.error:
        count, table = 0, ()
    if not count or bytes(blob[-8:]) != MAGIC:
        raise ArtifactError(f"the blob {ref['digest']} is damaged: it does not end with the table of its buffers")
    parts = [blob[start : start + length] for start, length in zip(table[::2], table[1::2], strict=True)]
    return parts[-1], parts[:-1]


# -- has a mapped page been written to? --------------------------------------------------------------------------------


def _address(view: memoryview) -> int:
    import ctypes

    return ctypes.addressof(ctypes.c_char.from_buffer(view))


def _same_memory(now: memoryview, then: memoryview) -> bool:
    return not now.readonly and now.nbytes == then.nbytes and _address(now) == _address(then)


def _is_clean(view: memoryview) -> bool:
    """Whether no page of the private mapping that `view` lies in was written to (Linux: /proc/self/smaps)."""
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
                    return False
                elif inside and first == "Swap:":
                    return True
    except OSError:
        return False
    return False


# -- how a value is described ------------------------------------------------------------------------------------------


class _Short(reprlib.Repr):
    """Without the whole text of a huge value first."""

    def repr_bytes(self, x: bytes, level: int) -> str:
        ends = x if len(x) <= 2 * self.maxother else x[: self.maxother] + x[-self.maxother :]
        return self.repr_instance(ends, level)

    def repr_int(self, x: int, level: int) -> str:
        if x.bit_length() > 10_000:  # Python refuses to write out more than 4,300 digits
            return f"<int of {x.bit_length():,} bits>"
        return super().repr_int(x, level)


_SHORT = _Short()
_SHORT.maxstring = _SHORT.maxother = 80
_SHORT.maxlong = 40
_IMMUTABLE = frozenset({int, float, bool, str, bytes, complex, type(None)})
_BUILTIN = _IMMUTABLE | {list, tuple, dict, set, frozenset}
# Their attributes are known to be cheap and without side effects.
_SHAPED = frozenset({"numpy", "pandas", "polars", "pyarrow", "scipy", "torch", "jaxlib", "xarray"})


def type_name(cls: type) -> str:
    """The dotted name of a type, builtins bare."""
    return cls.__qualname__ if cls.__module__ == "builtins" else f"{cls.__module__}.{cls.__qualname__}"


def short_repr(value: Any) -> str:
    """At most a line. Only builtin types' own repr is called: a user's may be slow, fail or hold a secret."""
    cls = type(value)
    if cls in _BUILTIN:
        return _SHORT.repr(value) if _all_builtin(value, _SHORT.maxlevel) else f"<{type_name(cls)} of {len(value)}>"
    if cls.__module__.partition(".")[0] in _SHAPED and isinstance(shape := getattr(value, "shape", None), tuple):
        dtype = getattr(value, "dtype", "")
        return f"<{type_name(cls)} {'×'.join(map(str, shape))}{dtype and f' {dtype}'}>"
    return f"<{type_name(cls)}>"


def _all_builtin(value: Any, levels: int) -> bool:
    """Whether repr of a container stays among builtin types, as deep and wide as the short repr goes."""
    if type(value) not in _BUILTIN:
        return False
    if type(value) in _IMMUTABLE or not levels:
        return True
    items: Iterator[Any] = itertools.islice(value, 8)
    if isinstance(value, dict):
        items = itertools.chain.from_iterable(itertools.islice(value.items(), 8))
    return all(_all_builtin(item, levels - 1) for item in items)


def _one_line(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}".splitlines()[0][:300]
