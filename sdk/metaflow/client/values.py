"""The values that every task of a run has: parameters, configs, class constants, the flow's name, and the graph."""

from __future__ import annotations

import pickle
from hashlib import sha256
from typing import TYPE_CHECKING, Any, final

from flowc_ir.late.dataclass import dataclass
from flowc_runtime.base.index import ROOT
from flowc_runtime.store.records import unreadable
from flowc_runtime.store.values.descriptions import short_repr, type_name
from flowc_runtime.store.values.exact import exact_type, from_exact
from flowc_runtime.store.values.parameters import from_text

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from flowc_ir import Config, Parameter
    from flowc_runtime.store.records.record_types import ArtifactRef
    from metaflow.client.reader import RunReader


@final
@dataclass(frozen=True, slots=True)
class Constant:
    """A value that the client shows like an artifact, although the value is not stored as an artifact."""

    load: Callable[[], Any]
    type: str
    repr: str
    size: int
    sha: str


def constants(reader: RunReader) -> Mapping[str, Constant]:
    """Return the values that every task has, by attribute: parameters, configs, the flow's `name` and its graph.

    The graph has the name `_graph_info`. The values are computed once and kept in the reader.
    """
    if reader.constants is None:
        by_name = {"name": value_of(reader.flow.name), "_graph_info": _graph(reader)}
        for config in reader.flow.configs:
            by_name[config.attribute or config.name] = _config(reader, config)
        values = reader.record["parameters"]
        for parameter in reader.flow.parameters:
            if parameter.name in values and not _is_converted(reader, parameter):
                by_name[parameter.attribute or parameter.name] = _parameter(reader, parameter, values[parameter.name])
        reader.constants = by_name
    return reader.constants


def class_constants(reader: RunReader) -> Mapping[str, ArtifactRef]:
    """Return the constants of the flow's class that the first task stored; empty until that task has finished."""
    first = None
    with unreadable.skipping():  # without a readable record, only the constants are missing
        first = reader.done(reader.flow.start, ROOT) or reader.attempt(reader.flow.start, ROOT, 1)
    return first.get("constants", {}) if first is not None else {}


def _is_converted(reader: RunReader, parameter: Parameter) -> bool:
    """Return whether the first task stored the converted value of a parameter as its artifact."""
    return parameter.converted and (parameter.attribute or parameter.name) in class_constants(reader)


def value_of(value: object) -> Constant:
    """Return a value in the form of an artifact, with the digest and the size of its pickle."""
    data = pickle.dumps(value, protocol=5)
    digest = sha256(data).hexdigest()
    return Constant(lambda: pickle.loads(data), type_name(type(value)), short_repr(value), len(data), digest)


def _parameter(reader: RunReader, parameter: Parameter, value: Any) -> Constant:
    if parameter.type != "file" or value is None:
        return value_of(tuple(value) if parameter.multiple and value is not None else value)

    def load() -> str | bytes:
        from flowc_runtime.store.values.files import read_file

        return read_file(reader.store.objects, value, parameter.encoding)

    kind = "bytes" if parameter.encoding is None else "str"
    return Constant(load, kind, f"<file {value['file']}>", value["size"], value["digest"])


def _config(reader: RunReader, config: Config) -> Constant:
    """Return the config's value.

    The value is created on first access, because creating it imports the modules of its classes.
    """
    if not config.exact:
        return value_of(None if config.value is None else from_text(config.value))
    data, kind = config.exact.encode(), exact_type(config.exact)
    return Constant(
        lambda: from_exact(config.exact, reader.find_class),
        kind,
        config.value or "",
        len(data),
        sha256(data).hexdigest(),
    )


def _graph(reader: RunReader) -> Constant:
    from flowc_runtime.run.graph_info import graph_info

    return Constant(lambda: graph_info(reader.flow), "dict", "<graph>", 0, reader.flow.code.digest)
