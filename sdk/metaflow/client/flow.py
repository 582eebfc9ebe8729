"""All flows of the store, and the runs of one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from flowc_runtime.base.index import task_pathspec
from flowc_runtime.store.records import unreadable
from metaflow.client.base import MetaflowObject, when
from metaflow.client.place import current_url, get_namespace, metadata_url, open_store
from metaflow.client.reader import RunReader, UserTags, readers
from metaflow.client.run import Run
from metaflow.exception import MetaflowNamespaceMismatch, MetaflowNotFound

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping
    from datetime import datetime

    from metaflow.client.query import Moment

__all__ = ["Flow", "Metaflow"]


class Metaflow:
    """All flows that have a run in the namespace of the moment.

    >>> Metaflow().flows
    [Flow('Letters')]
    >>> Metaflow()["Letters"].latest_successful_run.data.n
    3
    """

    def __init__(self, _current_metadata: str | None = None) -> None:
        self._url = metadata_url(_current_metadata) if _current_metadata else current_url()
        self._namespace = get_namespace()

    @property
    def flows(self) -> list[Flow]:
        """The flows, by name."""
        return list(self)

    def __iter__(self) -> Iterator[Flow]:
        for name in open_store(self._url).flows():
            try:
                yield self[name]
            except (MetaflowNotFound, MetaflowNamespaceMismatch):
                continue

    def __getitem__(self, name: str) -> Flow:
        """The flow of this name. Raises MetaflowNotFound, MetaflowNamespaceMismatch."""
        return Flow(name, _current_metadata=self._url, _current_namespace=self._namespace)

    def __contains__(self, name: object) -> bool:
        return any(flow.id == name for flow in self)

    def _ipython_key_completions_(self) -> list[str]:
        """What a notebook offers after `[`."""
        return [flow.id for flow in self]

    def __repr__(self) -> str:
        return "Metaflow()"


class Flow(MetaflowObject):
    """All runs of the flows of one name, newest first.

    >>> flow = Flow("Letters")
    >>> flow.latest_successful_run.data.letters
    'ABC'
    >>> flow.latest_run.status, flow.created_at < flow.latest_run.created_at
    ('failed', True)
    >>> [run.user_tags for run in flow.runs("good")]
    [frozenset({'good'})]
    >>> len(list(flow.runs(status="failed", tags="not good")))
    1
    """

    _PARTS: ClassVar[str] = "FlowName"
    _DEPTH: ClassVar[int] = 1

    def __init__(
        self,
        pathspec: str | None = None,
        *,
        _namespace_check: bool = True,
        _current_namespace: str | None = None,
        _current_metadata: str | None = None,
    ) -> None:
        """Find the flow. Raises as `MetaflowObject` does."""
        super().__init__(
            pathspec,
            _namespace_check=_namespace_check,
            _current_namespace=_current_namespace,
            _current_metadata=_current_metadata,
        )

    @property
    def latest_run(self) -> Run | None:
        """The newest run, however it does; None if there is none in the namespace."""
        return next(iter(self), None)

    @property
    def latest_successful_run(self) -> Run | None:
        """The newest run that has succeeded; None if there is none in the namespace."""
        return next((run for run in self if _is_successful(run)), None)

    def runs(
        self,
        *all_of: str,
        status: str | Collection[str] | None = None,
        since: Moment | None = None,
        until: Moment | None = None,
        tags: str | None = None,
        parameters: Mapping[str, Any] | None = None,
    ) -> Iterator[Run]:
        """The runs, newest first: those that have all tags that are given, and further

        - whose `status` is the one, or one of those, named: running, succeeded, failed, interrupted, killed;
        - that began `since` (at that moment or later) or `until` (before it): a date, a datetime, text such as
          `2026-11-20` or `2026-11-20 14:30`, or how long ago: `90m`, `12h`, `7d`, `2w`;
        - whose tags are as an expression says: `"good and not (old or user:a*)"`, the words in small letters or in
          capitals; tags with spaces stand in quotes;
        - that have these values of parameters; a function is asked about the value: `{"n": lambda n: n > 5}`;
          `learning_rate` is `learning-rate`, too.

        Raises ValueError for what is none of these.
        """
        from metaflow.client.query import Query

        return self._found(Query(all_of, status=status, since=since, until=until, tags=tags, parameters=parameters))

    def metrics(
        self, *all_of: str, artifacts: str | Iterable[str] | None = None, frame: bool = False, **filters: Any
    ) -> Any:
        """The runs as a table, newest first: a list of dicts, or with `frame` a pandas DataFrame.

        Each row has `run`, `status`, `created_at`, `finished_at`, `seconds`, `user` and `tags`, the parameters, and the
        artifacts of the end step that are single numbers or short texts; or those that are named, None where a run has
        none, and of whatever type: `artifacts=["model"]`. An
        artifact or parameter with the name of one of these columns is called `artifact.status` or `parameter.status`.
        The filters are those of `runs`.

        >>> [(row["n"], row["letters"]) for row in Flow("Letters").metrics(status="succeeded")]
        [(3, 'ABC')]
        """
        from metaflow.client.metrics import as_frame, row

        named = [artifacts] if isinstance(artifacts, str) else None if artifacts is None else list(artifacts)
        rows = []
        for run in self.runs(*all_of, **filters):
            with unreadable.going_on():
                rows.append(row(run, named))
        return as_frame(rows) if frame else rows

    def artifact_versions(self, name: str, *, step: str | None = None) -> list[dict[str, Any]]:
        """Every value that an artifact has had, newest run first, by the task that was the first in its run to have it.

        Each is a dict of `pathspec` (of which `DataArtifact` has the value), `digest`, `size`, `type`, `repr` and
        `created_at`. `step`: only in tasks of this step.

        >>> [(version["type"], version["repr"]) for version in Flow("Letters").artifact_versions("letters")]
        [('str', "'ABC'")]
        """
        from flowc_runtime.store.records.artifact_versions import versions

        return [
            {
                "pathspec": f"{task_pathspec(self.id, version.run, version.step, path=version.path)}/{name}",
                "digest": version.digest,
                "size": version.size,
                "type": version.ref["type"],
                "repr": version.ref["repr"],
                "created_at": when(version.when),
            }
            for run in self.runs()
            for version in versions(self._store, self.id, name, run=run.id, step=step)
        ]

    def _found(self, query: Any) -> Iterator[Run]:
        listed = UserTags(self._store, self.id)
        for reader in query.candidates(readers(self._store, self.id)):
            if self._sees(reader, listed) and query.matches(reader, listed.of):
                yield self._run(reader)

    def _sees(self, reader: RunReader, listed: UserTags) -> bool:
        namespace = self._namespace if self._namespace_check else None
        return namespace is None or namespace in reader.system_tags or namespace in listed.of(reader)

    def _run(self, reader: RunReader) -> Run:
        return Run._make(self, (self.id, reader.store.id), reader)

    def _exists(self) -> bool:
        return bool(self._store.has_runs(self.id))

    def _is_in(self, namespace: str | None) -> bool:
        """Whether one of its runs is."""
        if namespace is None:
            return True
        listed = UserTags(self._store, self.id)
        every = readers(self._store, self.id)
        return any(namespace in reader.system_tags or namespace in listed.of(reader) for reader in every)

    def _children(self) -> Iterator[Run]:
        return self.runs()

    def _child(self, id: str) -> Run:
        reader = RunReader(self._store.run(self.id, id))
        if not id or not reader.exists():
            raise KeyError(id)
        if not self._sees(reader, UserTags(self._store, self.id)):
            raise MetaflowNamespaceMismatch(self._namespace)
        return self._run(reader)

    @property
    def created_at(self) -> datetime:
        """When the first of its runs began."""
        *_, first = readers(self._store, self.id)
        return when(first.record["created"])

    @property
    def user_tags(self) -> frozenset[str]:
        """None: runs have tags, flows have not."""
        return frozenset()

    @property
    def system_tags(self) -> frozenset[str]:
        """None: runs have tags, flows have not."""
        return frozenset()


def _is_successful(run: Run) -> bool:
    """Whether it has succeeded, as far as its records can be read."""
    with unreadable.going_on():
        return run.successful
    return False
