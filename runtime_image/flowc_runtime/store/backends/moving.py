"""Read objects in pieces, read many objects at once, and move objects to other keys, in a directory and in a bucket."""

from __future__ import annotations

import hashlib
import os
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TYPE_CHECKING, Protocol, TypeVar, cast

from flowc_runtime.base.errors import NotFound, RecordError
from flowc_runtime.store.backends.local import LocalObjects
from flowc_runtime.store.backends.objects import PIECE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from flowc_runtime.store.backends.objects import Collectable

S = TypeVar("S")
T = TypeVar("T")

REQUESTS = 16  # The number of objects of a bucket that are read at the same time.
_AT_ONCE = 256  # Number of objects that are passed to the threads together.


class Streaming(Protocol):
    """A store that returns an object in pieces, such as a bucket; each piece is a separate request."""

    def stream(self, key: str) -> Iterator[bytes]:
        """Yield the object's bytes in pieces.

        Raises:
            NotFound: the object does not exist.
            StoreError: the object cannot be read.
        """
        ...


def read_many(read: Callable[[S], T], items: Sequence[S], threads: int) -> Iterator[T]:
    """Yield the result of `read` for each item, in order.

    Args:
        read: reads one item; it is called by several threads.
        items: the items.
        threads: the number of threads; with 1, `read` is called in this thread.
    """
    if threads == 1:
        yield from map(read, items)
        return
    with ThreadPoolExecutor(threads) as pool:
        for at in range(0, len(items), _AT_ONCE):
            yield from pool.map(read, items[at : at + _AT_ONCE])


def stream(objects: LocalObjects | Streaming, key: str) -> Iterator[bytes | memoryview]:
    """Yield the object's bytes in pieces; a piece is valid only until the next piece is requested.

    Args:
        objects: a directory or a bucket.
        key: the key of the object.

    Raises:
        NotFound: the object does not exist.
        RecordError: the object cannot be read in a directory.
        StoreError: the object cannot be read in a bucket.
    """
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


def digest_of(objects: Collectable, key: str) -> str:
    """Return the sha256 of an object's bytes in hex; the object is read in pieces.

    Raises:
        NotFound: the object does not exist.
        StoreError: the object cannot be read.
    """
    digest = hashlib.sha256()
    for piece in stream(cast("LocalObjects | Streaming", objects), key):
        digest.update(piece)
    return digest.hexdigest()


def move_below(objects: Collectable, prefix: str, to: str) -> None:
    """Move all objects below a prefix to the same names below another prefix.

    Raises:
        StoreError: an object cannot be moved; others may be moved already.
    """
    for name in objects.names_below(prefix):
        move(objects, f"{prefix}/{name}", f"{to}/{name}")
    if isinstance(objects, LocalObjects):  # remove empty directories, because an empty directory would count as a run
        for directory, *_ in os.walk(f"{objects.root}/{prefix}", topdown=False):
            with suppress(OSError):  # the directory is not empty: another process has written there meanwhile
                os.rmdir(directory)


def move(objects: Collectable, key: str, to: str) -> str:
    """Move an object, and return its new key. A missing object is not an error: another process may have moved it.

    Args:
        objects: the store.
        key: the key of the object.
        to: the new key; a number is appended if an object already has this key.

    Raises:
        StoreError: the object cannot be moved.
    """
    number, target = 1, to
    while objects.exists(target):
        number += 1
        target = f"{to}.{number}"
    with suppress(NotFound):
        objects.move(key, target)
    return target
