"""A store on top of another one, which is only read: where `spin` keeps its tasks, beside the runs they are tried on.

The directory has a file that says where the other store is. Whoever opens the directory gets both: an object that is
not here is looked up there. Listings are of what is here alone, so the other store's runs are not among its runs.
The run that a task was tried on has an object that says where: a collection of garbage spares it (`needed_by`).
"""

from __future__ import annotations

import os
import time
from functools import cached_property
from typing import TYPE_CHECKING, final

from flowc_ir.versions import RECORDS
from flowc_runtime.base.errors import NotFound, StoreError
from flowc_runtime.base.ignored import make_root
from flowc_runtime.store.backends import objects, sweeps
from flowc_runtime.store.backends.objects import LocalObjects
from flowc_runtime.store.records.sealed import dump
from flowc_runtime.store.records.stored import parse

if TYPE_CHECKING:
    from flowc_runtime.store.backends.objects import Objects
    from flowc_runtime.store.records.record_types import SpinRecord
    from flowc_runtime.store.records.store import RunStore

BELOW = "below.url"
SPIN_NAME = ".flowc_spin"
"""The directory that `spin --persist` keeps tasks in, where it is run."""
_NEEDED = "spun"
_ELSEWHERE = 30 * 24 * 3600.0  # seconds that a directory of another machine counts: nobody can look whether it is there


@final
class LayeredObjects(LocalObjects):
    """A directory on top of the store at `below`, which is opened when something is not here."""

    def __init__(self, root: str, below: str) -> None:
        super().__init__(root)
        self._own = LocalObjects(root)
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


def need(run: RunStore, root: str) -> None:
    """Say in a run that the store in the directory `root` is on top of it. Raises NotFound if it has been deleted."""
    needs: SpinRecord = {
        "version": RECORDS.current,
        "host": os.uname().nodename,
        "path": root,
        "when": time.time(),
    }
    name = objects.sha256([f"{needs['host']}:{root}".encode()])[:16]  # once, however often something is spun there
    key = f"{run.prefix}/{_NEEDED}/{name}.json"
    if run.exists():
        run.objects.put(key, dump(needs))
        sweeps.wait(run.objects)
    if not run.exists():
        run.objects.delete(key)
        raise NotFound(f"run {run.flow}/{run.id}, on which a step was to be tried, has been deleted")


def needed_by(run: RunStore) -> str | None:
    """The directory in which `spin` has kept a task that was tried on this run, as long as it is there."""
    here = os.uname().nodename
    for name in run.objects.names(f"{run.prefix}/{_NEEDED}"):
        try:
            key = f"{run.prefix}/{_NEEDED}/{name}"
            data = run.objects.get(key)
        except NotFound:  # a collection has just taken it
            continue
        subject = f"{key.removeprefix(f'{run.prefix}/')} of run {run.flow}/{run.id}"
        needs: SpinRecord = parse(RECORDS, "spin", data, key=key, url=run.objects.url, subject=subject)
        if needs["host"] != here:
            if time.time() - needs["when"] < _ELSEWHERE:
                return f"{needs['host']}:{needs['path']}"
        elif os.path.exists(f"{needs['path']}/{BELOW}"):
            return str(needs["path"])
    return None


def open_directory(root: str) -> LocalObjects:
    """The store in a directory, with the one below it if there is one."""
    try:
        with open(f"{root}/{BELOW}", encoding="utf-8") as file:
            return LayeredObjects(root, file.read())
    except (FileNotFoundError, NotADirectoryError):
        return LocalObjects(root)
    except OSError as error:
        raise StoreError(f"cannot read the store {root}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise StoreError(f"cannot read {BELOW} of the store {root}: it is not UTF-8") from None
