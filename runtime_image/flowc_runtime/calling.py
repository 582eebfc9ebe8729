"""The call of a step's code: with its secrets, until its time is up, and in this one process alone."""

from __future__ import annotations

import os
import signal
import sys
import traceback
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NoReturn

from flowc_runtime import secrets
from flowc_runtime.attempts import say

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from flowc.ir import Node
    from flowc_runtime.errors import StepTimeout
    from flowc_runtime.program import Program


def call_code(program: Program, task: Any, node: Node, arguments: tuple[Any, ...]) -> None:
    """Run the step's code under its timeout, with its secrets in the environment."""
    secrets.inject(node.secrets, lambda: program.inline_secrets(node))
    process = os.getpid()
    try:
        with _timeout(node, program.timeout_error):
            program.call_step(task, node, arguments)
    finally:
        if os.getpid() != process:
            _end_copy()


@contextmanager
def _timeout(node: Node, error: Callable[[], type[StepTimeout]]) -> Iterator[None]:
    """Raise the authoring API's kind of StepTimeout inside the step when its time is up."""
    if node.timeout is None:
        yield
        return
    seconds, kind = node.timeout.seconds, error()

    def expire(signum: int, frame: object) -> None:
        raise kind(f"step '{node.id}' took longer than its timeout of {seconds} s")

    previous = signal.signal(signal.SIGALRM, expire)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)


def _end_copy() -> NoReturn:
    """A process that the step forked has come back from the step: the task is its parent's to end."""
    try:
        if (error := sys.exc_info()[1]) is not None and not isinstance(error, SystemExit):
            say("".join(traceback.format_exception(error)))
        say("a process that the step had forked came back from the step: it ends here; let it call os._exit(0)\n")
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
    finally:
        os._exit(1)
