"""What a process has that a fork must not share with others: looked at before and after an import.

A fork copies memory and nothing else. A thread does not exist in the copy, a descriptor has one file offset for both, a
child has one parent, and what is registered for the end of the process would be done twice or never.
"""

from __future__ import annotations

import atexit
import fcntl
import os
import sys
import threading
import weakref
from collections import Counter
from typing import Any, NamedTuple

from flowc_emulator.processes.packages import HARMLESS_FINALIZERS, HARMLESS_HANDLERS, HARMLESS_THREADS, POOLS

# Exit handlers that Python's own modules register when they are imported. Each is about objects that are copied whole;
# what has a finalizer is looked at by itself.
_OWN_HANDLERS = frozenset({
    "concurrent.futures.process._python_exit", "concurrent.futures.thread._python_exit", "logging.shutdown",
    "multiprocessing.util._exit_function", "rlcompleter.<lambda>", "weakref.finalize._exitfunc",
})  # fmt: skip
_OURS = ("flowc.", "flowc_emulator.", "flowc_runtime.", "metaflow.")  # each is about processes that a program has begun
_HARMLESS_FILES = frozenset({"/dev/null", "/dev/urandom", "/dev/random", "/dev/zero"})
_DEBUGGERS = ("pydevd", "_pydev", "debugpy")
"""Beginnings of the names of threads and modules of debuggers, which follow forks by themselves."""


class State(NamedTuple):
    """What a process has now. `threads` are the names of those that would still be there after a fork."""

    threads: tuple[str, ...]
    descriptors: frozenset[tuple[int, str]]
    children: frozenset[int]
    finalizers: tuple[str, ...]
    handlers: tuple[str, ...]
    pools: frozenset[str]

    @classmethod
    def now(cls) -> State:
        """Look at this process. It forks once if it has more than one thread."""
        return cls(_threads(), _descriptors(), _children(), _finalizers(), _handlers(), _pools())

    @classmethod
    def clean(cls) -> State:
        """What a process has that has only just begun; descriptors that it inherited are not among those it opened."""
        inherited = frozenset(found for found in _descriptors() if not _closes_on_exec(found[0]))
        return cls((), inherited, frozenset(), (), (), frozenset())

    def since(self, before: State) -> list[str]:
        """What has been added, in words that go on from "importing it ": none if a fork may share it all."""
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
            faults.append(f"registers what is called at the end of the process ({_listed(registered)})")
        faults.extend(POOLS[module].why for module in sorted(self.pools - before.pools))
        return faults


def _listed(names: Any) -> str:
    shown = list(dict.fromkeys(names))
    return ", ".join(shown[:3]) + (", …" if len(shown) > 3 else "")


def is_debugged() -> bool:
    """Whether a debugger traces this process. It traces forks too, but not processes that are started anew."""
    tracer = sys.gettrace()
    if tracer is not None:
        return not getattr(tracer, "__module__", "").startswith("coverage")  # that is begun anew in each task
    monitoring = getattr(sys, "monitoring", None)  # since Python 3.12
    return monitoring is not None and monitoring.get_tool(monitoring.DEBUGGER_ID) is not None


def _threads() -> tuple[str, ...]:
    """Those besides the main one that outlast a fork: pools such as OpenBLAS' end themselves and begin anew."""
    if _thread_count() > 1:
        pid = os.fork()  # handlers of pthread_atfork(3) run in the parent too
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
    """The names of the threads that are not Python's, without those that a fork does without."""
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
    """The name of a thread, which is the process' unless it was given one; empty if it has just ended."""
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
        except OSError:  # the descriptor by which the directory was listed
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
        with open(f"/proc/self/task/{threading.get_native_id()}/children", encoding="ascii") as file:
            return frozenset(map(int, file.read().split()))
    except OSError:  # not Linux, or a kernel that does not list children
        return frozenset()


def _finalizers() -> tuple[str, ...]:
    registry: dict[Any, Any] = weakref.finalize._registry  # type: ignore[attr-defined]
    made = [info.func for info in list(registry.values()) if info.atexit]
    return tuple(getattr(func, "__qualname__", "a function") for func in made if _name(func) not in HARMLESS_FINALIZERS)


class _Spy:
    """Equal to nothing; knows what it was compared with."""

    def __init__(self) -> None:
        self.seen: list[Any] = []

    def __eq__(self, other: object) -> bool:
        self.seen.append(other)
        return False

    __hash__ = None  # type: ignore[assignment]


def _handlers() -> tuple[str, ...]:
    """The functions that are called at the end of the process, by dotted names, without those known to be harmless."""
    spy = _Spy()
    atexit.unregister(spy)  # type: ignore[arg-type]  # nothing lists them; this compares each with what it is to forget
    # Those of `threading` are called earlier, when threads are joined.
    seen = [*spy.seen, *map(_called_by, getattr(threading, "_threading_atexits", ()))]
    names = [name for name in map(_name, seen) if not name.startswith(_OURS)]
    return tuple(name for name in names if name not in _OWN_HANDLERS and name not in HARMLESS_HANDLERS)


def _called_by(handler: Any) -> Any:
    """The function that a handler of `threading` was registered for: in a partial, since Python 3.13 in a closure."""
    if (closure := getattr(handler, "__closure__", None)) is not None:
        names = zip(handler.__code__.co_freevars, closure, strict=True)
        return next((cell.cell_contents for name, cell in names if name == "func"), handler)
    return getattr(handler, "func", handler)


def _name(function: Any) -> str:
    module, name = getattr(function, "__module__", None), getattr(function, "__qualname__", type(function).__name__)
    return f"{module}.{name}" if module else str(name)


def _pools() -> frozenset[str]:
    """The modules whose threads have been started, where only a global of theirs tells."""
    loaded = ((module, sys.modules.get(module), pool.flag) for module, pool in POOLS.items())
    return frozenset(module for module, found, flag in loaded if found is not None and found.__dict__.get(flag))
