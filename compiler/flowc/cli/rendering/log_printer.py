"""Prints logs: as unchanged bytes, as lines with the task or the time as a prefix, or as JSON lines."""

from __future__ import annotations

import sys
from datetime import datetime
from typing import TYPE_CHECKING, final

import click

from flowc_ir import json_text
from flowc_ir.late import LateFunction
from flowc_ir.late.namedtuple import NamedTuple
from flowc_runtime.base.index import task_id
from flowc_runtime.process.logs import Chunk, Lines

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from flowc_emulator.console.rows import Rows
    from flowc_runtime.process.logs import Stream

    Task = tuple[str, str, int]
    """An attempt of a task: the step, the task's index path (its foreach indexes and loop iterations), and the number
    of the attempt."""
else:
    Rows = LateFunction("flowc_emulator.console.rows:Rows")  # for progress bars

LONGEST = 1 << 20  # bytes; a longer line is printed as several lines


class Form(NamedTuple):
    """The format of printed logs; `only` is the stream to print, or None to print both streams."""

    only: Stream | None = None
    prefixed: bool = False
    timestamps: bool = False
    as_json: bool = False

    @property
    def by_line(self) -> bool:
        """Whether output is printed line by line. Output is printed line by line if each line gets a prefix or becomes
        a JSON object."""
        return self.prefixed or self.timestamps or self.as_json


def clock(when: float) -> str:
    """Return the local time with milliseconds, such as `2026-11-20 14:15:00.250`, as a prefix for lines. `when` is in
    seconds since the epoch."""
    return datetime.fromtimestamp(when).isoformat(sep=" ", timespec="milliseconds")


def prefix_of(step: str, path: str, attempt: int) -> bytes:
    """Return the prefix that shows the task at each line of an attempt."""
    return f"[{step}/{path}{f' #{attempt}' if attempt > 1 else ''}] ".encode()


def selected_streams(ctx: click.Context, stdout: bool, stderr: bool, both: bool) -> Sequence[Stream]:
    """Return the streams of a log that the options `--stdout`, `--stderr` and `--both` select: `--stdout` and
    `--stderr` override `--both`.

    Args:
        ctx: the command's context.
        stdout: the value of `--stdout`.
        stderr: the value of `--stderr`.
        both: the value of `--both`.

    Raises:
        click.UsageError: the options select no stream.
    """
    streams: list[Stream] = []
    if stdout or (both and not stderr):
        streams.append("stdout")
    if stderr or (both and not stdout):
        streams.append("stderr")
    if not streams:
        raise click.UsageError("no stream is left: leave out --no-both, or give --stdout or --stderr", ctx)
    return streams


@final
class Printer:
    """Writes the logs of attempts. The attempts' stdout goes to stdout, their stderr to stderr, and JSON to stdout.

    If lines have a prefix, the output of a progress bar becomes one line with the bar's last state. If stdout is not a
    terminal, a program may read it, so all states of the progress bars that the attempts printed on stdout are printed.
    """

    def __init__(self, form: Form) -> None:
        self._form = form
        # The state of the progress bars of each stream that has printed a progress bar.
        self._rows: dict[tuple[Task, Stream], Rows] = {}
        self._lines: Lines[tuple[Task, Stream]] = Lines(LONGEST)
        self._last: Stream = "stdout"
        self._when = 0.0  # the time of the line that was printed last

    def show(self, chunks: Iterable[tuple[Task, Chunk]]) -> None:
        """Print chunks of logs in the given order.

        Args:
            chunks: the chunks, each with its attempt (step, index path, number).
        """
        for task, chunk in chunks:
            if self._form.only not in (None, chunk.stream):
                continue
            if self._form.by_line:
                for line in self._lines.add((task, chunk.stream), chunk):
                    self.line(task, line, more=not line.data.endswith(b"\n"))
            else:
                self._write(chunk.stream, chunk.data)
        for (task, stream), rows in self._rows.items():
            for data in rows.settle():
                self._line(task, Chunk(self._when, stream, data))
        self.flush()

    def line(self, task: Task, line: Chunk, *, more: bool = False) -> None:
        """Print one line of a log.

        Args:
            task: the step, index path and attempt.
            line: the line, with or without its newline.
            more: whether the line continues in the next call.
        """
        if self._form.as_json:
            self._write("stdout", _json(task, line, more=more))
            return
        self._when = line.when
        if (rows := self._rows_of(task, line)) is None:
            self._line(task, line)
            return
        for data in rows.add(line.data):
            self._line(task, line._replace(data=data))

    def _rows_of(self, task: Task, line: Chunk) -> Rows | None:
        """Return the state of the progress bars of a stream, or None if the stream has printed no progress bar yet."""
        if (rows := self._rows.get((task, line.stream))) is not None:
            return rows
        if not {0x08, 0x0D, 0x1B} & set(line.data) or not (line.stream == "stderr" or sys.stdout.isatty()):
            return None
        self._rows[task, line.stream] = rows = Rows()
        return rows

    def _line(self, task: Task, line: Chunk) -> None:
        time = f"{clock(line.when)} ".encode() if self._form.timestamps else b""
        prefix = prefix_of(*task) if self._form.prefixed else b""
        self._write(line.stream, b"%b%b%b\n" % (time, prefix, line.data.removesuffix(b"\n")))

    def finish(self, task: Task) -> None:
        """Print the last line of an attempt that has ended, if this line has no newline."""
        for stream in _STREAMS:
            if (left := self._lines.end((task, stream))) is not None:
                self.line(task, Chunk(left[0], stream, left[1]))
            if (rows := self._rows.pop((task, stream), None)) is not None:
                for data in rows.end():
                    self._line(task, Chunk(self._when, stream, data))
        self.flush()

    def flush(self) -> None:
        """Flush the stream that was written last."""
        _buffer(self._last).flush()

    def _write(self, stream: Stream, data: bytes) -> None:
        if stream != self._last:  # flushing keeps the order of the lines if both streams are the same terminal
            self.flush()
            self._last = stream
        _buffer(stream).write(data)


_STREAMS: tuple[Stream, ...] = ("stdout", "stderr")


def _buffer(stream: Stream):  # type: ignore[no-untyped-def]  # BinaryIO, or what replaces it
    return (sys.stdout if stream == "stdout" else sys.stderr).buffer


def _json(task: Task, line: Chunk, *, more: bool) -> bytes:
    """Return a line of a log as a line of JSON.

    Bytes that are not UTF-8 become lone surrogates, as in `run --log-format json`.
    """
    step, path, attempt = task
    record = {
        "time": line.when,
        "step": step,
        "task": task_id(step, path),
        "path": path,
        "attempt": attempt,
        "stream": line.stream,
        "text": line.data.removesuffix(b"\n").decode("utf-8", "surrogateescape"),
    }
    return json_text.shown(record | ({"continues": True} if more else {})).encode() + b"\n"
