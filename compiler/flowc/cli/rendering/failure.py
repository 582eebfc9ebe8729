"""The error at the end of a failed run: the task, the exception and the lines of the user's code."""

from __future__ import annotations

import linecache
import os
from typing import TYPE_CHECKING

from flowc.diagnostics import cut_line
from flowc_runtime.base.index import ROOT, task_id, task_pathspec
from flowc_runtime.run.task.failures import short_type, text_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from flowc_emulator.plan import Failure
    from flowc_emulator.scheduling.scheduler import Job
    from flowc_ir import Flow
    from flowc_runtime.store.records.record_types import Frame
    from flowc_runtime.store.records.run_store import RunStore


def render_failure(failures: Sequence[Failure], flow: Flow, root: Path) -> str:
    """Return the text of the first failure, in the format of a compile error.

    The frames of user code are listed outermost first.

    Args:
        failures: the failed tasks, at least one. Only the first failure is described; the other tasks are listed.
        flow: the flow.
        root: the directory to which the files of frames are relative.
    """
    first, *others = failures
    job, error = first.job, first.error
    attempts = f" after {job.attempt} attempts" if job.attempt > 1 else ""
    lines = [f"error: step '{job.step}' failed{_task(job)}{attempts}: {short_type(error)}{text_of(error)}"]
    for frame in error.get("frames") or [_definition(job.step, flow, root)]:
        lines.append(f"  --> {_from_here(frame['file'], root)}:{frame['line']} in {frame['function']}")
        if frame["text"]:
            lines.append(f"{frame['line']} | {cut_line(frame['text'])}")
    if others:
        names = ", ".join(other.job.task for other in others[:5])
        lines.append(f"note: failed as well: {names}{' …' if len(others) > 5 else ''}")
    return "".join(f"{line}\n" for line in lines)


def pathspec_of(failure: Failure, run: RunStore) -> str:
    """Return the pathspec of the task that failed."""
    return task_pathspec(run.flow, run.id, failure.job.step, path=failure.job.path)


def _definition(step: str, flow: Flow, root: Path) -> Frame:
    """Return a stack frame for the line that defines the step.

    The frame is used if the process ended without a traceback.
    """
    where = flow.by_id()[step].where
    is_notebook = where.file.endswith(".ipynb")  # the lines of a notebook are JSON
    text = "" if is_notebook else linecache.getline(str(root / where.file), where.line).strip()
    return {"file": where.file, "line": where.line, "function": step, "text": text}


def _task(job: Job) -> str:
    return "" if job.path == ROOT else f" (task {task_id(job.step, job.path)})"


def _from_here(file: str, root: Path) -> str:
    """Return a file's path relative to the working directory, unless it is absolute."""
    return file if os.path.isabs(file) else os.path.relpath(root / file)
