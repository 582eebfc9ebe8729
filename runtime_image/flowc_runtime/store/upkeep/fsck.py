"""Check a store: every digest, record and reference, and the leftovers of killed writers.

`check_store` reads everything and changes nothing. `check_store` reads the records before it lists the blobs, so that
the list contains the blobs of all records even if flows are running. `repair` moves damaged objects, and runs whose
record is missing, to `damaged/`.
"""

from __future__ import annotations

import errno
import os
import time
from collections import Counter
from typing import TYPE_CHECKING, cast, final

from flowc_ir.counting import count
from flowc_ir.late import LateModule
from flowc_ir.late.dataclass import dataclass, field
from flowc_runtime.base.errors import DamagedRecord, FormatError, NotFound, RecordError, StoreError
from flowc_runtime.base.progress import doing
from flowc_runtime.store.backends.local import LocalObjects
from flowc_runtime.store.backends.moving import REQUESTS, digest_of, move, move_below, read_many
from flowc_runtime.store.backends.objects import blob_key
from flowc_runtime.store.backends.sweeps import left_over
from flowc_runtime.store.records import needed_blobs
from flowc_runtime.store.records.key_places import ASIDE, check, place_of
from flowc_runtime.store.records.lost_records import key_before
from flowc_runtime.store.records.run_store import RunStore
from flowc_runtime.store.upkeep.required_records import Completeness, run_prefix

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from flowc_runtime.store.backends.objects import Collectable, Listed
    from flowc_runtime.store.ended import ended_check
    from flowc_runtime.store.records.key_places import KeyPlace
    from flowc_runtime.store.records.record_types import RunRecord
    from flowc_runtime.store.records.store import Store
else:  # imported at first use: only a store in a bucket needs the module
    ended_check = LateModule("flowc_runtime.store.ended.ended_check")

# the largest number of objects of a bucket that are requested one by one: for more objects a listing is faster
_FEW = 100

# The kinds of faults, in the order of the report.
DAMAGED_BLOB, DAMAGED_RECORD, NEWER_RECORD = "damaged-blob", "damaged-record", "newer-record"
LOST_BLOB, LOST_RECORD, LOST_RUN = "lost-blob", "lost-record", "lost-run"
STALE_COPY = "stale-copy"
UNREADABLE, UNKNOWN_FILE, LEFTOVER = "unreadable-file", "unknown-file", "leftover"
KINDS = (
    DAMAGED_BLOB, DAMAGED_RECORD, NEWER_RECORD, LOST_BLOB, LOST_RECORD, LOST_RUN, STALE_COPY, UNREADABLE, UNKNOWN_FILE,
    LEFTOVER,
)  # fmt: skip
# Errors of a disk for unreadable sectors. Other errors, such as missing permissions, do not concern the content.
_BAD_PLACES = frozenset({errno.EIO, errno.ENODATA, errno.EUCLEAN, errno.EBADMSG})


@final
@dataclass(slots=True, kw_only=True)
class StoreFault:
    """One fault. `touched` lists the pathspecs of the affected runs, tasks and artifacts.

    After `repair`, `moved` is the object's new key, and `removed` is whether the object was deleted.
    """

    kind: str
    key: str
    why: str
    size: int | None = None
    touched: list[str] = field(default_factory=list)
    moved: str | None = None
    removed: bool = False


@final
@dataclass(slots=True)
class FsckReport:
    """The result of a check. `aside` are the keys of the objects that were already moved to `damaged/`.

    `unlisted` are the pathspecs of the ended runs in a bucket without an entry or pack, which `repair` writes.
    """

    faults: list[StoreFault] = field(default_factory=list)
    objects: int = 0
    size: int = 0
    aside: list[str] = field(default_factory=list)
    unlisted: list[str] = field(default_factory=list)

    @property
    def runs(self) -> list[str]:
        """The pathspecs of the runs that faults affect."""
        return sorted({"/".join(name.split("/")[:2]) for fault in self.faults for name in fault.touched})


def check_store(store: Store) -> FsckReport:
    """Read all of a store and return its faults; nothing is changed.

    Raises:
        StoreError: the store cannot be listed.
    """
    return _Check(store).run()


