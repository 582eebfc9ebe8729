"""Ends a process without freeing its memory, if nothing can observe the difference.

When the interpreter ends, it collects garbage and frees every module, function and class. In a run of three steps this
took a seventh of the CPU time, for memory that the kernel frees anyway. `end` performs the interpreter's other exit
steps: it joins threads, calls exit handlers and flushes streams.
"""

from __future__ import annotations

import atexit
import gc
import os
import sys
from types import AsyncGeneratorType, CoroutineType, GeneratorType
from typing import TYPE_CHECKING, Any, Final

from flowc_ir.late import LateFunction
from flowc_runtime.process import ending, writers
from flowc_runtime.process.known_modules import is_of_others, only_known_modules

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from types import FrameType

    from flowc_runtime.process.process import prepared_streams
else:
    prepared_streams = LateFunction("flowc_runtime.process.process:prepared_streams")

_COMPILED: Final = (".so", ".pyd")
# Modules of Python whose objects have no `__del__`, but write data or restore the terminal when they are freed.
_WRITING: Final = frozenset({"_curses", "_dbm", "_gdbm", "_sqlite3", "_tkinter"})
# Type -> the attribute with the frame of a generator or coroutine. The attribute is None when the code has ended.
_FRAMES: Final[Mapping[type, str]] = {
    GeneratorType: "gi_frame",
    CoroutineType: "cr_frame",
    AsyncGeneratorType: "ag_frame",
}
# If one of these variables is set, the interpreter continues after the program, or a library may expect that the
# process ends normally.
_VARIABLES: Final = ("PYTHONINSPECT", "LD_PRELOAD")


def end(ended: SystemExit, caller: FrameType | None) -> None:
    """End the process with the exit code of `ended`, unless something could observe that memory is not freed.

    The function returns if:
    - `caller` or a frame outside of it could catch `ended`, or run code afterwards (such as a test or a debugger);
    - the interpreter continues afterwards (`python -i`), reports what it frees, or is traced;
    - unknown modules are loaded (see `known_modules`), and in addition there is either an object with a
      finalizer, or compiled code whose objects may write data when they are freed;
    - a standard stream cannot be flushed.

    Args:
        ended: the exception that would end the program.
        caller: the frame to which the exception would propagate next.
    """
    status = 0 if ended.code is None else ended.code
    if not isinstance(status, int) or not _is_last(caller) or _is_observed():
        return
    if not only_known_modules() and (_has_other_compiled_code() or _has_finalizers(gc.get_objects())):
        return
    ending.join_threads()
    ending.guard(atexit._run_exitfuncs, atexit)
    if "ctypes" in sys.modules:  # only if ctypes is loaded, code may have written to the streams of C
        writers.flush_native()
    try:
        for stream in (sys.stdout, sys.stderr):
            if stream is not None and not stream.closed:
                stream.flush()
    except (OSError, ValueError):
        return  # the interpreter reports the error when it flushes the stream itself
    os._exit(status & 0xFF)


def _has_other_compiled_code() -> bool:
    """Return True if a compiled module is loaded whose objects may write data when they are freed. These are all
    compiled modules of other packages, and Python's own modules in `_WRITING`."""
    for name, module in list(sys.modules.items()):
        if name in _WRITING:
            return True
        file = getattr(module, "__dict__", {}).get("__file__")  # `getattr(module, "__file__")` could import a submodule
        if is_of_others(name) and isinstance(file, str) and file.endswith(_COMPILED):
            return True
    return False


def _has_finalizers(objects: list[object]) -> bool:
    """Return whether an object has a finalizer, `__del__`.

    Closed files, the standard streams and generators that have ended do not count.
    """
    try:
        kinds = {kind for kind in {*map(type, objects)} if any("__del__" in vars(base) for base in kind.__mro__)}
    except Exception:  # a metaclass defines a hash that fails
        return True
    kept = {id(each) for each in _standard_streams()}
    return any(type(each) in kinds and id(each) not in kept and not _is_over(each) for each in objects)


def _is_over(found: Any) -> bool:
    """Return whether an object is a closed file or socket, or a generator or coroutine that has ended.

    Only instances of Python's own classes are checked; for any other object the result is False.
    """
    kind = type(found)
    if kind in _FRAMES:
        return getattr(found, _FRAMES[kind]) is None
    if kind.__module__ == "_io":
        return not writers.is_open(found)
    return (kind.__module__, kind.__qualname__) == ("socket", "socket") and found.fileno() == -1


def _standard_streams() -> Iterator[object]:
    """Yield the standard streams of this process and the streams prepared for forked children, each with its buffer and
    its raw file."""
    prepared = prepared_streams() if "flowc_runtime.process.process" in sys.modules else ()
    for stream in (sys.__stdin__, sys.__stdout__, sys.__stderr__, sys.stdin, sys.stdout, sys.stderr, *prepared):
        each: object = stream
        while each is not None:
            yield each
            each = getattr(each, "buffer", None) or getattr(each, "raw", None)


def _is_last(frame: FrameType | None) -> bool:
    """Return whether this frame and all its callers have no exception handler, no `finally` and no `with`.

    The frame at the end of this chain must be the program's module, or `python -m`.
    """
    runpy: object = sys.modules.get("runpy")
    allowed = getattr(getattr(runpy, "_run_module_as_main", None), "__code__", None)  # `python -m`
    outermost = None
    while frame is not None:
        code = outermost = frame.f_code
        handlers: bytes | None = getattr(code, "co_exceptiontable", None)  # since Python 3.11
        if handlers is None or (handlers and code is not allowed):
            return False
        frame = frame.f_back
    return outermost is not None and (outermost.co_name == "<module>" or outermost is allowed)


def _is_observed() -> bool:
    """Return True if a tool such as a tracer can observe the end of the interpreter, and also if the interpreter
    continues after the program, as with `python -i`."""
    flags = sys.flags
    return bool(
        not sys.orig_argv  # Python is embedded in another program
        or not ending.in_main_thread()
        or sys.gettrace()
        or sys.getprofile()
        or _has_monitoring_tools()
        or flags.inspect
        or flags.interactive
        or flags.verbose
        or flags.dev_mode
        or sys.warnoptions  # with warning options, objects that are freed at the end may issue warnings
        or gc.get_debug()
        or any(os.environ.get(name) for name in _VARIABLES)
    )


def _has_monitoring_tools() -> bool:
    monitoring = getattr(sys, "monitoring", None)  # since Python 3.12
    return monitoring is not None and any(monitoring.get_tool(number) is not None for number in range(6))
