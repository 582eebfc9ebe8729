"""Show a run as text: print tasks' stdout to stdout, and tasks' stderr and all messages about the run to stderr.

Each event is a line of text; a terminal also shows a progress line. `--log-format json` prints JSON lines on stdout.
"""

from __future__ import annotations

import os
import sys
import time
from typing import IO, TYPE_CHECKING

from flowc_emulator.console.lines import LineCutter
from flowc_emulator.console.sink import NOT_SHOWN, Sink
from flowc_ir.counting import count
from flowc_runtime.run.task.failures import short_type, signal_name, text_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from flowc_emulator.console.progress_line import ProgressLine
    from flowc_emulator.console.protocol import Console
    from flowc_emulator.console.tally import Tally
    from flowc_emulator.scheduling.scheduler import Job, Scheduler
    from flowc_runtime.process.logs import Stream
    from flowc_runtime.store.records.record_types import ErrorRecord

# without a terminal: seconds until the first line about a progress bar is printed, and between further lines
_BAR_FIRST, _BAR_NEXT = 1.0, 10.0
_NAMED = 8  # the largest number of steps that a message names


def make_console(log_format: str, *, quiet: bool = False) -> Console:
    """Return the console for a command's options, and for stdout and stderr, which may be terminals.

    Args:
        log_format: the value of `--log-format`: `text` or `json`.
        quiet: the value of `--quiet`, which has no effect on JSON.
    """
    if log_format == "json":
        from flowc_emulator.console.json_console import JsonConsole

        return JsonConsole(sys.stdout.buffer)
    terminal = sys.stderr.isatty() and os.environ.get("TERM") != "dumb"
    color = terminal and not os.environ.get("NO_COLOR")
    kind = QuietConsole if quiet else TextConsole
    progress = terminal and not quiet
    return kind(sys.stdout.buffer, sys.stderr.buffer, progress=progress, color=color, shown=sys.stdout.isatty())


