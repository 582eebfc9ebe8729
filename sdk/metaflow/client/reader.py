"""Access to the records of one run. A record that no longer changes is read only once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

from flowc_ir import End
from flowc_ir.late import LateFunction
from flowc_runtime.base.errors import NotFound, RecordError
from flowc_runtime.base.version import API_VERSION
from flowc_runtime.run.views.run_records import RunRecords
from flowc_runtime.store.backends.remote.bucket import RemoteObjects
from flowc_runtime.store.records import unreadable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from flowc_runtime.store.ended.ended_runs import with_pack
    from flowc_runtime.store.records.run_store import RunStore
    from flowc_runtime.store.records.store import Store
    from metaflow.client.values import Constant
else:  # imported at first use, because only stores in buckets use this module
    with_pack = LateFunction("flowc_runtime.store.ended.ended_runs:with_pack")

T = TypeVar("T")
R = TypeVar("R")

THREADS = 16  # the number of parallel requests to a bucket


class RunReader(RunRecords):
    """The records of a run, shared by all client objects of the run."""

    def __init__(self, store: RunStore) -> None:
        super().__init__(with_pack(store) if isinstance(store.objects, RemoteObjects) else store)
        self.constants: dict[str, Constant] | None = None  # set by `values.constants`

    def exists(self) -> bool:
        """Return whether the run has started, that is, whether its record exists.

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
        """The name of the run's end step."""
        return next(node.id for node in self.flow.nodes if isinstance(node.next, End))

    def find_class(self, module: str, name: str) -> Any:
        """Return the class that a pickle names, if importing the class by this name has failed, for example because the
        flow's file was renamed.

        A class of the flow's file is searched for in the current module of the flow. All classes are searched for in
        the Python files that the run saved in the store.

        Raises:
            ArtifactError: the class is not found, or its module cannot be loaded.
        """
        from flowc_runtime.store.values.classes import Classes
        from metaflow.client.loaded import module_of

        return Classes(self.store, module_of).find(module, name)

    def read_ahead(self, step: str, paths: Sequence[str]) -> Iterator[str]:
        """Yield the paths.

        If the store is a bucket, the records of up to 256 following paths are read in parallel, before the caller needs
        them.
        """
        if not isinstance(self.store.objects, RemoteObjects):
            yield from paths
        else:
            yield from (path for path, _ in ahead(paths, lambda path: self._read_done(step, path)))

    def _read_done(self, step: str, path: str) -> None:
        with suppress(RecordError):  # an unreadable record is reported when its task is used
            self.done(step, path)

    # -- properties that are equal for all tasks

    @property
    def metaflow_version(self) -> str:
        """The version of Metaflow's API from the run's system tags, or the current version if the run has no such
        tag."""
        return self.tagged("metaflow_version:") or API_VERSION

    def tagged(self, prefix: str) -> str | None:
        """Find the first system tag with this prefix; return the rest of the tag, or None if no tag has the prefix."""
        tags: Iterable[object] = (tag for tag in self.system_tags if tag.startswith(prefix))
        return next((str(tag)[len(prefix) :] for tag in tags), None)


class UserTags:
    """The user tags of all runs of a flow. The first access lists the store once and finds the tags of all runs."""

    def __init__(self, store: Store, flow: str) -> None:
        self._store, self._flow = store, flow
        self._found: dict[str, set[str]] | None = None

    def of(self, reader: RunReader) -> set[str]:
        """Return the user tags of one run."""
        if self._found is None:
            self._found = self._store.tagged(self._flow)
        return self._found.get(reader.store.id, set())


def readers(store: Store, flow: str, is_excluded: Callable[[RunStore], bool] | None = None) -> Iterator[RunReader]:
    """Yield the started runs of a flow, newest first. Runs with an unreadable record are reported and left out.

    Args:
        store: the store.
        flow: the name of the flow.
        is_excluded: a function that returns whether to leave out a run; called before the run's record is read.
    """

    def readable(run: RunStore) -> RunReader | None:
        reader = RunReader(run)
        try:
            if is_excluded is not None and is_excluded(reader.store):
                return None
            return reader if reader.exists() else None
        except RecordError as error:
            unreadable.tell(error)
            return None

    # runs are listed without readers, because each reader keeps the record of its run, which can be large, in memory
    runs = [*reversed(store.listed(flow))]
    if not isinstance(store.objects, RemoteObjects):
        return (reader for run in runs if (reader := readable(run)) is not None)
    return (reader for _, reader in ahead(runs, readable) if reader is not None)


def ahead(items: Sequence[T], read: Callable[[T], R]) -> Iterator[tuple[T, R]]:
    """Yield (item, result of `read`) for each item in order; the results are read in parallel.

    Items are read in batches of 16, then 32, and so on up to 256. Small first batches avoid needless reads if a caller
    stops early. An error of `read` is raised when the iteration reaches the item.
    """
    with ThreadPoolExecutor(THREADS) as pool:
        size = THREADS
        at = 0
        while at < len(items):  # the batch size doubles, so that a caller that stops early causes few needless reads
            part = items[at : at + size]
            yield from zip(part, pool.map(read, part), strict=True)
            at, size = at + size, min(2 * size, 256)
