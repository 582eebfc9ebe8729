"""Reading objects as they come, many at once, and moving one to another key, in a directory and in a bucket."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeVar

from flowc_runtime.base.errors import NotFound, RecordError
from flowc_runtime.store.backends.objects import PIECE, LocalObjects

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

S = TypeVar("S")
T = TypeVar("T")

REQUESTS = 16  # objects of a bucket that are read at once
_AT_ONCE = 256  # objects that wait for a thread


def read_many(read: Callable[[S], T], items: Sequence[S], threads: int) -> Iterator[T]:
    """Give what `read` gives for each of the items, in their order; so many threads read at once."""
    if threads == 1:
        yield from map(read, items)
        return
    with ThreadPoolExecutor(threads) as pool:
        for at in range(0, len(items), _AT_ONCE):
            yield from pool.map(read, items[at : at + _AT_ONCE])


def stream(objects: Any, key: str) -> Iterator[bytes | memoryview]:
    """The object's bytes, in pieces that last until the next one is asked for. Raises NotFound, RecordError."""
    if not isinstance(objects, LocalObjects):
        yield from objects.stream(key)
        return
    buffer = bytearray(PIECE)
    view = memoryview(buffer)
    try:
        with open(f"{objects.root}/{key}", "rb", buffering=0) as file:
            while size := file.readinto(buffer):
                yield view[:size]
    except FileNotFoundError:
        raise NotFound(f"no {key} in {objects.url}") from None
    except OSError as error:
        raise RecordError(f"cannot read {key} in {objects.url}: {error.strerror}", key) from error


def move_below(objects: Any, prefix: str, to: str) -> None:
    """Move all objects below a prefix, each to its name below another. Raises StoreError."""
    for name in objects.names_below(prefix):
        move(objects, f"{prefix}/{name}", f"{to}/{name}")
    if isinstance(objects, LocalObjects):  # an empty directory counts as a run
        for directory, *_ in os.walk(f"{objects.root}/{prefix}", topdown=False):
            with suppress(OSError):  # somebody has written there since
                os.rmdir(directory)


def move(objects: Any, key: str, to: str) -> str:
    """Move an object, to a key with a number behind it where something else is there already; return the key.

    Raises StoreError. An object that is gone counts as moved by another process.
    """
    number, target = 1, to
    while objects.exists(target):
        number += 1
        target = f"{to}.{number}"
    with suppress(NotFound):
        objects.move(key, target)
    return target
