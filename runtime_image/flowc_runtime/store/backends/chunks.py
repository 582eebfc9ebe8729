"""Growing objects in a store that cannot append: each is a series of chunks, which are written when they are due."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final, final

if TYPE_CHECKING:
    from collections.abc import Callable

FLUSH_BYTES: Final = 1 << 20  # When this number of bytes is pending, the bytes are written at once.
FLUSH_SECONDS: Final = 1.0  # Pending bytes are written after this time at the latest.


@final
class Chunks:
    """The appended data of all keys that is not written yet. `put` writes an object to the store, and may raise
    StoreError."""

    def __init__(self, put: Callable[[str, bytes], None]) -> None:
        self._put = put
        self._pending: dict[str, tuple[float, bytearray]] = {}  # Unwritten data, and the time of its first byte.
        self._sent: dict[str, int] = {}  # Number of stored chunks by key.

    def append(self, key: str, data: bytes) -> None:
        """Append to an object. Raises StoreError."""
        _, waiting = self._pending.setdefault(key, (time.monotonic(), bytearray()))
        waiting += data
        if len(waiting) >= FLUSH_BYTES:
            self._send(key)

    def flush(self, *, now: bool = False) -> float | None:
        """Write the appended data that is due, or all if `now`; return the seconds until the next write, if any."""
        for key, (since, _) in list(self._pending.items()):
            if now or time.monotonic() - since >= FLUSH_SECONDS:
                self._send(key)
        if not self._pending:
            return None
        return max(0.0, min(since for since, _ in self._pending.values()) + FLUSH_SECONDS - time.monotonic())

    def _send(self, key: str) -> None:
        _, waiting = self._pending.pop(key)
        number = self._sent[key] = self._sent.get(key, 0) + 1
        self._put(f"{key}/{number:08}", bytes(waiting))
