"""The options such as `--tag` and `--status` by which `flowc runs` and `flowc metrics` select runs in a store."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from flowc.cli.options.common import USAGE, fail
from flowc.cli.words.option_values import text, texts
from flowc.cli.words.run_names import hint_for
from flowc_ir.late import LateFunction, LateModule
from flowc_runtime.base.errors import NotFound, RecordError
from flowc_runtime.run.views.run_records import RunRecords
from flowc_runtime.run.views.status_view import UNREADABLE

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from flowc.cli.options.adding import Command
    from flowc_runtime.store.records.run_store import RunStore
    from flowc_runtime.store.records.store import Store
    from metaflow.client import query as query_module
    from metaflow.client.query import Query, conditions
    from metaflow.client.reader import RunReader, UserTags, readers
else:  # imported at first use: only filters need them
    query_module = LateModule("metaflow.client.query")
    Query = LateFunction("metaflow.client.query:Query")
    conditions = LateFunction("metaflow.client.query:conditions")
    UserTags = LateFunction("metaflow.client.reader:UserTags")
    readers = LateFunction("metaflow.client.reader:readers")

_OPTIONS = (
    click.option("--tag", "tags", multiple=True, metavar="TAG", help="Only runs with this tag; may be repeated."),
    click.option("--tag-expression", metavar="TEXT",
                 help="Only runs whose tags match this expression, such as 'a and not (b or c*)'."),
    click.option("--status", multiple=True, metavar="STATUS",
                 help="Only runs that are running, succeeded, failed, interrupted, killed or unreadable; may be "
                 "repeated."),
    click.option("--since", metavar="TIME",
                 help="Only runs that began at this time or later: 2026-11-20, '2026-11-20 14:30', or 12h or 7d ago."),
    click.option("--until", metavar="TIME", help="Only runs that began before this time."),
    click.option("--parameter", "parameters", multiple=True, metavar="NAME=VALUE",
                 help="Only runs with this value of a parameter; also !=, <, <=, >, >=; may be repeated."),
)  # fmt: skip
NAMES = ("tags", "tag_expression", "status", "since", "until", "parameters")


def filter_options(command: Command) -> Command:
    """Add the filter options to a command.

    The command's function gets the options' values as keyword arguments with the names in NAMES.
    """
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def selected(store: Store, flows: Sequence[str], filters: Mapping[str, object]) -> Iterator[RunRecords]:
    """Yield the runs that match the filters, newest first; without filters, also yield runs that have no record yet.

    Args:
        store: the store.
        flows: the names of the flows whose runs are searched.
        filters: the values of the filter options, by the names in NAMES.

    Raises:
        SystemExit: a filter is invalid; the error is printed.
    """
    if states := texts(filters, "status"):
        _check_states(states)
    if not any(filters.values()):
        found = sorted((run for name in flows for run in store.listed(name)), key=lambda run: (run.id, run.flow))
        return (RunRecords(run) for run in reversed(found))
    if UNREADABLE in texts(filters, "status"):
        return _with_unreadable(store, flows, filters)
    query = _query(filters)
    if len(flows) == 1:
        return _asked_for(store, flows[0], query)
    readers = [reader for name in flows for reader in _asked_for(store, name, query)]
    return iter(sorted(readers, key=lambda reader: -reader.record["created"]))


def _check_states(states: Sequence[str]) -> None:
    """Print an error and end the program if a value of `--status` is not a status."""
    known = (*query_module.STATES, UNREADABLE)
    for state in states:
        if state not in known:
            fail(f"there is no status '{state}'", hint_for(state, known, "statuses"), code=USAGE)


def _with_unreadable(store: Store, flows: Sequence[str], filters: Mapping[str, object]) -> Iterator[RunRecords]:
    """Yield the runs that match filters with `--status unreadable`: runs whose record or status cannot be read.

    A run whose record cannot be read matches no filter other than `--status`.
    """
    others = tuple(state for state in texts(filters, "status") if state != UNREADABLE)
    states, rest = _query({**filters, "status": others}), {**filters, "status": ()}
    query, only_status = _query(rest), not any(rest.values())
    found: list[tuple[str, str]] = []
    for name in flows:
        if others:
            found += [(reader.store.id, name) for reader in _asked_for(store, name, states)]
        unreadable_runs = {run for run in store.runs(name) if not _is_readable(store.run(name, run))}
        fit = {reader.store.id for reader in _asked_for(store, name, query)} if unreadable_runs else set[str]()
        for run in unreadable_runs:
            if run in fit or (only_status and _is_unknown(store.run(name, run))):
                found.append((run, name))
    return (RunRecords(store.run(name, run)) for run, name in sorted(found, reverse=True))


def _is_readable(run: RunStore) -> bool:
    """Return whether the record and the status of a run can be read. A record or status that does not exist yet counts
    as readable."""
    try:
        run.record()
        run.status()
    except NotFound:
        return True
    except RecordError:
        return False
    return True


def _is_unknown(run: RunStore) -> bool:
    try:
        run.record()
    except RecordError:
        return True
    return False


def _asked_for(store: Store, flow: str, query: Query) -> Iterator[RunReader]:
    tags = UserTags(store, flow)
    candidates = query.candidates(readers(store, flow, query.excludes))
    return (reader for reader in candidates if query.matches(reader, tags.of))


def _query(filters: Mapping[str, object]) -> Query:
    """Return the query for the filters; print an error and end the program if a filter is invalid."""
    try:
        return Query(
            texts(filters, "tags"),
            status=texts(filters, "status") or None,
            since=text(filters, "since"),
            until=text(filters, "until"),
            tags=text(filters, "tag_expression"),
            parameters=conditions(texts(filters, "parameters")),
        )
    except ValueError as error:
        fail(str(error), code=USAGE)
