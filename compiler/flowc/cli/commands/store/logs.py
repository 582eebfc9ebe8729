"""`flowc logs`: prints, follows and scrubs the logs of tasks, or prints the sizes of logs."""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING, final

import click

from flowc.cli.commands.store.follow import follow_run
from flowc.cli.commands.store.read import attempts_of
from flowc.cli.commands.store.scrub import scrub_command
from flowc.cli.options.common import fail, open_store, store_option, table
from flowc.cli.rendering.log_printer import LONGEST, Form, Printer
from flowc.cli.words.pathspecs import find_run
from flowc_ir import json_text
from flowc_ir.late import LateModule
from flowc_ir.late.typeddict import TypedDict
from flowc_runtime.base.index import task_id
from flowc_runtime.process.logs import chunks, lines
from flowc_runtime.run.views.run_records import RunRecords

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from click.shell_completion import CompletionItem

    from flowc.cli.commands import completion
    from flowc.cli.rendering.log_printer import Task
    from flowc_runtime.process.logs import Chunk, Stream
    from flowc_runtime.store.records.run_store import RunStore
else:  # imported at first use
    completion = LateModule("flowc.cli.commands.completion")  # only tab completion needs it

MERGED_PIECE = 1 << 16  # bytes of each log in memory while the lines of several logs are sorted by time


@final
class LogsGroup(click.Group):
    """A group in which `logs PATHSPEC` is short for `logs show PATHSPEC`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Insert `show` if the first argument is neither a subcommand nor an option for help."""
        if args and args[0] not in (*self.commands, *ctx.help_option_names):
            args = ["show", *args]
        return super().parse_args(ctx, args)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Return the subcommands, pathspecs or options of `show` that complete the word."""
        if incomplete.startswith("-"):
            return self.commands["show"].shell_complete(ctx, incomplete)
        return [*super().shell_complete(ctx, incomplete), *completion.complete_pathspec(ctx, incomplete)]


@click.group(
    "logs", cls=LogsGroup, help="Print the logs of FLOW/RUN[/STEP[/TASK]]: `logs X` is short for `logs show X`."
)
def logs_command() -> None:
    """Define the command group `flowc logs`."""


@logs_command.command("show", help="Print the logs of FLOW/RUN[/STEP[/TASK]]; RUN may be `latest`.")
@click.argument("pathspec")
@click.option("--stdout", "only", flag_value="stdout", help="Print only stdout.")
@click.option("--stderr", "only", flag_value="stderr", help="Print only stderr.")
@click.option("--both", "only", flag_value="both", help="Print both [default].")
@click.option("--attempt", type=click.IntRange(min=1), help="Print only this attempt [default: all].")
@click.option("--timestamps", is_flag=True, help="Print the time at which each line was written.")
@click.option("--merge", is_flag=True, help="Sort the lines of all tasks by time [default: task by task].")
@click.option("--follow", is_flag=True, help="Print new lines until the run ends; exit code 1 if it does not succeed.")
@click.option("--sizes", is_flag=True, help="Print the numbers of bytes and lines instead of the lines.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON: one object per line; with --sizes, a list.")
@store_option
def show_command(
    pathspec: str,
    only: str | None,
    attempt: int | None,
    timestamps: bool,
    merge: bool,
    follow: bool,
    sizes: bool,
    as_json: bool,
    store_url: str | None,
) -> None:
    """Print logs: the log of one task unchanged, or the logs of several tasks with a prefix before each line."""
    if follow and (sizes or merge):
        raise click.UsageError("--follow prints lines as they arrive: leave out --sizes and --merge")
    stream: Stream | None = "stdout" if only == "stdout" else "stderr" if only == "stderr" else None
    form = Form(stream, timestamps=timestamps, as_json=as_json)
    if follow:
        raise SystemExit(follow_run(open_store(store_url), pathspec, form, attempt))
    found = find_run(open_store(store_url), pathspec, to_read=True)
    records = RunRecords(found.run)
    begun = attempts_of(records, found.step, found.path, records.attempts)
    tasks = [task for task in begun if attempt in (None, task[2])]
    if attempt is not None and not tasks:
        fail(f"{pathspec} has no attempt {attempt}")
    if sizes:
        _print_sizes(found.run, tasks, stream, as_json=as_json)
        return
    printer = Printer(form._replace(prefixed=found.path is None))
    if merge:
        for task, line in merged(found.run, tasks, stream):
            printer.line(task, line)
        for task in tasks:
            printer.finish(task)
        return
    for task in tasks:
        printer.show((task, chunk) for chunk in chunks(pieces(found.run, task)))
        printer.finish(task)


logs_command.add_command(scrub_command)


def pieces(run: RunStore, task: Task, size: int = LONGEST) -> Iterator[bytes]:
    """Yield the log of an attempt in pieces of about `size` bytes; yield nothing if the attempt printed nothing."""
    return run.log(*task, size=size)


# -- merged by time ---------------------------------------------------------------------------------------------


def merged(run: RunStore, tasks: Iterable[Task], only: Stream | None) -> Iterator[tuple[Task, Chunk]]:
    """Yield the lines of several attempts, sorted by the time at which the first byte of each line was written.

    The next piece of a log is read only when the log's next line is needed. Pieces of two logs are therefore in memory
    together only if they were written at about the same time.

    Args:
        run: the run.
        tasks: the attempts: step, index path, number.
        only: the stream to yield, or None for both.
    """
    waiting: list[tuple[float, int, Task, Chunk | None, Iterator[Chunk]]] = []
    for order, task in enumerate(tasks):
        first = next(chunks(pieces(run, task, size=64)), None)
        if first is not None:
            log = lines(pieces(run, task, size=MERGED_PIECE), only, LONGEST)
            heapq.heappush(waiting, (first.when, order, task, None, log))
    while waiting:
        when, order, task, line, log = heapq.heappop(waiting)
        if line is not None:
            yield task, line
        if (following := next(log, None)) is not None:
            # A log contains its lines in the order in which they were completed, so a line may have begun before the
            # preceding line. With `max`, the times of a log's lines never decrease, so the lines keep the log's order.
            heapq.heappush(waiting, (max(when, following.when), order, task, following, log))


# -- sizes -------------------------------------------------------------------------------------------------------------


class LogSizes(TypedDict):
    """The sizes of an attempt's log: the bytes of each stream, and the number of lines in both streams."""

    step: str
    task: str
    path: str
    attempt: int
    stdout: int
    stderr: int
    lines: int


