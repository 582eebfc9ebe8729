"""`breakpoint()` and pdb inside a task: with a terminal to talk to, or a clear refusal.

A task's stdin is /dev/null and its output goes to its log. Whoever runs the task may have a terminal to lend: the
debugger then holds it from a prompt's first line to its last, so that what the step prints still goes to the log.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

NO_TERMINAL = (
    "breakpoint() needs a terminal, and this run has none to read from: run it in a terminal's foreground, "
    "or set PYTHONBREAKPOINT=0 to pass over breakpoints"
)


class NoTerminalError(RuntimeError):
    """A debugger was asked for where nobody can type."""

    def __init__(self) -> None:
        super().__init__(NO_TERMINAL)


class Lease(Protocol):
    """A terminal that a task can borrow; nothing else is asked of it."""

    def held(self) -> AbstractContextManager[None]:
        """Have the terminal as descriptors 0, 1 and 2 and as `sys.stdin`, … Raises NoTerminalError."""
        ...

    def keep(self) -> None:
        """Have the terminal until the process ends. Raises NoTerminalError."""
        ...

    def quit(self) -> None:
        """The user has quit the debugger: end the run."""
        ...


def install(lease: Lease | None) -> None:
    """In a task's process: make `breakpoint()` stop at the terminal of `lease`, or fail where there is none."""
    if lease is not None:
        _lend_to_pdb(lease)
    if sys.breakpointhook is not sys.__breakpointhook__:
        return  # the flow has put its own debugger there

    def hook(*args: Any, **arguments: Any) -> Any:
        wanted = os.environ.get("PYTHONBREAKPOINT") or "pdb.set_trace"
        if wanted == "0":
            return None
        frame = sys._getframe(1)
        if wanted == "pdb.set_trace":
            return _break(lease, frame, **arguments)
        if lease is not None:
            lease.keep()  # nobody but pdb says when it has ended
        return _break_elsewhere(wanted, frame, args, arguments)

    sys.breakpointhook = hook


def _break(lease: Lease | None, frame: Any, header: str | None = None) -> None:
    if lease is None:
        raise NoTerminalError
    import pdb

    if header is not None:
        with lease.held():
            print(header)
    pdb.Pdb().set_trace(frame)


def _break_elsewhere(wanted: str, frame: Any, args: tuple[Any, ...], arguments: dict[str, Any]) -> Any:
    """Call the debugger that PYTHONBREAKPOINT names, at the caller's frame where it takes one (ipdb, IPython do)."""
    from importlib import import_module
    from inspect import signature

    module, _, name = wanted.rpartition(".")
    debugger = getattr(import_module(module or "builtins"), name)
    try:
        takes_frame = "frame" in signature(debugger).parameters
    except (TypeError, ValueError):  # a builtin that does not say
        takes_frame = False
    return debugger(*args, **({"frame": frame} if takes_frame else {}) | arguments)


def _lend_to_pdb(lease: Lease) -> None:
    """Give every Pdb the terminal while it talks: `pdb.set_trace()`, `pdb.post_mortem()`, `python -m pdb` as well."""
    import pdb

    original = pdb.Pdb.interaction

    def interaction(self: Any, *args: Any) -> None:
        if not self.use_rawinput:  # it has streams of its own: a remote debugger
            original(self, *args)
            return
        with lease.held():
            before, self.stdout = self.stdout, sys.stdout
            try:
                original(self, *args)
            finally:
                self.stdout = before
        if self.quitting:
            lease.quit()

    pdb.Pdb.interaction = interaction  # type: ignore[method-assign,assignment]
