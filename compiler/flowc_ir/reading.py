"""How JSON values become nodes of the IR: readers, which take a value and its place and raise SchemaError."""

from __future__ import annotations

from dataclasses import MISSING, fields
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from flowc_ir.model import Span
from flowc_ir.versions import SchemaError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


_T = TypeVar("_T")
Read: TypeAlias = "Callable[[Any, str], Any]"


def record(cls: type[_T], readers: Mapping[str, Read], data: Any, where: str) -> _T:
    """An object with the fields of a class of the IR."""
    if not isinstance(data, dict):
        raise SchemaError(f"{where}: an object, not {type(data).__name__}")
    for name in data:
        if name not in readers:
            raise SchemaError(f"{where}.{name}: unknown field; known are {', '.join(readers)}")
    for field in fields(cls):  # type: ignore[arg-type]  # every cls is a dataclass of flowc_ir.model
        if field.default is MISSING and field.name not in data:
            raise SchemaError(f"{where}.{field.name}: missing")
    return cls(**{name: readers[name](value, f"{where}.{name}") for name, value in data.items()})


def of(*types: type) -> Read:
    """A value of exactly one of these types."""

    def read(value: Any, where: str) -> Any:
        if type(value) not in types:  # exact: a bool is no int here
            wanted = " or ".join("null" if kind is type(None) else kind.__name__ for kind in types)
            raise SchemaError(f"{where}: {wanted}, not {type(value).__name__}")
        return value

    return read


def one(cls: type, readers: Mapping[str, Read]) -> Read:
    """An object of this class."""
    return lambda value, where: record(cls, readers, value, where)


def many(read: Read) -> Read:
    """A list."""

    def read_all(value: Any, where: str) -> tuple[Any, ...]:
        items = of(list)(value, where)
        return tuple(read(item, f"{where}[{index}]") for index, item in enumerate(items))

    return read_all


def span(value: Any, where: str) -> Span:
    """A place in a source file."""
    file, line, column = [*of(str)(value, where).rsplit(":", 2), "", ""][:3]
    if not (file and line.isdecimal() and column.isdecimal()):
        raise SchemaError(f"{where}: a place such as 'flow.py:12:5', not {value!r}")
    return Span(file, int(line), int(column))


def pairs(value: Any, where: str) -> tuple[tuple[str, str], ...]:
    """An object from text to text, as pairs."""
    text = of(str)
    return tuple((name, text(inner, f"{where}.{name}")) for name, inner in of(dict)(value, where).items())


def choice(*allowed: str) -> Read:
    """One of these texts."""

    def read(value: Any, where: str) -> str:
        if value not in allowed:
            raise SchemaError(f"{where}: {' or '.join(map(repr, allowed))}, not {value!r}")
        return str(value)

    return read
