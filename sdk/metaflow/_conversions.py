"""Parameters of types that are the author's own: any function of a text, `pathlib.Path`, `date.fromisoformat`, an Enum.

A run's record has the text (or another value that JSON holds), which travels; the class, which every task has, makes of
it what steps see. A default that no such value stands for is recorded as None: steps see that of the class.
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
    from collections.abc import Callable

    from metaflow.parameters import Parameter

_PLAIN = frozenset({str, int, float, bool, dict, list})
# click's types that flowc has kinds for; the front end (`parameter_types`) reads the rest.
CLICK_KINDS = {
    "StringParamType": "str", "IntParamType": "int", "FloatParamType": "float", "BoolParamType": "bool",
    "Choice": "str", "IntRange": "int", "FloatRange": "float",
}  # fmt: skip


class ConversionError(ValueError):
    """The type of a parameter does not take a value; the message says which and why."""


def is_click(given: object) -> bool:
    """Whether it is a type of click's, or derived from one."""
    return any(f".{cls.__module__}".endswith(".click.types") for cls in type(given).__mro__)


def is_kept_by_click(given: Any) -> bool:
    """Whether a type of click's means no more than a kind of value, choices and a range."""
    closed = not (getattr(given, "clamp", False) or getattr(given, "min_open", False)
                  or getattr(given, "max_open", False))  # fmt: skip
    return type(given).__name__ in CLICK_KINDS and closed and getattr(given, "case_sensitive", True)


def converter(parameter: Parameter[Any]) -> Callable[[Any], Any] | None:
    """The function that makes what steps see of a value; None where that is the value."""
    given = parameter._flowc_type()
    if given is None or given is JSONType or (isinstance(given, type) and given in _PLAIN):
        return None
    if is_click(given):
        return None if is_kept_by_click(given) else lambda value: given.convert(value, None, None)
    if isinstance(given, type) and issubclass(given, Enum):
        return partial(_member, given)
    if isinstance(given, UnionType):  # `int | None` cannot be called
        return partial(_refuse, given)
    return given if callable(given) else None


def _refuse(kind: object, _: Any) -> Any:
    raise TypeError(f"{kind} cannot be called")


def _member(kind: type[Enum], value: Any) -> Enum:
    """The member of this value; a text may be that of the value, or the member's name."""
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
    known = ", ".join(value if isinstance(value := member.value, str) else member.name for member in kind)
    raise ValueError(f"{kind.__name__} has {known}")


def seen(parameter: Parameter[Any], value: Any) -> Any:
    """What steps see of a recorded value.

    Raises:
        ConversionError: the type does not take it.
    """
    convert = converter(parameter)
    if value is None:
        default = parameter.default
        if default is None or callable(default) or (convert is None and as_json(default) is not None):
            return None
        value = default  # no value that a record can hold stands for it
    if convert is None:
        return value
    if parameter.multiple:
        return tuple(_converted(convert, item) for item in value)
    return _converted(convert, value)


def written(parameter: Parameter[Any], value: Any) -> Any:
    """A value for JSON from which steps get this value again; None if there is none.

    A text stands for itself: whether the type takes it is seen where it is used, which may be another machine.

    Raises:
        ConversionError: the type does not take it, or it is not a list, where there are several.
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


def as_json(value: Any) -> Any:
    """The value, if JSON gives it back as it is; else None."""
    try:
        back = json_text.loads(json_text.dumps(value))
    except (TypeError, ValueError, RecursionError):
        return None
    return back if same(back, value) else None


def _written(convert: Callable[[Any], Any], value: Any) -> Any:
    if type(value) is str:
        return value
    try:
        made, refused = _converted(convert, value), None
    except ConversionError as error:  # it takes texts only: perhaps one that gives this very value
        made, refused = value, error
    for write in (as_json, _of_enum, _of_date, str):
        try:
            stand_in = write(value)
            if type(stand_in) not in (str, int, float, bool, list):
                continue
            again = convert(stand_in)
            if type(again) is type(made) and again == made:
                return stand_in
        except Exception:  # noqa: S112  # the type's own answer to what it does not take; the next may do
            continue
    if refused is not None:
        raise refused
    return None


def _of_enum(value: Any) -> Any:
    return value.value if isinstance(value, Enum) else None


def _of_date(value: Any) -> Any:
    return value.isoformat() if hasattr(value, "isoformat") else None


def _converted(convert: Callable[[Any], Any], value: Any) -> Any:
    try:
        return convert(value)
    except Exception as error:  # the author's own function
        kind = convert.args[0] if isinstance(convert, partial) else convert  # of an Enum's members
        name = getattr(kind, "__name__", "") or type(kind).__name__
        what = getattr(error, "message", "") or str(error) or type(error).__name__
        by = "" if name == "<lambda>" else f" by {name}"
        raise ConversionError(f"{shortened(value)} is not taken{by}: {what}") from error
