"""Replacements for Metaflow's internal objects, which hooks get as arguments.

The replacements have the attributes that flowc can provide.

Access to any other attribute raises an error that names the attribute.
"""

from __future__ import annotations

import sys
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from flowc_runtime.base.ambient import ambient
from flowc_runtime.base.config.settings import datastore_of
from flowc_runtime.base.config.whereabouts import default_url
from flowc_runtime.run.program import method_name
from flowc_runtime.run.state import STATE
from metaflow import _extensions
from metaflow._legacy.known import begun_decorators, legacy
from metaflow.decorators import applied_to
from metaflow.exception import MetaflowException

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from flowc_ir import Node
    from metaflow.datastore.datastore_storage import DataStoreStorage
    from metaflow.metadata_provider.metadata import MetaDatum


class _StandIn:
    """The base class of the replacements. Access to an unknown attribute raises an error that names the attribute."""

    _what = ""
    _instead = ""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):  # Python itself looks up such names and expects AttributeError
            raise AttributeError(name)
        raise MetaflowException(f"flowc has no {self._what}.{name}: {self._instead}")


class Environment(_StandIn):
    """The replacement for Metaflow's environment, in which steps run."""

    _what = "environment"
    _instead = "steps run in flowc's own environment, and on a cluster in the image"
    TYPE = "local"


class FlowDatastore(_StandIn):
    """The replacement for Metaflow's datastore: the store of the run. Outside a task, the object describes the default
    store."""

    _what = "flow_datastore"
    _instead = "the store's layout is flowc's own; write artifacts in `flow`, read them with the client"

    @property
    def TYPE(self) -> str:  # Metaflow's name
        """The type of the store: `local`, `s3`, `gs` or `azure`."""
        return datastore_of(self.datastore_root)

    @property
    def datastore_root(self) -> str:
        """The directory or URL of the running task's store, or of the default store."""
        task = ambient().task
        url = (task.store if task is not None else None) or default_url()
        return url.removeprefix("file://")

    @property
    def _storage_impl(self) -> DataStoreStorage:
        """Return the storage for files of extensions. Raises MetaflowException if the store is a bucket."""
        return _storage(self.TYPE)

    @property
    def flow_name(self) -> str:
        """The flow's name."""
        return self._flow_name

    def __init__(self, flow_name: str) -> None:
        self._flow_name = flow_name


def _storage(kind: str) -> DataStoreStorage:
    from metaflow.plugins.datastores.local_storage import LocalStorage

    if kind != LocalStorage.TYPE:
        raise MetaflowException(
            "decorators of extensions can keep files only in a store that is a directory, "
            f"but this store is of type {kind}: write artifacts in `flow`, or use metaflow.S3"
        )
    return LocalStorage(LocalStorage.get_datastore_root_from_config(echo))


class Metadata(_StandIn):
    """The replacement for Metaflow's metadata provider; flowc keeps the metadata of runs in the store."""

    _what = "metadata"
    _instead = "flowc has no metadata service; write an artifact in `flow`, or tag the run"
    TYPE = "local"

    def register_metadata(self, run_id: str, step_name: str, task_id: str, metadata: Sequence[MetaDatum]) -> None:
        """Record facts about this task. The client shows the facts in `Task.metadata_dict` after the attempt has ended.

        Raises:
            MetaflowException: the ids name another task, or the code does not run in a task.
        """
        task = ambient().task
        if task is None or (task.run, task.step, task.task_id) != (run_id, step_name, task_id):
            raise MetaflowException(f"only task {run_id}/{step_name}/{task_id} itself can register its metadata")
        ambient().metadata += [
            {"name": str(one.field), "value": str(one.value), "type": str(one.type)} for one in metadata
        ]


class Package(_StandIn):
    """The code package."""

    _what = "package"
    _instead = "files are packaged with a flow when they are beside it, or in an extension"


