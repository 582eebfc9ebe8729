"""Find the open files among a process's objects, and complete each of them by a flush or a close.

When a Python interpreter ends, it flushes and closes open files, because it finalizes the modules that refer to them.
"""

from __future__ import annotations

import _io
import gc
import sys
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias

from flowc_ir.late import LateModule
from flowc_ir.late.namedtuple import NamedTuple

if TYPE_CHECKING:
    import ctypes
    from collections.abc import Callable
else:
    # imported at first use: the import costs start-up time, and only forks and the end of a task need ctypes
    ctypes = LateModule("ctypes")

_BUFFERS: tuple[type, ...] = (_io.BufferedWriter, _io.BufferedRandom, _io.BufferedRWPair)
# Classes of objects that are not files, but write their last data when they are closed: an archive its directory, a
# shelf its cache.
_COMPLETED = (
    ("zipfile", "ZipFile"),
    ("shelve", "Shelf"),
    ("dbm.dumb", "_Database"),
    ("tempfile", "_TemporaryFileCloser"),
)


_fflush: Callable[[None], object] | None = None
_Kind: TypeAlias = Literal["text", "closed", "buffer", "raw"]


class OpenFile(Protocol):
    """An object that writes to a file: a file of `io`, or an archive of _COMPLETED."""

    def flush(self) -> object:
        """Write the buffer."""
        ...

    def close(self) -> object:
        """Write the last bytes and close the file."""
        ...

    def __del__(self) -> None: ...


class OpenWriters(NamedTuple):
    """Open files, in the order in which they must be completed.

    A text file may write into a compressed file or an archive, which writes into a buffer, which writes into a raw
    stream.
    """

    texts: list[OpenFile]
    closed: list[OpenFile]  # files that write their last bytes when they are closed
    buffers: list[OpenFile]
    raw: list[OpenFile]  # user-defined raw streams, which are also closed


def find(objects: list[Any]) -> OpenWriters:
    """Find the open files among objects. The function reads only the attribute `closed`, because other accesses may
    have side effects.

    Args:
        objects: any objects, such as those of `gc.get_objects`.
    """
    found: dict[_Kind, list[OpenFile]] = {"text": [], "closed": [], "buffer": [], "raw": []}
    for each in _candidates(objects):
        if (kind := _kind(type(each))) is not None and is_open(each):
            found["text" if is_standard(each) else kind].append(each)
    return OpenWriters(found["text"], _outermost_first(found["closed"]), found["buffer"], found["raw"])


def _candidates(objects: list[Any]) -> list[Any]:
    """Return the objects whose classes are classes of files. Classes are examined instead of objects, since there may
    be 100,000 objects, but only of few classes."""
    kinds: set[type] = set()
    try:
        kinds = {*map(type, objects)}
        bases = {base for meta in {*map(type, kinds)} for base in meta.__mro__} - {type, object}
        plain = not any({"__eq__", "__hash__"} & vars(base).keys() for base in bases)
    except Exception:  # a metaclass may define a hash of its classes that fails
        plain = False
    if plain:
        files = {kind for kind in kinds if _kind(kind) is not None}
        return [each for each in objects if type(each) in files]
    # the keys are ids, because a class may be unhashable or equal to another class
    kept = {id(type(each)): type(each) for each in objects}
    wanted = {number for number, kind in kept.items() if _kind(kind) is not None}
    return [each for each in objects if id(type(each)) in wanted]


def _outermost_first(files: list[OpenFile]) -> list[OpenFile]:
    """Return the files, which are in any order, so that each file precedes the file into which it writes."""
    ordered: list[OpenFile] = []
    while files:
        inner = {id(each) for file in files for each in _held(file) if each is not file}
        outer = [file for file in files if id(file) not in inner] or files[:1]
        ordered += outer
        files = [file for file in files if not any(file is each for each in outer)]
    return ordered


def _held(file: OpenFile) -> list[OpenFile]:
    """Return the objects that a Python file object references, directly or by its attributes."""
    direct = gc.get_referents(file)
    return direct + gc.get_referents(*[each for each in direct if type(each) is dict])


def _kind(kind: type) -> _Kind | None:
    bases = kind.__mro__
    ids = {*map(id, bases)}  # by identity, since a metaclass may define equality
    if id(_io._IOBase) in ids:
        if kind.__module__ == "_io":
            return "text" if kind is _io.TextIOWrapper else "buffer" if kind in _BUFFERS else None
        # Python closes instances of subclasses of io's classes when it finalizes them.
        return "raw" if id(_io._RawIOBase) in ids else "closed"
    for base in bases:
        if (base.__module__, base.__qualname__) in _COMPLETED:
            return "closed"
    return None


def is_open(stream: OpenFile) -> bool:
    """Return whether a file is open: neither closed nor detached from its buffer."""
    try:
        return not getattr(stream, "closed", False)
    except ValueError:  # raised by `io` for a file whose buffer was detached
        return False


def is_standard(stream: OpenFile) -> bool:
    """Return whether the file is a standard stream or its buffer, to which flowc still writes after the task's end."""
    standard = (sys.stdin, sys.stdout, sys.stderr, sys.__stdin__, sys.__stdout__, sys.__stderr__)
    return any(stream is each or stream is getattr(each, "buffer", None) for each in standard if each is not None)


def complete(stream: OpenFile) -> None:
    """Close an open file, or finalize an archive or a shelf, like Python does at the end of the interpreter."""
    if isinstance(stream, _io._IOBase):
        stream.close()
    else:
        stream.__del__()


def flush_native() -> None:
    """Flush C's own streams, to which compiled code prints; Python's flush does not flush them."""
    global _fflush
    if _fflush is None:
        _fflush = ctypes.CDLL(None).fflush
    _fflush(None)
