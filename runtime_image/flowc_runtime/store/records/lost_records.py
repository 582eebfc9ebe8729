"""A record that is not there and has been: who reads it is told the same as of one that cannot be read."""

from __future__ import annotations

import posixpath
import re
from typing import TYPE_CHECKING

from flowc_runtime.base.errors import LostRecord, MovedAside
from flowc_runtime.store.records.key_places import ASIDE, place_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from flowc_runtime.base.errors import RecordError

NEEDED = ("run.json", "ir.json")
"""What a run has before its first task begins, and loses after its last one when it is deleted."""

_NUMBER = re.compile(r"(\.json|[0-9a-f]{64})\.[0-9]+", re.ASCII)


def key_before(key: str) -> str:
    """Return the key that an object had which was moved aside: `moving.move` numbers the second of one key."""
    return key[: found.end(1)] if (found := _NUMBER.search(key)) and found.end() == len(key) else key


def moved_aside(key: str, url: str, subject: str) -> MovedAside:
    """Return the error of a record that `fsck` has moved aside."""
    return MovedAside(f"{key} in {url} ({subject}) was moved aside, to {ASIDE}/{key}; {_advice(url)}", key, subject)


def lost(key: str, url: str, subject: str) -> LostRecord:
    """Return the error of a record of NEEDED that a run with tasks has lost."""
    return LostRecord(f"{key} in {url} ({subject}) is missing, though the run has tasks; {_advice(url)}", key, subject)


def one_per_run(errors: Iterable[RecordError], url: str) -> Iterator[RecordError]:
    """Yield the errors; those of a run's records that were moved aside are one error."""
    aside: dict[tuple[str, str], dict[str, RecordError]] = {}
    for error in errors:
        if isinstance(error, MovedAside):
            place = place_of(error.key)
            aside.setdefault((place.flow, place.run), {})[error.key] = error
        else:
            yield error
    for (flow, run), of_run in aside.items():
        keys = list(of_run)
        if len(keys) == 1:
            yield of_run[keys[0]]
            continue
        key = posixpath.commonpath(keys)
        what = f"{len(keys)} records of run {flow}/{run} in {url} were moved aside, to {ASIDE}/{key}"
        yield MovedAside(f"{what}; {_advice(url, 'them')}", key, f"run {flow}/{run}")


def _advice(url: str, what: str = "it") -> str:
    from flowc_runtime.base.config.whereabouts import command_on  # which only errors need

    return f"restore {what} from a copy, or see what is lost: {command_on(url, 'flowc', 'fsck')}"