class TaskDatastore(_StandIn):
    """The replacement for Metaflow's task datastore: a parent task or the running task, with its artifacts."""

    _what = "task_datastore"
    _instead = "write artifacts in `flow`"

    def __init__(self, flow: object, run_id: str, step_name: str, task_id: str, attempt: int | None = None) -> None:
        self._flow = flow
        self.run_id = run_id
        self.step_name = step_name
        self.task_id = task_id
        self.attempt = attempt

    @property
    def pathspec(self) -> str:
        """The task as `RUN/STEP/TASK`."""
        return f"{self.run_id}/{self.step_name}/{self.task_id}"

    @property
    def _storage_impl(self) -> DataStoreStorage:
        """Return the storage for files of extensions. Raises MetaflowException if the store is a bucket."""
        task = ambient().task
        assert task is not None
        return _storage(datastore_of(task.store or ""))

    @property
    def _path(self) -> str:
        """Return the directory for files that extensions store for this task."""
        return f"extensions/{type(self._flow).__name__}/{self.pathspec}"

    def __contains__(self, name: str) -> bool:
        return name in self._names()

    def __getitem__(self, name: str) -> Any:
        if name not in self:
            raise KeyError(name)
        return getattr(self._flow, name)

    def __iter__(self) -> Iterator[str]:
        return iter(self._names())

    def get(self, name: str, default: object = None) -> Any:
        """Return the artifact with this name, or the default if the artifact does not exist."""
        return self[name] if name in self._names() else default

    def _names(self) -> list[str]:
        state = self._flow.__dict__[STATE]
        return sorted({*state.inherited, *(name for name in self._flow.__dict__ if not name.startswith("_flowc_"))})


class BuiltinDecorator(_StandIn):
    """A read-only view of a built-in decorator of a step. Hooks cannot change the decorator."""

    _what = "decorator"
    _instead = "it is a built-in decorator, which has only `name` and `attributes`"

    def __init__(self, name: str, attributes: Mapping[str, object], *, written: bool) -> None:
        self.name = name
        self.attributes = MappingProxyType(dict(attributes))
        self.statically_defined = written


def make_builtin(name: str, arguments: Mapping[str, object], *, written: bool) -> Any:
    """Return a read-only view of a built-in decorator. Arguments that are not in `arguments` have their defaults.

    Args:
        name: the name of the decorator.
        arguments: its arguments by name.
        written: whether the decorator is written in the flow's source.
    """
    if name in ("card", "parallel"):
        cls: Any = _builtin_class(name)
        decorator = cls(attributes=arguments, statically_defined=written)
        decorator.attributes = MappingProxyType(decorator.attributes)
        return decorator
    from metaflow.user_decorators._builtin import STEP_DECORATORS

    builtin = STEP_DECORATORS.get(name)
    return BuiltinDecorator(name, {**(builtin.defaults if builtin else {}), **arguments}, written=written)


def decorators_of(cls: type, node: Node) -> list[Any]:
    """Return read-only views of a step's built-in decorators, the innermost first."""
    decorators = []
    for applied in applied_to(getattr(cls, method_name(node), None)):
        extension = legacy(applied.name, "step")
        if extension is not None:
            decorators.append(extension(attributes=applied.kwargs, statically_defined=applied.line > 0))
        elif applied.name != "step":
            decorators.append(make_builtin(applied.name, applied.kwargs, written=applied.line > 0))
    return decorators


def flow_decorators_of(cls: type) -> dict[str, list[Any]]:
    """Return the decorators of a flow's class and its bases, by name.

    Decorators of extensions are included once they are initialised.
    """
    decorators: dict[str, list[object]] = {}
    for decorator in begun_decorators(cls):
        decorators.setdefault(decorator.name, []).append(decorator)
    for applied in (one for owner in cls.__mro__ for one in applied_to(owner)):
        if applied.name not in _extensions.decorators:
            written = applied.line > 0
            decorators.setdefault(applied.name, []).append(
                BuiltinDecorator(applied.name, applied.kwargs, written=written)
            )
    return decorators


def _builtin_class(name: str) -> type:
    """Return the class of `@card` or `@parallel`, for `isinstance` in hooks."""
    if name == "card":
        from metaflow.plugins.cards.card_decorator import CardDecorator

        return CardDecorator
    from metaflow.plugins.parallel_decorator import ParallelDecorator

    return ParallelDecorator


def logger(
    body: str = "",
    system_msg: bool = False,
    head: str = "",
    bad: bool = False,
    timestamp: object = True,
    nl: bool = True,
) -> None:
    """Print a string on stderr. The signature is Metaflow's; arguments for the style of the text are ignored."""
    print(f"{head}{body}", end="\n" if nl else "", file=sys.stderr)


def echo(line: str = "", *args: object, **style: object) -> None:
    """Print a string on stderr; arguments for the style of the text are ignored."""
    print(line, end="\n" if style.get("nl", True) else "", file=sys.stderr)
