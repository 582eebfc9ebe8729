"""Find objects that a power failure has destroyed in a store's directory: an object's file may be missing, empty or
truncated.

A run that was reported as ended is complete (`durability`). A run that a power failure has interrupted may lack any
object. Before results of an interrupted run are reused, the sizes of the needed objects are checked, without reading
the objects.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, cast

from flowc_runtime.store.backends.local import LocalObjects
from flowc_runtime.store.backends.objects import blob_key
from flowc_runtime.store.records.needed_blobs import file_blobs, refs

if TYPE_CHECKING:
    from flowc_runtime.store.backends.objects import Objects
    from flowc_runtime.store.records.record_types import (
        ArtifactRef,
        AttemptRecord,
        PackageRecord,
        TaskFileRecord,
    )
    from flowc_runtime.store.values.files import FileRecord


def lost_artifact(objects: Objects, record: AttemptRecord) -> str | None:
    """Return a description of a task's first missing or truncated object, or None if all objects are complete; in a
    bucket the result is always None."""
    files = (what for what, file in file_blobs(record) if is_lost(objects, file))
    return next((described(name) for name, ref in refs(record) if is_lost(objects, ref)), None) or next(files, None)


def described(name: str) -> str:
    """Return the description of an artifact by its name. An empty name means the items of a foreach."""
    return f"artifact '{name}'" if name else "list of items"


def is_lost(objects: Objects, ref: ArtifactRef | FileRecord | TaskFileRecord | PackageRecord) -> bool:
    """Return whether the blob of an artifact or a file is missing or has a wrong size; its bytes are not read.

    Args:
        objects: the store.
        ref: the reference to an artifact, or the record of a file.
    """
    if "data" in ref or not isinstance(objects, LocalObjects):  # objects of a bucket are always complete
        return False
    blob = cast("ArtifactRef", ref).get("batch", ref)
    key = blob_key(blob["digest"])
    try:
        return bool(os.stat(f"{objects.root}/{key}").st_size != blob["size"])
    except FileNotFoundError:
        return not objects.exists(key)  # in a layered store, the object may be in the lower store
