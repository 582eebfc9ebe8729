"""Write to an output stream of the run, even if the reader of the stream closes it during the run."""

from __future__ import annotations

import os
from typing import IO, TYPE_CHECKING, final

from flowc_ir.late import LateModule

if TYPE_CHECKING:
    import tempfile
    from collections.abc import Callable
else:  # imported at first use, because the import costs start-up time
    tempfile = LateModule("tempfile")

NOT_SHOWN = "note: cannot write to stdout: {}; the run continues, and its logs are in the store"


@final
class Sink:
    """An output stream that its reader may close. The run continues if the reader closes the stream or the disk is
    full.

    If a write fails for another reason than a closed reader, `lost` is called with this reason. Hazard: after an error,
    the stream's descriptor is replaced by /dev/null, so that Python's flush of the standard streams at exit does not
    fail.
    """

    def __init__(self, file: IO[bytes], lost: Callable[[str], None] | None = None) -> None:
        self._file: IO[bytes] | None = file
        self._lost = lost
        self._held: IO[bytes] | None = None

    def hold(self) -> None:
        """Buffer further output, on disk when it exceeds 1 MiB."""
        self._held = tempfile.SpooledTemporaryFile(max_size=1 << 20)  # the buffer; None when output is not held

    def release(self) -> None:
        """Write the buffered output."""
        if (held := self._held) is not None:
            self._held = None
            held.seek(0)
            while data := held.read(1 << 20):
                self.write(data)
            held.close()

    def write(self, data: bytes) -> None:
        """Write and flush the data. The method does not raise errors of the stream. After an error, all output is
        discarded."""
        if self._held is not None:
            self._held.write(data)
        elif self._file is not None:
            try:
                self._file.write(data)
                self._file.flush()
            except BrokenPipeError:
                self._drop()
            except OSError as error:
                self._drop()
                if self._lost is not None:
                    self._lost(error.strerror or str(error))

    def _drop(self) -> None:
        assert self._file is not None
        # Python flushes the standard streams when it exits: this flush must not fail.
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, self._file.fileno())
        os.close(null)
        self._file = None
