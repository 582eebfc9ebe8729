"""Find unreferenced objects outside the runs of a store, for `collect`.

- `files/DIGEST`: files that were uploaded for runs on a cluster. If a run uses one of these files, the run's record
  contains the file's digest. The store does not know which files deployed flows need, so a file is deleted if it was
  neither uploaded nor used for 400 days.
- `extensions/FLOW/RUN/…`: files of extensions' decorators. Artifacts refer to these files by path. Therefore the files
  are kept after their run is deleted as long as a remaining run names that run in its records (`cached`) or in an
  artifact.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, final

from flowc_ir.late.dataclass import dataclass, field
from flowc_runtime.base.errors import Damaged, NotFound
from flowc_runtime.store.backends.sweeps import GRACE

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from flowc_runtime.store.backends.objects import Collectable
    from flowc_runtime.store.records.store import Store

SENT = "files"
EXTENSIONS = "extensions"
SENT_SECONDS = 400 * 24 * 3600.0  # A flow with a yearly schedule still finds its file.
SMALL = 1 << 20  # Bytes: larger artifacts are not searched for run ids.


@final
@dataclass(slots=True)
class Beside:
    """The objects outside the runs that can be deleted, with their sizes in bytes. `sent` has uploaded files, by their
    digest; `extended` has the files of extensions, by their run as `FLOW/RUN`."""

    sent: dict[str, int] = field(default_factory=dict)
    extended: dict[str, int] = field(default_factory=dict)
    _small: set[str] = field(default_factory=set)  # digests of blobs to search for ids of runs

    def note_blob(self, digest: str, size: int) -> None:
        """Remember a blob that `spare` has to search for the ids of runs, because it is small enough.

        Args:
            digest: the blob's digest.
            size: the blob's size in bytes; blobs larger than SMALL are not searched.
        """
        if self.extended and size <= SMALL:
            self._small.add(digest)

    def spare(self, objects: Collectable, content: bytes, digests: Collection[str]) -> None:
        """Exclude objects from deletion because of one object of a remaining run: those whose digest or run it names,
        and those whose run is named in a small blob that it references.

        Args:
            objects: the store.
            content: the bytes of the object.
            digests: the digests in these bytes.

        Raises:
            StoreError: a blob cannot be read.
        """
        for digest in digests:
            self.sent.pop(digest, None)
        if not self.extended:
            return
        self._spare_named(content)
        for digest in self._small.intersection(digests):
            self._small.discard(digest)
            try:
                self._spare_named(objects.read_blob(digest))
            except NotFound:
                continue
            except Damaged:  # the references in the blob are unknown, so nothing may be deleted
                self.extended.clear()
                return

    def _spare_named(self, content: bytes) -> None:
        for key in [key for key in self.extended if key.rpartition("/")[2].encode() in content]:
            del self.extended[key]

    @property
    def size(self) -> int:
        """The size of all deletable objects in bytes."""
        return sum(self.sent.values()) + sum(self.extended.values())


def find_beside(store: Store, objects: Collectable, doomed: Collection[tuple[str, str]]) -> Beside:
    """Find old uploaded files, and old files of extensions whose run is deleted or in `doomed`.

    The caller must then call the result's method `spare`, which removes the files that are still needed.

    Args:
        store: the store.
        objects: the backend of the store.
        doomed: the runs to delete, as flow and id.
    """
    beside = Beside(_old_sent(objects))
    for key, size in _old_extended(objects).items():
        flow, _, run = key.partition("/")
        if (flow, run) in doomed or not store.run(flow, run).exists():
            beside.extended[key] = size
    return beside


def delete_beside(store: Store, objects: Collectable, beside: Beside, renew: Callable[[], None]) -> int:
    """Delete the objects that are still old and whose runs are deleted; return their size in bytes.

    Args:
        store: the store.
        objects: the backend of the store.
        beside: the objects to delete.
        renew: called before each deletion, to renew the lease.

    Raises:
        StoreError: an object cannot be deleted.
    """
    freed = 0
    sent = _old_sent(objects) if beside.sent else {}
    for digest in beside.sent.keys() & sent.keys():
        renew()
        objects.delete(f"{SENT}/{digest}")
        freed += sent[digest]
    extended = _old_extended(objects) if beside.extended else {}
    for key in beside.extended.keys() & extended.keys():
        flow, _, run = key.partition("/")
        if not store.run(flow, run).exists():
            renew()
            objects.delete_below(f"{EXTENSIONS}/{key}")
            freed += extended[key]
    return freed


def _old_sent(objects: Collectable) -> dict[str, int]:
    now = time.time()
    return {name: size for name, size, changed in objects.listing(SENT) if now - changed > SENT_SECONDS}


def _old_extended(objects: Collectable) -> dict[str, int]:
    now, sizes, young = time.time(), dict[str, int](), set[str]()
    for name, size, changed in objects.listing(EXTENSIONS):
        key = "/".join(name.split("/")[:2])
        sizes[key] = sizes.get(key, 0) + size
        if now - changed <= GRACE:
            young.add(key)
    return {key: size for key, size in sizes.items() if key not in young}
