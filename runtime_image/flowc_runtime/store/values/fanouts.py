"""Store and read the items of a foreach: the split stores all items, and each task reads its item."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, final

from flowc_ir.late.dataclass import dataclass
from flowc_runtime.store.values import codecs
from flowc_runtime.store.values.descriptions import without_preview

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from flowc_runtime.store.backends.objects import Objects
    from flowc_runtime.store.records.record_types import ArtifactRef, Fanout
    from flowc_runtime.store.values.codecs import UserValue

# bytes of a pickle; a larger list is stored in chunks, so that a task does not have to read the whole list
CHUNK = 1 << 18
MOST_CHUNKS = 256  # the largest number of chunks: the record of the split contains a reference to each chunk


def items_of(value: Iterable[UserValue]) -> list[UserValue] | tuple[UserValue, ...]:
    """Return the items of a foreach: the items of an iterable, or the values of a mapping with the keys 0, 1, …

    Raises:
        TypeError: the value cannot be iterated.
    """
    if isinstance(value, list | tuple):
        return value
    if isinstance(value, Mapping) and list(value) == list(range(len(value))):
        return list(value.values())
    return list(value)


def store_items(
    objects: Objects, over: str, items: list[UserValue] | tuple[UserValue, ...], whole: ArtifactRef
) -> Fanout:
    """Store the items of a fan-out; return its record.

    Args:
        objects: the store.
        over: the name of the artifact with the items.
        items: the items.
        whole: the reference to the artifact `over`. If the artifact is a small list or tuple, this reference is used
            instead of a copy.

    Raises:
        ArtifactError: an item cannot be pickled.
        StoreError: the store cannot be written.
    """
    fanout: Fanout = {"over": over, "count": len(items)}
    if whole["size"] <= CHUNK and whole["type"] in ("list", "tuple"):
        fanout["items"] = without_preview(whole)
        return fanout
    ref = codecs.store_value(objects, items) if whole["size"] <= CHUNK else None
    if ref is not None and ref["size"] <= CHUNK:
        fanout["items"] = ref
        return fanout
    chunks = min(MOST_CHUNKS, max(1, -(-whole["size"] // CHUNK)), len(items) or 1)
    size = fanout["chunk"] = -(-len(items) // chunks) or 1
    fanout["chunks"] = [codecs.store_value(objects, items[at : at + size]) for at in range(0, len(items), size)]
    return fanout


def item_of(objects: Objects, fanout: Fanout, index: int) -> UserValue:
    """Return one item of a foreach; for a gang, return the number of the task in the gang.

    Args:
        objects: the store.
        fanout: the record of the fan-out.
        index: the number of the item, from 0.

    Raises:
        ArtifactError: the item cannot be restored.
        NotFound: the item's blob is missing.
    """
    if "chunks" in fanout:
        return codecs.load_value(objects, fanout["chunks"][index // fanout["chunk"]])[index % fanout["chunk"]]
    return codecs.load_value(objects, fanout["items"])[index] if "items" in fanout else index


@final
@dataclass(slots=True)
class ForeachFrame:
    """A foreach or gang that contains a task. The task belongs to item `index`; `step` is the first step of the
    items."""

    step: str
    index: int
    find: Callable[[], Fanout]
    objects: Objects
    _fanout: Fanout | None = None
    _item: tuple[UserValue] | None = None

    @property
    def fanout(self) -> Fanout:
        """The record of the fan-out, read on first access."""
        if self._fanout is None:
            self._fanout = self.find()
        return self._fanout

    @property
    def num_splits(self) -> int | None:
        """The number of items, or None for a gang and an unbounded foreach, as in Metaflow."""
        bounded = "over" in self.fanout and not self.fanout.get("unbounded")
        return self.fanout["count"] if bounded else None

    @property
    def item(self) -> UserValue:
        """The item, read on first access."""
        if self._item is None:
            self._item = (item_of(self.objects, self.fanout, self.index),)
        return self._item[0]
