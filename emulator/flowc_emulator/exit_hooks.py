"""Call exit hooks at the end of a local run; their output is shown like the output of a task."""

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
    """Call the exit hooks for the run's outcome. If a hook fails, a note is shown and the outcome is unchanged.

    The process of a hook starts in the same way as a task of a step without environment variables.

    Args:
        flow: the flow.
        program: the flow's program, which provides the hooks' functions.
        run: the run, which has ended.
        console: shows the hooks' output.
        starts: starts the hooks' processes if all tasks import the flow themselves.
        successful: whether the run succeeded.
    """

    jobs: dict[str, Job] = {}

    def output(hook: str, stream: Stream, data: bytes) -> None:
        console.output(jobs.setdefault(hook, _job(hook)), stream, data)

    def failed(hook: str, problem: str) -> None:
        console.note(f"exit hook {hook} failed: {problem}; the run's outcome is unchanged")

    start = starts.start_hook if starts is not None and starts.all else None
    run_hooks(flow, run, lambda: program, output, failed, successful=successful, start=start)
    for job in jobs.values():  # show the hook's last line, which the console holds back if it has no line end
        console.finish(job)


def _job(hook: str) -> Job:
    """Return a job with the hook's name, under which the console shows the output of the hook."""
    return Job(f"exit_hook {hook}", ROOT, 1, last=True)
