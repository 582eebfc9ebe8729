"""The signals that end a program, and the exception by which one ends what its main thread does."""

from __future__ import annotations

import signal

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
