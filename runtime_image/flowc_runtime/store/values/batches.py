"""Batches: blobs that each contain several small artifacts of one task (docs/adr/0038-batches.md).

Creating a file, or an object in a bucket, takes much longer than writing the few kilobytes of a small artifact. So a
task that stores many small artifacts joins them to one blob, the batch. The reference of each artifact contains the
batch and the offset of the artifact's bytes in the batch.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Final, cast, final

from flowc_ir.late.digest import sha256
from flowc_runtime.base.errors import ArtifactError

if TYPE_CHECKING:
    from collections.abc import Hashable

    from flowc_runtime.store.backends.objects import Objects
    from flowc_runtime.store.records.record_types import ArtifactRef, Codec

CODEC: Final[Codec] = "pickle5+batch"
# Fewer artifacts get blobs of their own: equal artifacts of several tasks then share one blob.
LEAST: Final = 8
LARGEST: Final = 1 << 16  # Bytes: a larger artifact gets a blob of its own.
FULL: Final = 1 << 24  # Bytes: a batch that has reached this size gets no further artifact.


@final
class Batches:
    """Collects the small artifacts of a task until `store` writes them."""

    def __init__(self) -> None:
        self._waiting: dict[str, tuple[bytes, list[ArtifactRef]]] = {}  # Digest -> the bytes, and their references.

    def add(self, ref: ArtifactRef, data: bytes) -> None:
        """Add an artifact. The reference gets the digest now, and the batch when `store` is called."""
        ref["digest"] = sha256([data])
        self._waiting.setdefault(ref["digest"], (data, []))[1].append(ref)

    def store(self, objects: Objects) -> None:
        """Store the artifacts, and complete their references; called once, after the last `add`.

        Raises:
            StoreError: the store cannot be written.
        """
        waiting = [*self._waiting.values()]
        if len(waiting) < LEAST:
            for data, _ in waiting:
                objects.create_blob([data])
            return
        while waiting:
            size = count = 0
            while count < len(waiting) and size < FULL:
                size += len(waiting[count][0])
                count += 1
            _store_batch(objects, waiting[:count])
            del waiting[:count]


def _store_batch(objects: Objects, artifacts: list[tuple[bytes, list[ArtifactRef]]]) -> None:
    content = b"".join(data for data, _ in artifacts)
    digest, offset = objects.create_blob([content]), 0
    for data, refs in artifacts:
        for ref in refs:
            ref["codec"] = CODEC
            ref["batch"] = {"digest": digest, "size": len(content), "offset": offset}
        offset += len(data)


@lru_cache(maxsize=1)
def _mapped(objects: Hashable, digest: str, size: int) -> memoryview:
    return cast("Objects", objects).map_blob(digest, size)


def read_batched(objects: Objects, ref: ArtifactRef) -> bytes:
    """Return the bytes of an artifact that is part of a batch.

    The batch that was read last stays mapped, because programs usually read several artifacts of the same task.

    Raises:
        ArtifactError: the reference does not match the batch.
        Damaged: the stored bytes of the batch do not match the batch's digest.
        NotFound: the batch is missing.
    """
    batch = ref["batch"]
    data = bytes(_mapped(cast("Hashable", objects), batch["digest"], batch["size"])[batch["offset"] :][: ref["size"]])
    if sha256([data]) != ref["digest"]:
        raise ArtifactError(
            f"the reference to an artifact of type {ref['type']} does not match its batch {batch['digest'][:12]}…"
        )
    return data
