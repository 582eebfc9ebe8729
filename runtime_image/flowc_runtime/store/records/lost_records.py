"""Errors for records that existed but are missing now; readers treat them like unreadable records."""

from __future__ import annotations

import posixpath
import re
from typing import TYPE_CHECKING

from flowc_ir.late.pattern import late_pattern
from flowc_runtime.base.errors import LostRecord, MovedAside
from flowc_runtime.store.records.key_places import ASIDE, place_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from flowc_runtime.base.errors import RecordError

NEEDED = ("run.json", "ir.json")
"""The objects of a run that are written before its first task starts; when the run is deleted, they are deleted
last."""

_NUMBER = late_pattern(r"(\.json|[0-9a-f]{64})\.[0-9]+", re.ASCII)


def key_before(key: str) -> str:
    """Return the original key of a moved object, without the number that `moving.move` may have appended."""
    return key[: found.end(1)] if (found := _NUMBER.search(key)) and found.end() == len(key) else key


def moved_aside(key: str, url: str, subject: str) -> MovedAside:
    """Return the error of a record that `fsck` has moved.

    Args:
        key: the key that the record had.
        url: the address of the store.
        subject: the record's run or task, such as `run Flow/1`.
    """
    return MovedAside(f"{key} in {url} ({subject}) was moved to {ASIDE}/{key}; {_advice(url)}", key, subject)


def lost(key: str, url: str, subject: str) -> LostRecord:
    """Return the error for a record that every run needs (`NEEDED`) and that is missing although the run has tasks.

    Args:
        key: the key of the record.
        url: the address of the store.
        subject: the record's run, such as `run Flow/1`.
    """
    return LostRecord(f"{key} in {url} ({subject}) is missing, though the run has tasks; {_advice(url)}", key, subject)


def one_per_run(errors: Iterable[RecordError], url: str) -> Iterator[RecordError]:
    """Yield the errors, but join the errors of all moved records of a run into one error.

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
    from flowc_runtime.base.config.whereabouts import command_on  # imported here, because only errors need it

    return f"restore {what} from a copy, or list what is lost: {command_on(url, 'flowc', 'fsck')}"
