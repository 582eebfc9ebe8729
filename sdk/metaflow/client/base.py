"""The base class of the client's flows, runs, steps, tasks and artifacts."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from flowc_runtime.base.index import with_task_id
from metaflow import _seam
from metaflow.client.place import current_url, describe, get_namespace, metadata_url, open_store, shown_store
from metaflow.client.reader import RunReader
from metaflow.exception import MetaflowInvalidPathspec, MetaflowNamespaceMismatch, MetaflowNotFound

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from flowc_runtime.store.records.store import Store

__all__ = ["MetaflowObject"]

Self = TypeVar("Self", bound="MetaflowObject")
_KINDS: dict[str, type[MetaflowObject]] = {}


class MetaflowObject:
    """A flow, run, step, task or artifact, found by its pathspec in the current store and namespace.

    The object is a container of its children: it supports iteration, indexing by a child's id, and `in`. Two objects
    are equal if they have the same pathspec. The object keeps using the namespace and the store that were selected when
    it was created. A pickled object also contains its namespace and the address of its store; using it requires access
    to that store. Attributes are read from the run's records when they are accessed. An unreadable record raises
    RecordError, and a bucket that does not respond raises StoreError.

    >>> task = Flow("Letters").latest_successful_run["each"]["each-0.1"]
    >>> task.pathspec == "/".join(task.path_components), task.id, task.parent.id
    (True, 'each-0.1', 'each')
    >>> "letter" in task, "nothing" in task
    (True, False)
    >>> sorted(task.user_tags), "user:ann" in task.system_tags, task.tags == task.user_tags | task.system_tags
    (['good'], True, True)
    >>> task.origin_pathspec, task.is_in_namespace()
    (None, True)
    """

    _PARTS: ClassVar[str] = ""
    """The form of the pathspecs of this class, such as `FlowName/RunID`."""
    _DEPTH: ClassVar[int] = 0
    _PARENT: ClassVar[str] = ""

    def __init_subclass__(cls) -> None:
        _KINDS[cls.__name__] = cls

    def __init__(
        self,
        pathspec: str | None = None,
        attempt: int | None = None,
        *,
        _namespace_check: bool = True,
        _current_namespace: str | None = None,
        _current_metadata: str | None = None,
    ) -> None:
        """Find the object that a pathspec names in the store.

        Args:
            pathspec: `FLOW/RUN/STEP/TASK/ARTIFACT`, or the first parts of this path: a run has two parts, `FLOW/RUN`.
            attempt: the number of a task's attempt, from 0; only tasks and artifacts have attempts.

        Raises:
            MetaflowInvalidPathspec: the text is not the pathspec of an object of this class.
            MetaflowNotFound: the object does not exist, or `attempt` is not a valid number.
            MetaflowNamespaceMismatch: the object is in another namespace.
        """
        parts = pathspec.split("/") if isinstance(pathspec, str) else []
        if len(parts) != self._DEPTH or not all(parts):
            raise MetaflowInvalidPathspec(f"Expects {type(self).__name__}('{self._PARTS}')")
        self._url = metadata_url(_current_metadata) if _current_metadata else current_url()
        self._parts = with_task_id(parts)
        self._attempt = self._check_attempt(attempt)
        self._namespace_check = _namespace_check
        self._namespace = _current_namespace if _current_namespace is not None else get_namespace()
        self._known: RunReader | None = None
        if not self._exists():
            raise MetaflowNotFound(f"{self} does not exist in {shown_store(self._url)}")
        if _namespace_check and not self._is_in(self._namespace):
            raise MetaflowNamespaceMismatch(self._namespace)

    def _check_attempt(self, attempt: object) -> int | None:
        if attempt is not None:
            raise MetaflowNotFound("Attempts can only be specified for Task or DataArtifact")
        return None

    @classmethod
    def _make(
        cls: type[Self], near: MetaflowObject, parts: tuple[str, ...], reader: RunReader | None, **more: Any
    ) -> Self:
        """Create an object without checking that it exists, in the same store and namespace as another object."""
        created = cls.__new__(cls)
        created._url, created._parts, created._known = near._url, parts, reader
        created._attempt = more.get("attempt")
        created._namespace_check, created._namespace = near._namespace_check, near._namespace
        return created

    @classmethod
    def _of(cls: type[Self], reader: RunReader, parts: tuple[str, ...], attempt: int | None = None) -> Self:
        """Create an object without checking that it exists, in the namespace of its run.

        Args:
            reader: the run.
            parts: the parts of the pathspec; their number depends on the class.
            attempt: the number of a task's attempt, from 0.
        """
        created = cls.__new__(cls)
        created._url, created._parts, created._known = reader.store.objects.url, parts, reader
        created._attempt = attempt
        created._namespace_check, created._namespace = False, reader.record.get("namespace")
        return created

    # -- methods that derived classes override

    def _exists(self) -> bool:
        raise NotImplementedError

    def _child(self, id: str) -> MetaflowObject:
        """Return the child with this id. Raises KeyError."""
        raise KeyError(id)

    def _children(self) -> Iterator[MetaflowObject]:
        raise NotImplementedError

    @property
    def _store(self) -> Store:
        return open_store(self._url)

    @property
    def _reader(self) -> RunReader:
        """The run to which this object belongs."""
        if self._known is None:
            self._known = RunReader(self._store.run(*self._parts[:2]))
        return self._known

    def _is_in(self, namespace: str | None) -> bool:
        return namespace is None or self._reader.has_tag(namespace)

    # -- attributes of all objects

    @property
    def id(self) -> str:
        """The last part of the pathspec."""
        return self._parts[-1]

    @property
    def pathspec(self) -> str:
        """The pathspec of this object, such as `FLOW/RUN/STEP/TASK`."""
        return "/".join(self._parts)

    @property
    def path_components(self) -> list[str]:
        """The parts of the pathspec, in order."""
        return list(self._parts)

    # The type is Any, because an exact type would create an import cycle of more than two modules, which a test
    # forbids.
    @property
    def parent(self) -> Any:
        """The parent object, for example the run of a step, or None for a flow."""
        if not self._PARENT:
            return None
        kind = _KINDS[self._PARENT]
        attempt = self._attempt if kind._DEPTH == 4 else None
        return kind._make(self, self._parts[:-1], self._known, attempt=attempt)

    @property
    def tags(self) -> frozenset[str]:
        """All tags of the object's run: user tags and system tags."""
        return self.user_tags | self.system_tags

    @property
    def user_tags(self) -> frozenset[str]:
        """The current user tags of the run, read from the store at each access."""
        return self._reader.user_tags

    @property
    def system_tags(self) -> frozenset[str]:
        """The system tags of the run, which never change."""
        return self._reader.system_tags

    @property
    def created_at(self) -> datetime:
        """The start time, in local time without a time zone."""
        raise NotImplementedError

    @property
    def origin_pathspec(self) -> str | None:
        """The pathspec of the original object, if a resumed run reused it; otherwise None."""
        return None

    def is_in_namespace(self) -> bool:
        """Return whether the object is in the current namespace of the process."""
        return self._is_in(get_namespace())

    def __iter__(self) -> Iterator[MetaflowObject]:
        return self._children()

    def __getitem__(self, id: str) -> MetaflowObject:
        """Return the child with this id.

        Raises:
            KeyError: no child has this id.
            MetaflowNamespaceMismatch: the flow has a run with this id, but in another namespace.
        """
        return self._child(str(id))

    def __contains__(self, id: object) -> bool:
        """Return whether a child with this id exists. A run in another namespace counts as existing."""
        try:
            self._child(str(id))
        except KeyError:
            return False
        except MetaflowNamespaceMismatch:  # the run exists, although in another namespace
            return True
        return True

    def _ipython_key_completions_(self) -> list[str]:
        """Return the ids that a notebook offers as completions after `[`."""
        return [child.id for child in self]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, MetaflowObject) and self._identity() == other._identity()

    def __hash__(self) -> int:
        return hash(self._identity())

    def _identity(self) -> tuple[object, ...]:
        return type(self), describe(self._url), self._parts, self._attempt

    def __repr__(self) -> str:
        attempt = "" if self._attempt is None else f", attempt={self._attempt}"
        return f"{type(self).__name__}('{self.pathspec}'{attempt})"

    def _repr_html_(self) -> str:
        return _seam.show_object(self)

    def __getstate__(self) -> dict[str, Any]:
        return {
            "pathspec": self.pathspec,
            "attempt": self._attempt,
            "metadata": describe(self._url),
            "namespace_check": self._namespace_check,
            "namespace": self._namespace,
        }

    def __setstate__(self, state: Mapping[str, Any]) -> None:
        self._parts, self._attempt = with_task_id(state["pathspec"].split("/")), state["attempt"]
        self._url, self._known = metadata_url(state["metadata"], must_exist=False), None
        self._namespace_check, self._namespace = state["namespace_check"], state["namespace"]


def when(seconds: float) -> datetime:
    """Convert a record's time, in seconds since 1970, to a datetime in local time without a time zone."""
    return datetime.fromtimestamp(seconds)


def check_attempt(attempt: object) -> int | None:
    """Check the attempt number of a task or an artifact and return it; None means that no attempt is selected.

    Raises:
        MetaflowNotFound: the number is not an integer, or is negative. Metaflow raises the same exception class.
    """
    if attempt is None:
        return None
    if not isinstance(attempt, int) or isinstance(attempt, bool):
        raise MetaflowNotFound("Attempt can only be an integer")
    if attempt < 0:
        raise MetaflowNotFound("Attempt can only be non-negative")
    return attempt
