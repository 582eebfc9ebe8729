"""What the loss of power has taken from a directory's store: a file can be there, and be empty or cut off.

A run that was said to have ended has all of it (`durability`). One that was cut off may have any part. Whoever takes
over what such a run has done looks first at the sizes of what it needs, which costs no reading.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from flowc_runtime.store.backends.objects import LocalObjects, blob_key
from flowc_runtime.store.records.needed_blobs import refs

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flowc_runtime.store.backends.objects import Objects
    from flowc_runtime.store.records.record_types import AttemptRecord


def lost_artifact(objects: Objects, record: AttemptRecord) -> str | None:
    """What a task has left that is not there, or not whole, in words; None if all of it is."""
    return next((described(name) for name, ref in refs(record) if is_lost(objects, ref)), None)


def described(name: str) -> str:
    """An artifact by its name, which the items of a foreach have not."""
    return f"artifact '{name}'" if name else "list of items"


def is_lost(objects: Objects, ref: Mapping[str, Any]) -> bool:
    """Whether the blob of an artifact or a file is not there, or has another size than it should have."""
    if "data" in ref or not isinstance(objects, LocalObjects):  # a bucket has whole objects only
        return False
    key = blob_key(ref["digest"])
    try:
        return bool(os.stat(f"{objects.root}/{key}").st_size != ref["size"])
    except FileNotFoundError:
        return not objects.exists(key)  # it may be in a store below this one
