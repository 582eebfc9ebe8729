"""Quote the parts of keys, and parse keys; docs/adr/0003-store.md describes the layout of keys."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote

from flowc_ir import json_text
from flowc_ir.late.namedtuple import NamedTuple
from flowc_ir.late.pattern import late_pattern
from flowc_ir.versions import CACHE, IR, RECORDS, NewerError
from flowc_runtime.base.errors import FormatError
from flowc_runtime.base.index import task_pathspec
from flowc_runtime.store.backends import blobs
from flowc_runtime.store.records.stored import damaged, parse, parse_flow, parse_tag

if TYPE_CHECKING:
    from flowc_runtime.store.backends.objects import Objects

ASIDE = blobs.DIRECTORY  # The prefix of the keys of damaged objects that were moved aside.
# The name of a task's record: index path, attempt, and whether it is the record of the attempt's start.
RECORD_NAME = late_pattern(r"(0(?:[.~][0-9]+)*)(?:-([0-9]+)(\.begin)?)?\.json", re.ASCII)
_ATTEMPT = late_pattern(r"(0(?:[.~][0-9]+)*)-[0-9]+", re.ASCII)
_HEX = late_pattern(r"[0-9a-f]{64}", re.ASCII)


class KeyPlace(NamedTuple):
    """A parsed key: the kind of its object, and the run or task to which the object belongs.

    `kind` is "unknown" if the key does not have the form of flowc's keys, and "other" if objects with keys of this form
    are not checked.
    """

    kind: str
    flow: str = ""
    run: str = ""
    step: str = ""
    path: str = ""

    @property
    def pathspec(self) -> str:
        """The pathspec of the object's run or task; empty if the object belongs to no run."""
        if self.path:
            return task_pathspec(self.flow, self.run, self.step, path=self.path)
        return "/".join(part for part in (self.flow, self.run) if part)

    @property
    def subject(self) -> str:
        """The description of the object's owner for messages, such as `run Flow/1`."""
        return f"{'task' if self.path else 'run'} {self.pathspec}" if self.pathspec else _SUBJECTS.get(self.kind, "")


_SUBJECTS = {"lease": "a garbage collection", "entry": "a cached step", "reads": "a cached step"}
_OF_A_RUN = {"run.json": "run", "ir.json": "ir", "status.json": "status", "reused.json": "other"}


def place_of(key: str) -> KeyPlace:
    """Parse a key."""
    match key.split("/"):
        case ["blobs", top, name]:
            return KeyPlace("blob" if _HEX.fullmatch(name) and name.startswith(top) and len(top) == 2 else "unknown")
        case ["files", name]:
            return KeyPlace("sent" if _HEX.fullmatch(name) else "unknown")
        case ["flows", flow, "runs", run, *rest]:
            return _in_run(unquote(flow), unquote(run), rest)
        case ["flows", flow, "tags", run, _]:
            return KeyPlace("tag", unquote(flow), unquote(run))
        case ["cache", _, "reads", _]:
            return KeyPlace("reads")
        case ["cache", _, _]:
            return KeyPlace("entry")
        case ["gc", "sweeps", _]:
            return KeyPlace("lease")
        case ["tmp", *_]:
            return KeyPlace("temporary")
        case ["damaged", *_]:
            return KeyPlace("aside")
        case ["blobs" | "files" | "flows" | "cache" | "gc", *_]:
            return KeyPlace("unknown")
    return KeyPlace("other")


def _in_run(flow: str, run: str, rest: list[str]) -> KeyPlace:
    match rest:
        case [name] if name in _OF_A_RUN:
            return KeyPlace(_OF_A_RUN[name], flow, run)
        case ["spun", name] if name.endswith(".json"):
            return KeyPlace("spin", flow, run)
        case ["tasks", step, name] if parts := RECORD_NAME.fullmatch(name):
            return KeyPlace("begin" if parts[3] else "attempt", flow, run, unquote(step), parts[1])
        case ["cards", step, attempt, name] if parts := _ATTEMPT.fullmatch(attempt):
            kind = "card" if name.endswith(".data.json") else "other" if name.endswith(".html") else "unknown"
            return KeyPlace(kind, flow, run, unquote(step), parts[1])
        case ["logs", _, _, *_]:
            return KeyPlace("other", flow, run)
    return KeyPlace("unknown", flow, run)


def check(key: str, data: bytes, url: str) -> object:
    """Check an object, and return its record, flow or tag, or None if objects of this kind are not checked.

    Args:
        key: the key of the object, which decides its kind.
        data: the object's bytes.
        url: the address of the store, for errors.

    Raises:
        RecordError: the object is damaged, or was written by a newer flowc.
    """
    place = place_of(key)
    if place.kind == "ir":
        return parse_flow(data, key=key, url=url, subject=place.subject)
    if place.kind == "tag":
        return parse_tag(key.rpartition("/")[2], lambda: data, key=key, url=url, subject=place.subject)
    if place.kind in ("entry", "reads"):
        return parse(CACHE, place.kind, data, key=key, url=url, subject=place.subject)
    identity: dict[str, object] = {"flow": place.flow, "run": place.run}
    if place.kind == "attempt":
        identity |= {"step": place.step, "path": place.path}
    if place.kind in ("run", "attempt"):
        return parse(RECORDS, place.kind, data, key=key, url=url, subject=place.subject, identity=identity)
    if place.kind in ("status", "begin", "spin", "card", "lease"):
        return parse(RECORDS, place.kind, data, key=key, url=url, subject=place.subject)
    return None


def may_name(key: str) -> bool:
    """Return whether the record with this key may reference blobs and other runs."""
    return place_of(key).kind in ("run", "ir", "attempt")


def check_names(key: str, data: bytes, url: str) -> None:
    """Check a record for which `may_name` is true, like `check` but faster: the nodes of an IR are not checked.

    Args:
        key: the key of the record.
        data: the record's bytes.
        url: the address of the store, for errors.

    Raises:
        RecordError: the object is damaged, or was written by a newer flowc.
    """
    place = place_of(key)
    if place.kind != "ir":
        check(key, data, url)
        return
    try:  # check only the version and the list of nodes, not the nodes themselves
        flow = json_text.plain(data)
        if not isinstance(flow, dict) or not isinstance(flow.get("nodes"), list):
            raise damaged("it is not a flow", key, url, place.subject)
        IR.check("ir", flow.get(IR.key))
    except NewerError as error:
        raise FormatError(f"{place.subject} was {error}", key, place.subject) from error
    except (ValueError, RecursionError) as error:
        raise damaged(str(error) if data else "it is empty", key, url, place.subject) from error


def quote_name(name: str) -> str:
    """Return a name quoted as one part of a key."""
    if name.isidentifier() and name.isascii():  # true for most names, which need no quotes
        return name
    return "%2E" * len(name) if name in (".", "..") else quote(name, safe="")


def names_inside(objects: Objects, prefix: str) -> list[str]:
    """Return the unquoted names under a prefix that have further keys below them; other objects are ignored."""
    return [unquote(name[:-1]) for name in objects.names(prefix) if name.endswith("/")]
