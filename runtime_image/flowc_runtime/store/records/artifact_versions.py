"""The versions of an artifact: each value, with the run and the task that produced it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowc_ir.late.namedtuple import NamedTuple
from flowc_runtime.base.errors import NotFound, RecordError
from flowc_runtime.store.records import unreadable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flowc_runtime.store.records.record_types import ArtifactRef, AttemptRecord
    from flowc_runtime.store.records.run_store import RunStore
    from flowc_runtime.store.records.store import Store


class ArtifactVersion(NamedTuple):
    """One value of an artifact in one run, with the first task that had the value and the time of that task's end."""

    run: str
    step: str
    path: str
    when: float
    ref: ArtifactRef

    @property
    def digest(self) -> str:
        """The sha256 of the value's bytes, or of the external file's bytes."""
        external = self.ref.get("external")
        return external["digest"] if external else self.ref["digest"]

    @property
    def size(self) -> int:
        """The size of the value or the external file, in bytes."""
        external = self.ref.get("external")
        return external["size"] if external else self.ref["size"]


def versions(
    store: Store, flow: str, name: str, *, run: str | None = None, step: str | None = None
) -> Iterator[ArtifactVersion]:
    """Yield the versions of an artifact of a flow, newest run first.

    If several tasks of a run have the same value, only one version is yielded. If several runs have the same value, a
    version is yielded for each run. Unreadable records are reported and left out.

    Args:
        store: the store.
        flow: the flow's name.
        name: the artifact's name.
        run: the id of the only run to search, or None for all runs.
        step: the only step whose tasks are searched, or None for all steps.
    """
    runs = [run] if run is not None else list(reversed(store.runs(flow)))
    for id in runs:
        yield from versions_of_run(store.run(flow, id), name, step)


def versions_of_run(run: RunStore, name: str, step: str | None = None) -> Iterator[ArtifactVersion]:
    """Yield the versions of an artifact of one run, newest first, like `versions`."""
    first: dict[str, ArtifactVersion] = {}
    for record in _records(run, step):
        ref = record["artifacts"].get(name)
        if ref is None:
            continue
        version = ArtifactVersion(run.id, record["step"], record["path"], record["ended"], ref)
        known = first.get(version.digest)
        if known is None or version.when < known.when:
            first[version.digest] = version
    yield from sorted(first.values(), key=lambda version: -version.when)


def _records(run: RunStore, step: str | None) -> Iterator[AttemptRecord]:
    for name in run.steps() if step is None else [step]:
        for path in run.attempts(name):
            try:
                record = run.task(name, path)
            except NotFound:  # the task has started and is not done
                continue
            except RecordError as error:
                unreadable.tell(error)
                continue
            yield record
