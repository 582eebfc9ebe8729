"""`flowc fsck`: checks that a store is complete and undamaged, and repairs it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from flowc.cli.commands.store.read import json_option
from flowc.cli.options.common import FAULTY, fail, open_store, store_option
from flowc.cli.rendering.working import working
from flowc_ir import json_text
from flowc_ir.counting import count
from flowc_runtime.store.records.key_places import ASIDE
from flowc_runtime.store.upkeep import fsck
from flowc_runtime.store.upkeep.fsck import counts, runs_without_record

if TYPE_CHECKING:
    from flowc_runtime.store.records.store import Store
    from flowc_runtime.store.upkeep.fsck import FsckReport, StoreFault

SHOWN = 10  # the maximum number of pathspecs that are printed for a fault
_KINDS = {
    "damaged-blob": ("damaged blob", "damaged blobs"),
    "damaged-record": ("damaged record", "damaged records"),
    "newer-record": ("record of a newer flowc", "records of a newer flowc"),
    "lost-blob": ("lost blob", "lost blobs"),
    "lost-record": ("lost record", "lost records"),
    "lost-run": ("lost run", "lost runs"),
    "stale-copy": ("stale copy", "stale copies"),
    "unreadable-file": ("unreadable file", "unreadable files"),
    "unknown-file": ("unknown file", "unknown files"),
    "leftover": ("leftover", "leftovers"),
}


@click.command(
    "fsck",
    help="Read the whole store; list its damaged and missing objects and the runs that these affect. Exit code 1 if "
    "there are any.",
)
@click.option(
    "--repair",
    is_flag=True,
    help="Move damaged blobs, damaged records and runs without a record to damaged/ in the store, and remove temporary "
    "files of killed writers.",
)
@json_option
@store_option
def fsck_command(repair: bool, as_json: bool, store_url: str | None) -> None:
    """Check a store. The command may be used while flows run, and deletes no data."""
    store = open_store(store_url)
    if not any(store.objects.names("")):
        fail(f"there is no store in {store.objects.url}", "give its place with --store")
    with working("reading the store"):
        found = fsck.check_store(store)
    if repair:
        with working("moving damaged objects to damaged/"):
            fsck.repair(store, found)
    if as_json:
        click.echo(json_text.shown(_as_json(store, found), indent=2, ensure_ascii=False))
    else:
        _print_report(store, found, repaired=repair)
    if found.faults:
        raise SystemExit(FAULTY)


def _as_json(store: Store, found: FsckReport) -> dict[str, object]:
    return {
        "store": store.objects.url,
        "objects": found.objects,
        "bytes": found.size,
        "counts": counts(found),
        "runs": found.runs,
        "unlisted": found.unlisted,
        "aside": len(found.aside),
        "moved_before": [f"{ASIDE}/{name}" for name in found.aside],
        "faults": [
            {
                "kind": fault.kind,
                "key": fault.key,
                "why": fault.why,
                "bytes": fault.size,
                "touched": fault.touched,
                "moved": fault.moved,
                "removed": fault.removed,
            }
            for fault in found.faults
        ],
    }


def _print_report(store: Store, found: FsckReport, *, repaired: bool) -> None:
    for fault in found.faults:
        click.echo(f"{_KINDS[fault.kind][0]} {fault.key}{_size(fault)}: {fault.why}{_done(fault)}")
        for pathspec in fault.touched[:SHOWN]:
            click.echo(f"  {pathspec}")
        if len(fault.touched) > SHOWN:
            click.echo(f"  and {len(fault.touched) - SHOWN:,} more")
    if found.runs:
        click.echo(f"affected runs: {', '.join(found.runs)}")
    total = ", ".join(count(number, *_KINDS[kind]) for kind, number in counts(found).items())
    click.echo(
        f"read {found.objects:,} objects, {found.size:,} bytes, of {store.objects.url}: {total or 'no problems found'}"
    )
    if found.aside:
        click.echo(f"{count(len(found.aside), 'object was', 'objects were')} moved to damaged/ earlier:")
        for name in found.aside[:SHOWN]:
            click.echo(f"  damaged/{name}")
        if len(found.aside) > SHOWN:
            click.echo(f"  and {len(found.aside) - SHOWN:,} more")
    if found.unlisted:
        what = count(len(found.unlisted), "ended run", "ended runs")
        click.echo(
            f"wrote the copies of {what} for listings"
            if repaired
            else f"{what} without copies for listings: reading them takes more requests; --repair writes the copies"
        )
    if not repaired and runs_without_record(found):
        click.echo(
            "hint: restore the record of the run from a copy; --repair moves the rest of the run to damaged/", err=True
        )
    if not repaired and any(kind in counts(found) for kind in ("damaged-blob", "damaged-record", "leftover")):
        click.echo("hint: --repair moves damaged objects to damaged/ and removes leftovers; if a run computes the "
                   "value of a damaged blob again, it stores the blob again", err=True)  # fmt: skip


def _size(fault: StoreFault) -> str:
    return "" if fault.size is None else f", {fault.size:,} bytes"


def _done(fault: StoreFault) -> str:
    return f"; moved to {fault.moved}" if fault.moved else "; removed" if fault.removed else ""
