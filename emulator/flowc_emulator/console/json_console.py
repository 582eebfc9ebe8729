"""Show a run to programs: events and output as JSON lines (`--log-format json`)."""

from __future__ import annotations

import sys
import time
from typing import IO, TYPE_CHECKING

from flowc_emulator.console.lines import LineCutter
from flowc_emulator.console.sink import NOT_SHOWN, Sink
from flowc_ir import json_text
from flowc_runtime.base.index import task_id
from flowc_runtime.run.task.failures import signal_name, text_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from flowc_emulator.console.tally import Tally
    from flowc_emulator.scheduling.scheduler import Job, Scheduler
    from flowc_runtime.process.logs import Stream
    from flowc_runtime.store.records.record_types import ErrorRecord


class JsonConsole:
    r"""A console for programs: one JSON object per line on stdout, each with `time` (seconds since the epoch) and
    `event`.

    Events about an attempt also have `step`, `task`, `path` and `attempt`. In the text of an output line, each byte
    that is not valid UTF-8 becomes a lone surrogate (`\udcXX`), so no byte is lost.
    """

    live = False

    def __init__(self, out: IO[bytes]) -> None:
        self._out = Sink(out, lambda why: Sink(sys.stderr.buffer).write(f"{NOT_SHOWN.format(why)}\n".encode()))
        self._lines = LineCutter()

    def run_began(self, pathspec: str, workers: int, store: str, *, exact: bool = True) -> None:
        self._event("run_began", run=pathspec, workers=workers, store=store)

    def reused(self, origin: str, tasks: int, again: Mapping[str, str], following: Sequence[str]) -> None:
        self._event("reused", origin=origin, tasks=tasks, again=dict(again), following=list(following))

    def task_began(self, job: Job, pid: int) -> None:
        self._event("task_began", job, pid=pid)

    def output(self, job: Job, stream: Stream, data: bytes) -> None:
        for line in self._lines.add(job, stream, data):
            self._line(job, stream, line)

    def task_done(self, job: Job, seconds: float, *, caught: bool, cached: str = "", mocked: str = "") -> None:
        self.finish(job)
        more = {name: text for name, text in (("cached", cached), ("mocked", mocked)) if text}
        self._event("task_done", job, seconds=round(seconds, 3), caught=caught, **more)

    def task_failed(self, job: Job, error: ErrorRecord, follow: Job | None, *, stops: bool = False) -> None:
        self.finish(job)
        self._event("task_failed", job, type=error["type"], message=text_of(error), retried=follow is not None)

    def task_ended(self, job: Job, error: ErrorRecord) -> None:
        self.finish(job)
        self._event("task_failed", job, type=error["type"], message=text_of(error), retried=False, ended=True)

    def interrupted(self, number: int, running: int, *, again: bool) -> None:
        self._event("interrupted", signal=signal_name(number), running=running)

    def progress(self, scheduler: Scheduler, running: Sequence[Job], *, stops: bool = False) -> None:
        return

    def hold(self, job: Job) -> None:
        return  # programs read the JSON lines, so these lines do not disturb a debugger's prompt on the terminal

    def release(self) -> None:
        return

    def note(self, text: str) -> None:
        self._event("note", text=text)

    def run_ended(self, pathspec: str, state: str, tally: Tally, seconds: float) -> None:
        self._event("run_ended", run=pathspec, state=state, **tally.fields(), seconds=round(seconds, 3))

    def finish(self, job: Job) -> None:
        for stream, rest in self._lines.end(job):
            self._line(job, stream, rest)

    def _line(self, job: Job, stream: Stream, line: bytes) -> None:
        self._event("output", job, stream=stream, text=line.decode("utf-8", "surrogateescape"))

    def _event(self, event: str, job: Job | None = None, /, **fields: object) -> None:
        task: dict[str, object] = {}
        if job is not None:
            task = {"step": job.step, "task": task_id(job.step, job.path), "path": job.path, "attempt": job.attempt}
        self._out.write(
            json_text.shown({"time": round(time.time(), 6), "event": event, **task, **fields}).encode() + b"\n"
        )
