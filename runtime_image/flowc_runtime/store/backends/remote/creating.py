"""Create an object only if its key is unused, even when answers of the store are lost."""

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

    A repeated request may find the object that the first request has stored. In that case the stored content is
    compared.

    Args:
        put: Sends the object through a client, on condition that the key is unused.
        same: Returns whether the stored object has the same content, or None if the key is unused.
        conflict: Returns the result if the key has another object, or another writer is creating one.

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
