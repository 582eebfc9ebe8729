"""Find the objects that records reference: blobs, other records, other runs."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, TypedDict, cast

from flowc_ir.late.digest import sha256
from flowc_ir.late.namedtuple import NamedTuple
from flowc_runtime.base.index import item_path
from flowc_runtime.store.records.run_store import RunStore

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from flowc_runtime.store.backends.objects import Objects
    from flowc_runtime.store.records.key_places import KeyPlace
    from flowc_runtime.store.records.record_types import (
        ArtifactRef,
        AttemptRecord,
        PackageRecord,
        RunRecord,
        TaskFileRecord,
    )

    class _Fanout(TypedDict, total=False):
        items: ArtifactRef
        chunks: list[ArtifactRef]

    class _Refs(TypedDict, total=False):
        artifacts: dict[str, ArtifactRef]
        assigned: dict[str, ArtifactRef]
        constants: dict[str, ArtifactRef]
        fanout: _Fanout


class References(NamedTuple):
    """The references of a record: blobs as pairs of a digest and the pathspec that needs the blob, keys of records, and
    runs as (flow, run).

    `faults` lists, as (pathspec, fault), artifacts inside the record whose bytes do not match their digests.
    """

    blobs: list[tuple[str, str]]
    records: list[str]
    runs: list[tuple[str, str]]
    faults: list[tuple[str, str]]


def named(place: KeyPlace, record: object) -> References:
    """Return the references of a checked record; only records of runs and attempts have references.

    Args:
        place: the record's parsed key.
        record: the checked record.
    """
    found = References([], [], [], [])
    if place.kind == "run":
        _of_run(place, cast("RunRecord", record), found)
    elif place.kind == "attempt":
        _of_attempt(place, cast("AttemptRecord", record), found)
    return found


def _of_run(place: KeyPlace, record: RunRecord, found: References) -> None:
    for package in (record.get("package"), record.get("sources")):
        if package is not None:
            found.blobs.append((package["digest"], place.pathspec))
    for name, value in record["parameters"].items():
        if isinstance(value, dict) and value.keys() == {"file", "digest", "size"}:
            found.blobs.append((str(value["digest"]), f"{place.pathspec}/_parameters/_parameters-0/{name}"))
    if origin := record.get("origin"):
        found.runs.append((place.flow, origin))


def _of_attempt(place: KeyPlace, record: AttemptRecord, found: References) -> None:
    for name, ref in refs(record):
        who = f"{place.pathspec}/{name}" if name else place.pathspec
        if (blob := blob_of(ref)) is not None:
            found.blobs.append((blob[0], who))
        elif not _is_whole(ref):
            found.faults.append((who, f"the bytes of '{name or 'its items'}' inside it do not match their digest"))
    found.blobs.extend((file["digest"], place.pathspec) for _, file in file_blobs(record))
    parents = record["parents"]
    if len(parents) == 1:  # if there are several parents, some of them may not have run
        run, (parent,) = RunStore(_NOWHERE, place.flow, place.run), parents
        paths = [parent["path"]] if (count := parent["count"]) is None else items(parent["path"], count)
        found.records.extend(run.task_key(parent["step"], path) for path in paths)


def items(path: str, count: int) -> list[str]:
    """Return the paths of a foreach's items, given the path of its split; at most a million if the count is wrong."""
    return [item_path(path, number) for number in range(min(count, 1_000_000))]


def refs(record: Mapping[str, object]) -> Iterator[tuple[str, ArtifactRef]]:
    """Yield (name, reference) for each artifact that a task's record or a cache entry references. For the items of a
    foreach, the name is empty."""
    known = cast("_Refs", record)
    for part in (known.get("artifacts"), known.get("assigned"), known.get("constants")):
        yield from (part or {}).items()
    fanout = known.get("fanout", {})
    if "items" in fanout:
        yield "", fanout["items"]
    for chunk in fanout.get("chunks", ()):
        yield "", chunk


def blob_of(ref: ArtifactRef) -> tuple[str, int] | None:
    """Return the digest and the size of the blob that contains an artifact, or None if the record contains it."""
    if "data" in ref:
        return None
    return (ref["batch"]["digest"], ref["batch"]["size"]) if "batch" in ref else (ref["digest"], ref["size"])


def file_blobs(record: AttemptRecord) -> Iterator[tuple[str, TaskFileRecord | PackageRecord]]:
    """Yield (description, record) for each blob of a task that contains no artifact: the files that it has put, its
    list of files (the catalog), and the points of its metrics."""
    for file in record.get("files", ()):
        if file["stage"] == "put" and "place" not in file:
            yield f"file '{file['name']}'", file
    if "catalog" in record:
        yield "catalog", record["catalog"]
    if "series" in record:
        yield "series of metrics", record["series"]


def _is_whole(ref: ArtifactRef) -> bool:
    try:
        digest = sha256([base64.b64decode(ref["data"], validate=True)])
    except ValueError:
        return False
    return digest == ref["digest"]


_NOWHERE = cast("Objects", None)  # an argument of RunStore, which only computes keys here and uses no store
