"""The items of a foreach: how a split stores them, and how each of its tasks reads its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, final

from flowc_runtime.store.values import codecs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from flowc_runtime.store.backends.objects import Objects
    from flowc_runtime.store.records.record_types import ArtifactRef, Fanout

# bytes of pickle: more is cut into chunks, since each of the tasks would read all of it
CHUNK = 1 << 18
MOST_CHUNKS = 256  # the split's record names them all


def items_of(value: Iterable[Any]) -> list[Any] | tuple[Any, ...]:
    """What a foreach goes over: what iterating gives; of a mapping from 0, 1, … the values. Raises TypeError."""
    if isinstance(value, list | tuple):
        return value
    if isinstance(value, Mapping) and list(value) == list(range(len(value))):
        return list(value.values())
    return list(value)


def store_items(objects: Objects, over: str, items: list[Any] | tuple[Any, ...], whole: ArtifactRef) -> Fanout:
    """The record of a fan-out. `whole` is the artifact that it goes over, which is used if it is these very items."""
    fanout: Fanout = {"over": over, "count": len(items)}
    if whole["size"] <= CHUNK and whole["type"] in ("list", "tuple"):
        fanout["items"] = whole
        return fanout
    ref = codecs.store_value(objects, items) if whole["size"] <= CHUNK else None
    if ref is not None and ref["size"] <= CHUNK:
        fanout["items"] = ref
        return fanout
    chunks = min(MOST_CHUNKS, max(1, -(-whole["size"] // CHUNK)), len(items) or 1)
    size = fanout["chunk"] = -(-len(items) // chunks) or 1
    fanout["chunks"] = [codecs.store_value(objects, items[at : at + size]) for at in range(0, len(items), size)]
    return fanout


def item_of(objects: Objects, fanout: Fanout, index: int) -> Any:
    """One item; of a gang, the number of its member. Raises ArtifactError, NotFound."""
    if "chunks" in fanout:
        return codecs.load_value(objects, fanout["chunks"][index // fanout["chunk"]])[index % fanout["chunk"]]
    return codecs.load_value(objects, fanout["items"])[index] if "items" in fanout else index


@final
@dataclass(slots=True)
class ForeachFrame:
    """One foreach or gang that a task is in: item `index` of the fan-out that `step` is the body of."""

    step: str
    index: int
    find: Callable[[], Fanout]
    objects: Objects
    _fanout: Fanout | None = None
    _item: tuple[Any] | None = None

    @property
    def fanout(self) -> Fanout:
        """The split's record of it, read when it is first asked for."""
        if self._fanout is None:
            self._fanout = self.find()
        return self._fanout

    @property
    def num_splits(self) -> int | None:
        """How many items there are; None of a gang and of an unbounded foreach, as in Metaflow."""
        bounded = "over" in self.fanout and not self.fanout.get("unbounded")
        return self.fanout["count"] if bounded else None

    @property
    def item(self) -> Any:
        """The item, read when it is first asked for."""
        if self._item is None:
            self._item = (item_of(self.objects, self.fanout, self.index),)
        return self._item[0]
