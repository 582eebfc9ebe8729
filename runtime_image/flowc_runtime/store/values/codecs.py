"""Values to bytes and back: pickle protocol 5 with large buffers out of band, cloudpickle where pickle cannot.

The layout with buffers is: each buffer, padded to a page; the pickle; a table of (offset, length) of the buffers and
then of the pickle, as little-endian u64; their count as u64; a magic number. Aligned to pages so that a reader can
map the blob and hand out arrays that lie in it.
"""

from __future__ import annotations

import base64
import copyreg
import io
import itertools
import pickle
import reprlib
import struct
import sys
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn, TypeAlias

from flowc_runtime.base.errors import ArtifactError, Damaged, StepTimeout
from flowc_runtime.store.backends.blobs import REMEDY
from flowc_runtime.store.backends.objects import sha256
from flowc_runtime.store.values.moved import new_place
from flowc_runtime.store.values.reducers import OUT_OF_BAND, with_reducers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from flowc_runtime.store.backends.objects import Objects
    from flowc_runtime.store.records.record_types import ArtifactRef, Codec

    _Callback: TypeAlias = Callable[[pickle.PickleBuffer], bool]
    Finder: TypeAlias = Callable[[str, str], Any]
    _Picklers: TypeAlias = Callable[[Any, _Callback], pickle.Pickler]

PLAIN: Codec = "pickle5"
BUFFERS: Codec = "pickle5+buffers"
CODECS: tuple[Codec, ...] = (PLAIN, BUFFERS)  # all that any flowc has written; a name never gets another meaning
INLINE_LIMIT = 512  # bytes; a smaller artifact stands in the record itself
_PIECE = 1 << 20  # bytes that are compared at once
PAGE = 4096
MAGIC = b"flowcbuf"
EXTERNAL = "flowc_runtime.external.ExternalFile"  # as records name it, wherever the class stands
_EXTERNAL_CLASS = "flowc_runtime.store.backends.external.ExternalFile"


class Encoded:
    """A value as the parts of its blob, not copied: `parts` are views of the value's own buffers and the pickle."""

    __slots__ = ("_digest", "_least", "_pickler", "buffers", "codec", "parts", "pickled")

    def __init__(self, value: Any, *, in_band: bool = False) -> None:
        """Pickle the value; `in_band`: without buffers.

        Raises:
            ArtifactError: neither pickle nor cloudpickle can; the message says which type inside it is to blame.
        """
        self.buffers: list[memoryview] = []
        self._digest = ""
        self._least = sys.maxsize if in_band else OUT_OF_BAND  # bytes of a buffer that goes out of band
        self.pickled, self._pickler = self._pickle(value)
        self.codec: Codec = BUFFERS if self.buffers else PLAIN
        self.parts: Sequence[bytes | memoryview] = self._layout() if self.buffers else self.pickled

    def _pickle(self, value: Any) -> tuple[list[bytes], _Picklers]:
        file = _Chunks()
        try:
            _plain_pickler(file, self._out_of_band).dump(value)
        except RecursionError:
            raise ArtifactError(
                f"a value of type {type_name(type(value))} is nested too deeply to be pickled"
            ) from None
        except StepTimeout:
            raise
        except Exception as plain:
            # A lambda, a local class: what pickle cannot name, cloudpickle stores by value.
            file = _Chunks()
            self.buffers.clear()
            try:
                _cloud_pickler(file, self._out_of_band).dump(value)
            except StepTimeout:
                raise
            except Exception as error:
                raise ArtifactError(
                    f"a value of type {type_name(type(value))} cannot be pickled: {_one_line(error)}"
                ) from plain
            return file, _cloud_pickler
        return file, _plain_pickler

    def _out_of_band(self, buffer: pickle.PickleBuffer) -> bool:
        raw = buffer.raw()
        if raw.nbytes < self._least:
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

    @property
    def digest(self) -> str:
        """The sha256 of the blob, hex."""
        if not self._digest:
            self._digest = sha256(self.parts)
        return self._digest

    def encodes(self, value: Any) -> bool:
        """Whether `value` has this very encoding: found without keeping another one, until the first difference."""
        expected = _Expected(self.pickled, self.buffers)
        try:
            self._pickler(expected, expected.buffer).dump(value)
        except StepTimeout:
            raise
        except Exception:  # a difference, or a value that cannot be pickled in this way
            return False
        return expected.complete


