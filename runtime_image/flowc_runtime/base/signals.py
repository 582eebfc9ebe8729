"""Handle signals that end a program: a pipe wakes code that waits, and an exception ends other code."""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from typing import final

ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interrupted(KeyboardInterrupt):
    """Raised when the signal `number` ends the program. Code that catches `Exception` does not catch this exception."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


def heeded() -> list[signal.Signals]:
    """Return the signals that end this process.

    A signal that the caller ignores stays ignored: `nohup` ignores SIGHUP, and a shell ignores SIGINT for a command
    that ends with `&`.
    """
    return [number for number in ENDING if signal.getsignal(number) is not signal.SIG_IGN]


@final
class Wakeup:
    """A pipe into which the interpreter writes the number of each signal that has a Python handler.

    Each signal with a Python handler makes the pipe readable, even if user code handles the signal. Several functions
    may wait on the pipe: `has_ending` only checks whether a signal of ENDING has arrived; the numbers are kept until
    `take` returns them.
    """

    def __init__(self) -> None:
        self._read, self._write = -1, -1
        self._numbers = bytearray()  # numbers that were read from the pipe but not yet taken

    def open(self) -> int:
        """Create the pipe; return its writing end, for `signal.set_wakeup_fd`. Both ends are non-blocking and not
        inheritable.

        Raises:
            OSError: this process has too many descriptors.
        """
        self._read, self._write = os.pipe()
        for descriptor in self.descriptors():
            os.set_blocking(descriptor, False)
        return self._write

    def close(self) -> None:
        """Close the pipe."""
        for descriptor in self.descriptors():
            os.close(descriptor)
        self._read, self._write = -1, -1

    def descriptors(self) -> tuple[int, int]:
        """Return the two descriptors of the pipe, which a forked child must close."""
        return self._read, self._write

    def fileno(self) -> int:
        """Return the descriptor that becomes readable when a signal arrives."""
        return self._read

    def has_ending(self) -> bool:
        """Return whether a signal of ENDING has arrived since the last call of `take`. The method empties the pipe."""
        self._fill()
        return any(number in ENDING for number in self._numbers)

    def take(self) -> bytes:
        """Return the numbers of the signals that arrived since the last call."""
        self._fill()
        numbers = bytes(self._numbers)
        self._numbers.clear()
        return numbers

    @property
    def seen(self) -> bool:
        """Whether signals were read from the pipe, but not yet returned by `take`. These signals no longer make the
        pipe readable."""
        return bool(self._numbers)

    def _fill(self) -> None:
        with suppress(BlockingIOError):
            while data := os.read(self._read, 1 << 12):
                self._numbers += data
