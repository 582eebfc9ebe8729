"""A file of the user's as the parts of what is going to be stored, which are read and not mapped.

Another program may truncate it meanwhile, or its disk may fail: of a mapping the kernel answers that with SIGBUS, which
ends the process, of a read with an error.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any, final

from flowc_runtime.base.errors import StoreError

PART = 1 << 20  # bytes


@final
class FileParts(Sequence[bytes]):
    """An open file of `nbytes` in parts, each read whenever it is asked for, by several threads at once."""

    def __init__(self, descriptor: int, path: str) -> None:
        self.nbytes = os.fstat(descriptor).st_size
        self._descriptor = descriptor
        self._path = path

    def __len__(self) -> int:
        return -(-self.nbytes // PART)

    def __getitem__(self, index: Any) -> Any:
        """Return a part. Raises StoreError: it cannot be read any more."""
        offset = index * PART
        if not 0 <= offset < self.nbytes:
            raise IndexError(index)
        size = min(PART, self.nbytes - offset)
        try:
            part = os.pread(self._descriptor, size, offset)
        except OSError as error:
            raise StoreError(f"could not read file '{self._path}': {error.strerror}") from None
        if len(part) < size:
            raise StoreError(f"could not read file '{self._path}': it became shorter while it was read; try again")
        return part
