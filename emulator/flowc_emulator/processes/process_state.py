"""Compare a process before and after an import, to find state that a fork must not share.

A fork copies only memory. Threads do not exist in the copy; the two processes share the file offsets of open
descriptors; a child process has only one of them as its parent; and functions that are registered for the process's end
would be called twice or never.
"""

from __future__ import annotations

import atexit
import fcntl
import os
import sys
import weakref
from _thread import get_native_id  # importing `threading` would make each fork slower
from collections import Counter
from types import FunctionType
from typing import TYPE_CHECKING, Protocol

from flowc_emulator.processes.packages import HARMLESS_FINALIZERS, HARMLESS_HANDLERS, HARMLESS_THREADS, POOLS
from flowc_ir.late import LateModule
from flowc_ir.late.namedtuple import NamedTuple

if TYPE_CHECKING:
    import threading
    from collections.abc import Iterable
else:  # imported at first use: only processes with several threads need it
    threading = LateModule("threading")

# Exit handlers that modules of the standard library register when they are imported. These handlers concern only
# objects that a fork copies completely; objects with a finalizer are checked separately.
_OWN_HANDLERS = frozenset({
    "concurrent.futures.process._python_exit", "concurrent.futures.thread._python_exit", "logging.shutdown",
    "multiprocessing.util._exit_function", "rlcompleter.<lambda>", "weakref.finalize._exitfunc",
})  # fmt: skip
# prefixes of modules whose exit handlers tasks need not call
_OURS = ("flowc.", "flowc_emulator.", "flowc_runtime.", "metaflow.")
_HARMLESS_FILES = frozenset({"/dev/null", "/dev/urandom", "/dev/random", "/dev/zero"})
_DEBUGGERS = ("pydevd", "_pydev", "debugpy")
"""Prefixes of the names of debuggers' threads and modules; these debuggers handle forks themselves."""


class State(NamedTuple):
    """The parts of a process's state that forks must not share. `threads` are the names of the threads that do not stop
    when the process forks."""

    threads: tuple[str, ...]
    descriptors: frozenset[tuple[int, str]]
    children: frozenset[int]
    finalizers: tuple[str, ...]
    handlers: tuple[str, ...]
    pools: frozenset[str]

    @classmethod
    def now(cls) -> State:
        """Return the state of this process.

        Hazard: if the process has more than one thread, this method forks once, to see which threads stop at a fork.
        """
        return cls(_threads(), _descriptors(), _children(), _finalizers(), _handlers(), _pools())

    @classmethod
    def clean(cls) -> State:
        """Return the state of a process that has just started; inherited descriptors do not count as opened."""
        inherited = frozenset(found for found in _descriptors() if not _closes_on_exec(found[0]))
        return cls((), inherited, frozenset(), (), (), frozenset())

    def since(self, before: State) -> list[str]:
        """Describe the added state by phrases that complete a sentence with "importing it "; return none if forks may
        share the state.

        Args:
            before: the state before the import.
        """
        faults = []
        if len(self.threads) > len(before.threads):
            new = [name for name in self.threads if name not in before.threads] or list(self.threads)
            faults.append(f"starts {len(new)} thread{'s' if len(new) > 1 else ''} ({_listed(new)})")
        if opened := sorted(path for _, path in self.descriptors - before.descriptors):
            faults.append(f"leaves open {_listed(opened)}")
        if started := self.children - before.children:
            faults.append(f"starts {len(started)} process{'es' if len(started) > 1 else ''}")
        if made := list((Counter(self.finalizers) - Counter(before.finalizers)).elements()):
            faults.append(f"has something to clean up at the end of the process ({_listed(made)})")
        if registered := list((Counter(self.handlers) - Counter(before.handlers)).elements()):
            faults.append(f"registers a function for the end of the process ({_listed(registered)})")
        faults.extend(POOLS[module].why for module in sorted(self.pools - before.pools))
        return faults


def _listed(names: Iterable[str]) -> str:
    shown = list(dict.fromkeys(names))
    return ", ".join(shown[:3]) + (", …" if len(shown) > 3 else "")


def is_debugged() -> bool:
    """Return whether a debugger traces this process. A debugger also traces forks, but not newly executed processes."""
    tracer = sys.gettrace()
    if tracer is not None:
        # coverage.py is not a debugger, and each task starts its own measurement
        return not getattr(tracer, "__module__", "").startswith("coverage")
    monitoring = getattr(sys, "monitoring", None)  # since Python 3.12
    return monitoring is not None and monitoring.get_tool(monitoring.DEBUGGER_ID) is not None