def _print_sizes(run: RunStore, tasks: Iterable[Task], only: Stream | None, *, as_json: bool) -> None:
    rows = [_sizes(run, task, only) for task in tasks]
    if as_json:
        click.echo(json_text.shown(rows, indent=2))
        return
    streams: list[Stream] = [only] if only is not None else ["stdout", "stderr"]
    cells = [
        [f"{row['step']}/{row['path']} #{row['attempt']}", *(f"{row[name]:,}" for name in streams), f"{row['lines']:,}"]
        for row in rows
    ]
    total = [*(sum(row[name] for row in rows) for name in streams), sum(row["lines"] for row in rows)]
    table([["", *(f"{name} bytes" for name in streams), "lines"], *cells, ["total", *(f"{n:,}" for n in total)]])


def _sizes(run: RunStore, task: Task, only: Stream | None) -> LogSizes:
    """Count the bytes and the lines in the log of an attempt."""
    step, path, attempt = task
    counted: LogSizes = {
        "step": step, "task": task_id(step, path), "path": path, "attempt": attempt,
        "stdout": 0, "stderr": 0, "lines": 0,
    }  # fmt: skip
    for _, stream, data in chunks(pieces(run, task)):
        if only in (None, stream):
            counted[stream] += len(data)
            counted["lines"] += data.count(b"\n")
    return counted
