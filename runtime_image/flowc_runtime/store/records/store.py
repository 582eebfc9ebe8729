"""The store: runs, attempts, artifacts and logs as objects with keys (docs/adr/0003-store.md)."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING
from urllib.parse import unquote

from flowc_ir.late import LateModule
from flowc_ir.late.pattern import late_pattern
from flowc_runtime.base.errors import NotFound, RecordError
from flowc_runtime.store.backends.by_address import open_objects
from flowc_runtime.store.backends.objects import Objects
from flowc_runtime.store.records import unreadable
from flowc_runtime.store.records.key_places import names_inside, quote_name
from flowc_runtime.store.records.run_store import RunStore
from flowc_runtime.store.records.stored import tag_at

if TYPE_CHECKING:
    from collections.abc import Iterable

    from flowc_runtime.store.ended import ended_runs
else:  # imported at first use: only a store in a bucket needs the module
    ended_runs = LateModule("flowc_runtime.store.ended.ended_runs")

_TIME = late_pattern(r"\d{8}-\d{6}(?:-\d{3})?")  # the time in the run ids that flowc makes


class Store:
    """A store: the data of all runs in one directory or bucket."""

    def __init__(self, objects: Objects) -> None:
        self.objects = objects

    @classmethod
    def open(cls, url: str) -> Store:
        """Return the store at an address. This method creates nothing. It reads at most one file: the file in a
        store's directory that names a second store, whose objects are visible in this store too.

        Args:
            url: a directory, `file://…`, or the address of a bucket.

        Raises:
            AddressError: the address is not supported, or may contain credentials.
            StoreError: a slash is missing in the address, or the directory cannot be read.
        """
        return cls(open_objects(url))

    def flows(self) -> list[str]:
        """Return the names of the flows that have run."""
        return names_inside(self.objects, "flows")

    def runs(self, flow: str) -> list[str]:
        """Return the run ids of a flow, oldest first."""
        return [run.id for run in self.listed(flow)]

    def listed(self, flow: str) -> list[RunStore]:
        """Return objects for the runs of a flow, oldest first.

        In a bucket, a listing returns the records of ended runs, too: these objects need no request to read them.
        """
        runs = self.run_ids(flow)
        if self.objects.ended_listing is not None:
            found = ended_runs.listed(self.objects, flow, runs)
        else:
            found = [self.run(flow, run) for run in runs]
        return sorted(found, key=lambda run: (_began(run), run.id))

    def run_ids(self, flow: str) -> list[str]:
        """Return the run ids of a flow, unordered, from one listing; unlike `runs`, this reads no records."""
        return names_inside(self.objects, runs_of(flow))

    def has_runs(self, flow: str) -> bool:
        """Return whether the flow has run."""
        if (listing := self.objects.ended_listing) is not None:
            return listing.has_below(runs_of(flow))
        return bool(self.run_ids(flow))

    def tagged(self, flow: str, *, first: str = "") -> dict[str, set[str]]:
        """Return the user tags of a flow's tagged runs, by run id; one listing reads the tags of all runs.

        Unreadable tags are reported and left out.

        Args:
            flow: the flow's name.
            first: the smallest run id whose tags are needed; a bucket lists only the tags from there.

        Raises:
            StoreError: the store cannot be read.
        """
        prefix = f"flows/{quote_name(flow)}/tags"
        found: dict[str, set[str]] = {}
        if first and (listing := self.objects.ended_listing) is not None:
            names = listing.names_from(prefix, quote_name(first))
        else:
            names = self.objects.names_below(prefix)
        for key in names:
            run, _, name = key.partition("/")
            with unreadable.skipping():
                tag = tag_at(self.objects, f"{prefix}/{key}", name, f"run {flow}/{unquote(run)}")
                if tag is not None:
                    found.setdefault(unquote(run), set()).add(tag)
        return found

    def tagged_runs(self, runs: Iterable[tuple[str, str]]) -> dict[tuple[str, str], set[str]]:
        """Return the user tags of tagged runs, by flow and run id: the given runs, and runs of these flows with larger
        ids. There is one listing for each flow.

        Args:
            runs: the flow and the id of each run.

        Raises:
            StoreError: the store cannot be read.
        """
        first: dict[str, str] = {}
        for flow, run in runs:
            first[flow] = min(first.get(flow, run), run)
        return {(flow, run): tags for flow in first for run, tags in self.tagged(flow, first=first[flow]).items()}

    def run(self, flow: str, run: str) -> RunStore:
        """Return an object for a run; the run need not exist."""
        return RunStore(self.objects, flow, run)


def runs_of(flow: str) -> str:
    """Return the prefix of the keys of a flow's runs."""
    return f"flows/{quote_name(flow)}/runs"


def _began(run: RunStore) -> str:
    """Return a run's start as sortable text, from the run's id if flowc made the id, or else from the run's record
    (after `argo submit`)."""
    if said := _TIME.search(run.id):
        return said[0]
    try:
        return time.strftime("%Y%m%d-%H%M%S", time.gmtime(run.record()["created"]))
    except NotFound:  # the run's first task has not written the record yet
        return "9"
    except RecordError:  # sorted first, since a run without a readable record must not count as the newest
        return ""
