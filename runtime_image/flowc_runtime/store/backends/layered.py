"""A store in a directory, layered on a lower store that is only read. `spin` keeps its tasks in such a directory, and
reads the original runs from the lower store.

The directory contains a file with the address of the lower store. An object that is missing in the directory is looked
up in the lower store. Listings only show the objects of the directory, not the runs of the lower store. `spin` also
writes an object with the directory's address into the original run (`flowc_runtime.store.upkeep.spun`).
"""

from __future__ import annotations

import os
from functools import cached_property
from typing import TYPE_CHECKING, final

from flowc_runtime.base.errors import NotFound
from flowc_runtime.base.ignored import make_root
from flowc_runtime.store.backends.local import LocalObjects

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import BinaryIO, TypeVar

    from flowc_runtime.store.backends.objects import Objects

    T = TypeVar("T")

BELOW = "below.url"
SPIN_NAME = ".flowc_spin"
"""The directory in which `spin --persist` keeps tasks, in the working directory."""


@final
class LayeredObjects(LocalObjects):
    """A directory layered on the lower store, whose address is `below`. `opener` opens the lower store when the
    directory lacks an object."""

    def __init__(self, root: str, below: str, opener: Callable[[str], Objects]) -> None:
        super().__init__(root)
        self._own = LocalObjects(root)
        self._below_url = below
        self._open = opener

    @cached_property
    def _below(self) -> Objects:
        return self._open(self._below_url)

    def get(self, key: str) -> bytes:
        """Return the object's bytes from this directory or, if the object is missing here, from the lower store.

        Raises:
            NotFound: the object is neither in this directory nor in the lower store.
            StoreError: the object cannot be read.
        """
        try:
            return super().get(key)
        except NotFound:
            return self._below.get(key)

    def map(self, key: str) -> memoryview:
        """Map the object's bytes as private, writable memory.

        Raises:
            NotFound: the object is neither in this directory nor in the lower store.
            StoreError: the object cannot be read.
        """
        try:
            return super().map(key)
        except NotFound:
            return self._below.map(key)

    def read_blob(self, digest: str, size: int | None = None, *, key: str = "", once: bool = False) -> bytes:
        """Return the checked bytes of a blob from this directory, or else from the lower store, like
        `Objects.read_blob`."""
        try:
            return self._own.read_blob(digest, size, key=key, once=once)
        except NotFound:
            return self._below.read_blob(digest, size, key=key, once=once)

    def map_blob(self, digest: str, size: int | None = None, *, key: str = "") -> memoryview:
        """Map the checked bytes of a blob from this directory, or else from the lower store, like
        `Objects.map_blob`."""
        try:
            return self._own.map_blob(digest, size, key=key)
        except NotFound:
            return self._below.map_blob(digest, size, key=key)

    def open_blob(self, digest: str, size: int | None = None) -> BinaryIO:
        """Open the checked bytes of a blob in this directory, or else in the lower store, like `Objects.open_blob`."""
        try:
            return self._own.open_blob(digest, size)
        except NotFound:
            return self._below.open_blob(digest, size)

    def read_with(self, digest: str, size: int, read: Callable[[BinaryIO], T]) -> T:
        """Return the result of `read` for a blob in this directory, or else in the lower store, like
        `Objects.read_with`."""
        try:
            return self._own.read_with(digest, size, read)
        except NotFound:
            return self._below.read_with(digest, size, read)

    def appended(self, key: str, start: int = 0) -> bytes:
        """Return the appended data from byte `start`."""
        try:
            return super().appended(key, start)
        except NotFound:
            return self._below.appended(key, start)

    def exists(self, key: str, size: int | None = None) -> bool:
        """Return whether the object exists and, if a size in bytes is given, has this size."""
        return super().exists(key, size) or self._below.exists(key, size)


def put_on(root: str, below: str) -> None:
    """Make a directory a store that is layered on another store.

    Args:
        root: the directory, which is created if it is missing.
        below: the address of the other store.

    Raises:
        OSError: the directory cannot be written.
    """
    make_root(root)
    temporary = f"{root}/{BELOW}.{os.getpid()}"
    with open(temporary, "w", encoding="utf-8") as file:
        file.write(below)
    os.replace(temporary, f"{root}/{BELOW}")