@final
class _Check:
    def __init__(self, store: Store) -> None:
        self._store = store
        self._objects = cast("Collectable", store.objects)
        self._found = FsckReport()
        self._known = 0
        self._faults: dict[tuple[str, str], StoreFault] = {}
        self._moved = sorted(entry.name for entry in self._objects.listing(ASIDE))
        self._aside = {key_before(name) for name in self._moved}
        self._named: dict[str, list[str]] = {}  # Digest -> the pathspecs that reference it.
        self._records: set[str] = set()  # The keys of the existing objects, including damaged ones.
        self._kept: dict[str, needed_blobs.References] = {}  # Key of a record -> the references that must be checked.
        self._complete = Completeness(store)
        # (flow, run) -> whether the run exists; emptied before each check for missing objects
        self._runs_there: dict[tuple[str, str], bool] = {}
        self._ended = ended_check.EndedCheck(store) if store.objects.ended_listing is not None else None
        # runs of `spin`: such a run has one task, whose parents are in another run
        self._spun: set[tuple[str, str]] = set()

    def run(self) -> FsckReport:
        for top in ("flows", "cache", "gc"):
            listed = self._listing(top)
            self._records |= {entry.name for entry in listed}
            self._each(self._read_record, listed)
        self._check_records()
        if self._ended is not None:
            for copy in self._ended.stale():
                self._fault(STALE_COPY, copy.key, copy.why, [f"{copy.flow}/{copy.run}"])
            self._found.unlisted = self._ended.missing
        for top in ("files", "blobs"):
            self._each(self._read_blob, self._listing(top))
        self._check_blobs()
        self._find_leftovers()
        self._found.aside = self._moved
        self._found.faults.sort(key=lambda fault: (KINDS.index(fault.kind), fault.key))
        return self._found

    def _listing(self, top: str) -> list[Listed]:
        listed = [entry._replace(name=f"{top}/{entry.name}") for entry in self._objects.listing(top)]
        self._known += len(listed)
        return listed

    def _each(self, read: Callable[[Listed], tuple[int, Callable[[], None]]], listed: list[Listed]) -> None:
        """Read the objects in several threads, and record the results one after the other."""
        threads = min(4, os.cpu_count() or 1) if isinstance(self._objects, LocalObjects) else REQUESTS
        for size, note in read_many(read, listed, threads):
            note()
            self._found.objects += 1
            self._found.size += size
            doing(f"reading the store, {self._found.size >> 20:,} MiB:", self._found.objects, self._known)

    def _fault(self, kind: str, key: str, why: str, touched: Iterable[str] = (), size: int | None = None) -> None:
        """Add a fault to the report. If the object already has a fault of this kind, only the affected runs, tasks and
        artifacts in `touched` are added to it."""
        if (fault := self._faults.get((kind, key))) is None:
            fault = self._faults[kind, key] = StoreFault(kind=kind, key=key, why=why, size=size)
            self._found.faults.append(fault)
        fault.touched = sorted({*fault.touched, *touched} - {""})

    def _lost(self, kind: str, key: str, why: str, touched: list[str]) -> None:
        """Add to the report that an object is missing, if `touched` shows that existing objects refer to it."""
        if not touched:
            return
        if key in self._aside:
            why = f"it was moved before, to {ASIDE}/{key}"
        self._fault(kind, key, why, touched)

    # -- records

    def _read_record(self, entry: Listed) -> tuple[int, Callable[[], None]]:
        place = place_of(entry.name)
        if place.kind == "unknown":
            # unknown files whose names begin with a dot, for example those of a file manager, are not reported
            hidden = entry.name.rpartition("/")[2].startswith(".")
            return 0, _nothing if hidden else lambda: self._fault(
                UNKNOWN_FILE, entry.name, "flowc does not write this file here", [place.pathspec], entry.size
            )
        if place.kind == "other":
            return 0, _nothing
        try:
            record = self._checked(entry.name)
        except NotFound:  # deleted since
            return 0, _nothing
        except RecordError as error:
            kind, why = NEWER_RECORD if isinstance(error, FormatError) else DAMAGED_RECORD, str(error)
            if isinstance(error, DamagedRecord):
                why = error.why  # the error's message also contains the store's address and advice
            if _is_refused(error):
                kind = UNREADABLE
            return entry.size, lambda: self._fault(kind, entry.name, why, [place.pathspec], entry.size)
        return entry.size, lambda: self._note_record(entry.name, record)

    def _checked(self, key: str) -> object:
        try:
            record = check(key, data := self._objects.get(key), self._objects.url)
        except FormatError:
            raise
        except RecordError:  # read again: the transfer may have failed, or the object was replaced meanwhile
            record = check(key, data := self._objects.get(key), self._objects.url)
        if self._ended is not None:
            self._ended.note(key, data, record)
        return record

    def _note_record(self, key: str, record: object) -> None:
        named = needed_blobs.named(place_of(key), record)
        for digest, who in named.blobs:
            self._named.setdefault(digest, []).append(who)
        for who, fault in named.faults:
            self._fault(DAMAGED_RECORD, key, fault, [who])
        if named.records or named.runs:
            self._kept[key] = named
        if place_of(key).kind == "run" and "spun_from" in (run := cast("RunRecord", record)):
            self._spun.add((run["flow"], run["run"]))
        self._complete.note(key, record)

    def _check_records(self) -> None:
        """Check that no record references a missing record or run."""
        records, runs = dict[str, list[str]](), dict[str, list[str]]()  # missing key -> the keys that reference it
        for key, named in self._kept.items():
            place = place_of(key)
            needed = named.records if (place.flow, place.run) not in self._spun else []
            for other in self._missing(needed):
                records.setdefault(other, []).append(place.pathspec)
            for other in self._missing(f"{self._store.run(*run).prefix}/run.json" for run in named.runs):
                runs.setdefault(other, []).append(place.pathspec)
        for other in self._absent(records):
            if there := self._of_runs_there(records[other]):
                self._lost(LOST_RECORD, other, f"{there[0]} needs it", [place_of(other).pathspec, *there])
        for other in self._absent(runs):
            if there := self._of_runs_there(runs[other]):
                why = f"{there[0]} has resumed run {place_of(other).pathspec}"
                self._lost(LOST_RUN, other.removesuffix("/run.json"), why, there)
        of_succeeded = {key: why for key, why in self._complete.needed(self._spun) if self._missing([key])}
        for key in self._absent(of_succeeded):
            self._lost(LOST_RECORD, key, of_succeeded[key], self._of_runs_there([place_of(key).pathspec]))
        # If a run was moved as a whole, no object is left under its keys, so nothing is reported as lost.
        for key in self._absent(key for key in self._aside - self._records if place_of(key).run):
            self._lost(LOST_RECORD, key, "", self._of_runs_there([place_of(key).pathspec]))
        self._check_runs()

    def _missing(self, keys: Iterable[str]) -> list[str]:
        """Return the keys that were not found; for a step in a loop, the record of any iteration suffices."""
        return [key for key in keys if key not in self._records and key not in self._complete.iterated]

    def _check_runs(self) -> None:
        """Check that each started run has the objects that every run must have."""
        rest = Counter(prefix for key in self._records if (prefix := run_prefix(key)))
        begun = {run_prefix(key) for key in self._records if not key.endswith(("/ir.json", "/run.json"))} - {""}
        for prefix in sorted(begun):
            run, graph = f"{prefix}/run.json", f"{prefix}/ir.json"
            pathspec = place_of(run).pathspec
            # Records are looked up before other objects, because a deletion of the run deletes the records last.
            lost = [key for key in (run, graph) if key not in self._records and not self._objects.exists(key)]
            left = {name.rstrip("/") for name in self._objects.names(prefix)} if lost else set[str]()
            if run in lost and left - {"run.json", "ir.json"}:
                why = f"run {pathspec} has no record: its {count(rest[prefix], 'object is', 'objects are')} left"
                self._lost(LOST_RECORD, run, why, [pathspec])
            if graph in lost and "tasks" in left:
                self._lost(LOST_RECORD, graph, "the run has tasks", [pathspec])

    # -- blobs

    def _read_blob(self, entry: Listed) -> tuple[int, Callable[[], None]]:
        key, name = entry.name, entry.name.rpartition("/")[2]
        if place_of(key).kind == "unknown":
            return 0, _nothing if name.startswith(".") else lambda: self._fault(
                UNKNOWN_FILE, key, "flowc does not write this file here", (), entry.size
            )
        kind = DAMAGED_BLOB
        try:
            # The object is read twice before it counts as damaged: a transfer may have failed.
            right = digest_of(self._objects, key) == name or digest_of(self._objects, key) == name
            why = "its content has another digest" if entry.size else "it is empty"
        except NotFound:  # deleted since
            return 0, _nothing
        except RecordError as error:
            right, why = False, str(error)
            kind = UNREADABLE if _is_refused(error) else DAMAGED_BLOB
        self._records.add(key)
        if right:
            return entry.size, _nothing
        return entry.size, lambda: self._fault(kind, key, why, self._named.get(name, ()), entry.size)

    def _check_blobs(self) -> None:
        missing = {key: who for digest, who in self._named.items() if (key := blob_key(digest)) not in self._records}
        for key in self._absent(missing):
            self._lost(LOST_BLOB, key, "it is not in the store", self._of_runs_there(missing[key]))

    # -- checks for changes since the listing

    def _absent(self, keys: Iterable[str]) -> list[str]:
        """Return the keys that are still missing now."""
        self._runs_there.clear()
        asked = list(keys)
        if len(asked) <= _FEW or isinstance(self._objects, LocalObjects):
            return [key for key in asked if not self._objects.exists(key)]
        tops = {key.partition("/")[0] for key in asked}
        there = {f"{top}/{name}" for top in tops for name in self._objects.names_below(top)}
        return [key for key in asked if key not in there]

    def _of_runs_there(self, pathspecs: Iterable[str]) -> list[str]:
        """Return the pathspecs whose runs still exist: an object that was deleted together with its run does not count
        as lost."""
        return [pathspec for pathspec in pathspecs if self._is_there(*pathspec.split("/")[:2])]

    def _is_there(self, flow: str, run: str) -> bool:
        if (flow, run) not in self._runs_there:
            self._runs_there[flow, run] = bool(self._objects.names(self._store.run(flow, run).prefix))
        return self._runs_there[flow, run]

    # -- leftovers

    def _find_leftovers(self) -> None:
        now = time.time()
        for name, size, changed in left_over(self._objects):
            hours = (now - changed) / 3600
            self._fault(LEFTOVER, f"tmp/{name}", f"a writer left it {hours:,.0f} hours ago", (), size)


