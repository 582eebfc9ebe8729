"""The signals that end a program: how whoever waits learns of them, and the exception by which one ends other work."""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from typing import final

ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interrupted(KeyboardInterrupt):
    """A signal, `number`, has come that ends the program. It passes code that catches `Exception`."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


def heeded() -> list[signal.Signals]:
    """Return the signals that end this process.

    What the caller ignores stays ignored: `nohup` means SIGHUP by it, and a shell SIGINT for a command behind `&`.
    """
    return [number for number in ENDING if signal.getsignal(number) is not signal.SIG_IGN]


@final
class Wakeup:
    """A pipe into which the interpreter writes the number of each signal that has a handler of Python's.

    Any signal makes it readable, also one that a user's code handles. Several may wait on it: who looks whether one of
    ENDING has come leaves it, and all others, for who takes them.
    """

    def __init__(self) -> None:
        self._read, self._write = -1, -1
        self._numbers = bytearray()  # read, and not taken yet

    def open(self) -> int:
        """Make the pipe; return its end for `signal.set_wakeup_fd`."""
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
        """Return both ends, which a forked child should close."""
        return self._read, self._write

    def fileno(self) -> int:
        """Return the descriptor that can be read when a signal has come since somebody looked."""
        return self._read

    def has_ending(self) -> bool:
        """Return whether a signal of ENDING has come that nobody has taken. Afterwards the pipe is empty."""
        self._fill()
        return any(number in ENDING for number in self._numbers)

    def take(self) -> bytes:
        """Return the numbers of the signals that have come, each once."""
        self._fill()
        numbers = bytes(self._numbers)
        self._numbers.clear()
        return numbers

    @property
    def seen(self) -> bool:
        """Whether there are signals that were looked at and not taken: the descriptor does not show them."""
        return bool(self._numbers)

    def _fill(self) -> None:
        with suppress(BlockingIOError):
            while data := os.read(self._read, 1 << 12):
                self._numbers += data
