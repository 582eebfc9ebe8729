"""Exit hooks at the end of a local run; their output is shown like a task's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowc_emulator.scheduling.scheduler import Job
from flowc_runtime.base.index import ROOT
from flowc_runtime.pod.hooks import run_hooks

if TYPE_CHECKING:
    from flowc_emulator.console.protocol import Console
    from flowc_emulator.processes.starts import Starts
    from flowc_ir import Flow
    from flowc_runtime.process.logs import Stream
    from flowc_runtime.run.program import Program
    from flowc_runtime.store.records.run_store import RunStore


def call_exit_hooks(
    flow: Flow, program: Program, run: RunStore, console: Console, starts: Starts | None, *, successful: bool
) -> None:
    """Call the hooks for the run's outcome; a failing hook is reported by a note and changes nothing.

    They start like the tasks of a step without an environment.

    Args:
        flow: the flow.
        program: the flow's program, which finds the functions.
        run: the run, which has ended.
        console: shows the output, like a task's.
        starts: starts the processes if tasks import the flow themselves.
        successful: the outcome.
    """

    jobs: dict[str, Job] = {}

    def output(hook: str, stream: Stream, data: bytes) -> None:
        console.output(jobs.setdefault(hook, _job(hook)), stream, data)

    def failed(hook: str, problem: str) -> None:
        console.note(f"exit hook {hook} failed: {problem}; the run stays as it is")

    start = starts.start_hook if starts is not None and starts.all else None
    run_hooks(flow, run, lambda: program, output, failed, successful=successful, start=start)
    for job in jobs.values():  # the console holds back an unfinished line
        console.finish(job)


def _job(hook: str) -> Job:
    """Return the console's calls for a task's output, used for a hook's."""
    return Job(f"exit_hook {hook}", ROOT, 1, last=True)
