"""Open files among a process's objects, and what completes each: a flush, or a close.

An interpreter writes out the files that are still open when it ends, since it finalizes the modules that hold them.
"""

from __future__ import annotations

import _io
import sys
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable

_BUFFERS: tuple[type, ...] = (_io.BufferedWriter, _io.BufferedRandom, _io.BufferedRWPair)
# Not files, but complete only when they are closed: an archive's directory, a shelf's cache, a file that is temporary.
_COMPLETED = (
    ("zipfile", "ZipFile"),
    ("shelve", "Shelf"),
    ("dbm.dumb", "_Database"),
    ("tempfile", "_TemporaryFileCloser"),
)


_fflush: Callable[[None], object] | None = None
_Kind: TypeAlias = Literal["text", "closed", "buffer"]
Writers: TypeAlias = tuple[list[Any], list[Any], list[Any]]


def find(objects: list[Any]) -> Writers:
    """Find the open files among objects. Nothing of theirs is called but `closed`: a proxy would do what it stands for.

    Return texts, those that write their last bytes when they are closed, and buffers; the youngest of each first. That
    is the order to complete them in: a text may be written into a compressed file, a compressed file into a buffer.
    """
    found: dict[_Kind, list[Any]] = {"text": [], "closed": [], "buffer": []}
    kinds: dict[int, _Kind | None] = {}  # by id: a class may be such that it cannot be hashed
    files = []
    for each in objects:
        key = id(type(each))
        if key not in kinds:
            kinds[key] = _kind(type(each))
        if kinds[key] is not None:
            files.append(each)
    for file in reversed(files):
        kind = "text" if is_standard(file) else kinds[id(type(file))]
        if kind is not None and is_open(file):
            found[kind].append(file)
    return found["text"], found["closed"], found["buffer"]


def _kind(kind: type) -> _Kind | None:
    bases = kind.__mro__
    if _io._IOBase in bases:
        if kind.__module__ == "_io":
            return "text" if kind is _io.TextIOWrapper else "buffer" if kind in _BUFFERS else None
        return "closed"  # as Python does when it finalizes one of a class derived from io's
    if any((base.__module__, base.__qualname__) in _COMPLETED for base in bases):
        return "closed"
    return None


def is_open(stream: Any) -> bool:
    """Whether a file is neither closed nor without the buffer that it wrote to."""
    try:
        return not getattr(stream, "closed", False)
    except ValueError:  # io's word for a file whose buffer was detached
        return False


def is_standard(stream: Any) -> bool:
    """Whether it is a standard stream, to which what comes after the task's end still writes, or its buffer."""
    standard = (sys.stdin, sys.stdout, sys.stderr, sys.__stdin__, sys.__stdout__, sys.__stderr__)
    return any(stream is each or stream is getattr(each, "buffer", None) for each in standard if each is not None)


def complete(stream: Any) -> None:
    """Do what Python does with a file that is finalized while it is open."""
    if isinstance(stream, _io._IOBase):
        stream.close()
    else:
        stream.__del__()


def flush_native() -> None:
    """Write out what compiled code has printed by C's own streams, which Python's flush does not reach."""
    global _fflush
    if _fflush is None:
        import ctypes

        _fflush = ctypes.CDLL(None).fflush
    _fflush(None)
