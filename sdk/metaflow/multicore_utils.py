"""`parallel_map` calls a function once per argument, each time in a separate process.

Each call runs in a forked process, so the function may be a lambda or a closure and sees all objects of the caller.
Child processes return results as pickles in temporary files, since results may be large.
"""

from __future__ import annotations

import os
import pickle
import signal
import sys
import traceback
from collections import deque
from multiprocessing import connection
from tempfile import mkstemp
from typing import TYPE_CHECKING, Any, TypeVar

from flowc_ir.late.namedtuple import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

__all__ = ["MulticoreException", "parallel_imap_unordered", "parallel_map"]

_A = TypeVar("_A")
_R = TypeVar("_R")


class MulticoreException(Exception):
    """A call has failed; the traceback of the call is on stderr."""


class _Child(NamedTuple):
    pid: int
    # the read end of a pipe whose write end only the child holds, so it becomes readable (end of file) when the child
    # ends
    alive: int
    result: str


def parallel_map(
    func: Callable[[_A], _R], iterable: Iterable[_A], max_parallel: int | None = None, dir: str | None = None
) -> list[_R]:
    """Return `[func(x) for x in iterable]`, computed in parallel; the results are in the order of the arguments.

    Args:
        func: the function; its results are pickled.
        iterable: the arguments.
        max_parallel: the number of processes at a time; default: the number of cores that this process may use.
        dir: the directory of the temporary files with the results; default: that of `tempfile`.

    Raises:
        MulticoreException: a call raised an exception, or its process died. All other running calls are killed.
        ValueError: `max_parallel` is less than 1.
    """
    numbered = parallel_imap_unordered(lambda item: (item[0], func(item[1])), enumerate(iterable), max_parallel, dir)
    return [result for _, result in sorted(numbered, key=lambda pair: pair[0])]


def parallel_imap_unordered(
    func: Callable[[_A], _R], iterable: Iterable[_A], max_parallel: int | None = None, dir: str | None = None
) -> Iterator[_R]:
    """Yield each result as soon as its call ends. An argument is read only when a process can start for it.

    If the caller stops the iteration, the calls that still run are killed.

    Args:
        func: the function; its results are pickled.
        iterable: the arguments.
        max_parallel: the number of processes at a time; default: the number of cores that this process may use.
        dir: the directory of the temporary files with the results; default: that of `tempfile`.

    Raises:
        MulticoreException: a call raised an exception, or its process died. All other running calls are killed.
        ValueError: `max_parallel` is less than 1. Both errors are raised during the iteration.
    """
    limit = max_parallel if max_parallel is not None else _cores()
    if limit < 1:
        raise ValueError(f"max_parallel is {limit}: it must be at least 1")
    waiting = iter(iterable)
    running: dict[int, _Child] = {}
    done: deque[_R] = deque()
    try:
        while True:
            for argument in waiting:
                child = _spawn(func, argument, dir)
                running[child.alive] = child
                if len(running) >= limit:
                    break
            if not running:
                return
            for alive in connection.wait(list(running)):
                assert isinstance(alive, int)  # the arguments are descriptors, so `connection.wait` returns descriptors
                done.append(_collect(running.pop(alive)))
            while done:
                yield done.popleft()
    finally:  # other calls are still running if the caller stops early or a call has failed
        for child in running.values():
            _end(child)


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _spawn(func: Callable[[Any], object], argument: object, directory: str | None) -> _Child:
    opened, result = mkstemp(prefix="parallel-map-", dir=directory)
    alive, held = os.pipe()  # the child holds `held`, which the system closes when the child ends or is killed
    sys.stdout.flush()  # otherwise the child would inherit the buffered text and write it, too
    sys.stderr.flush()
    pid = os.fork()
    if pid:
        os.close(opened)
        os.close(held)
        return _Child(pid, alive, result)
    code = 1
    try:
        with os.fdopen(opened, "wb") as file:
            pickle.dump(func(argument), file, protocol=pickle.HIGHEST_PROTOCOL)
        code = 0
    except BaseException:  # SystemExit, too, is caught, because the child must never continue with the parent's code
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)  # exit without running the parent's `atexit` functions and `finally` blocks


def _collect(child: _Child) -> Any:
    """Return the result of a child process that has ended."""
    os.close(child.alive)
    try:
        _, status = os.waitpid(child.pid, 0)
        if status:
            code = os.waitstatus_to_exitcode(status)
            raise MulticoreException(f"Child failed: {f'signal {-code}' if code < 0 else 'its traceback is on stderr'}")
        with open(child.result, "rb") as file:
            return pickle.load(file)
    finally:
        os.unlink(child.result)


def _end(child: _Child) -> None:
    os.kill(child.pid, signal.SIGKILL)
    os.waitpid(child.pid, 0)
    os.close(child.alive)
    os.unlink(child.result)