class TextConsole:
    """A console that prints text for people; `JsonConsole` is for programs.

    `progress` enables the progress line, `color` enables colors, and `shown` means that stdout is a terminal. If stdout
    is not a terminal, the tasks' stdout is passed on unchanged. In all other output of tasks, only the last state of a
    progress bar becomes a line.
    """

    def __init__(self, out: IO[bytes], err: IO[bytes], *, progress: bool, color: bool, shown: bool) -> None:
        self._out, self._err = Sink(out, lambda why: self._say(NOT_SHOWN.format(why))), Sink(err)
        self._color = color
        self._lines = LineCutter("stdout", "stderr") if shown else LineCutter("stderr")
        self._progress: ProgressLine | None = None
        if progress:
            from flowc_emulator.console.progress_line import ProgressLine

            self._progress = ProgressLine(self._err, color=color)
        self._bars_due: dict[tuple[Job, Stream], float] = {}  # When the next line about a task's bars is printed.
        self._bars_new: set[tuple[Job, Stream]] = set()  # Bars that were not shown yet.
        self._held = False
        self._debugged: Job | None = None

    @property
    def live(self) -> bool:
        """Whether `progress` has to be called regularly, because output may be due although no event occurs."""
        return self._progress is not None or self._lines.unsettled or bool(self._bars_new)

    def run_began(self, pathspec: str, workers: int, store: str, *, exact: bool = True) -> None:
        most = count(workers, "worker") if exact else f"up to {count(workers, 'worker')}"
        self._say(f"{self._paint(pathspec, 1)} runs with {most}, store {store}")

    def reused(self, origin: str, tasks: int, again: Mapping[str, str], following: Sequence[str]) -> None:
        self._say(f"reused {count(tasks, 'task')} of {origin}")
        for step, why in again.items():
            self._say(f"{step} runs again: {why}")
        if following:
            more = f" and {len(following) - _NAMED} more" if len(following) > _NAMED else ""
            self._say(f"following steps run again, too: {', '.join(following[:_NAMED])}{more}")

    def task_began(self, job: Job, pid: int) -> None:
        return  # only the end of an attempt is shown as a line

    def output(self, job: Job, stream: Stream, data: bytes) -> None:
        self._show([(stream, line) for line in self._lines.add(job, stream, data)], job)
        if self._progress is not None:
            self._progress.bars[job] = [*self._lines.bars(job, "stdout"), *self._lines.bars(job, "stderr")]
        elif not self._lines.bars(job, stream):
            self._bars_due.pop((job, stream), None)
            self._bars_new.discard((job, stream))
        elif (job, stream) not in self._bars_due:
            self._bars_due[job, stream] = time.monotonic() + _BAR_FIRST
            self._bars_new.add((job, stream))
        else:
            self._tell_bars(job, stream)

    def _tell_bars(self, job: Job, stream: Stream) -> None:
        now = time.monotonic()
        if now >= self._bars_due[job, stream]:
            self._bars_due[job, stream] = now + _BAR_NEXT
            self._bars_new.discard((job, stream))
            self._show([(stream, bar.encode()) for bar in self._lines.bars(job, stream)], job)

    def finish(self, job: Job) -> None:
        """Show a task's remaining lines."""
        streams: tuple[Stream, Stream] = ("stdout", "stderr")
        for stream in streams:
            self._bars_due.pop((job, stream), None)
            self._bars_new.discard((job, stream))
        if self._progress is not None:
            self._progress.bars.pop(job, None)
        self._show(self._lines.end(job), job)

    def task_done(self, job: Job, seconds: float, *, caught: bool, cached: str = "", mocked: str = "") -> None:
        self.finish(job)
        if caught:
            self._say(f"{self._paint('caught', 33)} {job.task}: its failure is stored, and the flow continues")
        elif cached:
            self._say(f"cached {job.task} from {cached}")
        elif mocked:
            self._say(f"mocked {job.task}: {mocked}")
        else:
            self._say(f"done {job.task} in {seconds:.1f} s")

    def task_failed(self, job: Job, error: ErrorRecord, follow: Job | None, *, stops: bool = False) -> None:
        """Show a failed attempt; `stops` means that the next attempt is omitted because the run has failed."""
        self.finish(job)
        then = "" if follow is None else ", its failure will be caught" if follow.only_catch else ", trying again"
        then = ", not tried again because the run has failed" if stops else then
        word = self._paint("failed", 33 if follow else 31)
        first = f"{short_type(error)}{(text_of(error).splitlines() or [''])[0]}".removesuffix(": ")
        self._say(f"{word} {_attempt(job, more=bool(follow or stops))}{then}: {first}")

    def task_ended(self, job: Job, error: ErrorRecord) -> None:
        """Show that the run has stopped a task."""
        self.finish(job)
        self._say(f"{self._paint('ended', 33)} {_attempt(job)}: {(text_of(error).splitlines() or [''])[0]}")

    def interrupted(self, number: int, running: int, *, again: bool) -> None:
        how = "killing" if again else "ending"
        tasks = count(running, "running task")
        self._say(f"{signal_name(number)}: {how} {tasks}" + ("" if again else "; once more kills them"))

    def progress(self, scheduler: Scheduler, running: Sequence[Job], *, stops: bool = False) -> None:
        for job, stream, lines in self._lines.settle():
            self._show([(stream, line) for line in lines], job)
            self.output(job, stream, b"")
        for job, stream in sorted(self._bars_new, key=str):
            self._tell_bars(job, stream)
        if self._progress is not None and not self._held:
            self._progress.draw(scheduler, running, stops=stops)

    def hold(self, job: Job) -> None:
        """Let a debugger use the terminal until `release` is called."""
        self._show(self._lines.end(job), job)
        if job != self._debugged:  # this note is printed once per session of the debugger, not before each prompt
            self._say(f"{self._paint('debugger', 33)} {job.task}")
            self._debugged = job
        self._clear()
        self._out.hold()
        self._err.hold()
        self._held = True

    def release(self) -> None:
        self._held = False
        self._out.release()
        self._err.release()

    def note(self, text: str) -> None:
        self._say(f"note: {text}")

    def run_ended(self, pathspec: str, state: str, tally: Tally, seconds: float) -> None:
        word = self._paint(state, 32 if state == "succeeded" else 31)
        self._say(f"{self._paint(pathspec, 1)} {word}: {tally.words(state, seconds)}")

    def _show(self, lines: Sequence[tuple[Stream, bytes]], job: Job) -> None:
        if not lines:
            return
        self._clear()
        again = f" #{job.attempt}" if job.attempt > 1 else ""
        prefix = self._paint(f"[{job.task}{again}]", 36).encode() + b" "
        for stream in ("stdout", "stderr"):
            mine = b"".join(prefix + line + b"\n" for of, line in lines if of == stream)
            if mine:
                (self._out if stream == "stdout" else self._err).write(mine)

    def _say(self, text: str) -> None:
        self._clear()
        self._err.write(f"{text}\n".encode(errors="backslashreplace"))

    def _clear(self) -> None:
        if self._progress is not None:
            self._progress.clear()

    def _paint(self, text: str, code: int) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if self._color else text


def _attempt(job: Job, *, more: bool = False) -> str:
    return f"{job.task} (attempt {job.attempt})" if more or job.attempt > 1 else job.task


class QuietConsole(TextConsole):
    """A console that shows only the tasks' output and errors."""

    def run_began(self, pathspec: str, workers: int, store: str, *, exact: bool = True) -> None:
        return

    def reused(self, origin: str, tasks: int, again: Mapping[str, str], following: Sequence[str]) -> None:
        return

    def task_done(self, job: Job, seconds: float, *, caught: bool, cached: str = "", mocked: str = "") -> None:
        self.finish(job)

    def note(self, text: str) -> None:
        return

    def run_ended(self, pathspec: str, state: str, tally: Tally, seconds: float) -> None:
        return
