"""Encode values as bytes and decode them: pickle protocol 5, large buffers out of band; cloudpickle if pickle fails.

The setting `pickler` may choose cloudpickle for all values, or a plugin (`picklers`), which writes no buffers out of
band. The layout of a blob with buffers is: each buffer, padded to a page; the pickle; a table of (offset, length) of
the buffers and then of the pickle, as little-endian u64; their count as u64; a magic number. Buffers are aligned to
pages, so that a reader can map the blob and return arrays whose memory is the mapped blob.
"""

from __future__ import annotations

import base64
import copyreg
import io
import struct
import sys
from binascii import b2a_base64
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, TypeAlias

from flowc_ir.late import LateModule
from flowc_ir.late.digest import sha256, sha256_of_tiny
from flowc_ir.late.namedtuple import NamedTuple
from flowc_runtime.base.ambient import ambient
from flowc_runtime.base.errors import ArtifactError, Damaged, StepTimeout
from flowc_runtime.store.backends.blobs import REMEDY
from flowc_runtime.store.values.batches import CODEC as BATCH
from flowc_runtime.store.values.batches import LARGEST, read_batched
from flowc_runtime.store.values.descriptions import EXTERNAL, IMMUTABLE, short_repr, type_name
from flowc_runtime.store.values.moved import new_place
from flowc_runtime.store.values.reducers import OUT_OF_BAND, with_reducers

if TYPE_CHECKING:
    import pickle
    from collections.abc import Callable, Iterator, Sequence
    from typing import BinaryIO

    from flowc_runtime.store.backends.objects import Objects
    from flowc_runtime.store.records.record_types import ArtifactRef, Codec, PicklerRecord
    from flowc_runtime.store.values import picklers
    from flowc_runtime.store.values.batches import Batches
    from flowc_runtime.store.values.picklers import Dumper

    Callback: TypeAlias = Callable[[pickle.PickleBuffer], bool]
    Finder: TypeAlias = Callable[[str, str], object]
    UserValue: TypeAlias = Any  # a value of the flow, whose type only the flow's code knows
    File: TypeAlias = "_Chunks | _Expected"
    Picklers: TypeAlias = Callable[[File, Callback], "Dumper"]
else:
    # `pickle` gets these classes and functions from the compiled `_pickle`, and adds slow ones in Python to them.
    import _pickle as pickle

    # imported at first use: only cloudpickle and plugins need it
    picklers = LateModule("flowc_runtime.store.values.picklers")

PICKLE, CLOUDPICKLE = "pickle", "cloudpickle"
CLOUD: PicklerRecord = {"name": CLOUDPICKLE, "distribution": CLOUDPICKLE}
PLAIN: Codec = "pickle5"
BUFFERS: Codec = "pickle5+buffers"
PLUGIN: Codec = "plugin"
# the values of `codec` in references; a name never changes its meaning
CODECS: tuple[Codec, ...] = (PLAIN, BUFFERS, PLUGIN, BATCH)
_FIRST = b"\x80\x05"  # The first operation of a pickle: its protocol.
_LAST = b"\x94."  # The last operations of a pickle of a single object: memoize the object, return the object.
_SIZED = frozenset({str, bytes})
INLINE_LIMIT = 512  # Bytes: a smaller artifact is part of the record.
LARGE_PICKLE = 1 << 18  # Bytes: a larger pickle is read from a file that is hashed once per machine.
_PIECE = 1 << 20  # The bytes that are compared at a time.
PAGE = 4096
MAGIC = b"flowcbuf"


