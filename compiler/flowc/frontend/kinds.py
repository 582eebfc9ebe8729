"""What a `Parameter` says about its values -> the fields of the IR's: type, several, choices, range."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from flowc.frontend.decorators import shown
from flowc_runtime.parameters import to_text
from metaflow.parameters import JSONType

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from flowc.ir import ParameterType
    from metaflow.parameters import Parameter

TYPES: Final = (
    "a parameter is of type str, int, float, bool or JSONType, or one of click's Choice, IntRange, FloatRange"
)
_KINDS: Final[Mapping[object, ParameterType]] = {
    str: "str", int: "int", float: "float", bool: "bool", JSONType: "json", dict: "json", list: "json",
}  # fmt: skip
# click's own types, by the names of their classes: the front end does not import click for them.
_CLICK: Final[Mapping[str, ParameterType]] = {
    "StringParamType": "str", "IntParamType": "int", "FloatParamType": "float", "BoolParamType": "bool",
    "Choice": "str", "IntRange": "int", "FloatRange": "float",
}  # fmt: skip


class KindError(Exception):
    """An argument that is wrong: its name, and a hint."""

    def __init__(self, message: str, argument: str, hint: str | None) -> None:
        super().__init__(message)
        self.argument = argument
        self.hint = hint


def kind_of(parameter: Parameter[Any]) -> dict[str, Any]:
    """The fields of the IR that say what a value is. Raises KindError."""
    multiple, separator = bool(parameter.multiple), parameter.separator
    given = parameter.type
    click = getattr(type(given), "__module__", "").rpartition("click.")[2] == "types"
    kind = _CLICK.get(type(given).__name__) if click else _plain_kind(parameter)
    if kind is None:
        called = getattr(given, "__name__", None) or (type(given).__name__ if click else shown(given))
        raise KindError(f"a parameter cannot be of type {called}", "type", TYPES)
    fields: dict[str, Any] = {"type": kind}
    if click:
        fields |= _limits(given)
    if parameter.choices is not None:
        fields["choices"] = _choices(parameter.choices)
    if fields.get("choices") and kind != "str":
        raise KindError("choices are of texts", "choices", "check other values in the first step")
    if separator is not None:
        _check_separator(separator, kind, several=multiple)
        fields["separator"] = separator
    if multiple:
        fields["multiple"] = True
    if parameter.is_flag:
        if kind != "bool" or multiple:
            raise KindError("a flag is a bool", "is_flag", "leave out type= and multiple=")
        fields["flag"] = True
    if parameter.hidden:
        fields["hidden"] = True
    return fields


def _plain_kind(parameter: Parameter[Any]) -> ParameterType | None:
    given, default = parameter.type, parameter.default
    if given is None:
        if parameter.is_flag:
            return "bool"
        if parameter.multiple and isinstance(default, (list, tuple)):
            default = next(iter(default), None)
        if default is None or callable(default):
            return "str"
        given = type(default)
        if given not in _KINDS:
            hint = "write multiple=True, or a list" if isinstance(default, tuple) else TYPES
            raise KindError(f"no type of parameter has the default {shown(default)}", "default", hint)
    try:
        return _KINDS.get(given)
    except TypeError:  # what cannot be a key is no type
        return None


def _limits(given: Any) -> dict[str, Any]:
    name = type(given).__name__
    if name == "Choice":
        if not getattr(given, "case_sensitive", True):
            raise KindError("choices are compared as they are written", "type", "leave out case_sensitive=False")
        return {"choices": _choices(given.choices)}
    if name not in ("IntRange", "FloatRange"):
        return {}
    if getattr(given, "clamp", False) or getattr(given, "min_open", False) or getattr(given, "max_open", False):
        raise KindError(f"{name} can have min= and max= only", "type", "leave out clamp=, min_open= and max_open=")
    number: Callable[[Any], Any] = int if name == "IntRange" else float
    limits = {"minimum": given.min, "maximum": given.max}
    return {limit: to_text(number(value)) for limit, value in limits.items() if value is not None}


def _choices(given: Any) -> tuple[str, ...]:
    if isinstance(given, str) or not all(isinstance(choice, str) for choice in given) or not given:
        raise KindError(f"choices are a list of texts, not {shown(given)}", "choices", 'write choices=["a", "b"]')
    return tuple(given)


def _check_separator(separator: Any, kind: ParameterType, *, several: bool) -> None:
    if not isinstance(separator, str) or not separator:
        raise KindError(f"a separator is a text, not {shown(separator)}", "separator", 'write separator=","')
    if kind != "str":
        raise KindError(f"a separator is for texts only, not for type {kind}", "separator",
                        "use multiple=True, or type=JSONType")  # fmt: skip
    if several:
        raise KindError("a parameter has multiple=True or a separator, not both", "separator", "leave out one of them")