def repair(store: Store, report: FsckReport) -> None:
    """Move damaged blobs and records to `damaged/`, and remove leftovers. Objects of a newer flowc are not moved.

    A run whose record is missing in the store and in `damaged/` is moved to `damaged/` as a whole.

    Args:
        store: the store.
        report: the result of `check_store`; the new keys are stored in the report's faults.

    Raises:
        StoreError: a run cannot be moved, or a leftover cannot be removed. If another object cannot be moved, the
            reason is stored in its fault.
    """
    objects = cast("Collectable", store.objects)
    for fault in report.faults:
        if fault.kind in (DAMAGED_BLOB, DAMAGED_RECORD):
            if not _is_whole(objects, fault.key):  # a task may have written the object again in the meantime
                try:
                    fault.moved = move(objects, fault.key, f"{ASIDE}/{fault.key}")
                except StoreError as error:  # continue with the other objects
                    fault.why += f"; it cannot be moved: {error}"
        elif fault.kind == LOST_RECORD and place_of(fault.key).kind == "run":
            if not objects.exists(fault.key) and not objects.exists(f"{ASIDE}/{fault.key}"):
                fault.moved = _move_run(objects, place_of(fault.key))
        elif fault.kind == LEFTOVER:
            objects.delete(fault.key)
            fault.removed = True
    stale = [name for fault in report.faults if fault.kind == STALE_COPY for name in fault.touched]
    # the entry of a run whose record was moved is written anew: listings would still show the old record
    if objects.ended_listing is not None:
        moved = [place_of(fault.key) for fault in report.faults if fault.moved]
        stale += [place.pathspec for place in moved if place.kind in ("run", "status")]
    if stale or report.unlisted:
        ended_check.rewrite(store, [*stale, *report.unlisted])


