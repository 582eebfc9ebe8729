"""The client's objects for all flows of the store, and for the runs of one flow."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal, TypedDict, overload

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

    from typing_extensions import Unpack

    from metaflow.client.query import Moment, Query

    class Filters(TypedDict, total=False):
        """The keyword arguments of `Flow.runs`."""

        status: str | Collection[str] | None
        since: Moment | None
        until: Moment | None
        tags: str | None
        parameters: Mapping[str, object] | None

    class ArtifactVersion(TypedDict):
        """An item of the list that `Flow.artifact_versions` returns."""

        pathspec: str
        digest: str
        size: int
        type: str
        repr: str
        created_at: datetime


__all__ = ["Flow", "Metaflow"]


class Metaflow:
    """All flows that have a run in the current namespace.

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
        """The flows, sorted by name. A flow is left out if all its runs are in other namespaces."""
        return list(self)

    def __iter__(self) -> Iterator[Flow]:
        for name in open_store(self._url).flows():
            try:
                yield self[name]
            except (MetaflowNotFound, MetaflowNamespaceMismatch):
                continue

    def __getitem__(self, name: str) -> Flow:
        """Return the flow with this name.

        Raises:
            MetaflowNotFound: the flow has no run in the store.
            MetaflowNamespaceMismatch: all runs of the flow are in other namespaces.
        """
        return Flow(name, _current_metadata=self._url, _current_namespace=self._namespace)

    def __contains__(self, name: object) -> bool:
        return any(flow.id == name for flow in self)

    def _ipython_key_completions_(self) -> list[str]:
        """Return the flow names that a notebook offers as completions after `[`."""
        return [flow.id for flow in self]

    def __repr__(self) -> str:
        return "Metaflow()"


