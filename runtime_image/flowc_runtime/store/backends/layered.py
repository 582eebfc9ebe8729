"""A store on top of another one, which is only read: where `spin` keeps its tasks, beside the runs they are tried on.

The directory has a file that says where the other store is. Whoever opens the directory gets both: an object that is
not here is looked up there. Listings are of what is here alone, so the other store's runs are not among its runs.
The run that a task was tried on has an object that says where (`flowc_runtime.store.upkeep.spun`).
"""

from __future__ import annotations

import os
from functools import cached_property
from typing import TYPE_CHECKING, final

from flowc_runtime.base.errors import NotFound
from flowc_runtime.base.ignored import make_root
from flowc_runtime.store.backends.objects import LocalObjects

if TYPE_CHECKING:
    from collections.abc import Callable

    from flowc_runtime.store.backends.objects import Objects

BELOW = "below.url"
SPIN_NAME = ".flowc_spin"
"""The directory that `spin --persist` keeps tasks in, where it is run."""


@final
class LayeredObjects(LocalObjects):
    """A directory on top of the store at `below`, which is opened by `opener` when something is not here."""

    def __init__(self, root: str, below: str, opener: Callable[[str], Objects]) -> None:
        super().__init__(root)
        self._own = LocalObjects(root)
        self._below_url = below
        self._open = opener

    @cached_property
    def _below(self) -> Objects:
        return self._open(self._below_url)

    def get(self, key: str) -> bytes:
        try:
            return super().get(key)
        except NotFound:
            return self._below.get(key)

    def map(self, key: str) -> memoryview:
        try:
            return super().map(key)
        except NotFound:
            return self._below.map(key)

    def read_blob(self, digest: str, size: int | None = None, *, key: str = "", once: bool = False) -> bytes:
        try:
            return self._own.read_blob(digest, size, key=key, once=once)
        except NotFound:
            return self._below.read_blob(digest, size, key=key, once=once)

    def map_blob(self, digest: str, size: int | None = None, *, key: str = "") -> memoryview:
        try:
            return self._own.map_blob(digest, size, key=key)
        except NotFound:
            return self._below.map_blob(digest, size, key=key)

    def appended(self, key: str, start: int = 0) -> bytes:
        try:
            return super().appended(key, start)
        except NotFound:
            return self._below.appended(key, start)

    def exists(self, key: str, size: int | None = None) -> bool:
        return super().exists(key, size) or self._below.exists(key, size)


def put_on(root: str, below: str) -> None:
    """Make the directory `root` a store on top of the one at `below`."""
    make_root(root)
    temporary = f"{root}/{BELOW}.{os.getpid()}"
    with open(temporary, "w", encoding="utf-8") as file:
        file.write(below)
    os.replace(temporary, f"{root}/{BELOW}")