class Encoded:
    """An encoded value. `parts` are the parts of the value's blob: the pickle, and views (not copies) of the value's
    buffers.

    `pickler` names the pickler that wrote the bytes, or None for plain pickle.
    """

    __slots__ = ("_digest", "_least", "_pickler", "buffers", "codec", "parts", "pickled", "pickler")

    def __init__(self, value: object, *, in_band: bool = False, pickler: str = "") -> None:
        """Pickle the value.

        Args:
            value: the value.
            in_band: whether to write a plain pickle that also contains the large buffers.
            pickler: the name of the pickler; the default is that of the task.

        Raises:
            ArtifactError: the pickler is missing or cannot encode the value; the message names the type that it cannot
                encode.
        """
        self.buffers: list[memoryview] = []
        self._digest = ""
        self._least = sys.maxsize if in_band else OUT_OF_BAND  # bytes: smaller buffers are part of the pickle
        name = pickler or ambient().pickler
        if in_band or f"{type(value).__module__}".startswith("flowc_runtime."):  # every reader can read a plain pickle
            name = PICKLE
        self.pickled, self._pickler, self.pickler = self._pickle(value, name)
        self.codec: Codec = BUFFERS if self.buffers else PLAIN if name in (PICKLE, CLOUDPICKLE) else PLUGIN
        self.parts: Sequence[bytes | memoryview] = self._layout() if self.buffers else self.pickled

    def _pickle(self, value: object, name: str) -> tuple[list[bytes], Picklers, PicklerRecord | None]:
        errors: list[Exception] = []
        for make, record in _tries(name):
            file = _Chunks()
            self.buffers.clear()
            try:
                make(file, self._out_of_band).dump(value)
            except RecursionError:
                what = type_name(type(value))
                raise ArtifactError(f"a value of type {what} is nested too deeply to be pickled") from None
            except StepTimeout:
                raise
            except Exception as error:
                errors.append(error)
            else:
                return file, make, record
        what = f"a value of type {type_name(type(value))} cannot be pickled"
        by = "" if name == PICKLE else f" by {name}"
        raise ArtifactError(f"{what}{by}: {_one_line(errors[-1])}") from errors[0]

    def _out_of_band(self, buffer: pickle.PickleBuffer) -> bool:
        raw = buffer.raw()
        if raw.nbytes < self._least:
            return True  # True means that the buffer is written into the pickle
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
        """The pickle as one bytes object."""
        return self.pickled[0] if len(self.pickled) == 1 else b"".join(self.pickled)

    @property
    def size(self) -> int:
        """The blob's size in bytes."""
        return sum(memoryview(part).nbytes for part in self.parts)

    @property
    def digest(self) -> str:
        """The sha256 of the blob, hex."""
        if not self._digest:
            self._digest = sha256(self.parts)
        return self._digest

    def encodes(self, value: object) -> bool:
        """Return whether `value` has the same encoding as this object's value. Encoding stops at the first
        difference."""
        expected = _Expected(self.pickled, self.buffers)
        try:
            self._pickler(expected, expected.buffer).dump(value)
        except StepTimeout:
            raise
        except Exception:  # the encoding differs, or this pickler cannot encode the value
            return False
        return expected.complete


def small_ref(value: UserValue) -> ArtifactRef | None:
    """Return the reference that `store_value` would return for a number, a short text, None or short bytes.

    Many artifacts have values of these types, and this function takes a fifth of the time of `store_value`.

    Returns:
        The reference. None if the value has a type that is not listed above, if the value is too long to be part of a
        record, or if another pickler than `pickle` is selected.
    """
    cls = type(value)
    if cls not in IMMUTABLE or ambient().pickler != PICKLE or (cls in _SIZED and len(value) > INLINE_LIMIT):
        return None
    stream = pickle.dumps(value, 5)
    if len(stream) > INLINE_LIMIT:
        return None
    return {
        "digest": sha256_of_tiny(stream),
        "size": len(stream),
        "type": cls.__qualname__,
        "codec": PLAIN,
        "repr": short_repr(value),
        "data": b2a_base64(stream, newline=False).decode("ascii"),
    }


def store_value(
    objects: Objects, value: UserValue, encoded: Encoded | None = None, batches: Batches | None = None
) -> ArtifactRef:
    """Store a value and return its reference; equal bytes are stored once.

    Args:
        objects: the store.
        value: the value.
        encoded: the encoding of the value, if it exists already.
        batches: collects small artifacts. Then `Batches.store` completes their references and stores them.

    Raises:
        ArtifactError: the value cannot be pickled.
        StoreError: the store cannot be written.
    """
    encoded = encoded or Encoded(value)
    ref: ArtifactRef = {
        "digest": "",
        "size": encoded.size,
        "type": type_name(type(value)),
        "codec": encoded.codec,
        "repr": short_repr(value),
    }
    if encoded.pickler is not None:
        ref["pickler"] = encoded.pickler
    if ref["type"] == EXTERNAL:
        ref["repr"], ref["external"] = repr(value), value.record()
    if ref["size"] <= INLINE_LIMIT:
        ref["digest"] = encoded.digest
        ref["data"] = base64.b64encode(encoded.stream).decode("ascii")
    elif batches is not None and encoded.codec == PLAIN and ref["size"] <= LARGEST:
        batches.add(ref, encoded.stream)
    else:
        ref["digest"] = objects.create_blob(encoded.parts)
    return ref


