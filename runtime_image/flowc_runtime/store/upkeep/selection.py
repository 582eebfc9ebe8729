"""Select the runs that a garbage collection deletes; this module only reads.

A run is kept if it may be active, if a remaining run has resumed it, or if a run with an unreadable record may need it.
"""

from __future__ import annotations

import time
from contextlib import suppress
from typing import TYPE_CHECKING, cast, final

from flowc_ir.late.dataclass import dataclass, field
from flowc_ir.late.namedtuple import NamedTuple
from flowc_runtime.base.errors import NotFound, RecordError
from flowc_runtime.base.progress import over
from flowc_runtime.process.process import is_alive
from flowc_runtime.store.records.key_places import ASIDE, place_of
from flowc_runtime.store.records.lost_records import key_before, moved_aside
from flowc_runtime.store.records.tags import name_of
from flowc_runtime.store.upkeep.spun import needed_by

if TYPE_CHECKING:
    from collections.abc import Collection

    from flowc_runtime.store.backends.objects import Collectable
    from flowc_runtime.store.records.run_store import RunStore
    from flowc_runtime.store.records.store import Store


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """The options that select runs: a run must match all of them. Without options no run is selected.

    `older_than`: the run ended more than this many seconds ago. `keep_last`: the run is not among the newest N runs of
    its flow. `tags`: the run has all of these tags. `keep_tags`: the run has none of these tags. `flow`: only runs of
    this flow. `runs`: the run is one of these, which are given as flow and id.
    """

    flow: str | None = None
    older_than: float | None = None
    keep_last: int | None = None
    tags: frozenset[str] = frozenset()
    keep_tags: frozenset[str] = frozenset()
    runs: frozenset[tuple[str, str]] = frozenset()

    @property
    def says_something(self) -> bool:
        """Whether an option is set that selects runs."""
        return self.older_than is not None or self.keep_last is not None or bool(self.tags or self.runs)


class Doomed(NamedTuple):
    """A run to delete: the number of its completed tasks, and the size of its records, logs and cards in bytes."""

    run: RunStore
    tasks: int
    size: int


@final
@dataclass(slots=True)
class Chosen:
    """The result of `choose`: the runs to delete (`doomed`), and the runs that are kept, by the reason.

    `live` are runs that may be active. `needed` maps a run to the run that has resumed it. `spun` maps a run to the
    directory in which `spin` stored a task. `unreadable` are the runs with an unreadable record. `blind` maps a flow to
    one of its runs whose record cannot be read. A run with an unreadable record may have resumed any other run of its
    flow, so no run of the flow is deleted. `kept` is the number of all runs that are kept.
    """

    doomed: dict[tuple[str, str], Doomed] = field(default_factory=dict)
    live: list[str] = field(default_factory=list)
    needed: dict[str, str] = field(default_factory=dict)
    spun: dict[str, str] = field(default_factory=dict)
    unreadable: dict[str, RecordError] = field(default_factory=dict)
    blind: dict[str, str] = field(default_factory=dict)
    kept: int = 0


def choose(store: Store, selection: Selection, now: float | None = None) -> Chosen:
    """Return the runs to delete. If a run that resumed another run remains, the other run is kept, too, because it
    contains the logs of the reused tasks.

    Args:
        store: the store.
        selection: the options.
        now: the time in seconds since the epoch, or None for the current time.

    Raises:
        StoreError: the store cannot be read. An unreadable record of a run raises no error, but the run is kept.
    """
    chosen, now = Chosen(), time.time() if now is None else now
    origins: dict[tuple[str, str], str] = {}  # run -> the run that it has resumed
    aside = records_set_aside(store)
    aside_of = {(place.flow, place.run): key for key in aside for place in (place_of(key),)}
    for flow in store.flows():
        runs = store.runs(flow)
        newest = _newest(store, flow, runs, selection.keep_last or 0)
        tagged = store.tagged(flow) if selection.tags or selection.keep_tags else {}
        for id in over(runs, f"reading the runs of {flow}:", len(runs)):
            run = store.run(flow, id)
            origin: str | None = None
            try:
                record = run.record()
                origin = record.get("origin")
                tags = tagged.get(id, set()) | set(record.get("system_tags", ()))
                if (key := aside_of.get((flow, id))) is not None:
                    raise moved_aside(key, store.objects.url, place_of(key).subject)
                _choose(chosen, run, selection, kept=id in newest or not _is_selected(run, tags, selection, now))
            except NotFound:  # the run is just starting, or another garbage collection has just deleted it
                pass
            except RecordError as error:
                chosen.kept += 1
                chosen.unreadable[f"{flow}/{id}"] = error
                if place_of(error.key).kind == "run":
                    chosen.blind[flow] = f"{flow}/{id}"
            if origin is not None:
                origins[flow, id] = origin
    _spare_origins(chosen, origins)
    for key in aside:
        place = place_of(key)
        if place.kind == "run" or not store.objects.exists(f"{store.run(place.flow, place.run).prefix}/run.json"):
            chosen.blind[place.flow] = f"{place.flow}/{place.run}"
            chosen.unreadable.setdefault(chosen.blind[place.flow], moved_aside(key, store.objects.url, place.subject))
    spare_blindly(chosen)
    return chosen


