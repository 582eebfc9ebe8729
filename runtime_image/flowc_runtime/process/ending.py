"""Performs the exit steps of a Python interpreter at the end of a task, in the same order and before the task's record
is written.

A forked child calls `begin` before it runs user code; `begin` removes the exit handlers that the forking process
registered for itself. `end` then runs what the child registered: it joins threads and child processes, calls exit
handlers and flushes files. An error in these steps is written to the task's log and has no other effect, as in Python.
"""

from __future__ import annotations

import atexit
import errno
import gc
import os
import sys
import weakref
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

from flowc_ir.late import LateModule
from flowc_runtime.process import writers
from flowc_runtime.process.known_modules import only_known_modules

if TYPE_CHECKING:
    import traceback
    from collections.abc import Callable
else:  # imported at first use, because the import costs start-up time
    traceback = LateModule("traceback")


class _Measurement(Protocol):
    """The methods of `coverage.Coverage` that this module calls."""

    def start(self) -> None: ...

    def stop(self) -> None: ...

    def save(self) -> None: ...


_inherited: list[object] = []  # Objects of the forking process, kept so that their finalizers are not called.
_settled: list[weakref.ref[writers.OpenFile]] = []  # Files of the forking process that were flushed.
_coverage: _Measurement | None = None  # The measurement of code coverage that `_save_coverage` saves.
_ended = False


class _Mark:
    """The class of a single object, which a forked child creates after `gc.freeze()`. If the garbage collector does not
    list this object at the end, the step's code has called `gc.freeze()`, too."""


_mark: _Mark | None = None


# -- functions for the process that forks ------------------------------------------------------------------------------


def settle() -> None:
    """Flush the buffers of the forking process, once, before its first fork; otherwise children would write the
    buffered data again.

    Each child can then flush these files and logging handlers, since the buffers only contain the child's own lines. If
    flushing a stream fails, the error is reported on stderr, and children do not flush the stream.

    If only known modules are loaded, only the standard streams are open, and `flush` flushes them.
    """
    logging: Any = sys.modules.get("logging")
    for each in list(getattr(logging, "_handlerList", ())):
        if (handler := each()) is not None:
            guard(handler.flush, handler)
    if only_known_modules():  # the search below takes 5 % of a short run
        return
    found = writers.find(gc.get_objects())
    for stream in (*found.texts, *found.buffers):
        # A stream that fails still contains lines of the forking process: children must not flush it.
        if not writers.is_standard(stream) and guard(stream.flush, stream):
            _settled.append(weakref.ref(stream))


def flush() -> None:
    """Flush all files before a fork; otherwise the child would write the buffered data a second time.

    Hazard: a standard stream whose terminal or reader does not exist any more is replaced by /dev/null.

    Raises:
        OSError: a standard stream cannot be written for another reason, such as a full disk.
    """
    for standard in (sys.stdout, sys.stderr):
        try:
            standard.flush()
        except OSError as error:
            if error.errno not in (errno.EIO, errno.EPIPE):
                raise
            # The stream's terminal or reader does not exist any more: discard the rest of the output, and continue the
            # run.
            null = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null, standard.fileno())
            os.close(null)
            standard.flush()
    for stream in _still_open():
        guard(stream.flush, stream)
    writers.flush_native()


# -- functions for the child -------------------------------------------------------------------------------------------


def begin() -> None:
    """Remove, in a forked child, all exit handlers and finalizers that the forking process registered for itself.

    Without this call, the child would run the exit handlers and finalizers of the forking process.
    """
    global _coverage, _ended, _mark
    _ended = False
    finalize: Any = weakref.finalize
    if finalize._registered_with_atexit:
        for info in finalize._registry.values():
            info.atexit = False
        # `_clear` may drop the last reference to an object with a finalizer. The finalizer belongs to the forking
        # process and must not run here; `_shutdown` prevents it.
        finalize._shutdown = True
        atexit._clear()
        finalize._shutdown = finalize._registered_with_atexit = False
    else:
        atexit._clear()
    modules: dict[str, Any] = sys.modules
    if (threading := modules.get("threading")) and threading._threading_atexits:
        _forget_threads(threading)
    # Modules register their exit handlers at import, which does not happen again in the child, so this function
    # registers them. The handler that is registered last is called first.
    if shutdown := getattr(modules.get("logging"), "shutdown", None):
        atexit.register(shutdown)
    if process := modules.get("multiprocessing.process"):
        _inherited.append(process._children)  # otherwise this child would end and join the parent's children
        process._children = set()
    if util := modules.get("multiprocessing.util"):
        atexit.register(util._exit_function)
    if coverage := modules.get("coverage"):
        _coverage = coverage.Coverage.current()
    gc.freeze()  # `gc.get_objects` later returns only the child's own objects
    _mark = _Mark()