class Decoded(NamedTuple):
    """A decoded value. `stream` is the pickle; if the artifact has large buffers, `views` are these buffers in the
    mapped blob."""

    value: UserValue
    stream: memoryview
    views: list[memoryview]


def decode(objects: Objects, ref: ArtifactRef, find: Finder | None = None) -> Decoded:
    """Read an artifact.

    Args:
        objects: the store.
        ref: the reference to the artifact.
        find: returns a class that cannot be imported, given its module and name; None uses `Ambient.find_class`.

    Raises:
        ArtifactError: the value cannot be restored, or a newer flowc wrote it.
        Damaged: the stored bytes do not match the digest.
        NotFound: the blob is missing.
    """
    if ref["codec"] not in CODECS:
        raise ArtifactError(
            f"an artifact of type {ref['type']} was written by a newer flowc (codec {ref['codec']!r}; this flowc reads "
            f"{', '.join(map(repr, CODECS))}): upgrade flowc, `pip install -U flowc`"
        )
    if ref["codec"] == BUFFERS:
        stream, views = _split(objects.map_blob(ref["digest"], ref["size"]), ref)
        with _restoring(ref):
            return Decoded(unpickle(stream, views, find), stream, views)
    if "data" in ref:
        return Decoded(_value(_inline(ref["data"], ref), ref, find), memoryview(b""), [])
    if ref["codec"] == BATCH:
        return Decoded(_value(read_batched(objects, ref), ref, find), memoryview(b""), [])
    if ref["size"] < LARGE_PICKLE:
        return Decoded(_value(objects.read_blob(ref["digest"], ref["size"]), ref, find), memoryview(b""), [])
    if ref["type"] == "bytes" and ref["codec"] == PLAIN:
        plain = objects.read_with(ref["digest"], ref["size"], partial(_plain_bytes, size=ref["size"]))
        if plain is not None:
            return Decoded(plain, memoryview(b""), [])
    with objects.open_blob(ref["digest"], ref["size"]) as file:
        return Decoded(_value(file, ref, find), memoryview(b""), [])


def _plain_bytes(file: BinaryIO, size: int) -> bytes | None:
    """Return the object from the pickle of a bytes object, without unpickling; None for any other pickle. The pickle of
    a bytes object consists of the protocol (2 bytes), an operation with the length of the object, the object, and two
    operations. Unpickling would need checked bytes, but this function accepts any bytes.
    """
    for operation, length in ((b"B", 4), (b"\x8e", 8)):  # the length of the object is a little-endian number
        count = size - len(_FIRST) - len(operation) - length - len(_LAST)
        if count >= 1 << (8 * length):
            continue
        head = _FIRST + operation + count.to_bytes(length, "little")
        file.seek(0)
        if file.read(len(head)) == head:
            content = file.read(count)
            return content if file.read() == _LAST else None
    return None


def _value(source: bytes | BinaryIO, ref: ArtifactRef, find: Finder | None) -> UserValue:
    """Return the value of an artifact without buffers, from the artifact's bytes, or from a file that contains them.
    Raises ArtifactError."""
    with _restoring(ref):
        if ref["codec"] == PLUGIN:
            return picklers.reader(ref["pickler"]).loads(source if isinstance(source, bytes) else source.read())
        return unpickle(source, (), find)


@contextmanager
def _restoring(ref: ArtifactRef) -> Iterator[None]:
    """A context manager for code that restores the value of an artifact: any error becomes ArtifactError."""
    try:
        yield
    except Exception as error:
        by_cloudpickle = ref.get("pickler", {}).get("name") == CLOUDPICKLE
        why: object = error if isinstance(error, ArtifactError) else _one_line(error)
        if by_cloudpickle and not picklers.has_cloudpickle():
            why = picklers.lacks_cloudpickle()
        raise ArtifactError(f"cannot restore an artifact of type {ref['type']}: {why}") from error


def _inline(text: str, ref: ArtifactRef) -> bytes:
    """Return the bytes of a small artifact, which its record contains. Raises Damaged."""
    try:
        data = base64.b64decode(text, validate=True)
    except ValueError:
        found = "text that is not base64"
    else:
        if (digest := sha256([data])) == ref["digest"]:
            return data
        found = f"{len(data):,} bytes with sha256 {digest[:12]}…"
    raise Damaged(
        f"an artifact of type {ref['type']} is damaged in its record: expected {ref['size']:,} bytes with sha256 "
        f"{ref['digest'][:12]}…, found {found}: {REMEDY}"
    )


