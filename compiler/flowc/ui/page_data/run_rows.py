"""The rows of the list of runs, and the filters of this list."""

from __future__ import annotations

import heapq
import itertools
import os
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final, final

from flowc_ir import json_text
from flowc_ir.late.dataclass import dataclass
from flowc_ir.late.namedtuple import NamedTuple
from flowc_runtime.run.views.run_view import RunView
from flowc_runtime.run.views.status_view import BEGINNING, UNREADABLE
from flowc_runtime.store.backends.local import LocalObjects
from flowc_runtime.store.records.store import runs_of
from metaflow.client.query import Query, conditions

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from flowc_runtime.store.records.run_store import RunStore
    from flowc_runtime.store.records.store import Store

PAGE: Final = 50
"""The number of runs of one page of the list."""
TREND: Final = 20
"""The number of runs whose durations the sparkline of a flow shows."""
ALL_STATES: Final = ("running", BEGINNING, "failed", "interrupted", "killed", UNREADABLE, "succeeded")
"""The states of runs, in the order in which the list is sorted by status."""
LISTED: Final = 2.0
"""The number of seconds for which a listing of a bucket's runs is used."""
_ROUNDED: Final = 100_000_000  # nanoseconds: more than the resolution of the times of directories
SORTS: Final = ("newest", "oldest", "longest", "shortest", "flow", "status")


class RunFilters(NamedTuple):
    """What the list of runs shows: the values of the page's form, which are also the query of its URL.

    Attributes:
        flow: the name of the only flow; empty for all flows.
        status: the states of the shown runs; empty for all states.
        tags: an expression of tags, such as `a and not b`.
        since: the earliest start, such as `2026-11-20` or `7d`.
        until: the end of the range of starts.
        parameters: conditions of parameters, such as `n>=3`, separated by blanks.
        text: a text that occurs in the id, the user, the tags, the parameters or the message of a run.
        sort: one of SORTS.
    """

    flow: str = ""
    status: tuple[str, ...] = ()
    tags: str = ""
    since: str = ""
    until: str = ""
    parameters: str = ""
    text: str = ""
    sort: str = "newest"

    @property
    def queries(self) -> bool:
        """Whether the filters contain a condition of `query`."""
        return any((self.tags, self.since, self.until, self.parameters))

    def query(self) -> Query:
        """Return the client's query with the filters of tags, times and parameters.

        Raises:
            ValueError: a filter is not valid; the message names the filter.
        """
        if wrong := [state for state in self.status if state not in ALL_STATES]:
            raise ValueError(f"there is no status '{wrong[0]}': the statuses are {', '.join(ALL_STATES)}")
        if self.sort not in SORTS:
            raise ValueError(f"there is no order '{self.sort}': the orders are {', '.join(SORTS)}")
        return Query(
            (),
            since=self.since or None,
            until=self.until or None,
            tags=self.tags or None,
            parameters=conditions(self.parameters.split()),
        )


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class ListedRun:
    """One row of the list of runs. Times are seconds since the epoch; an unknown value is None or empty.

    `why` is the reason of the state in one line. `failed` is the failed task, as STEP/PATH.
    """

    flow: str
    run: str
    state: str
    created: float | None
    ended: float | None
    user: str
    target: str
    system_tags: tuple[str, ...]
    parameters: Mapping[str, object]
    metrics: Mapping[str, float]
    failed: str
    why: str
    origin: str

    @property
    def seconds(self) -> float | None:
        """The duration of an ended run; never negative, although the clocks of two machines may differ."""
        return None if self.ended is None or self.created is None else max(0.0, self.ended - self.created)

    def has(self, text: str, tags: Iterable[str]) -> bool:
        """Return whether a text occurs in the row or in the run's tags; upper and lower case are equal."""
        words = [self.flow, self.run, self.user, self.why, self.failed, *tags]
        words += [f"{name}={shown_value(value)}" for name, value in self.parameters.items()]
        return any(text.casefold() in word.casefold() for word in words)


def row_of(view: RunView) -> ListedRun:
    """Return the row of a run, also of a run whose record cannot be read."""
    status, record = view.status, view.record
    return ListedRun(
        flow=view.records.store.flow,
        run=view.records.store.id,
        state=status.state,
        created=view.created,
        ended=view.ended if record is not None else None,
        user=view.user or "",
        target=view.target or "",
        system_tags=tuple(view.system_tags),
        parameters=view.parameters or {},
        metrics=status.metrics or {},
        failed=status.failed or "",
        why=status.line or (str(view.error) if view.error is not None and status.state == UNREADABLE else ""),
        origin=view.origin or "",
    )


def shown_value(value: object, limit: int = 100) -> str:
    """Return a value of a record as a short text: a string unchanged, other values as JSON."""
    text = value if isinstance(value, str) else json_text.shown(value, ensure_ascii=False)
    return text if len(text) <= limit else f"{text[: limit - 1]}…"


