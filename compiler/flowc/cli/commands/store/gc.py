"""`flowc gc`: deletes runs, and data that no run references."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import click

from flowc.cli.commands.store.read import json_option
from flowc.cli.options.common import FAULTY, open_store, store_option, table
from flowc.cli.rendering.working import working
from flowc.cli.words.pathspecs import find_run
from flowc.cli.words.run_names import no_flow
from flowc_ir import json_text
from flowc_ir.counting import count
from flowc_ir.late.typeddict import TypedDict
from flowc_runtime.base.config.whereabouts import command_on
from flowc_runtime.store.records import unreadable
from flowc_runtime.store.records.lost_records import one_per_run
from flowc_runtime.store.upkeep.collect import find_garbage, sweep
from flowc_runtime.store.upkeep.selection import Selection, choose

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flowc_runtime.store.records.store import Store
    from flowc_runtime.store.upkeep.collect import Garbage
    from flowc_runtime.store.upkeep.selection import Chosen

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}


def seconds(ctx: click.Context, param: click.Parameter, value: str | None) -> float | None:
    """Return the seconds in an option's value such as 30d, 12h or 90m, or None if the option is missing.

    click calls this function for each option with a duration.

    Raises:
        click.BadParameter: the value is not a number with one of the units s, m, h, d and w.
    """
    if value is None:
        return None
    found = re.fullmatch(r"(\d+(?:\.\d+)?)([smhdw])", value.strip())
    if found is None:
        raise click.BadParameter(f"{value!r} is not a duration; write 90m, 12h, 30d or 8w", ctx, param)
    return float(found[1]) * _UNITS[found[2]]


@click.command(
    "gc",
    help="List the runs of FLOW, or of all flows, that match every option, and the blobs that no other run uses; "
    "with --delete, delete them. Without options, list or delete only unreferenced blobs.",
)
@click.argument("flow", required=False)
@click.option(
    "--older-than", metavar="TIME", callback=seconds, help="Only runs that ended at least this long ago: 30d, 12h, 90m."
)
@click.option("--keep-last", type=click.IntRange(min=0), metavar="N", help="Keep the newest N runs of each flow.")
@click.option("--tag", "tags", multiple=True, metavar="TAG", help="Only runs with this tag; may be repeated.")
@click.option("--keep-tag", "keep_tags", multiple=True, metavar="TAG", help="Keep runs with this tag; may be repeated.")
@click.option("--run", "names", multiple=True, metavar="FLOW/RUN", help="Only this run; may be repeated.")
@click.option("--delete/--dry-run", "delete", help="Delete [default: only list].")
@json_option
@store_option
def gc_command(
    flow: str | None,
    older_than: float | None,
    keep_last: int | None,
    tags: tuple[str, ...],
    keep_tags: tuple[str, ...],
    names: tuple[str, ...],
    delete: bool,
    as_json: bool,
    store_url: str | None,
) -> None:
    """Delete runs and unreferenced data. The command may be used while flows, or another `flowc gc`, run.

    If a run that --run names is kept, the exit code of --delete is 1.
    """
    store = open_store(store_url)
    if flow is not None and flow not in store.flows():
        no_flow(store, flow)
    selection = Selection(
        flow=flow, older_than=older_than, keep_last=keep_last, tags=frozenset(tags), keep_tags=frozenset(keep_tags),
        runs=_named(store, names),
    )  # fmt: skip
    _check(selection)
    with working("looking for unreferenced data"):
        chosen = choose(store, selection)
        garbage = find_garbage(store, set(chosen.doomed))
    for error in one_per_run((*chosen.unreadable.values(), *garbage.unreadable.values()), store.objects.url):
        unreadable.tell(error)
    report = _report(chosen, garbage, delete=delete)
    if delete:
        with working("deleting"):
            swept = sweep(store, chosen, garbage)
        report.update({"runs_deleted": swept.runs, "blobs_deleted": swept.blobs, "bytes_deleted": swept.size})
    if as_json:
        click.echo(json_text.shown(report, indent=2))
    else:
        _print_garbage(store, chosen, report)
    if delete and not selection.runs <= chosen.doomed.keys():
        raise SystemExit(FAULTY)


def _named(store: Store, names: Sequence[str]) -> frozenset[tuple[str, str]]:
    """Return the runs that the values of --run name, as flow and id."""
    found = set[tuple[str, str]]()
    for name in names:
        place = find_run(store, name)
        if place.step is not None:
            raise click.UsageError(f"only whole runs can be deleted: give FLOW/RUN instead of {name!r}")
        found.add((place.run.flow, place.run.id))
    return frozenset(found)


def _check(selection: Selection) -> None:
    if selection.keep_tags and not selection.says_something:
        raise click.UsageError(
            "--keep-tag only keeps runs: select the runs to delete by --older-than, --keep-last, --tag or --run"
        )


class DoomedRow(TypedDict):
    """A run to delete, as `flowc gc --json` prints it."""

    pathspec: str
    tasks: int
    bytes: int


class _Found(TypedDict):
    runs: list[DoomedRow]
    kept: int
    may_be_active: list[str]
    needed: dict[str, str]
    spun: dict[str, str]
    unreadable_runs: list[str]
    unreadable_records: list[str]
    held_blobs: int
    held_bytes: int
    blobs: int
    bytes: int
    sent_files: list[str]
    kept_by_extensions: list[str]
    young_blobs: int
    young_bytes: int
    deleted: bool


class GcReport(_Found, total=False):
    """The output of `flowc gc --json`: the runs and blobs to delete and to keep; with --delete, also the numbers of
    deleted runs, blobs and bytes."""

    runs_deleted: int
    blobs_deleted: int
    bytes_deleted: int


def _report(chosen: Chosen, garbage: Garbage, *, delete: bool) -> GcReport:
    runs: list[DoomedRow] = [
        {"pathspec": f"{flow}/{run}", "tasks": doomed.tasks, "bytes": doomed.size}
        for (flow, run), doomed in chosen.doomed.items()
    ]
    return {
        "runs": runs,
        "kept": chosen.kept,
        "may_be_active": chosen.live,
        "needed": chosen.needed,
        "spun": chosen.spun,
        "unreadable_runs": sorted(chosen.unreadable),
        "unreadable_records": sorted(garbage.unreadable),
        "held_blobs": len(garbage.held),
        "held_bytes": sum(garbage.held.values()),
        "blobs": len(garbage.blobs),
        "bytes": sum(garbage.blobs.values()) + sum(run["bytes"] for run in runs) + garbage.beside.size,
        "sent_files": sorted(garbage.beside.sent),
        "kept_by_extensions": sorted(garbage.beside.extended),
        "young_blobs": len(garbage.young),
        "young_bytes": sum(garbage.young.values()),
        "deleted": delete,
    }


def _print_garbage(store: Store, chosen: Chosen, report: GcReport) -> None:
    delete = "deleted" if report["deleted"] else "would delete"
    rows = [[row["pathspec"], count(row["tasks"], "task"), f"{row['bytes']:,} bytes"] for row in report["runs"]]
    if rows:
        table(rows)
    for pathspec in chosen.live:
        click.echo(f"{pathspec} is kept: it may still be active")
    for pathspec, by in chosen.needed.items():
        has = ", whose record cannot be read, may have resumed it" if by in chosen.blind.values() else " has resumed it"
        click.echo(f"{pathspec} is kept: {by}{has}")
    for pathspec, directory in chosen.spun.items():
        click.echo(f"{pathspec} is kept: the spin results in {directory} use it")
    for pathspec in chosen.unreadable:
        click.echo(f"{pathspec} is kept: its records cannot be read")
    if records := report["unreadable_records"]:
        which = "a record cannot be read and" if len(records) == 1 else f"{len(records)} records cannot be read and"
        more = f": {report['held_blobs']}, {report['held_bytes']:,} bytes" if report["held_blobs"] else ""
        click.echo(f"all unreferenced blobs are kept, because {which} may reference them{more}")
    if records or chosen.unreadable:
        fsck = command_on(store.objects.url, "flowc", "fsck")
        click.echo(
            f"hint: restore the objects that {fsck} names, or move them to damaged/ with {fsck} --repair", err=True
        )
    if number := report["young_blobs"]:
        click.echo(f"{count(number, 'unreferenced blob')}, {report['young_bytes']:,} bytes, kept: less than a day old")
    if number := len(report["sent_files"]):
        click.echo(f"{delete} {count(number, 'unreferenced file')} uploaded before runs")
    for pathspec in report["kept_by_extensions"]:
        click.echo(f"{delete} unreferenced data of extensions for {pathspec}")
    runs, blobs, size = len(report["runs"]), report["blobs"], report["bytes"]
    if report["deleted"]:
        runs, blobs, size = report["runs_deleted"], report["blobs_deleted"], report["bytes_deleted"]
        click.echo(f"{delete} {_counted(runs, blobs)}, {size:,} bytes, from {store.objects.url}")
    else:
        click.echo(f"{delete} {_counted(runs, blobs)}, {size:,} bytes; --delete deletes them")


def _counted(runs: int, blobs: int) -> str:
    return f"{count(runs, 'run')} and {count(blobs, 'blob')}"
