"""Functions of the generated reader: each takes a JSON value and its path in the document, and returns the typed value.

A path in the document looks like `flow.nodes[3].next`. A wrong value raises `SchemaError`, whose message names the
path of the value.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from flowc_ir.model import Span
from flowc_ir.versions import SchemaError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from flowc_ir.model import Choice
    from flowc_ir.policies import Pairs

_T = TypeVar("_T")
_D = TypeVar("_D")
_NAMES = {
    str: "a string", int: "an integer", float: "a number", bool: "a boolean", dict: "an object", list: "a list",
    type(None): "null",
}  # fmt: skip


def wrong(value: object, at: str, wanted: str) -> SchemaError:
    """Return the error for a value of a wrong type.

    Args:
        value: the value.
        at: the value's path in the document.
        wanted: what is allowed, such as "an integer".
    """
    return SchemaError(f"{at}: {wanted}, not {_NAMES.get(type(value), type(value).__name__)}")


def text(value: object, at: str) -> str:
    """Read a string.

    Args:
        value: a value of the document.
        at: its path, which the error names.

    Raises:
        SchemaError: the value is not a string.
    """
    if type(value) is str:
        return value
    raise wrong(value, at, "a string")


def number(value: object, at: str) -> int:
    """Read an integer; a boolean and a float are refused.

    Raises:
        SchemaError: the value is not an integer.
    """
    if type(value) is int:
        return value
    raise wrong(value, at, "an integer")


def flag(value: object, at: str) -> bool:
    """Read a boolean.

    Raises:
        SchemaError: the value is not a boolean.
    """
    if type(value) is bool:
        return value
    raise wrong(value, at, "a boolean")


def true(value: object, at: str) -> None:
    """Read a value for which only true is allowed.

    Raises:
        SchemaError: the value is not true.
    """
    if value is not True:
        raise SchemaError(f"{at}: true, not {value!r}")


def scalar(value: object, at: str) -> Choice:
    """Read a string, a number or a boolean.

    Raises:
        SchemaError: the value is none of these.
    """
    if isinstance(value, str | int | float):  # includes bool, a subclass of int
        return value
    raise wrong(value, at, "a string, a number or a boolean")


def span(value: object, at: str) -> Span:
    """Read a position in a source file, written as `FILE:LINE:COLUMN`.

    Raises:
        SchemaError: the value is not a string of this form.
    """
    file, line, column = [*text(value, at).rsplit(":", 2), "", ""][:3]
    if file and (line + column).isascii() and line.isdecimal() and column.isdecimal():
        return Span(file, int(line), int(column))
    raise SchemaError(f"{at}: a place such as 'flow.py:12:5', not {value!r}")


def pairs(value: object, at: str) -> Pairs:
    """Read an object whose values are strings.

    Returns:
        The keys and values of the object, in the order of the document.

    Raises:
        SchemaError: `value` is not an object, or one of the object's fields is not a string.
    """
    if type(value) is not dict:
        raise wrong(value, at, "an object")
    return tuple((name, text(item, f"{at}.{name}")) for name, item in value.items())


def word(value: object, at: str, allowed: Sequence[_T]) -> _T:
    """Read one of the allowed strings.

    Args:
        value: a value of the document.
        at: its path.
        allowed: at least two strings; the error lists them.

    Raises:
        SchemaError: the value is not among the allowed ones.
    """
    for each in allowed:
        if each == value:
            return each
    *others, last = map(repr, allowed)
    raise SchemaError(f"{at}: {', '.join(others)} or {last}, not {value!r}")


def items(value: object, at: str, read: Callable[[object, str], _T], least: int = 0) -> tuple[_T, ...]:
    """Read a list.

    Args:
        value: a value of the document.
        at: its path; the item `i` has the path `at[i]`.
        read: reads one item, given the item and its path.
        least: the smallest length that is allowed.

    Raises:
        SchemaError: the value is not a list or has fewer than `least` items, or `read` refuses an item.
    """
    if type(value) is not list:
        raise wrong(value, at, "a list")
    if len(value) < least:
        raise SchemaError(f"{at}: a list of at least {least}, not of {len(value)}")
    return tuple([read(item, f"{at}[{index}]") for index, item in enumerate(value)])


def distinct(values: tuple[_T, ...], at: str) -> tuple[_T, ...]:
    """Check that no item of a list occurs twice, and return the items.

    Raises:
        SchemaError: an item occurs twice; the error names the path of the second occurrence.
    """
    for index, item in enumerate(values):
        if item in values[:index]:
            raise SchemaError(f"{at}[{index}]: {item!r} is in the list already")
    return values


def row(value: object, at: str, length: int) -> list[object]:
    """Check that a value is a list of `length` items, and return the list; the caller reads the items.

    Raises:
        SchemaError: the value is not a list, or has another length.
    """
    if type(value) is not list:
        raise wrong(value, at, "a list")
    if len(value) != length:
        raise SchemaError(f"{at}: a list of {length}, not of {len(value)}")
    return value


def record(value: object, at: str, known: Iterable[str], required: Iterable[str]) -> dict[str, object]:
    """Check that an object has only known fields and all required fields, and return the object; the caller reads the
    values.

    Args:
        value: a value of the document.
        at: its path.
        known: the names of all fields.
        required: the names of the fields that the object must have.

    Raises:
        SchemaError: the value is not an object, has an unknown field, or lacks a required one.
    """
    if type(value) is not dict:
        raise wrong(value, at, "an object")
    for name in value:
        if name not in known:
            raise SchemaError(f"{at}.{name}: unknown field; known are {', '.join(known)}")
    for name in required:
        if name not in value:
            raise SchemaError(f"{at}.{name}: missing")
    return value


def optional(data: Mapping[str, object], name: str, at: str, read: Callable[[object, str], _T], default: _D) -> _T | _D:
    """Read a field of a record; return its default if it is missing.

    Args:
        data: the record.
        name: the field's name.
        at: the record's path.
        read: reads the field's value, given the value and its path.
        default: the value of a missing field.

    Raises:
        SchemaError: `read` refuses the value.
    """
    return read(data[name], f"{at}.{name}") if name in data else default


def optional_items(data: Mapping[str, object], name: str, at: str, read: Callable[[object, str], _T]) -> tuple[_T, ...]:
    """Read a list that is a field of a record; return an empty list if it is missing.

    Args:
        data: the record.
        name: the field's name.
        at: the record's path.
        read: reads one item, given the item and its path.

    Raises:
        SchemaError: the field is not a list, or `read` refuses an item.
    """
    return items(data[name], f"{at}.{name}", read) if name in data else ()
