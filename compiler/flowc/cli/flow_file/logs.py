"""`python flow.py logs`: prints logs in Metaflow's format.

The paths of tasks do not include the flow's name, and attempts are counted from 0. Results go to stdout; the line that
names the task goes to stderr.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from flowc.cli.commands.store.logs import LogsGroup, pieces
from flowc.cli.commands.store.scrub import flow_scrub_command
from flowc.cli.flow_file.common import tell
from flowc.cli.rendering.log_printer import LONGEST, Form, Printer, clock, selected_streams
from flowc.cli.words.pathspecs import find_task
from flowc_runtime.base.index import task_id
from flowc_runtime.process.logs import chunks, lines
from flowc_runtime.run.views.run_records import RunRecords

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flowc.cli.rendering.log_printer import Task
    from flowc_runtime.process.logs import Stream
    from flowc_runtime.store.records.run_store import RunStore


@click.group("logs", cls=LogsGroup, help="Print the logs of tasks: `logs RUN/STEP[/TASK]` is short for `logs show`.")
def logs_command() -> None:
    """Define the command group `python flow.py logs`."""


@logs_command.command("show", help="Print the logs of a task, RUN/STEP/TASK, or of all tasks of a step, RUN/STEP.")
@click.argument("path", metavar="RUN/STEP[/TASK]")
@click.option("--stdout/--no-stdout", help="Print only stdout.")
@click.option("--stderr/--no-stderr", help="Print only stderr.")
@click.option("--both/--no-both", default=True, help="Print both [default].")
@click.option("--timestamps/--no-timestamps", help="Print the time at which each line was written.")
@click.option("--attempt", type=click.IntRange(min=0), metavar="N",
              help="Print only attempt N, counted from 0 [default: the latest].")  # fmt: skip
@click.option("--json", "as_json", is_flag=True,
              help="Print JSON: one object per line, in the order of time; attempts are counted from 0.")  # fmt: skip
@click.pass_context
def show_command(
    ctx: click.Context,
    path: str,
    stdout: bool,
    stderr: bool,
    both: bool,
    timestamps: bool,
    attempt: int | None,
    as_json: bool,
) -> None:
    """Print logs; the lines of both streams go to stdout."""
    found = find_task(ctx, path)
    assert found.step is not None
    streams = selected_streams(ctx, stdout, stderr, both)
    printer = Printer(Form(None if len(streams) > 1 else streams[0], as_json=True)) if as_json else None
    for task, numbers in RunRecords(found.run).attempts(found.step).items():
        number = numbers[-1] if attempt is None else attempt + 1
        if found.path is not None and task != found.path:
            continue
        tell(f"Dumping logs of run_id={found.run.id} step={found.step} task_id={task_id(found.step, task)}")
        # A missing attempt is no error, as in Metaflow: programs request one attempt after another.
        if number not in numbers:
            tell(f"it has no attempt {attempt}")
        elif printer is not None:
            _print_json(printer, found.run, (found.step, task, number))
        else:
            _print(found.run, (found.step, task, number), streams, timestamps)


def _print_json(printer: Printer, run: RunStore, attempt: Task) -> None:
    step, path, number = attempt
    from_zero = (step, path, number - 1)
    printer.show((from_zero, chunk) for chunk in chunks(pieces(run, attempt)))
    printer.finish(from_zero)


def _print(run: RunStore, attempt: Task, streams: Sequence[Stream], timestamps: bool) -> None:
    out = sys.stdout.buffer
    for stream in streams:
        if len(streams) > 1:
            tell(stream)
        if timestamps:
            for when, _, line in lines(pieces(run, attempt), stream, LONGEST):
                out.write(f"{clock(when)} ".encode() + line + (b"" if line.endswith(b"\n") else b"\n"))
        else:
            last = b"\n"
            for chunk in chunks(pieces(run, attempt)):
                if chunk.stream == stream:
                    out.write(chunk.data)
                    last = chunk.data[-1:]
            out.write(b"" if last == b"\n" else b"\n")
        out.flush()


logs_command.add_command(flow_scrub_command)
