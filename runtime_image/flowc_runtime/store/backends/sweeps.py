"""How writers and a collection of garbage keep out of each other's way (docs/adr/0009-gc.md).

A collection deletes blobs that no record names and that are older than GRACE. A writer that finds its blob there
already makes an old one young again, and then looks for a sweep: a lease in the store, there while something is being
deleted. Either the collection sees the young blob, or the writer sees the lease, waits for its end, and looks again.
"""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Any, final

from flowc_ir.versions import RECORDS
from flowc_runtime.base.errors import NotFound, RecordError
from flowc_runtime.base.progress import doing
from flowc_runtime.process.process import is_alive, this_process
from flowc_runtime.store.records.sealed import dump

if TYPE_CHECKING:
    from collections.abc import Callable

    from flowc_runtime.store.backends.objects import Listed, Objects
    from flowc_runtime.store.records.record_types import LeaseRecord

GRACE = 24 * 3600.0  # seconds: what is younger is never deleted, named or not, nor taken for left over
REFRESH = 6 * 3600.0  # seconds: what is older is made young when it is used again; a record follows in time
LEASE = 300.0  # seconds: what a sweep deletes after one look at its lease is gone by then
_SKEW = 60.0  # seconds by which the clocks of two machines may differ
_POLL = 0.1
_SWEEPS = "gc/sweeps"


def wait(objects: Objects, sleep: Callable[[float], None] = time.sleep) -> None:
    """Wait until nothing is being deleted that was old when this was called."""
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
    if not data:  # the power was lost, and with it the collection
        return False
    # Late: the authoring API imports this module, and needs neither the IR's classes nor the shapes of records.
    from flowc_runtime.store.records.stored import parse

    try:
        lease: LeaseRecord = parse(RECORDS, "lease", data, key=key, url=objects.url, subject="a collection of garbage")
    except RecordError:  # its end is unknown; a live collection renews its lease, so the age of the object decides
        return time.time() < _written(objects, key) + LEASE + _SKEW
    return time.time() < lease["until"] + _SKEW and is_alive(lease["process"]) is not False


def _written(objects: Any, key: str) -> float:
    """When an object was written; 0 if it is gone."""
    top, _, name = key.rpartition("/")
    return max((entry.changed for entry in objects.listing(top) if entry.name == name), default=0.0)


def left_over(objects: Any) -> list[Listed]:
    """Return what writers that were killed have left in `tmp/`: what is older than GRACE.

    A huge object may be written for hours, and its file counts from its last bytes.
    """
    now = time.time()
    return [entry for entry in objects.listing("tmp") if now - entry.changed > GRACE]


@final
class Sweep:
    """The lease of one collection: `with Sweep(objects) as sweep`, and `sweep.renew()` before each few deletions."""

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
        """Hold the lease for LEASE seconds more."""
        lease: LeaseRecord = {
            "version": RECORDS.current,
            "until": time.time() + LEASE,
            "process": this_process(),
        }
        self._objects.put(self._key, dump(lease))

    def _forget_others(self) -> None:
        """A collection that was killed has left its lease."""
        for name in self._objects.names(_SWEEPS):
            if not _is_on(self._objects, f"{_SWEEPS}/{name}"):
                self._objects.delete(f"{_SWEEPS}/{name}")
