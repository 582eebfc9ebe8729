"""A user's file as a sequence of parts, which are read (not mapped into memory) when the file is stored.

While flowc stores the file, another program may truncate it, or its disk may fail. In both cases, a read only returns
an error, whereas an access to mapped memory raises SIGBUS, which kills the process.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import final, overload

from flowc_runtime.base.errors import StoreError

PART = 1 << 20  # bytes


@final
class FileParts(Sequence[bytes]):
    """An open file as a sequence of parts of `PART` bytes; `nbytes` is the size of the file.

    Each access to a part reads it from the file. Several threads may read at the same time.
    """

    def __init__(self, descriptor: int, path: str) -> None:
        self.nbytes = os.fstat(descriptor).st_size
        self._descriptor = descriptor
        self._path = path

    def __len__(self) -> int:
        return -(-self.nbytes // PART)

    @overload
    def __getitem__(self, index: int) -> bytes: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[bytes]: ...

    def __getitem__(self, index: int | slice) -> bytes | Sequence[bytes]:
        """Return a part of at most PART bytes.

        Raises:
            StoreError: the file cannot be read, or has become shorter.
        """
        if isinstance(index, slice):
            raise TypeError("the parts of a file have no slices")
        offset = index * PART
        if not 0 <= offset < self.nbytes:
            raise IndexError(index)
        size = min(PART, self.nbytes - offset)
        try:
            part = os.pread(self._descriptor, size, offset)
        except OSError as error:
            raise StoreError(f"could not read file '{self._path}': {error.strerror}") from None
        if len(part) < size:
            raise StoreError(f"could not read file '{self._path}': it became shorter while flowc read it; try again")
        return part
