"""Records that are missing but have existed: readers get the same error as for an unreadable record."""

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
"""The objects that a run has before its first task starts, and that its deletion removes last."""

_NUMBER = re.compile(r"(\.json|[0-9a-f]{64})\.[0-9]+", re.ASCII)


def key_before(key: str) -> str:
    """Return the original key of a moved object: `moving.move` numbers further objects of one key."""
    return key[: found.end(1)] if (found := _NUMBER.search(key)) and found.end() == len(key) else key


def moved_aside(key: str, url: str, subject: str) -> MovedAside:
    """Return the error of a record that `fsck` has moved.

    Args:
        key: the key that it had.
        url: the address of the store.
        subject: its run or task, such as `run Flow/1`.
    """
    return MovedAside(f"{key} in {url} ({subject}) was moved to {ASIDE}/{key}; {_advice(url)}", key, subject)


def lost(key: str, url: str, subject: str) -> LostRecord:
    """Return the error of a missing record of NEEDED in a run with tasks.

    Args:
        key: the key of the record.
        url: the address of the store.
        subject: its run.
    """
    return LostRecord(f"{key} in {url} ({subject}) is missing, though the run has tasks; {_advice(url)}", key, subject)


def one_per_run(errors: Iterable[RecordError], url: str) -> Iterator[RecordError]:
    """Yield the errors; the moved records of a run are one error.

    Args:
        errors: the errors of records.
        url: the address of the store.
    """
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
        what = f"{len(keys)} records of run {flow}/{run} in {url} were moved to {ASIDE}/{key}"
        yield MovedAside(f"{what}; {_advice(url, 'them')}", key, f"run {flow}/{run}")


def _advice(url: str, what: str = "it") -> str:
    from flowc_runtime.base.config.whereabouts import command_on  # imported only for an error

    return f"restore {what} from a copy, or list what is lost: {command_on(url, 'flowc', 'fsck')}"
