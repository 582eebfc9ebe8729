"""Read the type of a `Parameter` into fields of the IR's `Parameter`: type, multiple, choices, limits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol, TypedDict, cast

from flowc.frontends.metaflow.decorators.policies import shown
from flowc_runtime.store.values.parameters import to_text
from metaflow._conversions import CLICK_KINDS, converter, is_click, is_kept_by_click
from metaflow.parameters import JSONType

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from typing_extensions import Required

    from flowc_ir import ParameterType
    from metaflow.parameters import Parameter

    class Kind(TypedDict, total=False):
        """The fields of the IR's `Parameter` that describe its values; a missing field has its default."""

        type: Required[ParameterType]
        multiple: bool
        separator: str
        choices: tuple[str, ...]
        minimum: str
        maximum: str
        flag: bool
        hidden: bool
        encoding: str | None
        converted: bool

    class _ClickType(Protocol):
        """A type of click: a Choice has the attribute `choices`; an IntRange or FloatRange has `min` and `max`."""

        choices: Iterable[object]
        min: float | None
        max: float | None


TYPES: Final = "a parameter's type is str, int, float, bool, JSONType, one of click's, or a function of a string"
_KINDS: Final[Mapping[object, ParameterType]] = {
    str: "str", int: "int", float: "float", bool: "bool", JSONType: "json", dict: "json", list: "json",
}  # fmt: skip
# The front end does not import click: it recognises click's types by their class names.
_OTHERWISE: Final[Mapping[str, str]] = {
    "Tuple": "use multiple=True, or give a list as JSON: type=JSONType",
    "File": "use IncludeFile",
}


class KindError(Exception):
    """An argument of a `Parameter` is invalid; `argument` is the argument's name."""

    def __init__(self, message: str, argument: str, hint: str | None) -> None:
        super().__init__(message)
        self.argument = argument
        self.hint = hint


def kind_of(parameter: Parameter[object]) -> Kind:
    """Return the fields of the IR that describe the values of a parameter.

    Raises:
        KindError: an argument of the parameter is wrong.
    """
    multiple, separator = bool(parameter.multiple), parameter.separator
    declared_type = parameter.type
    click = is_click(declared_type)
    if click and type(declared_type).__name__ in _OTHERWISE:
        raise KindError(f"a parameter cannot be of click's type {type(declared_type).__name__}", "type",
                        _OTHERWISE[type(declared_type).__name__])  # fmt: skip
    is_plain = click and is_kept_by_click(declared_type)
    plain = CLICK_KINDS[type(declared_type).__name__] if is_plain else _plain_kind(parameter)
    kind = "str" if converter(parameter) is not None else plain
    if kind is None:
        hint = _OTHERWISE["Tuple"] if isinstance(declared_type, tuple) else TYPES
        raise KindError(f"a parameter cannot be of type {shown(declared_type)}", "type", hint)
    fields: Kind = {"type": kind}
    if converter(parameter) is not None:
        fields["converted"] = True
    if is_plain:
        _add_limits(fields, cast("_ClickType", declared_type))
    if parameter.choices is not None:
        fields["choices"] = _choices(parameter.choices)
    if fields.get("choices") and (kind != "str" or "converted" in fields):
        raise KindError("choices must be strings", "choices", "check other values in the first step")
    if separator is not None:
        _check_separator(separator, "a type of your own" if "converted" in fields else f"type {kind}", several=multiple)
        fields["separator"] = separator
    if multiple:
        fields["multiple"] = True
    if parameter.is_flag:
        if kind != "bool" or multiple:
            raise KindError("a flag must be a bool", "is_flag", "leave out type= and multiple=")
        fields["flag"] = True
    if parameter.hidden:
        fields["hidden"] = True
    return fields


def _plain_kind(parameter: Parameter[object]) -> ParameterType | None:
    declared_type = parameter.type
    if declared_type is None:
        declared_type = bool if parameter.is_flag else parameter._flowc_type() or str
    try:
        return _KINDS.get(declared_type)
    except TypeError:  # an unhashable value is not a type
        return None


def _add_limits(fields: Kind, click_type: _ClickType) -> None:
    name = type(click_type).__name__
    if name == "Choice":
        fields["choices"] = _choices(click_type.choices)
    if name not in ("IntRange", "FloatRange"):
        return
    number: Callable[[float], float] = int if name == "IntRange" else float
    if click_type.min is not None:
        fields["minimum"] = to_text(number(click_type.min))
    if click_type.max is not None:
        fields["maximum"] = to_text(number(click_type.max))


def _choices(choices: Iterable[object]) -> tuple[str, ...]:
    if isinstance(choices, str) or not all(isinstance(choice, str) for choice in choices) or not choices:
        what = f"choices must be a list of strings, not {shown(choices)}"
        raise KindError(what, "choices", 'write choices=["a", "b"]')
    return tuple(cast("Iterable[str]", choices))


def _check_separator(separator: object, whose: str, *, several: bool) -> None:
    if not isinstance(separator, str) or not separator:
        raise KindError(f"a separator must be a string, not {shown(separator)}", "separator", 'write separator=","')
    if whose != "type str":
        raise KindError(f"a separator is for strings only, not for {whose}", "separator",
                        "use multiple=True, or type=JSONType")  # fmt: skip
    if several:
        raise KindError("a parameter cannot have both multiple=True and a separator", "separator", "keep one of them")
