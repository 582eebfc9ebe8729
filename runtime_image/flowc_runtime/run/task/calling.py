"""Calls the code of a step after setting the step's secrets and starting its timeout; ends forked processes that return
from the code."""

from __future__ import annotations

import os
import signal
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, NoReturn

from flowc_ir.late import LateModule
from flowc_runtime.base.ambient import ambient
from flowc_runtime.run.task import secrets
from flowc_runtime.run.task.attempts import say

if TYPE_CHECKING:
    import traceback
    from collections.abc import Callable, Iterator

    from flowc_ir import Node
    from flowc_runtime.base.errors import StepTimeout
    from flowc_runtime.run.program import Program
else:  # imported at first use, because the import costs start-up time
    traceback = LateModule("traceback")


def call_code(
    program: Program,
    task: object,
    node: Node,
    arguments: tuple[object, ...],
    note: Callable[[str], None],
    secret_setting: str,
) -> None:
    """Run the step's code under its timeout, with its secrets in the environment.

    Hazard: if the step's code forks and the child returns from the code, this function ends the child by `os._exit`.

    Args:
        program: the user's code.
        task: the object of the task.
        node: the step.
        arguments: the arguments of the step's method.
        note: a function that gets a message if the code ran longer than its timeout without being stopped.
        secret_setting: the value of the setting `secrets`.

    Raises:
        SecretError: a secret cannot be read or set.
        StepTimeout: the code exceeded its timeout.
        BaseException: any exception of the code.
    """
    ambient().secrets = secrets.inject(node.secrets, lambda: program.inline_secrets(node), secret_setting)
    process = os.getpid()
    try:
        if node.timeout is None:
            program.call_step(task, node, arguments)
        else:
            with _timeout(node, node.timeout.seconds, program.timeout_error(), note):
                program.call_step(task, node, arguments)
    finally:
        if os.getpid() != process:
            _end_copy()


@contextmanager
def _timeout(node: Node, seconds: int, kind: type[StepTimeout], note: Callable[[str], None]) -> Iterator[None]:
    """Raise the StepTimeout class `kind` inside the `with` block when the step exceeds its timeout.

    Hazard: a process has only one ITIMER_REAL and one handler of SIGALRM, which the step's code may use too. If the
    step continues after its timeout, flowc does not end it, but calls `note` with a message.
    """
    raised: list[StepTimeout] = []

    def expire(signum: int, frame: object) -> None:
        if (left := began + seconds - time.monotonic()) > 0:  # Too early: the step set the timer for its own alarm.
            signal.setitimer(signal.ITIMER_REAL, max(left, 0.001))  # A value of 0 would stop the timer.
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
        here = os.getpid() == process  # a timer works only in the process that has set it, not in forked processes
        overrun = f"step '{node.id}' ran for {took:.1f} s, although its timeout is {seconds} s"
        if here and raised:
            if sys.exc_info()[1] is not raised[-1]:
                note(f"{overrun}: its code caught the timeout's exception; let it propagate or end the step")
        elif (
            here and took > seconds and (replaced or not left) and not ambient().keeps_terminal
        ):  # time that the user spends at a debugger's prompt does not count
            note(
                f"{overrun}: its code used SIGALRM or its timer, which @timeout needs; "
                "remove signal.alarm and signal.setitimer, or @timeout"
            )


def _end_copy() -> NoReturn:
    """End a forked process that returned from the step's code: only the process that forked it may end the task.

    Hazard: `os._exit` is needed, or the fork would run the parent's exit handlers and write the task's record.
    """
    try:
        if (error := sys.exc_info()[1]) is not None and not isinstance(error, SystemExit):
            say("".join(traceback.format_exception(error)))
        say("a process that the step had forked returned from the step and is ended here; let it call os._exit(0)\n")
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
    finally:
        os._exit(1)
