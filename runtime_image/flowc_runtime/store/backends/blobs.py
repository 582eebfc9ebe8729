"""Check objects that have a sha256: a reader gets bytes that match the digest, or the error `Damaged`.

A store reads these objects only by its methods `read_blob`, `map_blob` and `open_blob`, which all call `checked`. A
damaged object is moved to the same key below `damaged/` in its store, so that the next writer of the same bytes stores
them again. The module `sealed` checks the records of runs; logs and cards are not checked.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from flowc_ir.late import LateModule
from flowc_ir.late.digest import sha256
from flowc_runtime.base.errors import Damaged, DamagedOnTheWay, NotFound, StoreError
from flowc_runtime.store.backends.objects import blob_key

if TYPE_CHECKING:
    import hashlib
    from collections.abc import Callable
    from typing import TypeVar

    T = TypeVar("T")
else:  # imported at first use, because the import costs start-up time
    hashlib = LateModule("hashlib")

DIRECTORY = "damaged"
REMEDY = "run the step again that stored it (a new run, or `resume`); check the other objects with `flowc fsck`"


class Movable(Protocol):
    """The operations that `checked` needs from a store. A layered store passes only its directory, not the store
    below."""

    @property
    def url(self) -> str:
        """The address of the store."""
        ...

    def map(self, key: str) -> memoryview:
        """Return the object's bytes as memory.

        Raises:
            NotFound: the object does not exist.
            StoreError: the object cannot be read.
        """
        ...

    def exists(self, key: str, size: int | None = None) -> bool:
        """Return whether the object exists and, if a size in bytes is given, has this size."""
        ...

    def move(self, key: str, to: str) -> None:
        """Move an object to another key.

        Raises:
            NotFound: the object does not exist.
            StoreError: the object cannot be moved, as in a read-only store.
        """
        ...


class Readable(Movable, Protocol):
    """A store that returns the bytes of an object."""

    def get(self, key: str) -> bytes:
        """Return the object's bytes.

        Raises:
            NotFound: the object does not exist.
            StoreError: the object cannot be read.
        """
        ...


def aside_key(key: str) -> str:
    """Return the key to which a damaged object of this key is moved."""
    return f"{DIRECTORY}/{key}"


def read_checked(objects: Readable, digest: str, size: int | None, key: str) -> bytes:
    """Return the checked bytes of a blob that is read by one `get`.

    Args:
        objects: the store.
        digest: the expected sha256 in hex.
        size: the expected size in bytes, for the message, or None if the size is not known.
        key: the key of the object; empty for the key of a blob with this digest.

    Raises:
        Damaged: the bytes were wrong twice, or were moved aside as damaged earlier.
        NotFound: there is no such object.
    """
    key = key or blob_key(digest)

    def fetch() -> tuple[bytes, str, int]:
        data = objects.get(key)
        return data, sha256([data]), len(data)

    return checked(objects, key, digest, size, fetch)


def checked(objects: Movable, key: str, digest: str, size: int | None, fetch: Callable[[], tuple[T, str, int]]) -> T:
    """Return the value of `fetch` if its bytes have the expected digest; fetch again if they are wrong.

    Bytes that are wrong twice in the same way are moved aside (`set_aside`).

    Args:
        objects: the store.
        key: the key of the object.
        digest: the expected sha256 in hex.
        size: the expected size in bytes, for the message, or None if the size is not known.
        fetch: reads the object; returns the value, and the digest and number of its bytes.

    Raises:
        Damaged: the bytes were wrong twice, or were moved aside as damaged earlier.
        DamagedOnTheWay: the bytes were wrong twice, but the bytes in the store may be correct.
        NotFound: there is no such object.
    """
    try:
        value, first, _ = fetch()
        if first == digest:
            return value
        value, found, length = fetch()
    except NotFound:
        if objects.exists(aside_key(key)):
            what = f"{key} in {objects.url} was damaged and was moved to {aside_key(key)}"
            raise Damaged(f"{what}: {REMEDY}") from None
        raise
    if found == digest:
        return value
    expected = f"{size:,} bytes with " if size is not None else ""
    what = f"expected {expected}sha256 {digest[:12]}…, found {length:,} bytes with sha256 {found[:12]}…"
    if first != found:
        twice = f"{key} arrived damaged from {objects.url} twice, each time with different bytes"
        raise DamagedOnTheWay(f"{twice} ({what}): {_ON_THE_WAY}")
    moved, remedy = set_aside(objects, key, digest)
    kind = DamagedOnTheWay if remedy == _ON_THE_WAY else Damaged
    raise kind(f"{key} in {objects.url} is damaged: {what}; {moved}: {remedy}")


_ON_THE_WAY = "check the network, the disk and the memory of this machine, then try again"


def set_aside(objects: Movable, key: str, digest: str) -> tuple[str, str]:
    """Move a damaged object aside. Return two texts for the error message: the action on the object, and the remedy.

    After this process has read the object, another reader may have moved it, and a writer may have stored it again. So
    the object is checked after the move, and moved back if it is correct.

    Args:
        objects: the store.
        key: the key of the object.
        digest: the sha256 that the object's bytes should have.
    """
    aside = aside_key(key)
    try:
        objects.move(key, aside)
    except NotFound:
        return "another reader has moved it aside", REMEDY
    except StoreError as error:  # a read-only store
        return f"it could not be moved aside ({error})", f"move or delete it, then {REMEDY}"
    try:
        whole = hashlib.sha256(objects.map(aside)).hexdigest() == digest
    except NotFound:
        return f"it has been moved to {aside}", REMEDY
    if whole:
        objects.move(aside, key)
        return "the object in the store is correct now", _ON_THE_WAY
    return f"it has been moved to {aside}", REMEDY
