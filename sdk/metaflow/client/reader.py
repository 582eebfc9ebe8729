"""The records of one run. Each final record is read at most once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

from flowc_ir import End
from flowc_runtime.base.errors import NotFound, RecordError
from flowc_runtime.base.version import API_VERSION
from flowc_runtime.run.views.run_records import RunRecords
from flowc_runtime.store.backends.remote.bucket import RemoteObjects
from flowc_runtime.store.records import unreadable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from flowc_runtime.store.records.run_store import RunStore
    from flowc_runtime.store.records.store import Store
    from metaflow.client.values import Constant

T = TypeVar("T")
R = TypeVar("R")

THREADS = 16  # parallel requests to a bucket


class RunReader(RunRecords):
    """The data that a run's client objects share: the run in the store, and its records."""

    def __init__(self, store: RunStore) -> None:
        super().__init__(store)
        self.constants: dict[str, Constant] | None = None  # set by `values.constants`

    def exists(self) -> bool:
        """Return whether the run has started.

        Raises:
            RecordError: the run's record cannot be read.
        """
        try:
            return self.record is not None
        except NotFound:
            return False

    @property
    def system_tags(self) -> frozenset[str]:
        """The system tags of the run."""
        return frozenset(self.record.get("system_tags", ()))

    @property
    def user_tags(self) -> frozenset[str]:
        """The current user tags of the run."""
        return frozenset(self.store.user_tags())

    def has_tag(self, tag: str) -> bool:
        """Return whether the run has the tag, as a system tag or as a user tag."""
        return tag in self.system_tags or tag in self.user_tags

    # -- the graph

    @cached_property
    def end(self) -> str:
        """The name of the end step."""
        return next(node.id for node in self.flow.nodes if isinstance(node.next, End))

    def find_class(self, module: str, name: str) -> Any:
        """Return a class of the run's values that cannot be imported under its name.

        It is looked for in the module of the flow's class, then in the Python files that the run saved in the store.

        Raises:
            ArtifactError: it is in neither, or its module cannot be loaded.
        """
        from flowc_runtime.store.values.classes import Classes
        from metaflow.client.loaded import module_of

        return Classes(self.store, module_of).find(module, name)

    def read_ahead(self, step: str, paths: Sequence[str]) -> Iterator[str]:
        """Yield the paths. If the store is a bucket, records are read in parallel, a few hundred paths ahead."""
        if not isinstance(self.store.objects, RemoteObjects):
            yield from paths
        else:
            yield from (path for path, _ in ahead(paths, lambda path: self._read_done(step, path)))

    def _read_done(self, step: str, path: str) -> None:
        with suppress(RecordError):  # reported when the task is used
            self.done(step, path)

    # -- equal for all tasks

    @property
    def metaflow_version(self) -> str:
        """The version of Metaflow's API with which the run was made, from its tag."""
        return self.tagged("metaflow_version:") or API_VERSION

    def tagged(self, prefix: str) -> str | None:
        """Return the rest of the system tag that begins with the prefix; None if there is none."""
        tags: Iterable[object] = (tag for tag in self.system_tags if tag.startswith(prefix))
        return next((str(tag)[len(prefix) :] for tag in tags), None)


class UserTags:
    """The user tags of a flow's runs, from one listing, which is made on first access."""

    def __init__(self, store: Store, flow: str) -> None:
        self._store, self._flow = store, flow
        self._found: dict[str, set[str]] | None = None

    def of(self, reader: RunReader) -> set[str]:
        """Return the user tags of one run."""
        if self._found is None:
            self._found = self._store.tagged(self._flow)
        return self._found.get(reader.store.id, set())


def readers(store: Store, flow: str) -> Iterator[RunReader]:
    """Yield the started runs of a flow, newest first; runs with an unreadable record are reported and left out."""
    runs = [RunReader(store.run(flow, run)) for run in reversed(store.runs(flow))]
    if not isinstance(store.objects, RemoteObjects):
        yield from (reader for reader in runs if _is_readable(reader))
    else:
        yield from (reader for reader, readable in ahead(runs, _is_readable) if readable)


def _is_readable(reader: RunReader) -> bool:
    with unreadable.skipping():
        return reader.exists()
    return False


def ahead(items: Sequence[T], read: Callable[[T], R]) -> Iterator[tuple[T, R]]:
    """Yield each item with the result of `read`, in order, reading in parallel.

    At most 256 items are read ahead; the first part has 16 and each next part twice as many, so that a caller that
    stops early has read few. An error of `read` is raised when its item is reached.
    """
    with ThreadPoolExecutor(THREADS) as pool:
        size = THREADS
        at = 0
        while at < len(items):  # doubled each time: a caller that stops after the first item has paid for few
            part = items[at : at + size]
            yield from zip(part, pool.map(read, part), strict=True)
            at, size = at + size, min(2 * size, 256)
