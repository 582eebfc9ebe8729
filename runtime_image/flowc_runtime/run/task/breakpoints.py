"""`breakpoint()` and pdb inside a task: they use a terminal, or raise a clear error if there is no terminal.

A task's stdin is /dev/null and its output goes to its log. The process that started the task may lend a terminal to the
task. The debugger uses the terminal only while it prompts, so that output of the step still goes to the log.
"""

from __future__ import annotations

import os
import sys
from importlib import import_module
from typing import TYPE_CHECKING, Protocol, cast

from flowc_ir.late import LateFunction
from flowc_runtime.run.program import CALL

if TYPE_CHECKING:
    import pdb
    from contextlib import AbstractContextManager
    from inspect import signature
    from types import FrameType
else:  # imported at first use, because the import costs start-up time
    signature = LateFunction("inspect:signature")

NO_TERMINAL = (
    "breakpoint() needs a terminal, and this run has none to read from: run it in a terminal's foreground, "
    "or set PYTHONBREAKPOINT=0 to skip breakpoints"
)


class NoTerminalError(RuntimeError):
    """A debugger was started without a terminal."""

    def __init__(self) -> None:
        super().__init__(NO_TERMINAL)


class Lease(Protocol):
    """Access to a terminal that the task's parent process lends."""

    def held(self) -> AbstractContextManager[None]:
        """While the `with` block runs, connect descriptors 0, 1 and 2, `sys.stdin`, … to the terminal.

        Raises:
            NoTerminalError: the run cannot lend its terminal.
        """
        ...

    def is_held(self) -> bool:
        """Return whether this process is connected to the terminal now."""
        ...

    def keep(self) -> None:
        """Connect this process to the terminal until it ends.

        Raises:
            NoTerminalError: the run cannot lend its terminal.
        """
        ...

    def quit(self) -> None:
        """End the run, because the user quit the debugger."""
        ...


def install(lease: Lease | None) -> None:
    """Make `breakpoint()` and pdb use the terminal in this task's process. A hook that the flow has set is kept.

    Args:
        lease: the terminal; with None, `breakpoint()` raises NoTerminalError.
    """
    if lease is not None:
        _lend_to_pdb(lease)
    if sys.breakpointhook is not sys.__breakpointhook__:
        return  # the flow has set its own debugger, which is kept

    def hook(*args: object, **arguments: object) -> object:
        wanted = os.environ.get("PYTHONBREAKPOINT") or "pdb.set_trace"
        if wanted == "0":
            return None
        frame = sys._getframe(1)
        if wanted == "pdb.set_trace":
            _break(lease, frame, **arguments)
            return None
        if lease is not None:
            lease.keep()  # other debuggers than pdb do not report the end of a prompt
        return _break_elsewhere(wanted, frame, args, arguments)

    sys.breakpointhook = hook


def _break(lease: Lease | None, frame: FrameType, header: object = None) -> None:
    if lease is None:
        raise NoTerminalError
    if header is not None:
        with lease.held():
            print(header)
    make_pdb().set_trace(frame)


def _break_elsewhere(wanted: str, frame: FrameType, args: tuple[object, ...], arguments: dict[str, object]) -> object:
    """Call the debugger named by PYTHONBREAKPOINT. If the debugger accepts a frame, like ipdb and IPython, pass the
    caller's frame."""
    module, _, name = wanted.rpartition(".")
    debugger = getattr(import_module(module or "builtins"), name)
    try:
        takes_frame = "frame" in signature(debugger).parameters
    except (TypeError, ValueError):  # the debugger is a builtin without a signature
        takes_frame = False
    return debugger(*args, **({"frame": frame} if takes_frame else {}) | arguments)


class _Interaction(Protocol):
    def __call__(self, debugger: pdb.Pdb, *args: object) -> None: ...


def _lend_to_pdb(lease: Lease) -> None:
    """Make every `Pdb` use the terminal while it prompts: for `pdb.set_trace()`, `pdb.post_mortem()`, …"""
    import pdb

    original = cast("_Interaction", pdb.Pdb.interaction)  # the parameters of `interaction` depend on the Python version
    say = pdb.Pdb.message
    waiting: list[str] = []

    def message(self: pdb.Pdb, text: str) -> None:
        if self.use_rawinput and not lease.is_held():
            waiting.append(text)  # a text such as `--Return--` is printed later, when the prompt has the terminal
        else:
            say(self, text)

    def interaction(self: pdb.Pdb, *args: object) -> None:
        if not self.use_rawinput:  # a debugger with its own streams, such as a remote one
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
    """Return a debugger that stops in user code and in functions that it calls, but not in flowc's code."""
    from pdb import Pdb

    class StepDebugger(Pdb):
        def stop_here(self, frame: FrameType) -> bool:
            return super().stop_here(frame) and _is_users(frame)

    return StepDebugger()


def is_ours(frame: FrameType) -> bool:
    """Return whether a frame belongs to flowc's code."""
    return str(frame.f_globals.get("__name__")).partition(".")[0] in ("flowc", "flowc_ir", "flowc_runtime", "metaflow")


def _is_users(frame: FrameType) -> bool:
    """Return whether a frame belongs to user code or to a function that user code called, rather than flowc."""
    if is_ours(frame):
        return False
    inner, here = frame, frame.f_back
    while here is not None:
        if is_ours(here):
            if here.f_code.co_name == CALL:  # the method that calls the step's code
                return True
            if here.f_code.co_name == "run_code":  # this method calls the method CALL
                return False
        elif is_ours(inner):
            return False
        inner, here = here, here.f_back
    return True