def measured() -> dict[str, object] | None:
    """Return the settings with which a process that is not a fork of this one can measure coverage in the same way.

    Returns:
        Arguments of `coverage.Coverage` by name, and `directory`, the working directory; None if coverage is not being
        measured.
    """
    coverage = sys.modules.get("coverage")
    if coverage is None or (current := coverage.Coverage.current()) is None:
        return None
    config = current.config
    names = {"include": "run_include", "omit": "run_omit"}  # argument of `Coverage` -> attribute of another name
    names |= {name: name for name in ("branch", "concurrency", "config_file", "data_file", "source", "source_pkgs")}
    settings = {name: getattr(config, attribute) for name, attribute in names.items()}
    return {**settings, "data_file": os.path.abspath(settings["data_file"]), "directory": os.getcwd()}


def measure(settings: dict[str, Any]) -> None:
    """Start to measure this process's coverage; `end` saves it in a separate file.

    Args:
        settings: the result of `measured`.
    """
    global _coverage
    from coverage import Coverage

    given = {**settings}
    if given.pop("directory") != os.getcwd():
        # In another working directory, coverage's configuration file is not read: its relative paths would be wrong.
        given["config_file"] = False
    coverage = Coverage(data_suffix=True, **{name: value for name, value in given.items() if value is not None})
    coverage.start()
    _coverage = coverage


def _forget_threads(threading: Any) -> None:
    """Remove the forking process's exit hooks and executors from `threading`, because their threads do not exist in
    this child."""
    hooks: Any = threading._threading_atexits
    _inherited.append(list(hooks))
    hooks.clear()
    for name, executors in (("thread", "_threads_queues"), ("process", "_threads_wakeups")):
        if module := sys.modules.get(f"concurrent.futures.{name}"):
            _inherited.append(dict(getattr(module, executors)))
            getattr(module, executors).clear()
            threading._register_atexit(module._python_exit)


def end() -> None:
    """Perform the exit steps of the interpreter, once: join threads, call exit handlers, complete files and save
    coverage.

    Errors in these steps are reported on stderr and not raised, as in Python. Hazard: if an exit handler forks and its
    child returns to this function, this function ends the child.
    """
    global _ended
    if _ended:
        return
    _ended = True
    process = os.getpid()
    join_threads()
    guard(atexit._run_exitfuncs, atexit)
    if os.getpid() != process:  # this is a child that an exit handler forked: it must not record the task
        os._exit(0)
    _finish_files()
    _save_coverage()


def join_threads() -> None:
    """Wait until the threads of `threading` have ended that are not daemons.

    This module does not import `threading`: once imported, it makes each fork of the process slower, by a third of a
    millisecond.
    """
    threading: Any = sys.modules.get("threading")
    if threading is not None:
        guard(threading._shutdown, threading)


def in_main_thread() -> bool:
    """Return whether this is the main thread. `threading` is not imported, see `join_threads`."""
    threading: Any = sys.modules.get("threading")
    return threading is None or threading.current_thread() is threading.main_thread()


def _finish_files() -> None:
    """Flush and close the files that the task left open, and flush the forking process's files, to which the task may
    have written."""
    objects = gc.get_objects()
    # The step may have called gc.freeze(), so that `gc.get_objects` does not return the task's objects. After
    # `gc.unfreeze`, `gc.get_objects` returns both the task's objects and inherited objects. The task's files cannot be
    # distinguished from inherited files, which must stay open. So all files are flushed, but none is closed.
    frozen = _mark is not None and id(_mark) not in map(id, objects)
    if frozen:
        gc.unfreeze()
        objects = gc.get_objects()
    found = writers.find(objects)
    for stream in (*_still_open(), *found.texts):
        guard(stream.flush, stream)
    for file in () if frozen else found.closed:
        guard(partial(writers.complete, file), file)
    for stream in filter(writers.is_open, found.buffers):
        guard(stream.flush, stream)
    for file in () if frozen else found.raw:
        guard(partial(writers.complete, file), file)
    writers.flush_native()


def _still_open() -> list[writers.OpenFile]:
    """Return the forking process's files that are still open, including the buffers of text files."""
    return [stream for each in _settled if (stream := each()) is not None and writers.is_open(stream)]


def _save_coverage() -> None:
    """Save this child's coverage in a separate file, if the forking process measures coverage."""
    if _coverage is not None:
        if (data := getattr(_coverage, "_data", None)) is not None:
            data._suffix = True  # each process has its own file, as with `coverage run --parallel-mode`
        guard(_coverage.stop, _coverage)
        guard(_coverage.save, _coverage)


def guard(call: Callable[[], object], what: object) -> bool:
    """Call `call` and return whether it succeeded; report an exception in the format in which Python reports it at
    exit."""
    try:
        call()
    except BaseException as error:
        told = "".join(traceback.format_exception(error))
        try:
            sys.stderr.write(f"Exception ignored in: {what!r}\n{told}")
        except Exception:  # the task has closed its stderr, or the object's repr fails
            return False
        return False
    return True
