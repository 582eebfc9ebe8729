"""Start and control the process that sends the metrics of a local run to the run's tracker."""

from __future__ import annotations

import subprocess
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Final, final

from flowc_ir import json_text
from flowc_runtime.run.metrics.publishing import COMMAND

if TYPE_CHECKING:
    from flowc_runtime.run.metrics.publishing import PublishMessage, PublishOrder
    from flowc_runtime.run.metrics.tracker import EndState

PATIENCE: Final = 30.0  # seconds to wait for the tracker at the end of a run
_KEPT: Final = "but the store contains all metrics"


@final
class Tracking:
    """Sends the metrics of a run's tasks to the run's tracker, in another process, which continues if this process is
    killed.

    Hazard: create this object before the first task starts, since the tasks' processes must not keep its pipe open.
    """

    def __init__(self, order: PublishOrder) -> None:
        self._name = order["tracker"].partition(":")[0]
        self._process = subprocess.Popen(
            COMMAND,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # a session of its own: Ctrl-C on the terminal does not end the tracker's process
        )
        self.pid = self._process.pid
        self._send(order)

    def descriptor(self) -> int:
        """Return the descriptor that the tasks' processes must close."""
        assert self._process.stdin is not None
        return self._process.stdin.fileno()

    def task_ended(self, step: str, path: str, attempt: int) -> None:
        """Send the metrics of an attempt. Call this method only for attempts that have metrics and are not followed by
        a retry."""
        self._send({"task": (step, path, attempt)})

    def end(self, state: EndState, seconds: float = PATIENCE) -> str:
        """Send the end of the run, and wait for the process.

        Args:
            state: how the run has ended.
            seconds: how long to wait; then the process is killed.

        Returns:
            A warning if the tracker did not get all metrics of the run, otherwise an empty text.
        """
        self._send({"end": state, "ended": time.time()})
        try:
            told, _ = self._process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            self._kill()
            return f"the tracker '{self._name}' did not accept all metrics within {seconds:.0f} s, {_KEPT}"
        except BaseException:
            self._kill()
            raise
        if told:
            return told.decode("utf-8", "replace").strip()
        if code := self._process.returncode:
            return f"the tracker '{self._name}' lacks metrics, since its process has ended with code {code}, {_KEPT}"
        return ""

    def _kill(self) -> None:
        with self._process:  # closes the process's pipes and waits for its end
            self._process.kill()

    def _send(self, message: PublishOrder | PublishMessage) -> None:
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):  # the process has failed, and will print the reason when it ends
            self._process.stdin.write(json_text.dumps(message).encode() + b"\n")
            self._process.stdin.flush()
