"""The end of a task's process: what a Python interpreter does at its exit, in the same order, before the record.

A forked child calls `begin` before any code of the user's, which sets apart what the forking process had registered for
its own exit. `end` then runs what the child itself registered: threads and child processes are joined, exit handlers
called, files flushed. What fails there goes to the task's log and changes nothing, as in Python.
"""

from __future__ import annotations

import atexit
import errno
import gc
import os
import sys
import threading
import traceback
import weakref
from functools import partial
from typing import TYPE_CHECKING, Any

from flowc_runtime.process import writers

if TYPE_CHECKING:
    from collections.abc import Callable

_inherited: list[Any] = []  # what the forking process holds; kept, since letting go of it could call its finalizers
_settled: list[weakref.ref[Any]] = []  # writers of the forking process, which have nothing of its own to write any more
_coverage: Any = None  # the measurement that the forking process began
_ended = False


class _Mark:
    """Something that is younger than all that was inherited."""


_mark: _Mark | None = None


# -- in the process that forks -----------------------------------------------------------------------------------------


def settle() -> None:
    """Write out what the forking process has buffered, once, before its first fork: children would write it again.

    Its files and logging handlers can then be flushed in every child, where only a task's own lines are in them.
    """
    logging: Any = sys.modules.get("logging")
    for each in list(getattr(logging, "_handlerList", ())):
        if (handler := each()) is not None:
            _guard(handler.flush, handler)
    found = writers.find(gc.get_objects())
    for stream in (*found.texts, *found.buffers):
        # One that fails still holds lines that are not a task's.
        if not writers.is_standard(stream) and _guard(stream.flush, stream):
            _settled.append(weakref.ref(stream))


def flush() -> None:
    """Flush, before each fork, what the child would write a second time."""
    for standard in (sys.stdout, sys.stderr):
        try:
            standard.flush()
        except OSError as error:
            if error.errno not in (errno.EIO, errno.EPIPE):
                raise
            # Its terminal or its reader is gone: what is left of it goes nowhere, and the run goes on.
            null = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null, standard.fileno())
            os.close(null)
            standard.flush()
    for stream in _still_open():
        _guard(stream.flush, stream)
    writers.flush_native()


# -- in the child ------------------------------------------------------------------------------------------------------


def begin() -> None:
    """Set apart, in a forked child, all that the forking process had registered for its own exit."""
    global _coverage, _ended, _mark
    _ended = False
    finalize: Any = weakref.finalize
    if finalize._registered_with_atexit:
        for info in finalize._registry.values():
            info.atexit = False
        # An exit handler may hold the last reference to an object; what would be finalized is the other process's.
        finalize._shutdown = True
        atexit._clear()
        finalize._shutdown = finalize._registered_with_atexit = False
    else:
        atexit._clear()
    if threading._threading_atexits:  # type: ignore[attr-defined]
        _forget_threads()
    modules: dict[str, Any] = sys.modules
    # The handlers of modules that are not imported a second time. The last to be registered is the first to be called.
    if shutdown := getattr(modules.get("logging"), "shutdown", None):
        atexit.register(shutdown)
    if process := modules.get("multiprocessing.process"):
        _inherited.append(process._children)  # else those would be ended and joined here
        process._children = set()
    if util := modules.get("multiprocessing.util"):
        atexit.register(util._exit_function)
    if coverage := modules.get("coverage"):
        _coverage = coverage.Coverage.current()
    gc.freeze()  # what `gc.get_objects` gives from now on is the child's own
    _mark = _Mark()


def measured() -> dict[str, Any] | None:
    """Return what `measure` needs to go on, in a process that is no fork of this one, with this one's coverage."""
    coverage = sys.modules.get("coverage")
    if coverage is None or (current := coverage.Coverage.current()) is None:
        return None
    config = current.config
    names = {"include": "run_include", "omit": "run_omit"}  # where the argument and the attribute differ
    names |= {name: name for name in ("branch", "concurrency", "config_file", "data_file", "source", "source_pkgs")}
    settings = {name: getattr(config, attribute) for name, attribute in names.items()}
    return {**settings, "data_file": os.path.abspath(settings["data_file"]), "directory": os.getcwd()}


def measure(settings: dict[str, Any]) -> None:
    """Measure this process's coverage from now on; `end` saves it, in a file of the process's own."""
    global _coverage
    from coverage import Coverage

    given = {**settings}
    if given.pop("directory") != os.getcwd():
        given["config_file"] = False  # its paths are relative
    _coverage = Coverage(data_suffix=True, **{name: value for name, value in given.items() if value is not None})
    _coverage.start()


def _forget_threads() -> None:
    """Let `threading` call none of the forking process's hooks, nor wake its executors, whose threads are not here."""
    hooks: Any = threading._threading_atexits  # type: ignore[attr-defined]
    _inherited.append(list(hooks))
    hooks.clear()
    for name, executors in (("thread", "_threads_queues"), ("process", "_threads_wakeups")):
        if module := sys.modules.get(f"concurrent.futures.{name}"):
            _inherited.append(dict(getattr(module, executors)))
            getattr(module, executors).clear()
            threading._register_atexit(module._python_exit)  # type: ignore[attr-defined]


def end() -> None:
    """End the user's part of this process, once: threads, exit handlers, files, and what measures its coverage."""
    global _ended
    if _ended:
        return
    _ended = True
    process = os.getpid()
    _guard(threading._shutdown, threading)  # type: ignore[attr-defined]
    _guard(atexit._run_exitfuncs, atexit)
    if os.getpid() != process:  # a handler forked, and its child has come back: the task is not the child's to record
        os._exit(0)
    _finish_files()
    _save_coverage()


def _finish_files() -> None:
    """Complete the files that the task has left open, and those of the forking process that it may have written to."""
    objects = gc.get_objects()
    # The step may have called gc.freeze(): all that there is may then be flushed, but what was inherited not be closed.
    frozen = _mark is not None and id(_mark) not in map(id, objects)
    if frozen:
        gc.unfreeze()
        objects = gc.get_objects()
    found = writers.find(objects)
    for stream in (*_still_open(), *found.texts):
        _guard(stream.flush, stream)
    for file in () if frozen else found.closed:
        _guard(partial(writers.complete, file), file)
    for stream in filter(writers.is_open, found.buffers):
        _guard(stream.flush, stream)
    for file in () if frozen else found.raw:
        _guard(partial(writers.complete, file), file)
    writers.flush_native()


def _still_open() -> list[Any]:
    """Return the files that the forking process had open; a text has its buffer among them."""
    return [stream for each in _settled if (stream := each()) is not None and writers.is_open(stream)]


def _save_coverage() -> None:
    """Save what this child has covered, where the forking process measures it, in a file of the child's own."""
    if _coverage is not None:
        if (data := getattr(_coverage, "_data", None)) is not None:
            data._suffix = True  # as under `coverage run --parallel-mode`: several must not write to one file
        _guard(_coverage.stop, _coverage)
        _guard(_coverage.save, _coverage)


def _guard(call: Callable[[], object], what: object) -> bool:
    """Return whether a call raised nothing; what it raised is told as Python tells it at its exit."""
    try:
        call()
    except BaseException as error:
        told = "".join(traceback.format_exception(error))
        try:
            sys.stderr.write(f"Exception ignored in: {what!r}\n{told}")
        except Exception:  # the task has closed its stderr, or what failed cannot be shown
            return False
        return False
    return True