def _threads() -> tuple[str, ...]:
    """Return the threads, except the main one, that do not stop at a fork; thread pools such as OpenBLAS's stop at a
    fork."""
    if _thread_count() > 1:
        # the C library's fork also calls handlers (pthread_atfork) in this process, which stop some threads
        pid = os.fork()
        if pid == 0:
            os._exit(0)
        os.waitpid(pid, 0)
    if _thread_count() <= 1:
        return ()
    threads = [thread for thread in threading.enumerate() if thread is not threading.main_thread()]
    if any(thread.name.startswith(_DEBUGGERS) for thread in threads):
        return tuple(thread.name for thread in threads if not thread.name.startswith(_DEBUGGERS))
    return (*(thread.name for thread in threads), *_native({thread.native_id for thread in threads}))


def _native(python: set[int | None]) -> tuple[str, ...]:
    """Return the names of the native threads, except the threads that a forked process does not need."""
    try:
        tasks = [int(name) for name in os.listdir("/proc/self/task")]
    except OSError:  # not Linux
        return ()
    own, names = _comm(os.getpid()), []
    for task in sorted(tasks):
        if task != os.getpid() and task not in python and (name := _comm(task)) not in HARMLESS_THREADS:
            names.append("native code" if name in (own, "") else name)
    return tuple(names)


def _comm(task: int) -> str:
    """Return the name of a thread, by default the name of its process; empty if the thread has just ended."""
    try:
        with open(f"/proc/self/task/{task}/comm", encoding="utf-8", errors="replace") as file:
            return file.read().rstrip("\n")
    except OSError:
        return ""


def _thread_count() -> int:
    try:
        return len(os.listdir("/proc/self/task"))
    except OSError:  # not Linux
        return threading.active_count()


def _descriptors() -> frozenset[tuple[int, str]]:
    found = set()
    directory = "/proc/self/fd" if os.path.isdir("/proc/self/fd") else "/dev/fd"
    for name in os.listdir(directory):
        try:
            path = os.readlink(f"{directory}/{name}") if directory.startswith("/proc") else f"descriptor {name}"
        except OSError:  # this descriptor was only open to list the directory
            continue
        if int(name) > 2 and path not in _HARMLESS_FILES and not path.endswith("/fd"):
            found.add((int(name), path))
    return frozenset(found)


def _closes_on_exec(descriptor: int) -> bool:
    try:
        return bool(fcntl.fcntl(descriptor, fcntl.F_GETFD) & fcntl.FD_CLOEXEC)
    except OSError:
        return False


def _children() -> frozenset[int]:
    try:
        with open(f"/proc/self/task/{get_native_id()}/children", encoding="ascii") as file:
            return frozenset(map(int, file.read().split()))
    except OSError:  # the system is not Linux, or its kernel does not list children
        return frozenset()


class _Finalizer(Protocol):
    """The type of the entries of `weakref.finalize._registry`."""

    func: object
    atexit: bool


def _finalizers() -> tuple[str, ...]:
    registry: dict[object, _Finalizer] = weakref.finalize._registry  # type: ignore[attr-defined]
    made = [info.func for info in list(registry.values()) if info.atexit]
    return tuple(getattr(func, "__qualname__", "a function") for func in made if _name(func) not in HARMLESS_FINALIZERS)


class _Spy:
    """An object that is not equal to any other object, and records the objects with which it was compared."""

    def __init__(self) -> None:
        self.seen: list[object] = []

    def __eq__(self, other: object) -> bool:
        self.seen.append(other)
        return False

    __hash__ = None  # type: ignore[assignment]


def _handlers() -> tuple[str, ...]:
    """Return the dotted names of the functions that are called at the end of the process, except harmless functions."""
    spy = _Spy()
    atexit.unregister(spy)  # type: ignore[arg-type]  # unregister compares each function with its argument
    # `threading` has a list of its own: the interpreter calls the functions in it earlier, when it joins threads.
    seen = [*spy.seen, *map(_called_by, getattr(sys.modules.get("threading"), "_threading_atexits", ()))]
    names = [name for name in map(_name, seen) if not name.startswith(_OURS)]
    return tuple(name for name in names if name not in _OWN_HANDLERS and name not in HARMLESS_HANDLERS)


def _called_by(handler: object) -> object:
    """Return the function that was registered with `threading` for the end of the interpreter.

    `threading` wraps the function in a partial or, in Python 3.13, in a closure.
    """
    if isinstance(handler, FunctionType) and (closure := handler.__closure__) is not None:
        names = zip(handler.__code__.co_freevars, closure, strict=True)
        return next((cell.cell_contents for name, cell in names if name == "func"), handler)
    return getattr(handler, "func", handler)


def _name(function: object) -> str:
    module, name = getattr(function, "__module__", None), getattr(function, "__qualname__", type(function).__name__)
    return f"{module}.{name}" if module else str(name)


def _pools() -> frozenset[str]:
    """Return the modules of POOLS that have started their threads, according to the global variable `flag`."""
    loaded = ((module, sys.modules.get(module), pool.flag) for module, pool in POOLS.items())
    return frozenset(module for module, found, flag in loaded if found is not None and found.__dict__.get(flag))
