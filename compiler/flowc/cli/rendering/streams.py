"""The standard streams of a command: closed ones, and those that cannot be written because a disk is full."""

from __future__ import annotations

import errno
import os
import select
import signal
import sys
from contextlib import contextmanager, suppress
from typing import IO, TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from collections.abc import Iterator

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_MOMENT = 500  # milliseconds


def open_closed() -> None:
    """Standard streams that were closed lead nowhere: else a pipe of ours would take their numbers."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            while os.open(os.devnull, os.O_RDWR) < number:
                continue
            os.set_inheritable(number, True)  # as a standard stream is: the programs that are started need it too
            setattr(sys, name, open(number, "r" if number == 0 else "w", encoding="utf-8", closefd=False))  # noqa: SIM115


@contextmanager
def told_if_full() -> Iterator[None]:
    """Around a command line, which ends by SystemExit: output that cannot be written is told in a line, exit code 1.

    A pipe whose reader has closed it ends the program without a message, and so does a terminal that was closed, with
    the exit code of its signal, SIGHUP: the two come in any order.
    """
    ended = SystemExit(0)
    try:
        try:
            yield
        except SystemExit as found:
            ended = found
            if ended.code == 128 + signal.SIGHUP:  # there is no terminal any more, also for what is written at exit
                _end(sys.stderr, sys.stdout, ended=ended)
        # Here, since Python would only print that an exception was ignored, and end with exit code 120.
        sys.stdout.flush()
        sys.stderr.flush()
    except BrokenPipeError:
        _end(sys.stdout, ended=ended)
    except OSError as error:
        if not is_of_a_stream(error):
            raise
        if error.errno == errno.EIO and _terminal_is_gone():
            heeded = signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN
            _end(sys.stderr, sys.stdout, ended=SystemExit(ended.code or (128 + signal.SIGHUP if heeded else 1)))
        with suppress(OSError):  # it may be stderr that is full
            print(f"error: cannot write the output: {error.strerror}", file=sys.stderr, flush=True)
        _end(sys.stdout, ended=ended)
    raise ended


def is_of_a_stream(error: OSError) -> bool:
    """Whether an error is that of an output stream: such a one names no file.

    Reading a file can fail with EIO as well. A stream that has failed with it does so again.
    """
    if error.filename is not None:
        return False
    if error.errno == errno.EIO:
        return _fails_again(errno.EIO) or _terminal_is_gone()
    return isinstance(error, BrokenPipeError) or error.errno in _FULL


def _fails_again(number: int) -> bool:
    """Whether what stdout or stderr still holds cannot be written, with this error."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError as error:
            if error.errno == number:
                return True
        except ValueError:  # it is closed
            continue
    return False


def _terminal_is_gone() -> bool:
    """Whether stdout or stderr is a terminal that was closed. Writing to it can fail a moment before that is seen."""
    poll = select.poll()
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):  # it is no file, or closed
            poll.register(stream.fileno(), 0)
    return any(event & select.POLLHUP for _, event in poll.poll(_MOMENT))


def _end(*streams: IO[str], ended: SystemExit) -> NoReturn:
    """Let Python flush into nothing when it exits, and end with an exit code that is no success."""
    for stream in streams:
        with suppress(OSError, ValueError):  # it is no file, or closed
            null = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null, stream.fileno())
            os.close(null)
    raise SystemExit(ended.code or 1) from None
