"""`flowc logs scrub` and `python flow.py logs scrub`: replace the contents of logs permanently."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import click

from flowc.cli.options.common import fail, open_store, store_option
from flowc.cli.rendering.log_printer import selected_streams
from flowc.cli.words.pathspecs import find_run, find_task
from flowc_runtime.base.index import task_pathspec
from flowc_runtime.run.views.run_records import RunRecords
from flowc_runtime.store.upkeep.scrub import scrub_log

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from flowc.cli.rendering.log_printer import Task
    from flowc.cli.words.pathspecs import Pathspec
    from flowc_runtime.process.logs import Stream

    Command = TypeVar("Command", bound=Callable[..., object])

_OPTIONS = (
    click.option("--stdout/--no-stdout", help="Scrub only stdout."),
    click.option("--stderr/--no-stderr", help="Scrub only stderr."),
    click.option("--both/--no-both", default=True, help="Scrub both [default]."),
    click.option("--latest/--all", default=True, help="Scrub only the latest attempt [default], or all attempts."),
    click.option("--include-not-done", is_flag=True,
                 help="Also scrub tasks that have not ended. Lines written during the scrub may be lost or kept."),
)  # fmt: skip
_HELP = (
    "Replace the logs of the tasks of {} by a line that says that they were scrubbed. This cannot be undone. The "
    "records of failed attempts keep the message and traceback of their error."
)


def _scrub_options(function: Command) -> Command:
    for option in reversed(_OPTIONS):
        function = option(function)
    return function


@click.command("scrub", help=_HELP.format("FLOW/RUN/STEP[/TASK]"))
@click.argument("pathspec")
@click.option("--attempt", type=click.IntRange(min=1), metavar="N", help="Scrub only attempt N, counted from 1.")
@_scrub_options
@store_option
@click.pass_context
def scrub_command(
    ctx: click.Context, /, pathspec: str, attempt: int | None, store_url: str | None, **options: bool
) -> None:
    """Scrub the logs of the tasks that a pathspec names; attempts are counted from 1."""
    found = find_run(open_store(store_url), pathspec, least=3, to_read=True)
    _scrub(ctx, found, attempt, options, first=1)


@click.command("scrub", help=_HELP.format("RUN/STEP[/TASK]"))
@click.argument("path", metavar="RUN/STEP[/TASK]")
@click.option("--attempt", type=click.IntRange(min=0), metavar="N", help="Scrub only attempt N, counted from 0.")
@_scrub_options
@click.pass_context
def flow_scrub_command(ctx: click.Context, /, path: str, attempt: int | None, **options: bool) -> None:
    """Scrub the logs of the tasks that a path without the flow's name selects; attempts are counted from 0."""
    _scrub(ctx, find_task(ctx, path), None if attempt is None else attempt + 1, options, first=0)


def _scrub(ctx: click.Context, found: Pathspec, attempt: int | None, options: dict[str, bool], *, first: int) -> None:
    assert found.step is not None
    streams: Sequence[Stream] = selected_streams(ctx, options["stdout"], options["stderr"], options["both"])
    done = 0
    for task in _attempts(found, attempt, latest=options["latest"], not_done=options["include_not_done"]):
        scrub_log(found.run.objects, found.run.log_source(*task), streams)
        done += 1
        step, path, number = task
        where = task_pathspec(found.run.id, step, path=path)
        click.echo(f"Logs have been scrubbed for {where} - attempt {number - 1 + first}")
    if not done:
        fail("no such attempt has ended", "--include-not-done also scrubs attempts that are active or were killed")


def _attempts(found: Pathspec, attempt: int | None, *, latest: bool, not_done: bool) -> Iterator[Task]:
    """Yield the selected attempts that have ended. If `not_done` is true, yield all selected attempts."""
    assert found.step is not None
    view = RunRecords(found.run)
    for path, numbers in view.attempts(found.step).items():
        if found.path not in (None, path):
            continue
        wanted = [attempt] if attempt is not None else numbers[-1:] if latest else numbers
        for number in wanted:
            if number in numbers and (not_done or view.attempt(found.step, path, number) is not None):
                yield found.step, path, number
