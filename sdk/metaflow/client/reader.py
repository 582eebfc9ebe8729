"""The records of one run, each read at most once where it cannot change any more."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

from flowc_ir import End
from flowc_runtime.base.errors import NotFound, RecordError
from flowc_runtime.base.version import API_VERSION
from flowc_runtime.run.views.run_records import RunRecords
from flowc_runtime.store.backends.remote import RemoteObjects
from flowc_runtime.store.records import unreadable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from flowc_runtime.store.records.store import RunStore, Store
    from metaflow.client.values import Constant

T = TypeVar("T")
R = TypeVar("R")

THREADS = 16  # requests to a bucket at once


class RunReader(RunRecords):
    """What a run's objects of the client share: the run in the store, and what was read of it."""

    def __init__(self, store: RunStore) -> None:
        super().__init__(store)
        self.constants: dict[str, Constant] | None = None  # filled by `values.constants`

    def exists(self) -> bool:
        """Whether the run has begun."""
        try:
            return self.record is not None
        except NotFound:
            return False

    @property
    def system_tags(self) -> frozenset[str]:
        """The tags that the run was made with."""
        return frozenset(self.record.get("system_tags", ()))

    @property
    def user_tags(self) -> frozenset[str]:
        """The tags that the run has been given, as of now."""
        return frozenset(self.store.user_tags())

    def has_tag(self, tag: str) -> bool:
        """Whether it is one of the run's tags."""
        return tag in self.system_tags or tag in self.user_tags

    # -- the graph

    @cached_property
    def end(self) -> str:
        """The step that ends the run."""
        return next(node.id for node in self.flow.nodes if isinstance(node.next, End))

    def find_class(self, module: str, name: str) -> Any:
        """A class of the run's values that cannot be imported here. Raises ArtifactError."""
        from flowc_runtime.store.values.classes import Classes
        from metaflow.client.loaded import module_of

        return Classes(self.store, module_of).find(module, name)

    def read_ahead(self, step: str, paths: Sequence[str]) -> Iterator[str]:
        """The paths, with their records read some ahead where each is a request."""
        if not isinstance(self.store.objects, RemoteObjects):
            yield from paths
        else:
            yield from (path for path, _ in ahead(paths, lambda path: self._read_done(step, path)))

    def _read_done(self, step: str, path: str) -> None:
        with suppress(RecordError):  # whoever looks at the task is told
            self.done(step, path)

    # -- what is the same for all tasks

    @property
    def metaflow_version(self) -> str:
        """Which Metaflow's API the run was made with, as its tag says."""
        return self.tagged("metaflow_version:") or API_VERSION

    def tagged(self, prefix: str) -> str | None:
        """What follows the prefix in a system tag that begins with it."""
        found: Iterable[Any] = (tag for tag in self.system_tags if tag.startswith(prefix))
        return next((str(tag)[len(prefix) :] for tag in found), None)


class UserTags:
    """The user tags of a flow's runs: one listing for all, made when it is first asked for."""

    def __init__(self, store: Store, flow: str) -> None:
        self._store, self._flow = store, flow
        self._found: dict[str, set[str]] | None = None

    def of(self, reader: RunReader) -> set[str]:
        """Those of one run."""
        if self._found is None:
            self._found = self._store.tagged(self._flow)
        return self._found.get(reader.store.id, set())


def readers(store: Store, flow: str) -> Iterator[RunReader]:
    """The runs of a flow that have begun, newest first; those whose record cannot be read are told, and left out."""
    found = [RunReader(store.run(flow, run)) for run in reversed(store.runs(flow))]
    if not isinstance(store.objects, RemoteObjects):
        yield from (reader for reader in found if _is_readable(reader))
    else:
        yield from (reader for reader, readable in ahead(found, _is_readable) if readable)


def _is_readable(reader: RunReader) -> bool:
    with unreadable.going_on():
        return reader.exists()
    return False


def ahead(items: Sequence[T], read: Callable[[T], R]) -> Iterator[tuple[T, R]]:
    """Each item with what is read for it, many at once, and no more than a few hundred before they are needed."""
    with ThreadPoolExecutor(THREADS) as pool:
        size = THREADS
        at = 0
        while at < len(items):  # twice as many each time: who stops after the first has paid for few
            part = items[at : at + size]
            yield from zip(part, pool.map(read, part), strict=True)
            at, size = at + size, min(2 * size, 256)
