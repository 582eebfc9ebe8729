"""A store on top of another one, which is only read: where `spin` keeps its tasks, beside the runs they are tried on.

The directory has a file that says where the other store is. Whoever opens the directory gets both: an object that is
not here is looked up there. Listings are of what is here alone, so the other store's runs are not among its runs.
"""

from __future__ import annotations

import os
from functools import cached_property
from typing import TYPE_CHECKING, final

from flowc_runtime import objects
from flowc_runtime.errors import NotFound
from flowc_runtime.objects import LocalObjects

if TYPE_CHECKING:
    from flowc_runtime.objects import Objects

BELOW = "below.url"
SPIN_NAME = ".flowc_spin"
"""The directory that `spin --persist` keeps tasks in, where it is run."""


@final
class LayeredObjects(LocalObjects):
    """A directory on top of the store at `below`, which is opened when something is not here."""

    def __init__(self, root: str, below: str) -> None:
        super().__init__(root)
        self._below_url = below

    @cached_property
    def _below(self) -> Objects:
        return objects.open_objects(self._below_url)

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

    def appended(self, key: str, start: int = 0) -> bytes:
        try:
            return super().appended(key, start)
        except NotFound:
            return self._below.appended(key, start)

    def exists(self, key: str) -> bool:
        return super().exists(key) or self._below.exists(key)


def put_on(root: str, below: str) -> None:
    """Make the directory `root` a store on top of the one at `below`."""
    os.makedirs(root, exist_ok=True)
    temporary = f"{root}/{BELOW}.{os.getpid()}"
    with open(temporary, "w", encoding="utf-8") as file:
        file.write(below)
    os.replace(temporary, f"{root}/{BELOW}")


def open_directory(root: str) -> LocalObjects:
    """The store in a directory, with the one below it if there is one."""
    try:
        with open(f"{root}/{BELOW}", encoding="utf-8") as file:
            return LayeredObjects(root, file.read())
    except (FileNotFoundError, NotADirectoryError):
        return LocalObjects(root)