def store_value(objects: Objects, value: Any, encoded: Encoded | None = None) -> ArtifactRef:
    """Store a value and name it; the same bytes are stored once. `encoded`: it is encoded already.

    Raises:
        ArtifactError: it cannot be pickled.
    """
    encoded = encoded or Encoded(value)
    ref: ArtifactRef = {
        "digest": "",
        "size": encoded.size,
        "type": type_name(type(value)),
        "codec": encoded.codec,
        "repr": short_repr(value),
    }
    if ref["type"] == EXTERNAL:
        ref["repr"], ref["external"] = repr(value), value.record()
    if ref["size"] <= INLINE_LIMIT:
        ref["digest"] = encoded.digest
        ref["data"] = base64.b64encode(encoded.stream).decode("ascii")
    else:
        ref["digest"] = objects.create_blob(encoded.parts)
    return ref


class Decoded(NamedTuple):
    """A value that was read: with large buffers, `views` are those, in the mapped blob, and `stream` is the pickle."""

    value: Any
    stream: memoryview
    views: list[memoryview]


finder: Finder | None = None
"""In a task: what finds classes that cannot be imported (`classes.Classes.find`)."""


def decode(objects: Objects, ref: ArtifactRef, find: Finder | None = None) -> Decoded:
    """Read an artifact. `find` gives classes that cannot be imported, by their module and name, or `finder` does.

    Raises:
        ArtifactError: it cannot be restored.
        Damaged: its bytes are not those that were stored.
        NotFound: its blob is gone.
    """
    views: list[memoryview] = []
    if ref["codec"] not in CODECS:
        raise ArtifactError(
            f"an artifact of type {ref['type']} was written by a newer flowc (codec {ref['codec']!r}; this flowc reads "
            f"{' and '.join(map(repr, CODECS))}): upgrade flowc, `pip install -U flowc`"
        )
    if ref["codec"] == BUFFERS:
        stream, views = _split(objects.map_blob(ref["digest"], ref["size"]), ref)
    elif "data" in ref:
        stream = memoryview(_inline(ref["data"], ref))
    else:
        stream = memoryview(objects.read_blob(ref["digest"], ref["size"]))
    try:
        value = unpickle(stream, views, find)
    except ArtifactError as error:
        raise ArtifactError(f"cannot restore an artifact of type {ref['type']}: {error}") from error
    except Exception as error:
        raise ArtifactError(f"cannot restore an artifact of type {ref['type']}: {_one_line(error)}") from error
    return Decoded(value, stream if views else memoryview(b""), views)


def _inline(text: str, ref: ArtifactRef) -> bytes:
    """The bytes of an artifact that stands in a record."""
    try:
        data = base64.b64decode(text, validate=True)
    except ValueError:
        data, found = b"", "what is not base64"
    else:
        if (digest := sha256([data])) == ref["digest"]:
            return data
        found = f"{len(data):,} bytes with sha256 {digest[:12]}…"
    raise Damaged(
        f"an artifact of type {ref['type']} is damaged in its record: expected {ref['size']:,} bytes with sha256 "
        f"{ref['digest'][:12]}…, found {found}: {REMEDY}"
    )


def load_value(objects: Objects, ref: ArtifactRef, find: Finder | None = None) -> Any:
    """The value of an artifact; otherwise as `decode`."""
    return decode(objects, ref, find).value


def unpickle(stream: bytes | memoryview, views: Sequence[memoryview] = (), find: Finder | None = None) -> Any:
    """The value of a pickle. Raises whatever its classes raise, ArtifactError if one of them is nowhere."""
    try:
        return pickle.loads(stream, buffers=views)
    except (ImportError, AttributeError) as error:
        try:
            return _Unpickler(io.BytesIO(stream), views, find or finder).load()
        except ArtifactError as nowhere:
            raise ArtifactError(f"{_one_line(error)}; {nowhere}") from error


