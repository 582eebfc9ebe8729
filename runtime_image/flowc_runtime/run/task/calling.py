"""The call of a step's code: with its secrets, until its time is up, and in this one process alone."""

from __future__ import annotations

import os
import signal
import sys
import time
import traceback
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NoReturn

from flowc_runtime.run.task import secrets
from flowc_runtime.run.task.attempts import say

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from flowc_ir import Node
    from flowc_runtime.base.errors import StepTimeout
    from flowc_runtime.run.program import Program

stands_still = False
"""Whether a debugger has this process's terminal for good, and therefore no timeout is to come."""


def call_code(program: Program, task: Any, node: Node, arguments: tuple[Any, ...], note: Callable[[str], None]) -> None:
    """Run the step's code under its timeout, with its secrets in the environment; `note` is told of an overrun."""
    secrets.inject(node.secrets, lambda: program.inline_secrets(node))
    process = os.getpid()
    try:
        with _timeout(node, program.timeout_error, note):
            program.call_step(task, node, arguments)
    finally:
        if os.getpid() != process:
            _end_copy()


@contextmanager
def _timeout(node: Node, error: Callable[[], type[StepTimeout]], note: Callable[[str], None]) -> Iterator[None]:
    """Raise the authoring API's kind of StepTimeout inside the step when its time is up.

    There is one timer and one signal in a process. A step that goes on all the same is not ended, but `note` is told.
    """
    if node.timeout is None:
        yield
        return
    seconds, kind = node.timeout.seconds, error()
    raised: list[StepTimeout] = []

    def expire(signum: int, frame: object) -> None:
        if (left := began + seconds - time.monotonic()) > 0:  # an alarm of the step's own, which has taken the timer
            signal.setitimer(signal.ITIMER_REAL, max(left, 0.001))  # 0 would end it
            return
        raised.append(kind(f"step '{node.id}' took longer than its timeout of {seconds} s"))
        raise raised[-1]

    process, began = os.getpid(), time.monotonic()
    previous = signal.signal(signal.SIGALRM, expire)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        left, _ = signal.setitimer(signal.ITIMER_REAL, 0)
        replaced = signal.getsignal(signal.SIGALRM) is not expire
        signal.signal(signal.SIGALRM, previous)
        took = time.monotonic() - began
        here = os.getpid() == process  # not in a copy that the step forked, which has no timer
        if here and raised:
            if sys.exc_info()[1] is not raised[-1]:
                note(f"{_overrun(node, took)}: its code caught the timeout's exception; let it pass, or end the step")
        elif (
            here and took > seconds and (replaced or not left) and not stands_still
        ):  # the time at a debugger's prompt does not count
            note(
                f"{_overrun(node, took)}: its code used SIGALRM or its timer, by which the timeout would have come; "
                "do without signal.alarm and signal.setitimer, or without @timeout"
            )


def _overrun(node: Node, took: float) -> str:
    assert node.timeout is not None
    return f"step '{node.id}' ran for {took:.1f} s, although its timeout is {node.timeout.seconds} s"


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
