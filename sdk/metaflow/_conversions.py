"""Conversion of parameter values to types that the flow's author chooses: functions of a string, `pathlib.Path`, Enums.

A run's record keeps the unconverted string (or another JSON value), and every task reads that record. Each task imports
the flow's class and converts the recorded value for its step. A default that cannot be written as JSON is recorded as
None: steps then use the default in the class.
"""

from __future__ import annotations

from enum import Enum
from functools import partial
from types import UnionType
from typing import TYPE_CHECKING, Any

from flowc_ir import json_text
from flowc_runtime.store.values.parameters import same, shortened
from metaflow.parameters import JSONType

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from flowc_ir import ParameterType
    from metaflow.parameters import Parameter

_PLAIN = frozenset({str, int, float, bool, dict, list})
# click types with a corresponding flowc type; the front end's function `parameter_types` handles all other types
CLICK_KINDS: Mapping[str, ParameterType] = {
    "StringParamType": "str", "IntParamType": "int", "FloatParamType": "float", "BoolParamType": "bool",
    "Choice": "str", "IntRange": "int", "FloatRange": "float",
}  # fmt: skip


class ConversionError(ValueError):
    """A value does not fit the type of its parameter; the message gives the reason."""


def is_click(kind: object) -> bool:
    """Return whether a parameter's type is a click type or derived from a click type."""
    return any(f".{cls.__module__}".endswith(".click.types") for cls in type(kind).__mro__)


def is_kept_by_click(kind: object) -> bool:
    """Return whether flowc can check values of a click type without click: their type, choices and range."""
    closed = not (getattr(kind, "clamp", False) or getattr(kind, "min_open", False)
                  or getattr(kind, "max_open", False))  # fmt: skip
    return type(kind).__name__ in CLICK_KINDS and closed and getattr(kind, "case_sensitive", True)


def converter(parameter: Parameter[object]) -> Callable[[Any], Any] | None:
    """Return the function that converts a recorded value for steps, or None if steps see the value unchanged.

    The function raises any exception that the author's type raises.
    """
    kind = parameter._flowc_type()
    if kind is None or kind is JSONType or (isinstance(kind, type) and kind in _PLAIN):
        return None
    if is_click(kind):
        convert: Callable[[object, None, None], object] = getattr(kind, "convert")  # noqa: B009  # a click type has it
        return None if is_kept_by_click(kind) else lambda value: convert(value, None, None)
    if isinstance(kind, type) and issubclass(kind, Enum):
        return partial(_member, kind)
    if isinstance(kind, UnionType):  # types such as `int | None` cannot be called
        return partial(_refuse, kind)
    return kind if callable(kind) else None


def _refuse(kind: object, _: object) -> object:
    raise TypeError(f"{kind} cannot be called")


def _member(kind: type[Enum], value: object) -> Enum:
    """Return the Enum member with this value; a string may be the text of the value or the name of the member."""
    try:
        return kind(value)
    except ValueError:
        if not isinstance(value, str):
            raise
    for member in kind:
        if str(member.value) == value:
            return member
    if value in kind.__members__:
        return kind[value]
    known = ", ".join(member.value if isinstance(member.value, str) else member.name for member in kind)
    raise ValueError(f"{kind.__name__} has {known}")


def seen(parameter: Parameter[Any], value: Any) -> Any:
    """Return a recorded parameter value, converted for steps.

    Raises:
        ConversionError: the type does not accept the value.
    """
    convert = converter(parameter)
    if value is None:
        default = parameter.default
        if default is None or callable(default) or (convert is None and as_json(default) is not None):
            return None
        value = default  # recorded as None, because JSON cannot represent it
    if convert is None:
        return value
    if parameter.multiple:
        return tuple(_converted(convert, item) for item in value)
    return _converted(convert, value)


def written(parameter: Parameter[object], value: object) -> Any:
    """Return a JSON value that the parameter's type converts to this value, or None if no JSON value does.

    A string is recorded unchanged. The type converts the string only when a step reads it, perhaps on another machine.

    Args:
        parameter: the parameter.
        value: a value that was passed to a run, or a default.

    Raises:
        ConversionError: the type does not accept the value, or the value of a multiple parameter is not a list.
    """
    convert = converter(parameter)
    if convert is None:
        return as_json(value)
    if parameter.multiple:
        if not isinstance(value, (list, tuple)):
            raise ConversionError(f"{shortened(value)} is not a list")
        items = [_written(convert, item) for item in value]
        return None if None in items else items
    return _written(convert, value)


def as_json(value: object) -> Any:
    """Return the value if it is unchanged after a round trip through JSON, otherwise None."""
    try:
        back = json_text.loads(json_text.dumps(value))
    except (TypeError, ValueError, RecursionError):
        return None
    return back if same(back, value) else None


def _written(convert: Callable[[Any], object], value: object) -> object:
    if type(value) is str:
        return value
    try:
        converted, refused = _converted(convert, value), None
    except ConversionError as error:  # the type accepts only strings: try the string forms of this value
        converted, refused = value, error
    for write in (as_json, _of_enum, _of_date, str):
        try:
            stand_in = write(value)
            if type(stand_in) not in (str, int, float, bool, list):
                continue
            again = convert(stand_in)
            if type(again) is type(converted) and again == converted:
                return stand_in
        except Exception:  # noqa: S112  # the type rejects this candidate; the next one may convert
            continue
    if refused is not None:
        raise refused
    return None


def _of_enum(value: object) -> object:
    return value.value if isinstance(value, Enum) else None


def _of_date(value: object) -> object:
    write = getattr(value, "isoformat", None)
    return write() if write is not None else None


def _converted(convert: Callable[[Any], object], value: object) -> object:
    try:
        return convert(value)
    except Exception as error:  # the author's function may raise anything
        # the type of an Enum parameter is the first argument of the `partial`
        kind = convert.args[0] if isinstance(convert, partial) else convert
        name = getattr(kind, "__name__", "") or type(kind).__name__
        what = getattr(error, "message", "") or str(error) or type(error).__name__
        by = "" if name == "<lambda>" else f" by {name}"
        raise ConversionError(f"{shortened(value)} is not accepted{by}: {what}") from error
