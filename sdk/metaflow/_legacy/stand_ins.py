"""What hooks are given in the place of Metaflow's own machinery: what can be known of it, and no more.

Whatever else is asked of these objects is refused by name.
"""

from __future__ import annotations

import sys
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from flowc_runtime.base.config.settings import datastore_of
from flowc_runtime.run import context
from flowc_runtime.run.program import method_name
from flowc_runtime.run.state import STATE
from metaflow import _extensions
from metaflow.decorators import applied_to
from metaflow.exception import MetaflowException

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from flowc_ir import Node
    from metaflow.datastore.datastore_storage import DataStoreStorage
    from metaflow.metadata_provider import MetaDatum


class _StandIn:
    """Refuses what it has not."""

    _what = ""
    _instead = ""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):  # what Python itself looks for: not there
            raise AttributeError(name)
        raise MetaflowException(f"flowc has no {self._what}.{name}: {self._instead}")


class Environment(_StandIn):
    """What steps run in."""

    _what = "environment"
    _instead = "the environment is the one that flowc runs in, and the image on a cluster"
    TYPE = "local"


class FlowDatastore(_StandIn):
    """Where runs are kept. Outside of a task it is the store that is the default there."""

    _what = "flow_datastore"
    _instead = "the store's layout is flowc's own; write artifacts in `flow`, read them with the client"

    @property
    def TYPE(self) -> str:  # Metaflow's name
        """`local`, `s3`, `gs` or `azure`."""
        return datastore_of(self.datastore_root)

    @property
    def datastore_root(self) -> str:
        """Its directory or URL."""
        from flowc_runtime.base.config.whereabouts import default_url

        url = (context.task.store if context.task is not None else None) or default_url()
        return url.removeprefix("file://")

    @property
    def _storage_impl(self) -> DataStoreStorage:
        """What extensions keep files with. Raises MetaflowException where the store is a bucket."""
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
            f"decorators of extensions keep files in a store that is a directory only, and here it is of type {kind}: "
            "write artifacts in `flow`, or use metaflow.S3"
        )
    return LocalStorage(LocalStorage.get_datastore_root_from_config(echo))


class Metadata(_StandIn):
    """Where runs are recorded: in the store."""

    _what = "metadata"
    _instead = "flowc has no metadata service; write an artifact in `flow`, or tag the run"
    TYPE = "local"

    def register_metadata(self, run_id: str, step_name: str, task_id: str, metadata: Sequence[MetaDatum]) -> None:
        """Say something of this task, which the client has when the attempt has ended: `Task.metadata_dict`.

        Raises:
            MetaflowException: it is another task, or the code runs in none.
        """
        task = context.task
        if task is None or (task.run, task.step, task.task_id) != (run_id, step_name, task_id):
            raise MetaflowException(f"only task {run_id}/{step_name}/{task_id} itself can register metadata of it")
        context.metadata += [
            {"name": str(one.field), "value": str(one.value), "type": str(one.type)} for one in metadata
        ]


class Package(_StandIn):
    """The code package."""

    _what = "package"
    _instead = "files travel with a flow when they are beside it, or in an extension"


class TaskDatastore(_StandIn):
    """A task by its names, with its artifacts: those that a parent has left, or that this task has by now."""

    _what = "task_datastore"
    _instead = "write artifacts in `flow`"

    def __init__(self, flow: Any, run_id: str, step_name: str, task_id: str, attempt: int | None = None) -> None:
        self._flow = flow
        self.run_id = run_id
        self.step_name = step_name
        self.task_id = task_id
        self.attempt = attempt

    @property
    def pathspec(self) -> str:
        """RUN/STEP/TASK."""
        return f"{self.run_id}/{self.step_name}/{self.task_id}"

    @property
    def _storage_impl(self) -> DataStoreStorage:
        """What extensions keep files with. Raises MetaflowException where the store is a bucket."""
        assert context.task is not None
        return _storage(datastore_of(context.task.store or ""))

    @property
    def _path(self) -> str:
        """Where extensions keep files of this task."""
        return f"extensions/{type(self._flow).__name__}/{self.pathspec}"

    def __contains__(self, name: str) -> bool:
        return name in self._names()

    def __getitem__(self, name: str) -> Any:
        if name not in self:
            raise KeyError(name)
        return getattr(self._flow, name)

    def __iter__(self) -> Iterator[str]:
        return iter(self._names())

    def get(self, name: str, default: Any = None) -> Any:
        """The artifact of that name, else the default."""
        return self[name] if name in self._names() else default

    def _names(self) -> list[str]:
        state = self._flow.__dict__[STATE]
        return sorted({*state.inherited, *(name for name in self._flow.__dict__ if not name.startswith("_flowc_"))})


class BuiltinDecorator(_StandIn):
    """One of Metaflow's own among the decorators of a step: to change it would have no effect."""

    _what = "decorator"
    _instead = "it is one of Metaflow's own, of which flowc knows `name` and `attributes`"

    def __init__(self, name: str, attributes: Mapping[str, Any], *, written: bool) -> None:
        self.name = name
        self.attributes = MappingProxyType(dict(attributes))
        self.statically_defined = written


def make_builtin(name: str, given: Mapping[str, Any], *, written: bool) -> Any:
    """One of Metaflow's own, with the arguments that it was given and the defaults of the others."""
    if name in ("card", "parallel"):
        cls: Any = _builtin_class(name)
        made = cls(attributes=given, statically_defined=written)
        made.attributes = MappingProxyType(made.attributes)
        return made
    from metaflow.user_decorators._builtin import STEP_DECORATORS

    known = STEP_DECORATORS.get(name)
    return BuiltinDecorator(name, {**(known.defaults if known else {}), **given}, written=written)


def decorators_of(cls: type, node: Node) -> list[Any]:
    """Those of a step, from the inside out, for who only reads them."""
    from metaflow._legacy.hooks import legacy

    found = []
    for applied in applied_to(getattr(cls, method_name(node), None)):
        extension = legacy(applied.name, "step")
        if extension is not None:
            found.append(extension(attributes=applied.kwargs, statically_defined=applied.line > 0))
        elif applied.name != "step":
            found.append(make_builtin(applied.name, applied.kwargs, written=applied.line > 0))
    return found


def flow_decorators_of(cls: type) -> dict[str, list[Any]]:
    """Those of a flow's class and its bases by their names: the objects that have begun, if any have."""
    from metaflow._legacy.hooks import begun

    found: dict[str, list[Any]] = {}
    for decorator in begun(cls):
        found.setdefault(decorator.name, []).append(decorator)
    for applied in (one for owner in cls.__mro__ for one in applied_to(owner)):
        if applied.name not in _extensions.decorators:
            written = applied.line > 0
            found.setdefault(applied.name, []).append(BuiltinDecorator(applied.name, applied.kwargs, written=written))
    return found


def _builtin_class(name: str) -> type:
    """The classes that hooks use with `isinstance`."""
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
    """Say something on stderr."""
    print(f"{head}{body}", end="\n" if nl else "", file=sys.stderr)


def echo(line: str = "", *args: Any, **style: Any) -> None:
    """Say something on stderr; flowc has one style."""
    print(line, end="\n" if style.get("nl", True) else "", file=sys.stderr)