def load_value(objects: Objects, ref: ArtifactRef, find: Finder | None = None) -> UserValue:
    """Return the value of an artifact; arguments and errors are those of `decode`."""
    return decode(objects, ref, find).value


def unpickle(
    stream: bytes | memoryview | BinaryIO, views: Sequence[memoryview] = (), find: Finder | None = None
) -> UserValue:
    """Return the value that a pickle encodes.

    Args:
        stream: the pickle, or a file with it. From a file, a large bytes object is read without a copy.
        views: the buffers that the pickle does not contain, in order.
        find: returns a class that cannot be imported, given its module and name; None uses `Ambient.find_class`.

    Raises:
        ArtifactError: a class is missing, and `find` does not find it.
        Exception: any error of the value's classes.
    """
    try:
        if isinstance(stream, (bytes, memoryview)):
            return pickle.loads(stream, buffers=views)
        return pickle.load(stream, buffers=views)
    except (ImportError, AttributeError) as error:
        file = io.BytesIO(stream) if isinstance(stream, (bytes, memoryview)) else stream
        file.seek(0)
        try:
            return _Unpickler(file, views, find or ambient().find_class).load()
        except ArtifactError as nowhere:
            raise ArtifactError(f"{_one_line(error)}; {nowhere}") from error


class _Unpickler(pickle.Unpickler):
    """An unpickler that finds moved or renamed classes of flowc, and calls `find` for other missing classes."""

    def __init__(self, file: BinaryIO, views: Sequence[memoryview], find: Finder | None) -> None:
        super().__init__(file, buffers=views)
        self._find = find

    def find_class(self, module: str, name: str) -> object:
        try:
            return super().find_class(module, name)
        except (ImportError, AttributeError):
            if (there := new_place(module, name)) is not None:
                return super().find_class(*there)
            if self._find is None:
                raise
            return self._find(module, name)


class _Chunks(list[bytes]):
    """Collects the output of a pickler as chunks; a large bytes or text object is one chunk and is not copied."""

    write = list.append


class _Expected:
    """Compares the output of a pickler with the expected output; raises ValueError at the first difference."""

    __slots__ = ("_buffers", "_chunks")

    def __init__(self, chunks: Sequence[bytes], buffers: Sequence[memoryview]) -> None:
        self._chunks = iter(chunks)  # the same pickler wrote these chunks: equal values give equal chunks
        self._buffers = iter(buffers)

    def write(self, chunk: bytes) -> None:
        if chunk != next(self._chunks, None):
            raise ValueError

    def buffer(self, buffer: pickle.PickleBuffer) -> bool:
        raw = buffer.raw()
        if raw.nbytes < OUT_OF_BAND:
            return True
        if not _same_bytes(raw, next(self._buffers, memoryview(b""))):
            raise ValueError
        return False

    @property
    def complete(self) -> bool:
        return next(self._chunks, None) is None and next(self._buffers, None) is None


def _same_bytes(one: memoryview, other: memoryview) -> bool:
    """Return whether two views have equal bytes.

    The views are compared in pieces: comparing memoryviews is slow, and a copy of a whole view would be large.
    """
    if one.nbytes != other.nbytes:
        return False
    return all(bytes(one[at : at + _PIECE]) == bytes(other[at : at + _PIECE]) for at in range(0, one.nbytes, _PIECE))


def _tries(name: str) -> Sequence[tuple[Picklers, PicklerRecord | None]]:
    """Return the picklers to try, in order, and their records for references.

    Raises ArtifactError for a missing plugin.
    """
    if name == PICKLE:  # pickle cannot store a lambda or a local class by its name; cloudpickle stores its code
        return [(_plain_pickler, None), (_cloud_pickler, CLOUD)]
    return picklers.of_name(name)


def _cloud_pickler(file: File, buffer_callback: Callback) -> Dumper:
    return picklers.cloud_pickler(file, buffer_callback)


def _plain_pickler(file: File, buffer_callback: Callback) -> pickle.Pickler:
    pickler = pickle.Pickler(file, protocol=5, buffer_callback=buffer_callback)
    if (extended := with_reducers(copyreg.dispatch_table)) is not None:
        pickler.dispatch_table = extended
    return pickler


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


def _one_line(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}".splitlines()[0][:300]
