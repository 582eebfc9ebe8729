"""Write the entry and the pack of an ended run in a bucket, and read runs through them."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, cast, final
from urllib.parse import unquote

from flowc_runtime.base.errors import StoreError
from flowc_runtime.store.backends.remote.bucket import RemoteObjects
from flowc_runtime.store.ended import run_entries, task_packs
from flowc_runtime.store.records.run_store import RunStore

if TYPE_CHECKING:
    from collections.abc import Collection

    from flowc_runtime.store.backends.objects import Collectable, Objects
    from flowc_runtime.store.records.record_types import RunRecord, StatusRecord


def note_status(run: RunStore, status: StatusRecord) -> None:
    """Write the entry and the pack of a run that has ended; a run without an entry or pack is only read more slowly.

    So an error of the store is not raised, since the run's status is already written.

    Args:
        run: the run, in a bucket.
        status: the run's status.
    """
    with suppress(StoreError, ValueError):
        if not has_ended(run.record(), status):
            run_entries.write_entry(_collectable(run.objects), run.flow, run.id, "")
            return
        if status["state"] != "interrupted":  # an interrupted run has only seconds to record its end
            leave_pack(run)
        leave_entry(run)
        if run_entries.merges(run.id):
            run_entries.merge(_collectable(run.objects), run.flow)


def has_ended(record: RunRecord, status: StatusRecord) -> bool:
    """Return whether a run has ended with all its tasks: on a cluster, tasks may still run after a failure."""
    return status["state"] != "running" and (record["target"] == "local" or "ended" in status)


def leave_entry(run: RunStore) -> None:
    """Write the entry of a run from its records.

    Raises:
        ValueError: a record was edited by hand and has several lines.
        StoreError: the store cannot be read or written.
    """
    records = [run.objects.get(f"{run.prefix}/{name}") for name in ("run.json", "status.json")]
    run_entries.write_entry(_collectable(run.objects), run.flow, run.id, run_entries.pack(*records))


def leave_pack(run: RunStore) -> None:
    """Write the pack of a run. Raises StoreError."""
    task_packs.write_pack(_collectable(run.objects), run.flow, run.id, run.prefix)


def forget(run: RunStore) -> None:
    """Remove the entry and the pack of a run that is being deleted. Raises StoreError."""
    run.objects.delete(task_packs.pack_key(run.flow, run.id))
    run_entries.write_entry(_collectable(run.objects), run.flow, run.id, "")


def clean(objects: Objects, flow: str, runs: Collection[str]) -> None:
    """Remove the entries and packs of deleted runs.

    Args:
        objects: the store, a bucket.
        flow: the flow's name.
        runs: the ids of the flow's runs, listed before this call.

    Raises:
        StoreError: the store cannot be read or written.
    """
    run_entries.merge(_collectable(objects), flow, runs)
    for name in objects.names(task_packs.packs_of(flow)):
        run = unquote(name.removesuffix(task_packs.SUFFIX))
        if run not in runs and not RunStore(objects, flow, run).exists():  # the run may have begun since the listing
            objects.delete(task_packs.pack_key(flow, run))


def listed(objects: Objects, flow: str, runs: list[str]) -> list[RunStore]:
    """Return objects for the runs of a flow; the records of ended runs come from their entries.

    Args:
        objects: the store, a bucket.
        flow: the flow's name.
        runs: the ids of its runs.

    Raises:
        StoreError: the store cannot be read.
    """
    entries = run_entries.read_entries(_collectable(objects), flow)
    return [
        EndedRun(objects, flow, run, entries[run]) if run in entries else RunStore(objects, flow, run) for run in runs
    ]


def with_pack(run: RunStore) -> RunStore:
    """Return the run for reading: if it has a pack in a bucket, the records of its tasks are read from the pack."""
    objects = run.objects
    if not isinstance(objects, RemoteObjects) or isinstance(objects, task_packs.PackedObjects):
        return run
    packed = task_packs.PackedObjects(objects, run.flow, run.id, run.prefix)
    if isinstance(run, EndedRun):
        return EndedRun(packed, run.flow, run.id, run.packed)
    return RunStore(packed, run.flow, run.id)


@final
class EndedRun(RunStore):
    """An ended run whose record and status come from its entry; everything else is read as usual."""

    def __init__(self, objects: Objects, flow: str, run: str, packed: str) -> None:
        super().__init__(objects, flow, run)
        self.packed = packed

    def exists(self) -> bool:
        """Return whether the run has started."""
        return True

    def _get(self, name: str, *task: str) -> bytes:
        if name in ("run.json", "status.json") and (records := run_entries.unpack(self.packed)) is not None:
            return records[name]
        return super()._get(name, *task)


def _collectable(objects: Objects) -> Collectable:
    return cast("Collectable", objects)
