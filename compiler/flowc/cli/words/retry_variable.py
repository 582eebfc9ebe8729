"""The run that an environment variable names, which the next run of its flow retries."""

from __future__ import annotations

import os
from typing import Final, NamedTuple

from flowc_runtime.base.contract import RETRY_RUN

_OF_RUNNABLE: Final = "RUNNABLE_RETRY_RUN_ID"


class AskedRetry(NamedTuple):
    """The run to retry: its id, its flow's name or an empty string, and the variable that names it."""

    run: str
    flow: str
    variable: str

    @property
    def name(self) -> str:
        """The run as the variable names it: FLOW/RUN or RUN."""
        return f"{self.flow}/{self.run}" if self.flow else self.run


def asked_retry(*, of_program: bool = False) -> AskedRetry | None:
    """Return the run that `FLOWC_RETRY_RUN` names as RUN or FLOW/RUN; None if it is unset or empty.

    Args:
        of_program: whether a program executes a pipeline. It also reads `RUNNABLE_RETRY_RUN_ID`, as programs that were
            written for runnable expect.
    """
    for variable in (RETRY_RUN, *([_OF_RUNNABLE] if of_program else [])):
        if text := os.environ.get(variable, "").strip("/"):
            flow, _, run = text.rpartition("/")
            return AskedRetry(run, flow, variable)
    return None


def take(asked: AskedRetry) -> list[str]:
    """Unset the variable, which is for one run and not for its tasks; return the option for `retry` and its value."""
    os.environ.pop(asked.variable, None)
    return ["--origin-run-id", asked.name]
