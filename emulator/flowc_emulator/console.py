"""What a run shows: live output of the tasks on stdout, everything about the run on stderr.

On a terminal there is a progress line; elsewhere a plain line for each event; or JSON lines on stdout for programs.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import time
from typing import IO, TYPE_CHECKING, Any, Protocol

from flowc.ir import json_text
from flowc_runtime.failures import short_type, signal_name, told
from flowc_runtime.index import task_id

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from flowc_emulator.scheduler import Job, Scheduler
    from flowc_runtime.logs import Stream
    from flowc_runtime.records import ErrorRecord

_PIECE = 1 << 16  # bytes of a line without an end that are held back before they are shown
_NOT_SHOWN = "note: stdout cannot be written: {}; the run goes on, and its logs are in the store"
_BAR_SECONDS = 10.0  # between two lines about a task's progress bar, where there is no terminal
_NAMED = 8  # steps that are named, where there are more


class Console(Protocol):
    """What the supervisor tells. `live` asks for progress() to be called now and then without an event."""

    live: bool

    def run_began(self, pathspec: str, workers: int, store: str, *, exact: bool = True) -> None: ...
    def reused(self, origin: str, tasks: int, again: Mapping[str, str], following: Sequence[str]) -> None: ...
    def task_began(self, job: Job, pid: int) -> None: ...
    def output(self, job: Job, stream: Stream, data: bytes) -> None: ...
    def task_done(self, job: Job, seconds: float, *, caught: bool, cached: str = "") -> None: ...
    def task_failed(self, job: Job, error: ErrorRecord, follow: Job | None) -> None: ...
    def interrupted(self, number: int, running: int, *, again: bool) -> None: ...
    def progress(self, scheduler: Scheduler, running: Sequence[Job]) -> None: ...
    def hold(self, job: Job) -> None: ...
    def release(self) -> None: ...
    def note(self, text: str) -> None: ...
    def run_ended(self, pathspec: str, state: str, tasks: int, seconds: float) -> None: ...


def make_console(log_format: str, *, quiet: bool = False) -> Console:
    """The console for a `--log-format` of `text` or `json`, for `--quiet`, and for what stdout and stderr are."""
    if log_format == "json":
        return JsonConsole(sys.stdout.buffer)
    terminal = sys.stderr.isatty() and os.environ.get("TERM") != "dumb"
    color = terminal and not os.environ.get("NO_COLOR")
    if quiet:
        return QuietConsole(sys.stdout.buffer, sys.stderr.buffer, terminal=False, color=color)
    return TextConsole(sys.stdout.buffer, sys.stderr.buffer, terminal=terminal, color=color)


class _Sink:
    """A stream that may go away. A run goes on when its output has no reader any more, or a disk is full.

    `lost` is told why it cannot be written, unless a reader has closed it.
    """

    def __init__(self, file: IO[bytes], lost: Callable[[str], None] | None = None) -> None:
        self._file: IO[bytes] | None = file
        self._lost = lost
        self._held: IO[bytes] | None = None

    def hold(self) -> None:
        """Keep what is written from now on, on disk if it becomes much."""
        self._held = tempfile.SpooledTemporaryFile(max_size=1 << 20)  # noqa: SIM115  # as long as it is held

    def release(self) -> None:
        """Write what was kept."""
        if (held := self._held) is not None:
            self._held = None
            held.seek(0)
            while data := held.read(1 << 20):
                self.write(data)
            held.close()

    def write(self, data: bytes) -> None:
        if self._held is not None:
            self._held.write(data)
        elif self._file is not None:
            try:
                self._file.write(data)
                self._file.flush()
            except BrokenPipeError:
                self._drop()
            except OSError as error:
                self._drop()
                if self._lost is not None:
                    self._lost(error.strerror or str(error))

    def _drop(self) -> None:
        assert self._file is not None
        # Python flushes the standard streams when it exits; let it flush into nothing.
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, self._file.fileno())
        os.close(null)
        self._file = None


class _Lines:
    """Cuts the output of each task into lines; bytes stay as they are.

    Of the streams `shortened`, only that part of a line stays that a terminal shows after all: a progress bar writes
    its states over each other.
    """

    def __init__(self, *shortened: Stream) -> None:
        self._shortened = shortened
        self._rest: dict[tuple[Job, Stream], bytes] = {}

    def add(self, job: Job, stream: Stream, data: bytes) -> list[bytes]:
        data = self._rest.pop((job, stream), b"") + data
        *whole, rest = data.split(b"\n")
        if stream in self._shortened:
            whole, rest = list(map(_shown, whole)), _shown(rest, more=True)
        if len(rest) > _PIECE:
            whole, rest = [*whole, rest], b""
        if rest:
            self._rest[job, stream] = rest
        return whole

    def bar(self, job: Job, stream: Stream) -> str:
        """The state of a progress bar, where the line that has not ended is one; of a stream that is shortened."""
        rest = self._rest.get((job, stream), b"")
        if b"\r" not in rest or stream not in self._shortened:
            return ""
        text = _shown(rest).strip(b"\r").decode(errors="replace")
        return "".join(char for char in text if char.isprintable())

    def cut(self, job: Job, stream: Stream) -> bytes:
        """What there is of a line that has not ended."""
        return self._rest.pop((job, stream), b"")

    def end(self, job: Job) -> list[tuple[Stream, bytes]]:
        streams: tuple[Stream, Stream] = ("stdout", "stderr")
        return [(stream, rest) for stream in streams if (rest := self._rest.pop((job, stream), None)) is not None]


def _shown(line: bytes, *, more: bool = False) -> bytes:
    """What follows the last carriage return that something follows; with it, if there is `more` to come."""
    at = line.rstrip(b"\r").rfind(b"\r")
    return line[at:] if more and at >= 0 else line[at + 1 :]


class TextConsole:
    """For people. `terminal` gives the progress line, `color` the colors."""

    def __init__(self, out: IO[bytes], err: IO[bytes], *, terminal: bool, color: bool) -> None:
        self._out, self._err = _Sink(out, lambda why: self._say(_NOT_SHOWN.format(why))), _Sink(err)
        self._color = color
        self._lines = _Lines("stdout", "stderr") if terminal else _Lines("stderr")
        self._progress = _ProgressLine(self._err, color=color) if terminal else None
        self._bar_shown: dict[Job, float] = {}  # when a line told the state of a task's progress bar
        self.live = terminal
        self._held = False
        self._debugged: Job | None = None

    def run_began(self, pathspec: str, workers: int, store: str, *, exact: bool = True) -> None:
        most = _count(workers, "worker") if exact else f"up to {_count(workers, 'worker')}"
        self._say(f"{self._paint(pathspec, 1)} runs with {most}, store {store}")

    def reused(self, origin: str, tasks: int, again: Mapping[str, str], following: Sequence[str]) -> None:
        self._say(f"reused {_count(tasks, 'task')} of {origin}")
        for step, why in again.items():
            self._say(f"{step} runs again: {why}")
        if following:
            more = f" and {len(following) - _NAMED} more" if len(following) > _NAMED else ""
            self._say(f"and what follows: {', '.join(following[:_NAMED])}{more}")

    def task_began(self, job: Job, pid: int) -> None:
        return  # its end is worth a line, or its failure

    def output(self, job: Job, stream: Stream, data: bytes) -> None:
        self._show([(stream, line) for line in self._lines.add(job, stream, data)], job)
        bar = self._lines.bar(job, stream)
        if self._progress is not None:
            self._progress.bars[job] = bar
        elif bar and time.monotonic() - self._bar_shown.get(job, -_BAR_SECONDS) >= _BAR_SECONDS:
            self._bar_shown[job] = time.monotonic()
            self._show([(stream, bar.encode())], job)

    def _end(self, job: Job) -> None:
        """Show what is left of a task's last lines."""
        self._bar_shown.pop(job, None)
        if self._progress is not None:
            self._progress.bars.pop(job, None)
        self._show(self._lines.end(job), job)

    def task_done(self, job: Job, seconds: float, *, caught: bool, cached: str = "") -> None:
        self._end(job)
        if caught:
            self._say(f"{self._paint('caught', 33)} {job.task}: its failure is kept, the flow goes on")
        elif cached:
            self._say(f"cached {job.task} from {cached}")
        elif self._progress is None:
            self._say(f"done {job.task} in {seconds:.1f} s")

    def task_failed(self, job: Job, error: ErrorRecord, follow: Job | None) -> None:
        self._end(job)
        then = "" if follow is None else ", its failure will be caught" if follow.only_catch else ", trying again"
        word = self._paint("failed", 33 if follow else 31)
        first = (told(error).splitlines() or [""])[0]
        attempt = f" (attempt {job.attempt})" if follow or job.attempt > 1 else ""
        self._say(f"{word} {job.task}{attempt}{then}: {short_type(error)}{first}")

    def interrupted(self, number: int, running: int, *, again: bool) -> None:
        how = "killing" if again else "ending"
        self._say(f"{signal_name(number)}: {how} {running} running tasks" + ("" if again else "; once more kills them"))

    def progress(self, scheduler: Scheduler, running: Sequence[Job]) -> None:
        if self._progress is not None and not self._held:
            self._progress.draw(scheduler, running)

    def hold(self, job: Job) -> None:
        """The terminal is a debugger's from here on, until `release`."""
        streams: tuple[Stream, Stream] = ("stdout", "stderr")
        self._show([(stream, rest) for stream in streams if (rest := self._lines.cut(job, stream))], job)
        if job != self._debugged:  # else it would stand between the steps of one session
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

    def run_ended(self, pathspec: str, state: str, tasks: int, seconds: float) -> None:
        word = self._paint(state, 32 if state == "succeeded" else 31)
        self._say(f"{self._paint(pathspec, 1)} {word}: {_count(tasks, 'task')} in {seconds:.1f} s")

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


