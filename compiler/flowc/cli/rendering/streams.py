"""The standard streams of a command: closed streams, and streams to which writing fails, as on a full disk."""

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
_MOMENT = 500  # the longest time to wait, in milliseconds, until poll reports that the terminal was closed


def open_closed() -> None:
    """Open /dev/null in place of each closed standard stream.

    Hazard: if a standard stream stays closed, the next opened pipe gets its descriptor. The descriptors 0, 1
    and 2 are made inheritable, because programs that this process starts need standard streams, too. A program that
    forked this process may have closed a standard stream and then opened a file, which got the descriptor 0, 1 or 2.
    If so, this process closes its own copy of this descriptor, and the copy in the program that forked this process
    stays open.
    """
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            null = os.open(os.devnull, os.O_RDWR)
            if null != number:
                os.dup2(null, number)
                os.close(null)
            os.set_inheritable(number, True)  # programs that this process starts also need this standard stream
            setattr(sys, name, open(number, "r" if number == 0 else "w", encoding="utf-8", closefd=False))  # noqa: SIM115


@contextmanager
def reporting_failed_output() -> Iterator[None]:
    """A context manager for a whole command: if the output of the code in the `with` block cannot be written, print one
    line and end the program with exit code 1.

    If the reader has closed the pipe, the program ends without a message. If the terminal was closed, the program ends
    without a message and with the exit code of SIGHUP, even if a write fails before the signal arrives.

    Raises:
        SystemExit: always, at the end of the `with` block; with the exit code of the code in the block if all output
            was written.
        OSError: the code in the `with` block raised an OSError that is not about an output stream.
    """
    ended = SystemExit(0)
    try:
        try:
            yield
        except SystemExit as found:
            ended = found
            if ended.code == 128 + signal.SIGHUP:  # the terminal is closed, so flushing at exit would fail
                _end(sys.stderr, sys.stdout, ended=ended)
        # Flush here. If flushing failed at exit, Python would only print that an exception was ignored, and end with
        # exit code 120.
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
        with suppress(OSError):  # stderr may be a file on the full disk
            print(f"error: cannot write the output: {error.strerror}", file=sys.stderr, flush=True)
        _end(sys.stdout, ended=ended)
    raise ended


def is_of_a_stream(error: OSError) -> bool:
    """Return whether an OSError is about an output stream: such an error has no `filename`.

    Reading a file may fail with EIO, too. An EIO error therefore counts as an error of an output stream only if
    flushing stdout or stderr also fails with EIO, or if the terminal was closed.
    """
    if error.filename is not None:
        return False
    if error.errno == errno.EIO:
        return _fails_again(errno.EIO) or _terminal_is_gone()
    return isinstance(error, BrokenPipeError) or error.errno in _FULL


def _fails_again(number: int) -> bool:
    """Return whether flushing stdout or stderr fails with this error number."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError as error:
            if error.errno == number:
                return True
        except ValueError:  # the stream is closed
            continue
    return False


def _terminal_is_gone() -> bool:
    """Return whether stdout or stderr is a terminal that was closed.

    The function waits for a moment, because a write can fail shortly before poll reports that the terminal was closed.
    """
    poll = select.poll()
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):  # the stream has no descriptor, or is closed
            poll.register(stream.fileno(), 0)
    return any(event & select.POLLHUP for _, event in poll.poll(_MOMENT))


def _end(*streams: IO[str], ended: SystemExit) -> NoReturn:
    """End the program with a nonzero exit code.

    The streams are redirected to /dev/null, so that flushing them at exit succeeds.
    """
    for stream in streams:
        with suppress(OSError, ValueError):  # the stream has no descriptor, or is closed
            null = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null, stream.fileno())
            os.close(null)
    raise SystemExit(ended.code or 1) from None