class RunIndex:
    """The rows of a store's runs. Rows of runs that have ended are kept in memory, because they no longer change."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self._rows: dict[tuple[str, str], ListedRun] = {}
        self._listed: dict[str, tuple[float, int | None, list[RunStore]]] = {}  # by flow: when, the stamp, the runs

    def listed(self, flow: str) -> list[RunStore]:
        """Return the runs of a flow, oldest first.

        The last listing is returned again if no run was added or removed since. A bucket does not tell this, so that
        its listing is at most LISTED seconds old.
        """
        stamp, now = self._stamp(flow), time.monotonic()
        when, before, runs = self._listed.get(flow, (-LISTED, None, []))
        if (now - when < LISTED) if stamp is None else stamp == before:
            return runs
        runs = self.store.listed(flow)
        self._listed[flow] = now, stamp, runs
        return runs

    def _stamp(self, flow: str) -> int | None:
        """Return the time of the last change of the directory with a flow's runs; None if the store has no directory.

        If the directory has just changed, the value is unique, because file systems round these times.
        """
        if not isinstance(self.store.objects, LocalObjects):
            return None
        try:
            changed = os.stat(os.path.join(self.store.objects.root, runs_of(flow))).st_mtime_ns
        except FileNotFoundError:
            return time.monotonic_ns()
        return changed if time.time_ns() - changed > _ROUNDED else time.monotonic_ns()

    def row(self, run: RunStore) -> ListedRun:
        """Return the row of a run."""
        if (kept := self._rows.get((run.flow, run.id))) is not None:
            return kept
        view = RunView.of(run)
        row = row_of(view)
        # A run on a cluster may fail while its other tasks still run, and `argo retry` continues a failed run.
        if row.ended is not None and (row.target == "local" or row.state == "succeeded"):
            self._rows[run.flow, run.id] = row
        return row

    def newest(self, flows: Sequence[str]) -> list[RunStore]:
        """Return all runs of these flows, newest first. For runs of this machine only names are listed."""
        each = [[*reversed(self.listed(flow))] for flow in flows]
        return each[0] if len(each) == 1 else [*heapq.merge(*each, key=lambda run: run.id, reverse=True)]

    def trend(self, flow: str) -> list[ListedRun]:
        """Return the rows of the last TREND runs of a flow, oldest first."""
        return [self.row(run) for run in self.listed(flow)[-TREND:]]

    def found(self, filters: RunFilters) -> Iterator[ListedRun]:
        """Yield the rows that match the filters, in the order of `filters.sort`.

        Raises:
            ValueError: a filter is not valid.
        """
        query = filters.query()
        flows = [filters.flow] if filters.flow else self.store.flows()
        runs = self.newest(flows)
        if filters.sort == "oldest":
            runs.reverse()
        rows: Iterator[ListedRun] = map(self.row, runs)
        if filters.status:
            rows = (row for row in rows if row.state in filters.status)
        if filters.text or filters.queries:
            tags = self.tags(flows) if filters.text or filters.tags else {}
            rows = (row for row in rows if _matches(row, query, filters, tags.get((row.flow, row.run), set())))
        return iter(sorted(rows, key=_ORDERS[filters.sort])) if filters.sort in _ORDERS else rows

    def tags_of(self, rows: Sequence[ListedRun]) -> dict[tuple[str, str], set[str]]:
        """Return the user tags of the runs of these rows, by flow and run id. A bucket is listed once for each flow."""
        if self.store.objects.ended_listing is None:
            return {(row.flow, row.run): self.store.run(row.flow, row.run).user_tags() for row in rows}
        return self.store.tagged_runs((row.flow, row.run) for row in rows)

    def tags(self, flows: Iterable[str]) -> dict[tuple[str, str], set[str]]:
        """Return the user tags of all tagged runs of these flows, by flow and run id; each flow is listed once."""
        return {(flow, run): tags for flow in flows for run, tags in self.store.tagged(flow).items()}


def _matches(row: ListedRun, query: Query, filters: RunFilters, tags: set[str]) -> bool:
    if filters.text and not row.has(filters.text, tags):
        return False
    if not filters.queries:
        return True
    every_tag = tags.union(row.system_tags)
    return row.created is not None and query.fits(created=row.created, tags=every_tag, parameters=row.parameters)


def _length(row: ListedRun) -> float:
    return row.seconds if row.seconds is not None else -1.0


_ORDERS: Final[Mapping[str, Callable[[ListedRun], tuple[float | str, ...]]]] = {
    "longest": lambda row: (-_length(row),),
    "shortest": lambda row: (_length(row),),
    "flow": lambda row: (row.flow,),
    "status": lambda row: (ALL_STATES.index(row.state),),
}


def page_of(rows: Iterator[ListedRun], start: int) -> tuple[list[ListedRun], bool]:
    """Return one page of rows and whether further rows follow.

    Args:
        rows: all rows.
        start: the number of rows before the page.
    """
    shown = list(itertools.islice(rows, start, start + PAGE + 1))
    return shown[:PAGE], len(shown) > PAGE