class Flow(MetaflowObject):
    """All runs of a flow, newest first.

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
        """Find the flow of this name in the store.

        Args:
            pathspec: the flow's name.

        Raises:
            MetaflowInvalidPathspec: the name is empty, or contains a slash.
            MetaflowNotFound: the flow has no run in the store.
            MetaflowNamespaceMismatch: all runs of the flow are in other namespaces.
        """
        super().__init__(
            pathspec,
            _namespace_check=_namespace_check,
            _current_namespace=_current_namespace,
            _current_metadata=_current_metadata,
        )

    if TYPE_CHECKING:  # for type checkers: the children of a flow are runs

        def __iter__(self) -> Iterator[Run]:
            """Return the children."""
            ...

        def __getitem__(self, id: str) -> Run:
            """Return the child with this id. Raises KeyError."""
            ...

    @property
    def latest_run(self) -> Run | None:
        """The newest run, whatever its status, or None if the namespace has no run."""
        return next(iter(self), None)

    @property
    def latest_successful_run(self) -> Run | None:
        """The newest successful run, or None if the namespace has no successful run.

        A run with unreadable records is reported and skipped.
        """
        return next((run for run in self if _is_successful(run)), None)

    def runs(
        self,
        *all_of: str,
        status: str | Collection[str] | None = None,
        since: Moment | None = None,
        until: Moment | None = None,
        tags: str | None = None,
        parameters: Mapping[str, object] | None = None,
    ) -> Iterator[Run]:
        """Return the runs that have all tags in `all_of` and match all filters, newest first.

        A run with unreadable records is reported by a RecordWarning and left out.

        Args:
            all_of: tags that a run must have: user tags or system tags.
            status: one or several of running, succeeded, failed, interrupted and killed.
            since: the earliest start of the run, as a date, a datetime, a timedelta before now, a string such as
                `2026-11-20` or `2026-11-20 14:30`, or an age: `90m`, `12h`, `7d`, `2w`. Times without a zone are local.
            until: the run must have started before this time.
            tags: an expression that the run's tags must match: `"good and not (old or user:a*)"`. Operators may be
                written in capitals. Tags with spaces must be quoted.
            parameters: values of parameters, or functions of the value that return whether it matches:
                `{"n": lambda n: n > 5}`. The name `learning_rate` also matches a parameter `learning-rate`. A run does
                not match if it lacks the parameter, or if the function raises TypeError for its value.

        Raises:
            ValueError: an argument has an invalid form.
        """
        from metaflow.client.query import Query

        return self._matching(Query(all_of, status=status, since=since, until=until, tags=tags, parameters=parameters))

    @overload
    def metrics(
        self,
        *all_of: str,
        artifacts: str | Iterable[str] | None = None,
        frame: Literal[False] = False,
        **filters: Unpack[Filters],
    ) -> list[dict[str, Any]]: ...
    @overload
    def metrics(
        self,
        *all_of: str,
        artifacts: str | Iterable[str] | None = None,
        frame: Literal[True],
        **filters: Unpack[Filters],
    ) -> Any: ...  # the type Any stands for a pandas DataFrame, because pandas is not a dependency
    def metrics(
        self,
        *all_of: str,
        artifacts: str | Iterable[str] | None = None,
        frame: bool = False,
        **filters: Unpack[Filters],
    ) -> object:
        """Return the runs as a table, newest first.

        Each row has `run`, `status`, `created_at`, `finished_at`, `seconds`, `user` and `tags`, the parameters,
        artifacts of the end step, and the metrics that tasks have recorded outside of a foreach. An artifact, parameter
        or metric with the name of one of these columns becomes `artifact.status`, `parameter.status` or
        `metric.status`. A metric with the name of a parameter or artifact becomes `metric.NAME` if the two values
        differ.

        Args:
            all_of: tags that a run must have.
            artifacts: names of artifacts of any type; the cell of a run without the artifact is None. By default, all
                artifacts that are single numbers or short strings.
            frame: whether to return a pandas DataFrame.
            filters: the keyword arguments of `runs`.

        Returns:
            A list of dicts, or a DataFrame.

        Raises:
            ValueError: a filter has an invalid form.
            ImportError: `frame` is true, and pandas is not installed.
            MetaflowDataMissing: the value of an artifact has been deleted from the store.
            ArtifactError: the value of an artifact cannot be loaded.

        >>> [(row["n"], row["letters"]) for row in Flow("Letters").metrics(status="succeeded")]
        [(3, 'ABC')]
        """
        from metaflow.client.metrics import as_frame, row

        named = [artifacts] if isinstance(artifacts, str) else None if artifacts is None else list(artifacts)
        rows = []
        for run in self.runs(*all_of, **filters):
            with unreadable.skipping():
                rows.append(row(run, named))
        return as_frame(rows) if frame else rows

    def artifact_versions(self, name: str, *, step: str | None = None) -> list[ArtifactVersion]:
        """Return all values of an artifact, newest run first.

        In each run, the `pathspec` of a value names the first task whose artifact had the value.

        Args:
            name: the artifact's name.
            step: the step whose tasks are searched; by default all tasks.

        Returns:
            Dicts with `pathspec` (for `DataArtifact`), `digest`, `size` (bytes), `type`, `repr` and `created_at` (local
            time).

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

    def _matching(self, query: Query) -> Iterator[Run]:
        listed = UserTags(self._store, self.id)
        for reader in query.candidates(readers(self._store, self.id, query.excludes)):
            if self._sees(reader, listed) and query.matches(reader, listed.of):
                yield self._run(reader)

    def _sees(self, reader: RunReader, user_tags: UserTags) -> bool:
        namespace = self._namespace if self._namespace_check else None
        return namespace is None or namespace in reader.system_tags or namespace in user_tags.of(reader)

    def _run(self, reader: RunReader) -> Run:
        return Run._make(self, (self.id, reader.store.id), reader)

    def _exists(self) -> bool:
        return bool(self._store.has_runs(self.id))

    def _is_in(self, namespace: str | None) -> bool:
        """Return whether at least one run of the flow is in the current namespace."""
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
        """The start of the oldest run in the store, in any namespace."""
        *_, first = readers(self._store, self.id)
        return when(first.record["created"])

    @property
    def user_tags(self) -> frozenset[str]:
        """Always the empty set, because only runs have tags."""
        return frozenset()

    @property
    def system_tags(self) -> frozenset[str]:
        """Always the empty set, because only runs have tags."""
        return frozenset()


def _is_successful(run: Run) -> bool:
    """Return whether a run has succeeded. If its records are unreadable, return False."""
    with unreadable.skipping():
        return run.successful
    return False
