"""Find the records that a run must have according to its other records, for `fsck`."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast, final

from flowc_ir import End, Foreach, Gang
from flowc_ir.late.namedtuple import NamedTuple
from flowc_ir.late.pattern import late_pattern
from flowc_runtime.base.index import ROOT
from flowc_runtime.store.records.key_places import place_of
from flowc_runtime.store.records.needed_blobs import items

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from flowc_ir import Flow
    from flowc_runtime.store.records.record_types import AttemptRecord, StatusRecord
    from flowc_runtime.store.records.store import Store

_ITERATION = late_pattern(r"~[0-9]+(?=\.json$)")


class _Split(NamedTuple):
    """A task that has opened a foreach or a gang."""

    step: str
    path: str
    tasks: int


@final
class Completeness:
    """Collects, from the records that were read, which other records must exist.

    `iterated` has the keys of the records of tasks in loops; the numbers of the iterations are removed from the keys.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._succeeded: set[tuple[str, str]] = set()
        self._ends: dict[tuple[str, str], str] = {}
        self._bodies: dict[tuple[str, str], dict[str, str]] = {}
        self._splits: dict[tuple[str, str], list[_Split]] = {}
        self.iterated: set[str] = set()

    def note(self, key: str, record: object) -> None:
        """Remember which other records must exist because of this record, which was read and is valid."""
        place = place_of(key)
        run = place.flow, place.run
        if place.kind == "status" and cast("StatusRecord", record)["state"] == "succeeded":
            self._succeeded.add(run)
        elif place.kind == "ir":
            self._note_graph(run, cast("Flow", record))
        elif place.kind == "attempt":
            if "~" in key:
                self.iterated.add(_ITERATION.sub("", key))
            fanout = cast("AttemptRecord", record).get("fanout")
            if fanout is not None and key.endswith(f"/{place.path}.json"):
                split = _Split(place.step, place.path, fanout["count"])
                self._splits.setdefault(run, []).append(split)

    def _note_graph(self, run: tuple[str, str], flow: Flow) -> None:
        self._ends[run] = next((node.id for node in flow.nodes if isinstance(node.next, End)), "")
        self._bodies[run] = {node.id: node.next.body for node in flow.nodes if isinstance(node.next, Foreach | Gang)}

    def needed(self, spun: Collection[tuple[str, str]]) -> Iterator[tuple[str, str]]:
        """Yield (key, reason) for each record that a successful run must have. The runs in `spun` are left out, because
        `spin` runs only one task."""
        for run in sorted(self._succeeded - set(spun)):
            store = self._store.run(*run)
            if end := self._ends.get(run):
                yield store.task_key(end, ROOT), "the run has succeeded"
            bodies = self._bodies.get(run, {})
            for split in self._splits.get(run, ()):
                if (body := bodies.get(split.step)) is not None:
                    why = f"the run has succeeded, and {split.step}/{split.path} opened {split.tasks:,} tasks"
                    yield from ((store.task_key(body, path), why) for path in items(split.path, split.tasks))


def run_prefix(key: str) -> str:
    """Return the prefix that all keys of a run have, given the key of one of the run's objects; empty if the key
    belongs to no run."""
    match key.split("/"):
        case ["flows", flow, "runs", run, _, *_]:
            return f"flows/{flow}/runs/{run}"
    return ""
