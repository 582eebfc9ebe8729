"""The options by which `flowc runs` chooses among the runs in the store."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import click

from flowc.cli.options.common import USAGE, fail
from flowc.cli.words.run_names import hint_for
from flowc_runtime.base.errors import NotFound, RecordError
from flowc_runtime.run.views.run_records import RunRecords
from flowc_runtime.run.views.status_view import UNREADABLE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from flowc_runtime.store.records.store import RunStore, Store
    from metaflow.client.query import Query
    from metaflow.client.reader import RunReader

F = TypeVar("F", bound="Callable[..., Any]")

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
                 help="Only those with this value of a parameter; also !=, <, <=, >, >=; may be repeated."),
)  # fmt: skip
NAMES = ("tags", "tag_expression", "status", "since", "until", "parameters")


def filter_options(command: F) -> F:
    """Give a command the options; their values are keyword arguments by the names of NAMES."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def selected(store: Store, flows: Sequence[str], filters: Mapping[str, Any]) -> Iterator[RunRecords]:
    """The runs of the flows that are asked for, newest first; without any filter also those that just begin."""
    if filters["status"]:
        _check_states(filters["status"])
    if not any(filters.values()):
        found = sorted((run, name) for name in flows for run in store.runs(name))
        return (RunRecords(store.run(name, run)) for run, name in reversed(found))
    if UNREADABLE in filters["status"]:
        return _with_unreadable(store, flows, filters)
    query = _query(filters)
    if len(flows) == 1:
        return _asked_for(store, flows[0], query)
    readers = [reader for name in flows for reader in _asked_for(store, name, query)]
    return iter(sorted(readers, key=lambda reader: -reader.record["created"]))


def _check_states(states: Sequence[str]) -> None:
    """End the program if one of the values of --status is not a status."""
    from metaflow.client.query import STATES

    known = (*STATES, UNREADABLE)
    for state in states:
        if state not in known:
            fail(f"there is no status '{state}'", hint_for(state, known, "statuses"), code=USAGE)


def _with_unreadable(store: Store, flows: Sequence[str], filters: Mapping[str, Any]) -> Iterator[RunRecords]:
    """The same, where runs are asked for whose record or status cannot be read.

    Of a run whose own record cannot be read nothing is known that another filter asks for.
    """
    others = tuple(state for state in filters["status"] if state != UNREADABLE)
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
    """Whether the record and the status of a run can be read; they need not be there yet."""
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
    from metaflow.client.reader import UserTags, readers

    tags = UserTags(store, flow)
    return (reader for reader in query.candidates(readers(store, flow)) if query.matches(reader, tags.of))


def _query(filters: Mapping[str, Any]) -> Query:
    """What is asked for; what cannot be ends the program."""
    from metaflow.client.query import Query, conditions

    try:
        return Query(
            filters["tags"],
            status=filters["status"] or None,
            since=filters["since"],
            until=filters["until"],
            tags=filters["tag_expression"],
            parameters=conditions(filters["parameters"]),
        )
    except ValueError as error:
        fail(str(error), code=USAGE)
