"""The pack of an ended run in a bucket: the records of its tasks as one object, `ended/FLOW/tasks/RUN.jsonl.gz`.

The first line is a JSON object with the version and the names of the records below `tasks/` of the run. Each further
line is one record, unchanged. A reader lists the run's tasks, and takes a record from the pack only if the record has
the same name and size in the listing. Other records are read one by one, so a pack may be missing or out of date.
"""

from __future__ import annotations

import gzip
import threading
import time
import zlib
from typing import TYPE_CHECKING, Final, final

from flowc_ir import json_text
from flowc_runtime.base.errors import NotFound
from flowc_runtime.store.backends.moving import REQUESTS, read_many
from flowc_runtime.store.backends.remote.bucket import RemoteObjects
from flowc_runtime.store.ended.run_entries import TOP
from flowc_runtime.store.records.key_places import RECORD_NAME, quote_name

if TYPE_CHECKING:
    from flowc_runtime.store.backends.objects import Collectable

VERSION: Final = 1
SUFFIX: Final = ".jsonl.gz"
LARGEST: Final = 4000  # Reading more records than this would delay the end of the run.
_FRESH: Final = 5.0  # Seconds after which the tasks are listed again, because a workflow may be retried.


def pack_key(flow: str, run: str) -> str:
    """Return the key of a run's pack."""
    return f"{packs_of(flow)}/{quote_name(run)}{SUFFIX}"


def packs_of(flow: str) -> str:
    """Return the prefix below which the packs of a flow's runs are stored."""
    return f"{TOP}/{quote_name(flow)}/tasks"


def write_pack(objects: Collectable, flow: str, run: str, prefix: str) -> None:
    """Read the records of all tasks of a run, and write them as one object, the pack. If the run has more than LARGEST
    records of tasks, write no pack.

    Args:
        objects: the store.
        flow: the flow's name.
        run: the run's id.
        prefix: the prefix of the run's keys.

    Raises:
        StoreError: the store cannot be read or written.
    """
    names = [name for name in objects.names_below(f"{prefix}/tasks") if RECORD_NAME.fullmatch(name.rpartition("/")[2])]
    if not names or len(names) > LARGEST:
        return

    def read(name: str) -> bytes:
        try:
            return objects.get(f"{prefix}/tasks/{name}")
        except NotFound:  # moved aside since
            return b""

    records = dict(zip(names, read_many(read, names, REQUESTS), strict=True))
    objects.put(pack_key(flow, run), dump(records))


def dump(records: dict[str, bytes]) -> bytes:
    """Return the bytes of a pack. flowc writes each record as one line. A record with several lines was edited by a
    person, and is left out.

    Args:
        records: the records by their names, STEP/FILE.
    """
    kept = {name: record for name, record in records.items() if record and b"\n" not in record}
    head = json_text.dumps({"version": VERSION, "names": list(kept)}, separators=(",", ":")).encode()
    return gzip.compress(b"\n".join([head, *kept.values(), b""]), 6, mtime=0)


def parse(data: bytes) -> dict[str, bytes]:
    """Return the records of a pack by their names; none if the pack is damaged or a newer flowc wrote it."""
    try:
        first, *lines = gzip.decompress(data).split(b"\n")
        head = json_text.plain(first)
    except (OSError, EOFError, ValueError, zlib.error):
        return {}
    if not isinstance(head, dict) or head.get("version") != VERSION or not isinstance(head.get("names"), list):
        return {}
    return dict(zip(map(str, head["names"]), lines, strict=False))  # type: ignore[arg-type]  # checked above


@final
class PackedObjects(RemoteObjects):
    """A bucket that reads the tasks of one run from the run's pack and from one listing of the tasks' keys. If the run
    has no pack, all objects are read from the bucket.

    Several threads may use this object at the same time.
    """

    def __init__(self, bucket: RemoteObjects, flow: str, run: str, prefix: str) -> None:
        super().__init__(bucket.url, bucket.asker)
        self._key = pack_key(flow, run)
        self._tasks = f"{prefix}/tasks"
        self._lock = threading.Lock()
        self._records: dict[str, bytes] | None = None  # The records of the pack, or None before the pack was read.
        self._sizes: dict[str, int] = {}  # The sizes of all objects below the run's `tasks/`.
        self._listed = 0.0

    def _refresh(self) -> bool:
        """Read the pack and list the tasks, if needed; return whether the run has a pack."""
        with self._lock:
            if self._records is None:
                try:
                    self._records = parse(super().get(self._key))
                except NotFound:
                    self._records = {}
            if self._records and time.monotonic() - self._listed > _FRESH:
                self._sizes = {entry.name: entry.size for entry in super().listing(self._tasks)}
                self._listed = time.monotonic()
            return bool(self._records)

    def _name(self, key: str) -> str | None:
        """Return a key's part below `tasks/`, or None if the key is not below `tasks/`, or if the run has no pack."""
        if key != self._tasks and not key.startswith(f"{self._tasks}/"):
            return None
        return key[len(self._tasks) + 1 :] if self._refresh() else None

    def get(self, key: str) -> bytes:
        """Return the object's bytes, from the pack if it has them. Raises NotFound, StoreError."""
        name = self._name(key)
        if name is None or self._records is None:
            return super().get(key)
        if name not in self._sizes:
            raise NotFound(f"no {key} in {self.url}")
        record = self._records.get(name)
        return record if record is not None and len(record) == self._sizes[name] else super().get(key)

    def exists(self, key: str, size: int | None = None) -> bool:
        """Return whether the object exists and, if a size in bytes is given, has this size."""
        name = self._name(key)
        if name is None:
            return super().exists(key, size)
        return name in self._sizes and size in (None, self._sizes[name])

    def names(self, prefix: str) -> list[str]:
        """Return the sorted names directly under a prefix; a name that has further keys below it ends with a slash."""
        name = self._name(prefix)
        if name is None:
            return super().names(prefix)
        inside = f"{name}/" if name else ""
        rests = (key[len(inside) :].partition("/") for key in self._sizes if key.startswith(inside))
        return sorted({first + slash for first, slash, _ in rests})

    def names_below(self, prefix: str) -> list[str]:
        """Return all keys under a prefix, at any depth, without the prefix, sorted."""
        name = self._name(prefix)
        if name is None:
            return super().names_below(prefix)
        inside = f"{name}/" if name else ""
        return sorted(key[len(inside) :] for key in self._sizes if key.startswith(inside))
