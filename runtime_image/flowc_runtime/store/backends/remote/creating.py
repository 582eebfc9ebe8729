"""Creating an object only if its key is free, although answers of the store may get lost."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from flowc_runtime.store.backends.remote.errors import is_conflict

if TYPE_CHECKING:
    from collections.abc import Callable

    from obstore.store import ObjectStore

T = TypeVar("T")


def creation(
    put: Callable[[ObjectStore], object],
    same: Callable[[ObjectStore], bool | None],
    conflict: Callable[[ObjectStore], T],
) -> Callable[[ObjectStore], bool | T]:
    """Return the request that creates an object; the caller repeats it until the store answers.

    A repeated request may meet the object that the first request stored. The stored content then decides.

    Args:
        put: Sends the object to a client, on condition that the key is free.
        same: Whether the stored object has this content; None if the key is free.
        conflict: The result if the key holds another object, or another writer creates it at this moment.

    Returns:
        A request whose result is True if the object was created, and otherwise the result of `same` or of `conflict`.
    """
    unknown = False

    def request(client: ObjectStore) -> bool | T:
        nonlocal unknown
        if unknown and (found := same(client)) is not None:
            return found
        unknown = True  # a request without an answer may still have stored the object
        try:
            put(client)
        except Exception as error:
            if not is_conflict(error):
                raise
            return conflict(client)
        return True

    return request
