"""Checks of what is named by its sha256: a reader gets the bytes that the digest promises, or `Damaged`.

A store's `read_blob` and `map_blob` are the only readers of such bytes, and both go through `checked`. What is damaged
is moved to the same key below `damaged/` in its store, so that the next writer of the same bytes stores them anew.
Records have their own (`sealed`); logs and cards have none.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Protocol

from flowc_runtime.base.errors import Damaged, DamagedOnTheWay, NotFound, StoreError

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeVar

    T = TypeVar("T")

DIRECTORY = "damaged"
REMEDY = "run the step again that makes it, which stores it anew (a new run, or `resume`); `flowc fsck` reads the rest"


class Movable(Protocol):
    """What the check needs of a store, or of its own part of one that is on top of another."""

    @property
    def url(self) -> str: ...

    def map(self, key: str) -> memoryview: ...
    def exists(self, key: str, size: int | None = None) -> bool: ...
    def move(self, key: str, to: str) -> None: ...


def aside_key(key: str) -> str:
    """Where the damaged bytes are that had this key."""
    return f"{DIRECTORY}/{key}"


def checked(objects: Movable, key: str, digest: str, size: int | None, fetch: Callable[[], tuple[T, str, int]]) -> T:
    """Return what `fetch` gives, which says its digest and size as well; a second time if it came wrong at first.

    Raises:
        Damaged: it came wrong twice, or is gone because it was found damaged before.
        NotFound: there is no such object.
    """
    try:
        value, first, _ = fetch()
        if first == digest:
            return value
        value, found, length = fetch()
    except NotFound:
        if objects.exists(aside_key(key)):
            what = f"{key} in {objects.url} was damaged, and has been moved to {aside_key(key)}"
            raise Damaged(f"{what}: {REMEDY}") from None
        raise
    if found == digest:
        return value
    expected = f"{size:,} bytes with " if size is not None else ""
    what = f"expected {expected}sha256 {digest[:12]}…, found {length:,} bytes with sha256 {found[:12]}…"
    if first != found:
        twice = f"{key} came damaged from {objects.url} twice, each time differently"
        raise DamagedOnTheWay(f"{twice} ({what}): {_ON_THE_WAY}")
    moved, remedy = set_aside(objects, key, digest)
    kind = DamagedOnTheWay if remedy == _ON_THE_WAY else Damaged
    raise kind(f"{key} in {objects.url} is damaged: {what}; {moved}: {remedy}")


_ON_THE_WAY = "look at the network, the disk and the memory of this machine, then try again"


def set_aside(objects: Movable, key: str, digest: str) -> tuple[str, str]:
    """Move a damaged object aside; what has come of it and what to do, in words.

    Another reader may have moved it, and a writer stored it anew, since it was read: what turns out to be whole is
    moved back.
    """
    aside = aside_key(key)
    try:
        objects.move(key, aside)
    except NotFound:
        return "another reader has moved it aside", REMEDY
    except StoreError as error:  # a store that is only read
        return f"it could not be moved aside ({error})", f"move or delete it, then {REMEDY}"
    try:
        whole = hashlib.sha256(objects.map(aside)).hexdigest() == digest
    except NotFound:
        return f"it has been moved to {aside}", REMEDY
    if whole:
        objects.move(aside, key)
        return "what the store has now is whole", _ON_THE_WAY
    return f"it has been moved to {aside}", REMEDY