class QuietConsole(TextConsole):
    """Only what the tasks print, and what goes wrong."""

    def run_began(self, pathspec: str, workers: int, store: str, *, exact: bool = True) -> None:
        return

    def reused(self, origin: str, tasks: int, again: Mapping[str, str], following: Sequence[str]) -> None:
        return

    def task_done(self, job: Job, seconds: float, *, caught: bool, cached: str = "") -> None:
        self._end(job)

    def note(self, text: str) -> None:
        return

    def run_ended(self, pathspec: str, state: str, tasks: int, seconds: float) -> None:
        return


class _ProgressLine:
    """The last line of a terminal, drawn by rich and wiped before anything else is written."""

    def __init__(self, sink: _Sink, *, color: bool) -> None:
        from rich.console import Console as RichConsole
        from rich.progress_bar import ProgressBar
        from rich.table import Table

        self._bar, self._table = ProgressBar, Table
        self._rich = RichConsole(force_terminal=True, no_color=not color, highlight=False, markup=False)
        self._sink = sink
        self._began = time.monotonic()
        self._drawn = 0.0
        self._shown = False
        self.bars: dict[Job, str] = {}
        """The states of tasks' own progress bars, empty where a task shows none."""

    def draw(self, scheduler: Scheduler, running: Sequence[Job]) -> None:
        now = time.monotonic()
        if self._shown and now - self._drawn < 0.05:  # a fast run ends hundreds of tasks a second
            return
        self._drawn = now
        self._rich.width = shutil.get_terminal_size().columns
        names = ", ".join(job.task for job in running[:3]) + (" …" if len(running) > 3 else "")
        names += "".join(f"  [{job.task}] {self.bars[job]}" for job in running if self.bars.get(job))
        line = self._table.grid(padding=(0, 1))
        line.add_column(width=20)
        line.add_column(no_wrap=True)
        line.add_column(no_wrap=True, overflow="ellipsis")
        line.add_row(
            self._bar(total=scheduler.known, completed=scheduler.done, width=20),
            f"{scheduler.done}/{scheduler.known} tasks  {now - self._began:.0f} s",
            names,
        )
        with self._rich.capture() as capture:
            self._rich.print(line, end="")
        self._sink.write(b"\r\x1b[2K" + capture.get().rstrip("\n").encode())
        self._shown = True

    def clear(self) -> None:
        if self._shown:
            self._sink.write(b"\r\x1b[2K")
            self._shown = False


