"""The versions of an artifact: every value that it has had, in which run it was made, and by which task."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from flowc_runtime.base.errors import NotFound, RecordError
from flowc_runtime.store.records import unreadable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flowc_runtime.store.records.record_types import ArtifactRef, AttemptRecord
    from flowc_runtime.store.records.store import RunStore, Store


class ArtifactVersion(NamedTuple):
    """One value of an artifact in one run: the task that was the first to have it, and when that had ended."""

    run: str
    step: str
    path: str
    when: float
    ref: ArtifactRef

    @property
    def digest(self) -> str:
        """The sha256 of the value's bytes; of an external file, of the file's."""
        external = self.ref.get("external")
        return external["digest"] if external else self.ref["digest"]

    @property
    def size(self) -> int:
        """The value's bytes, or the external file's."""
        external = self.ref.get("external")
        return external["size"] if external else self.ref["size"]


def versions(
    store: Store, flow: str, name: str, *, run: str | None = None, step: str | None = None
) -> Iterator[ArtifactVersion]:
    """The versions of artifact `name` of a flow, newest run first, or those of one run; `step`: in tasks of this step.

    A value that tasks pass on is one version. A run that has the value of an earlier one has a version all the same.
    """
    runs = [run] if run is not None else list(reversed(store.runs(flow)))
    for id in runs:
        yield from _of_run(store.run(flow, id), name, step)


def _of_run(run: RunStore, name: str, step: str | None) -> Iterator[ArtifactVersion]:
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
            except NotFound:  # it has begun and is not done
                continue
            except RecordError as error:
                unreadable.tell(error)
                continue
            yield record
