"""Compare the entries and packs of ended runs in a bucket with the records, and rewrite them (for `fsck`)."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final, cast, final

from flowc_ir.late.digest import sha256
from flowc_ir.late.namedtuple import NamedTuple
from flowc_runtime.base.errors import NotFound, RecordError
from flowc_runtime.store.backends.moving import REQUESTS, read_many
from flowc_runtime.store.ended import ended_runs, run_entries, task_packs
from flowc_runtime.store.records.key_places import place_of
from flowc_runtime.store.records.sealed import without_digest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flowc_runtime.store.backends.objects import Collectable
    from flowc_runtime.store.records.record_types import RunRecord, StatusRecord
    from flowc_runtime.store.records.store import Store

_KINDS: Final = ("run", "status", "attempt", "begin")
# if a repair writes more than this number of a flow's entries, all entries of the flow are merged into one object
_FEW: Final = 100


class StaleCopy(NamedTuple):
    """An entry or a pack that contradicts the records of its run."""

    key: str
    why: str
    flow: str
    run: str


@final
class EndedCheck:
    """Collects the digests of the records that `fsck` reads, and compares the entries and packs with these records.

    `missing` lists the pathspecs of the ended runs without an entry or a pack, which is not a fault.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._objects = cast("Collectable", store.objects)
        self._digests: dict[str, str] = {}
        self._sizes: dict[str, int] = {}
        self._runs: dict[tuple[str, str], RunRecord] = {}
        self._status: dict[tuple[str, str], StatusRecord] = {}
        self.missing: list[str] = []

    def note(self, key: str, data: bytes, record: object) -> None:
        """Store the digest and size of a record that was read; several threads may call this method at the same time.

        Args:
            key: the record's key.
            data: the record's bytes.
            record: the parsed record.
        """
        place = place_of(key)
        if place.kind not in _KINDS:
            return
        self._digests[key] = _digest(data)
        self._sizes[key] = len(data)
        if place.kind == "run":
            self._runs[place.flow, place.run] = cast("RunRecord", record)
        elif place.kind == "status":
            self._status[place.flow, place.run] = cast("StatusRecord", record)

    def stale(self) -> Iterator[StaleCopy]:
        """Yield the entries and packs that contradict the records, and fill the list `missing`.

        Raises:
            StoreError: the store cannot be read.
        """
        for flow in sorted({flow for flow, _ in self._runs}):
            runs = [run for each, run in self._runs if each == flow]
            yield from self._of_entries(flow, runs)
            yield from self._of_packs(flow, runs)
        self.missing = sorted(set(self.missing))

    def _of_entries(self, flow: str, runs: list[str]) -> Iterator[StaleCopy]:
        entries = run_entries.read_entries(self._objects, flow)
        for run in runs:
            if run not in entries:
                if self._has_ended(flow, run):
                    self.missing.append(f"{flow}/{run}")
                continue
            if (flow, run) not in self._status:  # the run's status cannot be read; `fsck` reports this as another fault
                continue
            prefix = self._store.run(flow, run).prefix
            records = run_entries.unpack(entries[run])
            key = run_entries.entries_of(flow, run)
            if records is None:
                yield StaleCopy(key, "it is damaged", flow, run)
            elif not self._has_ended(flow, run):
                yield StaleCopy(key, "the run has not ended", flow, run)
            elif any(_digest(data) != self._digests.get(f"{prefix}/{name}") for name, data in records.items()):
                yield StaleCopy(key, "it contradicts the run's record or status", flow, run)

    def _has_ended(self, flow: str, run: str) -> bool:
        status = self._status.get((flow, run))
        return status is not None and ended_runs.has_ended(self._runs[flow, run], status)

    def _of_packs(self, flow: str, runs: list[str]) -> Iterator[StaleCopy]:
        places = map(place_of, self._digests)
        tasks = Counter(place.run for place in places if place.step and place.flow == flow)

        def read(run: str) -> bytes | None:
            try:
                return self._objects.get(task_packs.pack_key(flow, run))
            except NotFound:
                return None

        for run, data in zip(runs, read_many(read, runs, REQUESTS), strict=True):
            if data is None:
                state = self._status[flow, run]["state"] if self._has_ended(flow, run) else "running"
                if 0 < tasks[run] <= task_packs.LARGEST and state not in ("running", "interrupted"):
                    self.missing.append(f"{flow}/{run}")
                continue
            prefix, records = self._store.run(flow, run).prefix, task_packs.parse(data)
            wrong = [
                name
                for name, record in records.items()
                # a reader uses a copy in the pack only if its size is equal
                if self._sizes.get(f"{prefix}/tasks/{name}") == len(record)
                and _digest(record) != self._digests[f"{prefix}/tasks/{name}"]
            ]
            if not records or wrong:
                why = f"it contradicts tasks/{wrong[0]}" if wrong else "it is damaged"
                yield StaleCopy(task_packs.pack_key(flow, run), why, flow, run)


def _digest(data: bytes) -> str:
    return sha256([without_digest(data)])[:16]


def rewrite(store: Store, runs: list[str]) -> None:
    """Write the entries and packs of runs anew, from their records.

    Args:
        store: the store, in a bucket.
        runs: the pathspecs of the runs.

    Raises:
        StoreError: the store cannot be read or written.
    """
    objects = cast("Collectable", store.objects)

    def write(pathspec: str) -> None:
        flow, _, id = pathspec.partition("/")
        run = store.run(flow, id)
        try:
            if ended_runs.has_ended(run.record(), run.status()):
                ended_runs.leave_pack(run)
                ended_runs.leave_entry(run)
            else:
                ended_runs.forget(run)
        except (ValueError, RecordError):  # a record was edited by hand, or cannot be read
            ended_runs.forget(run)
        except NotFound:  # deleted since
            return

    for _ in read_many(write, sorted(set(runs)), REQUESTS):
        continue
    for flow, number in Counter(pathspec.partition("/")[0] for pathspec in set(runs)).items():
        if number > _FEW:
            run_entries.merge(objects, flow)
