"""`breakpoint()` and pdb inside a task: with a terminal to talk to, or a clear refusal.

A task's stdin is /dev/null and its output goes to its log. Whoever runs the task may have a terminal to lend: the
debugger then holds it from a prompt's first line to its last, so that what the step prints still goes to the log.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any, Protocol

from flowc_runtime.run.program import CALL

if TYPE_CHECKING:
    import pdb
    from contextlib import AbstractContextManager
    from types import FrameType

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

    def is_held(self) -> bool:
        """Whether this process has it now."""
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
    if header is not None:
        with lease.held():
            print(header)
    make_pdb().set_trace(frame)


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

    original, say = pdb.Pdb.interaction, pdb.Pdb.message
    waiting: list[str] = []

    def message(self: Any, text: str) -> None:
        if self.use_rawinput and not lease.is_held():
            waiting.append(text)  # such as `--Return--`, just before a prompt
        else:
            say(self, text)

    def interaction(self: Any, *args: Any) -> None:
        if not self.use_rawinput:  # it has streams of its own: a remote debugger
            original(self, *args)
            return
        with lease.held():
            before, self.stdout = self.stdout, sys.stdout
            try:
                while waiting:
                    say(self, waiting.pop(0))
                original(self, *args)
            finally:
                self.stdout = before
        if self.quitting:
            lease.quit()

    pdb.Pdb.message = message  # type: ignore[method-assign,assignment]
    pdb.Pdb.interaction = interaction  # type: ignore[method-assign,assignment]


def make_pdb() -> pdb.Pdb:
    """A debugger that steps through the user's code and what that calls, but not through flowc's."""
    from pdb import Pdb

    class StepDebugger(Pdb):
        def stop_here(self, frame: FrameType) -> bool:
            return super().stop_here(frame) and _is_users(frame)

    return StepDebugger()


def is_ours(frame: FrameType) -> bool:
    """Whether a frame is flowc's own."""
    return str(frame.f_globals.get("__name__")).partition(".")[0] in ("flowc", "flowc_ir", "flowc_runtime", "metaflow")


def _is_users(frame: FrameType) -> bool:
    """Whether code runs that the user wrote or called: not flowc's, nor what that calls to read `self.x`."""
    if is_ours(frame):
        return False
    inner, here = frame, frame.f_back
    while here is not None:
        if is_ours(here):
            if here.f_code.co_name == CALL:  # which calls the step
                return True
            if here.f_code.co_name == "run_code":  # which calls that, and what goes around it
                return False
        elif is_ours(inner):
            return False
        inner, here = here, here.f_back
    return True
