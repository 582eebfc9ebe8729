"""The entries of ended runs in a bucket: one listing returns the records of up to a thousand runs.

The entry of a run is the name of an empty object:

    ended/FLOW/listed/RUN/MILLISECONDS/PART/PART

The PARTs, joined, are the result of `pack(run.json, status.json)`. An entry that is too long for a name is the content
of `…/MILLISECONDS/content`; `…/MILLISECONDS/none` means that the run has no entry. If a run has several entries, the
latest entry is used. Sometimes a run that ends merges all entries of its flow into one object,
`ended/FLOW/listed/=merged/NUMBER`.

Entries are copies: a run without an entry, or with a damaged one, is read from its records. Entries never decide which
runs exist. So each object below `ended/` may be deleted at any time.
"""

from __future__ import annotations

import base64
import json
import time
import zlib
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote

from flowc_ir import json_text
from flowc_ir.late.digest import sha256
from flowc_ir.late.namedtuple import NamedTuple
from flowc_runtime.base.errors import NotFound
from flowc_runtime.store.backends.moving import REQUESTS, read_many
from flowc_runtime.store.records.key_places import quote_name
from flowc_runtime.store.records.sealed import without_digest

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from flowc_runtime.store.backends.objects import Collectable

TOP: Final = "ended"
MERGED: Final = "=merged"  # Differs from every quoted run id, since none begins with `=`.
# A key with one of these names has the name in place of a PART, which is a piece of a run's packed records. No PART is
# equal to one of these names, because packed records are longer.
NONE, CONTENT = "none", "content"
VERSION: Final = 1  # The version of the format of merged objects.
MERGES: Final = 256  # On average, one of this number of ended runs merges the entries of its flow.
_PART: Final = 200  # Characters of a PART: a gateway on a file system limits a part of a key to 255 bytes.
_KEY: Final = 960  # Bytes of a key: services limit a key, with the store's prefix, to 1,024 bytes.
_TRIES: Final = 5


class RunEntry(NamedTuple):
    """An entry: the time when it was written, in milliseconds since the epoch, and the packed records.

    `packed` is empty if the run has no entry any more.
    """

    milliseconds: int
    packed: str


class _Found(NamedTuple):
    entries: dict[str, RunEntry]
    keys: list[str]  # The keys of the entries that are separate objects.
    merged: list[int]  # The numbers of the merged objects.


def pack(run: bytes, status: bytes) -> str:
    """Return the text of an entry: both records without their digests, as two lines, compressed, as URL-safe base64.

    Args:
        run: the bytes of `run.json`.
        status: the bytes of `status.json`.

    Raises:
        ValueError: a record has several lines, because it was edited by hand.
    """
    lines = [without_digest(run), without_digest(status)]
    if any(b"\n" in line for line in lines):
        raise ValueError("a record has several lines")
    return base64.urlsafe_b64encode(zlib.compress(b"\n".join(lines), 9)).decode("ascii").rstrip("=")


def unpack(packed: str) -> dict[str, bytes] | None:
    """Return the records of an entry by their names, `run.json` and `status.json`, or None if the entry is damaged."""
    try:
        text = zlib.decompress(base64.urlsafe_b64decode(packed + "=" * (-len(packed) % 4)))
    except (ValueError, zlib.error):
        return None
    lines = text.split(b"\n")
    return {"run.json": lines[0], "status.json": lines[1]} if len(lines) == 2 else None


def read_entries(objects: Collectable, flow: str) -> dict[str, str]:
    """Return the packed records of a flow's ended runs that have an entry, by run id.

    Raises:
        StoreError: the store cannot be read.
    """
    return {run: entry.packed for run, entry in _find(objects, flow).entries.items() if entry.packed}


def write_entry(objects: Collectable, flow: str, run: str, packed: str) -> None:
    """Write the entry of a run, and delete the run's earlier entries.

    Args:
        objects: the store.
        flow: the flow's name.
        run: the run's id.
        packed: the packed records; empty if the run has no entry any more, because it has not ended or is deleted.

    Raises:
        StoreError: the store cannot be written.
    """
    place = entries_of(flow, run)
    now = time.time_ns() // 1_000_000
    objects.put(*_named(f"{place}/{now}", packed, objects.url))
    earlier = [
        name for name in objects.names_below(place) if (when := name.partition("/")[0]).isdecimal() and int(when) < now
    ]
    objects.delete_many([f"{place}/{name}" for name in earlier])


def entries_of(flow: str, run: str) -> str:
    """Return the prefix of a run's own entries."""
    return f"{_place(flow)}/{quote_name(run)}"


def merges(run: str) -> bool:
    """Return whether a run merges the entries of its flow when it ends; a digest of the run's id decides, so that on
    average one of MERGES runs merges the entries."""
    return int(sha256([run.encode()])[:8], 16) % MERGES == 0


