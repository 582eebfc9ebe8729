"""The protocol between writers and garbage collections (docs/adr/0009-gc.md).

A collection deletes blobs that no record refers to and that are older than GRACE. If a writer's blob already exists and
is old, the writer renews the blob's time, and then looks for a sweep: an object in the store (a lease) that exists
while a collection deletes. Either the collection sees the renewed time, or the writer sees the lease, waits for its
end, and checks the blob again.
"""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, cast, final

from flowc_ir.versions import RECORDS
from flowc_runtime.base.errors import NotFound, RecordError
from flowc_runtime.base.progress import doing
from flowc_runtime.process.process import is_alive, this_process
from flowc_runtime.store.records.sealed import dump

if TYPE_CHECKING:
    from collections.abc import Callable

    from flowc_runtime.store.backends.objects import Collectable, Listed, Objects
    from flowc_runtime.store.records.record_types import LeaseRecord

GRACE = 24 * 3600.0  # Seconds: younger objects are never deleted, even if no record refers to them.
REFRESH = 6 * 3600.0  # Seconds: the time of an older object is renewed when it is used, long before GRACE ends.
LEASE = 300.0  # Seconds for which a lease is valid: the deletions between two renewals take less time.
_SKEW = 60.0  # Seconds by which the clocks of two machines may differ.
_POLL = 0.1
_SWEEPS = "gc/sweeps"


def wait(objects: Objects, sleep: Callable[[float], None] = time.sleep) -> None:
    """Wait for the end of the sweeps that are running now: they may delete objects that were old when this function was
    called.

    Args:
        objects: the store.
        sleep: waits for the seconds between two checks.

    Raises:
        StoreError: the store cannot be read.
    """
    for name in objects.names(_SWEEPS):
        key = f"{_SWEEPS}/{name}"
        while _is_on(objects, key):
            doing("waiting for a `flowc gc` that deletes from this store")
            sleep(_POLL)


def _is_on(objects: Objects, key: str) -> bool:
    try:
        data = objects.get(key)
    except NotFound:
        return False
    if not data:  # a loss of power has truncated the lease, and has also ended the collection
        return False
    # Imported here: the authoring API imports this module, but needs neither the IR's classes nor the shapes of
    # records.
    from flowc_runtime.store.records.stored import parse

    try:
        lease: LeaseRecord = parse(RECORDS, "lease", data, key=key, url=objects.url, subject="a garbage collection")
    # the lease cannot be read: a live collection renews its lease, so the age of the object decides
    except RecordError:
        # Only stores that can be collected have leases.
        return time.time() < _written(cast("Collectable", objects), key) + LEASE + _SKEW
    return time.time() < lease["until"] + _SKEW and is_alive(lease["process"]) is not False


def _written(objects: Collectable, key: str) -> float:
    """Return the time of an object's last write; 0 if it is missing."""
    top, _, name = key.rpartition("/")
    return max((entry.changed for entry in objects.listing(top) if entry.name == name), default=0.0)


def left_over(objects: Collectable) -> list[Listed]:
    """Return the files in `tmp/` that killed writers have left: all files that are older than GRACE.

    A huge object may be written for hours; the age of its temporary file is the time since the last write.
    """
    now = time.time()
    return [entry for entry in objects.listing("tmp") if now - entry.changed > GRACE]


@final
class Sweep:
    """The lease of one garbage collection. Use it as `with Sweep(objects) as sweep`, and call `sweep.renew()` before
    each batch of deletions."""

    def __init__(self, objects: Objects) -> None:
        self._objects = objects
        self._key = f"{_SWEEPS}/{os.getpid()}-{os.urandom(6).hex()}"

    def __enter__(self) -> Sweep:
        self._forget_others()
        self.renew()
        return self

    def __exit__(self, *_: object) -> None:
        self._objects.delete(self._key)

    def renew(self) -> None:
        """Extend the lease to LEASE seconds from now.

        Raises:
            StoreError: the store cannot be written.
        """
        lease: LeaseRecord = {
            "version": RECORDS.current,
            "until": time.time() + LEASE,
            "process": this_process(),
        }
        self._objects.put(self._key, dump(lease))

    def _forget_others(self) -> None:
        """Delete the leases of killed collections."""
        for name in self._objects.names(_SWEEPS):
            if not _is_on(self._objects, f"{_SWEEPS}/{name}"):
                self._objects.delete(f"{_SWEEPS}/{name}")