def _move_run(objects: Collectable, place: KeyPlace) -> str:
    """Move the remaining objects of a run, and the run's tags, to `damaged/`; return the new prefix of their keys."""
    run = RunStore(objects, place.flow, place.run)
    for prefix in (run.tags_prefix, run.prefix):
        move_below(objects, prefix, f"{ASIDE}/{prefix}")
    return f"{ASIDE}/{run.prefix}"


def _is_whole(objects: Collectable, key: str) -> bool:
    """Return True if an object is correct now, and also if it no longer exists."""
    try:
        place = place_of(key)
        if place.kind in ("blob", "sent"):
            return digest_of(objects, key) == key.rpartition("/")[2]
        record = check(key, objects.get(key), objects.url)
        return not needed_blobs.named(place, record).faults
    except NotFound:
        return True
    except RecordError:
        return False


def runs_without_record(report: FsckReport) -> list[str]:
    """Return the runs whose record is missing in the store and in `damaged/`; `repair` moves the other objects of these
    runs."""
    aside = {key_before(name) for name in report.aside}
    lost = [fault.key for fault in report.faults if fault.kind == LOST_RECORD and fault.key not in aside]
    return [place.pathspec for key in lost if (place := place_of(key)).kind == "run"]


def counts(report: FsckReport) -> dict[str, int]:
    """Return the number of faults of each kind."""
    known = Counter(fault.kind for fault in report.faults)
    return {kind: known[kind] for kind in KINDS if known[kind]}


def _is_refused(error: RecordError) -> bool:
    """Return whether reading an object failed for another reason than its content, such as a missing permission."""
    cause = error.__cause__
    return isinstance(cause, OSError) and cause.errno not in _BAD_PLACES


def _nothing() -> None:
    return
