"""Delete runs and unreferenced blobs while flows are running (docs/adr/0009-gc.md).

`selection.choose` selects the runs to delete, and `find_garbage` selects the blobs that are unreferenced without these
runs; both functions only read. `sweep` deletes the runs and the blobs.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, final

from flowc_ir import versions
from flowc_ir.late import LateModule
from flowc_ir.late.dataclass import dataclass, field
from flowc_ir.late.namedtuple import NamedTuple
from flowc_ir.late.pattern import late_pattern
from flowc_runtime.base.errors import FormatError, NotFound, RecordError, StoreError
from flowc_runtime.base.progress import doing, over
from flowc_runtime.store.backends.local import LocalObjects
from flowc_runtime.store.backends.moving import REQUESTS, read_many
from flowc_runtime.store.backends.objects import blob_key
from flowc_runtime.store.backends.sweeps import GRACE, Sweep, left_over
from flowc_runtime.store.records.key_places import ASIDE, check_names, may_name, place_of
from flowc_runtime.store.records.lost_records import moved_aside
from flowc_runtime.store.records.stored import parse
from flowc_runtime.store.upkeep.beside import Beside, delete_beside, find_beside
from flowc_runtime.store.upkeep.selection import collectable, records_set_aside, spare_blindly
from flowc_runtime.store.upkeep.spun import needed_by

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from flowc_runtime.store.backends.objects import Collectable, Objects
    from flowc_runtime.store.ended import ended_runs
    from flowc_runtime.store.records.run_store import RunStore
    from flowc_runtime.store.records.store import Store
    from flowc_runtime.store.upkeep.selection import Chosen
else:  # imported at first use: only a store in a bucket needs the module
    ended_runs = LateModule("flowc_runtime.store.ended.ended_runs")

CACHE = "cache"
CACHE_SECONDS = 30 * 24 * 3600.0  # seconds after which an unused cache entry is deleted
_DIGEST = late_pattern(rb"\b[0-9a-f]{64}\b")
_BATCH = 500  # number of objects that are deleted before the lease is renewed again


@final
@dataclass(slots=True)
class Garbage:
    """The blobs that no remaining run references, as a map from digest to size in bytes. `young` are blobs too young to
    delete.

    `beside` are unreferenced objects outside the runs. `unreadable` are the keys of unreadable records, which may
    reference any blob. While there are unreadable records, no blob is deleted, and `held` contains the blobs that would
    be deleted otherwise.
    """

    blobs: dict[str, int] = field(default_factory=dict)
    young: dict[str, int] = field(default_factory=dict)
    marked: set[tuple[str, str]] = field(default_factory=set)
    beside: Beside = field(default_factory=Beside)
    unreadable: dict[str, RecordError] = field(default_factory=dict)
    held: dict[str, int] = field(default_factory=dict)

    def hold(self) -> None:
        """Move all blobs to `held` and empty `beside`, so that none of these objects is deleted: an unreadable record
        may reference any of them."""
        self.held |= self.blobs
        self.blobs.clear()
        self.beside = Beside()


def find_garbage(store: Store, doomed: Collection[tuple[str, str]]) -> Garbage:
    """Return the blobs that are referenced only by runs to delete, or by no run.

    The blobs are listed before the records are read: a blob that a run references later is young then (see `sweeps`).

    Args:
        store: the store.
        doomed: the runs to delete, as flow and id.

    Raises:
        StoreError: the store cannot be read.
    """
    objects, now = collectable(store), time.time()
    garbage = Garbage(beside=find_beside(store, objects, doomed))
    doing("listing the store's objects")
    for key, size, changed in objects.listing("blobs"):
        name = key.rpartition("/")[2]
        (garbage.blobs if now - changed > GRACE else garbage.young)[name] = size
        garbage.beside.note_blob(name, size)
    for key in records_set_aside(store):
        if may_name(key):
            garbage.unreadable[f"{ASIDE}/{key}"] = moved_aside(key, objects.url, place_of(key).subject)
    _mark(store, doomed, garbage)
    return garbage


def _mark(store: Store, doomed: Collection[tuple[str, str]], garbage: Garbage) -> None:
    """Remove the blobs that remaining runs reference from the garbage. Only the records of runs that no earlier call
    has read are read."""
    for flow in store.flows():
        runs = store.run_ids(flow)
        for id in over(runs, f"reading the references of {flow}'s runs:", len(runs)):
            if (flow, id) in doomed or (flow, id) in garbage.marked:
                continue
            garbage.marked.add((flow, id))
            for content in _written(store.run(flow, id), garbage):
                # Every text that looks like a digest counts as a reference: it is better to keep too many blobs than to
                # delete a referenced blob.
                digests = {digest.decode() for digest in _DIGEST.findall(content)}
                for digest in digests:
                    garbage.blobs.pop(digest, None)
                    garbage.young.pop(digest, None)
                garbage.beside.spare(collectable(store), content, digests)
    if garbage.unreadable:
        garbage.hold()


def _written(run: RunStore, garbage: Garbage) -> Iterator[bytes]:
    """Yield all records of the run; unreadable records are added to `garbage.unreadable`."""
    names = run.objects.names_below(run.prefix)
    key = f"{run.prefix}/run.json"
    # If a run.json is lost, all blobs are kept. If an ir.json is lost, they are not, since users may delete an ir.json
    # that was moved to `damaged/`.
    lacks = bool(names) and "run.json" not in names and f"{ASIDE}/{key}" not in garbage.unreadable
    if lacks and (loss := run.find_loss("run.json")) is not None:
        garbage.unreadable[key] = loss
    records = [name for name in names if name.endswith(".json") and not name.endswith(".begin.json")]
    for key, found in _read(run.objects, [f"{run.prefix}/{name}" for name in records]):
        if isinstance(found, RecordError):
            garbage.unreadable[key] = found
        else:
            yield found


def _read(objects: Objects, keys: Sequence[str]) -> Iterator[tuple[str, bytes | RecordError]]:
    """Yield (key, content) for each of these objects, or (key, error) if the object cannot be read; objects that do not
    exist are left out. In a remote store, the objects are read in parallel."""

    def read(key: str) -> bytes | RecordError | None:
        try:
            content = objects.get(key)
            if may_name(key):
                check_names(key, content, objects.url)
        except NotFound:  # another garbage collection has deleted the run
            return None
        except RecordError as error:
            return error
        return content

    found = read_many(read, keys, 1 if isinstance(objects, LocalObjects) else REQUESTS)
    return ((key, each) for key, each in zip(keys, found, strict=True) if each is not None)


class Swept(NamedTuple):
    """The numbers of runs and blobs that a sweep has deleted, and their size in bytes."""

    runs: int
    blobs: int
    size: int


def sweep(store: Store, chosen: Chosen, garbage: Garbage) -> Swept:
    """Delete the runs and the blobs, except for runs and blobs that have become needed in the meantime.

    Args:
        store: the store.
        chosen: the result of `choose`; runs that have become needed are removed from this object.
        garbage: the result of `find_garbage`; blobs that have become needed are removed from this object.

    Raises:
        StoreError: the store cannot be read or written.
    """
    objects, blobs, freed = collectable(store), 0, 0
    with Sweep(objects) as lease:
        _spare_late(store, chosen, garbage)
        for doomed in over(chosen.doomed.values(), "deleting runs:", len(chosen.doomed)):
            lease.renew()
            doomed.run.delete()
            freed += doomed.size
        for batch in _batches(objects, garbage):
            lease.renew()
            objects.delete_many([blob_key(digest) for digest in batch])
            blobs += len(batch)
            freed += sum(garbage.blobs[digest] for digest in batch)
        if objects.ended_listing is not None:
            for flow in {flow for flow, _ in chosen.doomed}:
                lease.renew()
                ended_runs.clean(objects, flow, store.run_ids(flow))
        freed += delete_beside(store, objects, garbage.beside, lease.renew)
        _forget_cached(objects, lease)
        _clean_temporaries(objects, lease)
    return Swept(len(chosen.doomed), blobs, freed)


def _spare_late(store: Store, chosen: Chosen, garbage: Garbage) -> None:
    """Search for runs and tasks of `spin` that began after the garbage was found, and do not delete the runs and blobs
    that they need. Runs that start after this check wait for the end of the sweep (see `sweeps`)."""
    late = [
        (flow, id)
        for flow in store.flows()
        for id in store.run_ids(flow)
        if (flow, id) not in garbage.marked and (flow, id) not in chosen.doomed
    ]
    late += [key for key, doomed in chosen.doomed.items() if _is_needed(doomed.run)]
    for flow, id in late:
        at: str | None = id
        while at is not None:
            chosen.doomed.pop((flow, at), None)
            try:
                record = store.run(flow, at).record()
            except NotFound:
                break
            except RecordError:
                chosen.blind[flow] = f"{flow}/{at}"
                break
            at = record.get("origin")
    spare_blindly(chosen)
    _mark(store, chosen.doomed, garbage)


def _is_needed(run: RunStore) -> bool:
    try:
        return needed_by(run) is not None
    except RecordError:
        return True


def _batches(objects: Collectable, garbage: Garbage) -> Iterator[list[str]]:
    """Yield the blobs to delete, after a second check of their times: a blob that was used in the meantime is young,
    and is kept."""
    digests = sorted(garbage.blobs)
    for at in over(range(0, len(digests), _BATCH), "deleting blobs: part", -(-len(digests) // _BATCH)):
        batch, now = digests[at : at + _BATCH], time.time()
        prefixes = sorted({digest[:2] for digest in batch})
        listed = (entry for prefix in prefixes for entry in objects.listing(f"blobs/{prefix}"))
        old = {entry.name for entry in listed if now - entry.changed > GRACE}
        if left := [digest for digest in batch if digest in old]:
            yield left


def _forget_cached(objects: Collectable, lease: Sweep) -> None:
    """Delete cache entries that were not used for CACHE_SECONDS, that are unreadable, or whose blobs are missing."""
    now = time.time()
    old = [(name, changed) for name, _, changed in objects.listing(CACHE) if now - changed > GRACE]
    blobs = {name.rpartition("/")[2] for name, _, _ in objects.listing("blobs")} if old else set[str]()
    gone = [name for name, changed in old if now - changed > CACHE_SECONDS or _is_broken(objects, name, blobs)]
    for at in range(0, len(gone), _BATCH):
        lease.renew()
        objects.delete_many([f"{CACHE}/{name}" for name in gone[at : at + _BATCH]])


def _is_broken(objects: Collectable, name: str, blobs: Collection[str]) -> bool:
    """Return whether a cache entry is unreadable or needs a missing blob."""
    kind = "reads" if "/reads/" in name else "entry"
    key = f"{CACHE}/{name}"
    try:
        entry = parse(versions.CACHE, kind, objects.get(key), key=key, url=objects.url, subject="a cached step")
    except (NotFound, FormatError):  # an entry of a newer flowc is deleted only because of its age
        return False
    except StoreError:
        return True
    return any(digest not in blobs and not objects.exists(blob_key(digest)) for digest in entry.get("blobs", ()))


def _clean_temporaries(objects: Collectable, lease: Sweep) -> None:
    """Delete the leftovers of killed writers."""
    lease.renew()
    objects.delete_many([f"tmp/{entry.name}" for entry in left_over(objects)])