class _Unpickler(pickle.Unpickler):
    """Finds classes of flowc that have been moved or renamed, and asks `find` for what else cannot be imported."""

    def __init__(self, file: io.BytesIO, views: Sequence[memoryview], find: Finder | None) -> None:
        super().__init__(file, buffers=views)
        self._find = find

    def find_class(self, module: str, name: str) -> Any:
        try:
            return super().find_class(module, name)
        except (ImportError, AttributeError):
            if (there := new_place(module, name)) is not None:
                return super().find_class(*there)
            if self._find is None:
                raise
            return self._find(module, name)


class _Chunks(list[bytes]):
    """What a pickler writes to: a large bytes or text object comes as it is, and is not copied."""

    write = list.append


class _Expected:
    """What a pickler writes to: it raises at the first chunk or buffer that is not the one expected."""

    __slots__ = ("_buffers", "_chunks")

    def __init__(self, chunks: Sequence[bytes], buffers: Sequence[memoryview]) -> None:
        self._chunks = iter(chunks)  # of the same pickler, so they are cut in the same places
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
    """In pieces: memoryviews compare item by item, and a copy of a whole would be large."""
    if one.nbytes != other.nbytes:
        return False
    return all(bytes(one[at : at + _PIECE]) == bytes(other[at : at + _PIECE]) for at in range(0, one.nbytes, _PIECE))


def _plain_pickler(file: Any, buffer_callback: _Callback) -> pickle.Pickler:
    pickler = pickle.Pickler(file, protocol=5, buffer_callback=buffer_callback)
    if (extended := with_reducers(copyreg.dispatch_table)) is not None:
        pickler.dispatch_table = extended
    return pickler


def _cloud_pickler(file: Any, buffer_callback: _Callback) -> pickle.Pickler:
    pickler: pickle.Pickler = _cloud_class()(file, buffer_callback)
    return pickler


@cache
def _cloud_class() -> Any:
    import cloudpickle

    class Pickler(cloudpickle.Pickler):  # type: ignore[misc]  # which is not typed
        def __init__(self, file: Any, buffer_callback: _Callback) -> None:
            table = {**cloudpickle.Pickler.dispatch_table, **_REFUSED}
            self.dispatch_table = with_reducers(table) or table  # a pickler reads it when it is made, and never again
            super().__init__(file, protocol=5, buffer_callback=buffer_callback)

    return Pickler


def _refuse(what: str) -> Callable[[Any], NoReturn]:
    def reduce(_: Any) -> NoReturn:
        raise TypeError(what)

    return reduce


# What cloudpickle would restore as something else: a file as a StringIO with all that is in it, a memoryview as bytes.
_REFUSED: Mapping[type, Callable[[Any], NoReturn]] = {
    io.TextIOWrapper: _refuse("an open file cannot be stored: store its path, or what is in it"),
    memoryview: _refuse("a memoryview cannot be stored: store bytes(…) of it"),
}


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
IMMUTABLE = frozenset({int, float, bool, str, bytes, complex, type(None)})
_BUILTIN = IMMUTABLE | {list, tuple, dict, set, frozenset}
# Their attributes are known to be cheap and without side effects.
_SHAPED = frozenset({"numpy", "pandas", "polars", "pyarrow", "scipy", "torch", "jaxlib", "xarray"})


def type_name(cls: type) -> str:
    """The dotted name of a type, builtins bare."""
    if cls.__module__ == "builtins":
        return cls.__qualname__
    name = f"{cls.__module__}.{cls.__qualname__}"
    return EXTERNAL if name == _EXTERNAL_CLASS else name


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
    if type(value) in IMMUTABLE or not levels:
        return True
    items: Iterator[Any] = itertools.islice(value, 8)
    if isinstance(value, dict):
        items = itertools.chain.from_iterable(itertools.islice(value.items(), 8))
    return all(_all_builtin(item, levels - 1) for item in items)


def _one_line(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}".splitlines()[0][:300]