def _newest(store: Store, flow: str, runs: list[str], count: int) -> set[str]:
    """Return the newest `count` runs with readable records; runs with unreadable records are always kept."""
    found = set[str]()
    for id in reversed(runs):
        if len(found) == count:
            break
        with suppress(NotFound, RecordError):
            store.run(flow, id).record()
            store.run(flow, id).status()
            found.add(id)
    return found


def _choose(chosen: Chosen, run: RunStore, selection: Selection, *, kept: bool) -> None:
    name = f"{run.flow}/{run.id}"
    if kept or not selection.keep_tags.isdisjoint(_tags_by_name(run, selection.keep_tags)):
        chosen.kept += 1
    elif may_be_active(run):
        chosen.kept += 1
        chosen.live.append(name)
    elif directory := needed_by(run):
        chosen.kept += 1
        chosen.spun[name] = directory
    else:
        chosen.doomed[run.flow, run.id] = _measure(run)


def _tags_by_name(run: RunStore, tags: Collection[str]) -> set[str]:
    """Return the given tags that the run has; no object of a tag is read."""
    names = set(run.tag_names()) if tags else set[str]()
    return {tag for tag in tags if name_of(tag)[0] in names}


def records_set_aside(store: Store) -> list[str]:
    """Return the original keys of the records and tags of runs that `fsck` has moved to `damaged/`."""
    return sorted({key for entry in collectable(store).listing(ASIDE) if place_of(key := key_before(entry.name)).run})


def spare_blindly(chosen: Chosen) -> None:
    """If a flow has a run whose record cannot be read, delete no run of this flow: the unreadable run may have resumed
    any of them."""
    for flow, id in list(chosen.doomed):
        if flow in chosen.blind:
            del chosen.doomed[flow, id]
            chosen.kept += 1
            chosen.needed[f"{flow}/{id}"] = chosen.blind[flow]


def _is_selected(run: RunStore, tags: set[str], selection: Selection, now: float) -> bool:
    return (
        selection.says_something
        and selection.flow in (None, run.flow)
        and (not selection.runs or (run.flow, run.id) in selection.runs)
        and (selection.older_than is None or now - run.status()["changed"] > selection.older_than)
        and selection.tags <= tags
        and not selection.keep_tags & tags
    )


def may_be_active(run: RunStore) -> bool:
    """Return whether a task of the run may be active, according to its records."""
    status, record = run.status(), run.record()
    if record["target"] != "local":
        return "ended" not in status
    return status["state"] == "running" and is_alive(record["process"]) is not False


def _measure(run: RunStore) -> Doomed:
    objects = cast("Collectable", run.objects)
    found = objects.listing(run.prefix)
    done = [name for name, _, _ in found if name.startswith("tasks/") and "-" not in name.rpartition("/")[2]]
    return Doomed(run, len(done), sum(size for _, size, _ in found))


def _spare_origins(chosen: Chosen, origins: dict[tuple[str, str], str]) -> None:
    """Do not delete a run if a remaining run has resumed it, or has resumed a run that has resumed it, and so on."""
    for (flow, id), _ in list(origins.items()):
        if (flow, id) in chosen.doomed:
            continue
        at = id
        while origin := origins.get((flow, at)):
            if chosen.doomed.pop((flow, origin), None):
                chosen.kept += 1
                chosen.needed[f"{flow}/{origin}"] = f"{flow}/{id}"
            at = origin


def collectable(store: Store) -> Collectable:
    """Return the store's objects with the operations that a collection needs; every backend has them."""
    return cast("Collectable", store.objects)