def merge(objects: Collectable, flow: str, runs: Collection[str] | None = None) -> None:
    """Merge the entries of a flow into one object. If several processes merge the entries at the same time, one of them
    succeeds.

    Args:
        objects: the store.
        flow: the flow's name.
        runs: the runs whose entries are kept, or None for all.

    Raises:
        StoreError: the store cannot be read or written.
    """
    found = _find(objects, flow)
    number = max(found.merged, default=0) + 1
    entries = {run: entry for run, entry in found.entries.items() if entry.packed and (runs is None or run in runs)}
    if not objects.create(_merged(flow, number), [_dump(entries)]):
        return  # another process has merged the entries, and deletes those that it has merged
    keys = [*found.keys, *(_merged(flow, older) for older in found.merged)]
    for at in range(0, len(keys), 1000):
        objects.delete_many(keys[at : at + 1000])


def _place(flow: str) -> str:
    return f"{TOP}/{quote_name(flow)}/listed"


def _merged(flow: str, number: int) -> str:
    return f"{_place(flow)}/{MERGED}/{number:08}"


def _named(place: str, packed: str, url: str) -> tuple[str, bytes]:
    """Return the key and the content of the object that stores an entry. The key contains the packed records if it does
    not become too long; otherwise the content does."""
    if not packed:
        return f"{place}/{NONE}", b""
    parts = [packed[at : at + _PART] for at in range(0, len(packed), _PART)]
    key = "/".join([place, *parts])
    if len(key.encode()) + len(url.encode()) > _KEY:
        return f"{place}/{CONTENT}", packed.encode()
    return key, b""


def _find(objects: Collectable, flow: str) -> _Found:
    """Return the entries of a flow; list again if another process has just merged them."""
    place = _place(flow)
    for _ in range(_TRIES):
        names = objects.names_below(place)
        numbers = [int(name.rpartition("/")[2]) for name in names if name.startswith(f"{MERGED}/")]
        try:
            entries = _parse(objects.get(_merged(flow, max(numbers)))) if numbers else {}
        except NotFound:  # another process has merged the entries again, and deleted this object
            continue
        names = [name for name in names if not name.startswith(f"{MERGED}/")]
        _add(entries, objects, place, names)
        return _Found(entries, [f"{place}/{name}" for name in names], numbers)
    return _Found({}, [], [])  # after all tries, no entry is used: the runs are read from their records


def _add(entries: dict[str, RunEntry], objects: Collectable, place: str, names: Iterable[str]) -> None:
    """Add to `entries` the entries that are not merged yet: each is an object with one of `names` below the key
    `place`."""
    contents: list[str] = []
    for name in names:
        run, _, rest = name.partition("/")
        when, _, packed = rest.partition("/")
        if not when.isdecimal() or not packed:
            continue
        if packed == CONTENT:
            contents.append(name)
        else:
            _keep_later(entries, unquote(run), RunEntry(int(when), "" if packed == NONE else packed.replace("/", "")))

    def read(name: str) -> bytes | None:
        try:
            return objects.get(f"{place}/{name}")
        except NotFound:  # replaced since
            return None

    for name, content in zip(contents, read_many(read, contents, REQUESTS), strict=True):
        run, when, _ = name.split("/")
        if content is not None:
            _keep_later(entries, unquote(run), RunEntry(int(when), content.decode("ascii", "replace")))


def _keep_later(entries: dict[str, RunEntry], run: str, entry: RunEntry) -> None:
    if run not in entries or entries[run].milliseconds <= entry.milliseconds:
        entries[run] = entry


def _dump(entries: Mapping[str, RunEntry]) -> bytes:
    """Return the content of a merged object: first a line with the version of the format and the digest of the other
    lines, then a line for each run.

    The line of a run is a JSON list: the run's id, the time of its entry in milliseconds, the packed records.
    """
    lines = [json_text.dumps([run, *entry], separators=(",", ":")) for run, entry in sorted(entries.items())]
    rest = "".join(f"{line}\n" for line in lines).encode()
    head = json_text.dumps({"version": VERSION, "sha256": sha256([rest])}, separators=(",", ":"))
    return f"{head}\n".encode() + rest


def _parse(content: bytes) -> dict[str, RunEntry]:
    """Return the entries of a merged object; none if it is damaged or a newer flowc wrote it."""
    first, _, rest = content.partition(b"\n")
    try:
        head = json_text.plain(first)
        if not isinstance(head, dict) or head.get("version") != VERSION or head.get("sha256") != sha256([rest]):
            return {}
    except ValueError:
        return {}
    found: dict[str, RunEntry] = {}
    for line in rest.splitlines():
        run, when, packed = json.loads(line)  # the digest is right, so `_dump` wrote the line
        found[run] = RunEntry(when, packed)
    return found
