"""The client's objects for one artifact, and for all artifacts of a task."""

from __future__ import annotations

from collections import namedtuple
from keyword import iskeyword
from typing import TYPE_CHECKING, Any, ClassVar

from flowc_runtime.base.errors import NotFound
from flowc_runtime.store.values import codecs
from metaflow import _seam
from metaflow.client.base import MetaflowObject, check_attempt
from metaflow.client.values import Constant, class_constants, constants
from metaflow.exception import MetaflowDataMissing

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from datetime import datetime

    from flowc_runtime.store.records.record_types import ArtifactRef
    from metaflow.client.reader import RunReader
    from metaflow.client.task import Task

__all__ = ["DataArtifact", "MetaflowData"]


def artifacts_of(reader: RunReader, task: Task) -> Mapping[str, ArtifactRef | Constant]:
    """Return the artifacts of an attempt, sorted by name.

    While an attempt is active, or if its process was killed, no record lists its artifacts. The function then returns
    the values with which the attempt started: parameters, configs, constants, and, unless the step is a join, the
    artifacts of the parent task.
    """
    artifacts: dict[str, ArtifactRef | Constant] = {**class_constants(reader), **constants(reader)}
    record = task._record
    if record is not None and (record["artifacts"] or record["outcome"] != "failed"):
        artifacts.update(record["artifacts"])
    else:
        parents = list(task.parent_tasks)
        if len(parents) == 1 and reader.graph.node(task._parts[2]).joins is None:
            parent = reader.done(*parents[0]._place)
            artifacts.update(parent["artifacts"] if parent is not None else {})
    return dict(sorted(artifacts.items()))


class DataArtifact(MetaflowObject):
    """One artifact of a task.

    Only the property `data` loads the value, which runs code of the value's class; all other properties come from the
    record.

    >>> artifact = Flow("Letters").latest_successful_run["end"].task["letters"]
    >>> artifact.data, artifact.size, artifact.sha[:7]
    ('ABC', 18, '3ab59b5')
    >>> artifact.type, artifact.created_at == artifact.finished_at == artifact.parent.finished_at
    ('str', True)
    """

    _PARTS: ClassVar[str] = "FlowName/RunID/StepName/TaskID/ArtifactName"
    _DEPTH: ClassVar[int] = 5
    _PARENT: ClassVar[str] = "Task"

    if TYPE_CHECKING:

        @property
        def parent(self) -> Task:
            """The task to which the artifact belongs."""
            ...

    @property
    def data(self) -> Any:  # the type depends on the flow
        """The artifact's value, loaded from the store at each access.

        Loading the value runs code of the value's class in this process.

        Raises:
            MetaflowDataMissing: the stored value has been deleted from the store.
            ArtifactError: the value cannot be loaded, for example because a module is missing.
        """
        ref = self._ref
        try:
            if isinstance(ref, Constant):
                return ref.load()
            return codecs.load_value(self._store.objects, ref, self._reader.find_class)
        except NotFound as error:
            raise MetaflowDataMissing(f"the data of {self} is gone: {error}") from error

    @property
    def size(self) -> int:
        """The size of the stored value, in bytes."""
        ref = self._ref
        return ref.size if isinstance(ref, Constant) else ref["size"]

    @property
    def sha(self) -> str:
        """The SHA-256 of the stored bytes, in hexadecimal digits; equal bytes have the same digest in all tasks."""
        ref = self._ref
        return ref.sha if isinstance(ref, Constant) else ref["digest"]

    @property
    def type(self) -> str:
        """The name of the value's class, with its module unless it is a builtin: `str`, `numpy.float64`."""
        ref = self._ref
        return ref.type if isinstance(ref, Constant) else ref["type"]

    @property
    def _short(self) -> str:
        """The repr of the value as recorded, shortened to at most one line."""
        ref = self._ref
        return ref.repr if isinstance(ref, Constant) else ref["repr"]

    @property
    def created_at(self) -> datetime:
        """The end of the artifact's task, in local time without a time zone. While the task is active, it is the start
        of the task."""
        task = self.parent
        return task.finished_at or task.created_at

    @property
    def finished_at(self) -> datetime:
        """The same time as `created_at`."""
        return self.created_at

    @property
    def origin_pathspec(self) -> str | None:
        """The pathspec of the original artifact in the resumed run, or None if the task was not reused from that
        run."""
        origin = self.parent.origin_pathspec
        return f"{origin}/{self.id}" if origin else None

    @property
    def _ref(self) -> ArtifactRef | Constant:
        return artifacts_of(self._reader, self.parent)[self.id]

    def _check_attempt(self, attempt: object) -> int | None:
        return check_attempt(attempt)

    def _exists(self) -> bool:
        task = self.parent
        return bool(task._exists()) and self.id in artifacts_of(self._reader, task)

    def _children(self) -> Iterator[MetaflowObject]:
        return iter(())


def as_artifacts(artifacts: Iterable[DataArtifact]) -> Any:
    """Return artifacts as a named tuple: `artifacts.accuracy` is a DataArtifact.

    Artifacts whose names are Python keywords are left out.
    """
    named = [artifact for artifact in artifacts if not iskeyword(artifact.id)]  # task["class"] returns these
    return namedtuple("MetaflowArtifacts", [one.id for one in named])(*named)


class MetaflowData:
    """The values of a task's artifacts: each attribute is the value of the artifact with this name. Each value is
    loaded from the store on first access.

    Reading an artifact that does not exist raises AttributeError; reading a value raises the errors of
    `DataArtifact.data`.

    >>> data = Flow("Letters").latest_successful_run.data
    >>> data
    <MetaflowData: letters, n, name>
    >>> "letters" in data
    True
    """

    def __init__(self, artifacts: Iterable[DataArtifact]) -> None:
        self._artifacts = {artifact.id: artifact for artifact in artifacts}

    def __getattr__(self, name: str) -> Any:
        artifacts = self.__dict__.get("_artifacts", {})  # the attribute is not set yet during unpickling
        if name not in artifacts:
            raise AttributeError(name)
        value = self.__dict__[name] = artifacts[name].data
        return value

    def __contains__(self, var: object) -> bool:
        return var in self._artifacts

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *self._artifacts})

    def __repr__(self) -> str:
        return f"<MetaflowData: {', '.join(self._artifacts)}>"

    def _repr_html_(self) -> str:
        return _seam.show_artifacts(self._artifacts.values())