class JsonConsole:
    """For programs: one JSON object a line on stdout, each with `time` and `event`.

    The bytes of a task's line are text with every byte that is not UTF-8 as a lone surrogate (`\\udcXX`), so none is
    lost.
    """

    live = False

    def __init__(self, out: IO[bytes]) -> None:
        self._out = _Sink(out, lambda why: _Sink(sys.stderr.buffer).write(f"{_NOT_SHOWN.format(why)}\n".encode()))
        self._lines = _Lines()

    def run_began(self, pathspec: str, workers: int, store: str, *, exact: bool = True) -> None:
        self._event("run_began", run=pathspec, workers=workers, store=store)

    def reused(self, origin: str, tasks: int, again: Mapping[str, str], following: Sequence[str]) -> None:
        self._event("reused", origin=origin, tasks=tasks, again=dict(again), following=list(following))

    def task_began(self, job: Job, pid: int) -> None:
        self._event("task_began", job, pid=pid)

    def output(self, job: Job, stream: Stream, data: bytes) -> None:
        for line in self._lines.add(job, stream, data):
            self._line(job, stream, line)

    def task_done(self, job: Job, seconds: float, *, caught: bool, cached: str = "") -> None:
        self._end(job)
        more = {"cached": cached} if cached else {}
        self._event("task_done", job, seconds=round(seconds, 3), caught=caught, **more)

    def task_failed(self, job: Job, error: ErrorRecord, follow: Job | None) -> None:
        self._end(job)
        self._event("task_failed", job, type=error["type"], message=told(error), retried=follow is not None)

    def interrupted(self, number: int, running: int, *, again: bool) -> None:
        self._event("interrupted", signal=signal_name(number), running=running)

    def progress(self, scheduler: Scheduler, running: Sequence[Job]) -> None:
        return

    def hold(self, job: Job) -> None:
        return  # programs read it, not a person at the prompt

    def release(self) -> None:
        return

    def note(self, text: str) -> None:
        self._event("note", text=text)

    def run_ended(self, pathspec: str, state: str, tasks: int, seconds: float) -> None:
        self._event("run_ended", run=pathspec, state=state, tasks=tasks, seconds=round(seconds, 3))

    def _end(self, job: Job) -> None:
        for stream, rest in self._lines.end(job):
            self._line(job, stream, rest)

    def _line(self, job: Job, stream: Stream, line: bytes) -> None:
        self._event("output", job, stream=stream, text=line.decode("utf-8", "surrogateescape"))

    def _event(self, event: str, job: Job | None = None, **fields: Any) -> None:
        task: dict[str, Any] = {}
        if job is not None:
            task = {"step": job.step, "task": task_id(job.step, job.path), "path": job.path, "attempt": job.attempt}
        self._out.write(
            json_text.shown({"time": round(time.time(), 6), "event": event, **task, **fields}).encode() + b"\n"
        )


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
