"""A record that is not there and has been: who reads it is told the same as of one that cannot be read."""

from __future__ import annotations

import re

from flowc_runtime.errors import LostRecord
from flowc_runtime.places import ASIDE

NEEDED = ("run.json", "ir.json")
"""What a run has before its first task begins, and loses after its last one when it is deleted."""

_NUMBER = re.compile(r"(\.json|[0-9a-f]{64})\.[0-9]+", re.ASCII)
_ADVICE = "restore it from a copy, or see what is lost: flowc fsck"


def key_before(key: str) -> str:
    """Return the key that an object had which was moved aside: `moving.move` numbers the second of one key."""
    return key[: found.end(1)] if (found := _NUMBER.search(key)) and found.end() == len(key) else key


def moved_aside(key: str, url: str, subject: str) -> LostRecord:
    """Return the error of a record that `fsck` has moved aside."""
    return LostRecord(f"{key} in {url} ({subject}) was moved aside, to {ASIDE}/{key}; {_ADVICE}", key, subject)


def lost(key: str, url: str, subject: str) -> LostRecord:
    """Return the error of a record of NEEDED that a run with tasks has lost."""
    return LostRecord(f"{key} in {url} ({subject}) is missing, though the run has tasks; {_ADVICE}", key, subject)
