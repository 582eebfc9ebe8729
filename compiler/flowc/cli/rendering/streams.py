"""The standard streams of a command: closed ones, and ones that fail because a disk is full."""

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
    """Open closed standard streams on /dev/null. Hazard: otherwise the next pipe would get their descriptors.

    The descriptors 0, 1 and 2 are inheritable then, like standard streams, because started programs need them too.
    """
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            while os.open(os.devnull, os.O_RDWR) < number:
                continue
            os.set_inheritable(number, True)  # like a standard stream: started programs need it too
            setattr(sys, name, open(number, "r" if number == 0 else "w", encoding="utf-8", closefd=False))  # noqa: SIM115


@contextmanager
def reporting_failed_output() -> Iterator[None]:
    """Report output of the block that cannot be written in one line, with exit code 1.

    A pipe that its reader has closed ends the program without a message. So does a closed terminal, with the exit code
    of SIGHUP: the signal and the failing write come in any order.

    Raises:
        SystemExit: always, with the block's own exit code if the output was written.
        OSError: the block raised one that is not about an output stream.
    """
    ended = SystemExit(0)
    try:
        try:
            yield
        except SystemExit as found:
            ended = found
            if ended.code == 128 + signal.SIGHUP:  # writes at exit would fail too
                _end(sys.stderr, sys.stdout, ended=ended)
        # Flush here: at exit, Python would only print that an exception was ignored, and end with exit code 120.
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
        with suppress(OSError):  # stderr itself may be full
            print(f"error: cannot write the output: {error.strerror}", file=sys.stderr, flush=True)
        _end(sys.stdout, ended=ended)
    raise ended


def is_of_a_stream(error: OSError) -> bool:
    """Return whether an error is that of an output stream: its `filename` is None.

    Reading a file can also fail with EIO; a stream that failed with it fails again.
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
    """Return whether stdout or stderr is a closed terminal. A write can fail a moment before poll reports it."""
    poll = select.poll()
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):  # not a file, or closed
            poll.register(stream.fileno(), 0)
    return any(event & select.POLLHUP for _, event in poll.poll(_MOMENT))


def _end(*streams: IO[str], ended: SystemExit) -> NoReturn:
    """Redirect the streams to /dev/null, so that the flush at exit succeeds, and end with a nonzero exit code."""
    for stream in streams:
        with suppress(OSError, ValueError):  # not a file, or closed
            null = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null, stream.fileno())
            os.close(null)
    raise SystemExit(ended.code or 1) from None
