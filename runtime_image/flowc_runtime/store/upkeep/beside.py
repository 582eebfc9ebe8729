"""What stands beside runs in a store, and goes when nothing needs it any more: a part of `collect`.

- `files/DIGEST`: files that were sent ahead of runs on a cluster. A run that has taken one over names its digest. What
  a deployed flow names, the store does not know: so a file goes that was neither sent nor used for long.
- `extensions/FLOW/RUN/…`: what decorators of extensions keep. It goes after its run, unless a run that stays names
  that one, in its records (`cached`) or in an artifact: artifacts refer to what is kept there by its path.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, final

from flowc_runtime.base.errors import Damaged, NotFound
from flowc_runtime.store.backends.sweeps import GRACE

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from flowc_runtime.store.backends.objects import Collectable
    from flowc_runtime.store.records.store import Store

SENT = "files"
EXTENSIONS = "extensions"
SENT_SECONDS = 400 * 24 * 3600.0  # what a flow was deployed with is there a year later, when its schedule is yearly
SMALL = 1 << 20  # bytes: the names of runs are not looked for in larger artifacts


@final
@dataclass(slots=True)
class Beside:
    """What may go: digests of files that were sent, and `FLOW/RUN` of what extensions have kept, with their bytes."""

    sent: dict[str, int] = field(default_factory=dict)
    extended: dict[str, int] = field(default_factory=dict)
    _small: set[str] = field(default_factory=set)  # blobs that are looked into

    def note_blob(self, digest: str, size: int) -> None:
        """There is such a blob, perhaps of a run that stays."""
        if self.extended and size <= SMALL:
            self._small.add(digest)

    def spare(self, objects: Collectable, content: bytes, digests: Collection[str]) -> None:
        """A run that stays has written this, which names these digests."""
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
            except Damaged:  # its references are unknown, so nothing may be deleted
                self.extended.clear()
                return

    def _spare_named(self, content: bytes) -> None:
        for key in [key for key in self.extended if key.rpartition("/")[2].encode() in content]:
            del self.extended[key]

    @property
    def size(self) -> int:
        """The bytes of all of it."""
        return sum(self.sent.values()) + sum(self.extended.values())


def find_beside(store: Store, objects: Collectable, doomed: Collection[tuple[str, str]]) -> Beside:
    """What is old enough to go, and of runs that are gone or `doomed`. Whoever calls it spares what runs need."""
    beside = Beside(_old_sent(objects))
    for key, size in _old_extended(objects).items():
        flow, _, run = key.partition("/")
        if (flow, run) in doomed or not store.run(flow, run).exists():
            beside.extended[key] = size
    return beside


def delete_beside(store: Store, objects: Collectable, beside: Beside, renew: Callable[[], None]) -> int:
    """Delete what is still old, and of runs that are gone; the bytes. `renew` is called before each few deletions."""
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
