"""Run tasks without user code (mocked steps) in the supervisor's process."""

from __future__ import annotations

import io
import os
from contextlib import redirect_stderr, redirect_stdout
from typing import TYPE_CHECKING

from flowc_runtime.base.ambient import apart
from flowc_runtime.run.task.perform import perform

if TYPE_CHECKING:
    from flowc_runtime.run.assignment import Assignment
    from flowc_runtime.run.task.attempts import Result


def perform_mocked(job: Assignment) -> tuple[Result, str]:
    """Run an attempt of a mocked task, whose patch runs no user code, and restore this process's state afterwards.

    Returns:
        The result, and the text for the task's log.

    Raises:
        FlowcError: the attempt could not be run or recorded.
    """
    environment, log = dict(os.environ), io.StringIO()
    try:
        with apart(), redirect_stderr(log), redirect_stdout(log):
            return perform(job, lambda: None), log.getvalue()
    finally:
        if environment != dict(os.environ):
            os.environ.clear()
            os.environ.update(environment)
