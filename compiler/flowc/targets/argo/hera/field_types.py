"""The types of fields of Hera's models: functions that check a value of a type and convert it to JSON."""

from __future__ import annotations

from types import GenericAlias, UnionType
from typing import TYPE_CHECKING, TypeAlias, final

from flowc_ir.late.dataclass import dataclass

if TYPE_CHECKING:
    from collections.abc import Callable

    Read: TypeAlias = Callable[[object], object]
    """A function that checks a value and returns its JSON; it raises MismatchError for a wrong value."""


class UnreadableModelError(Exception):
    """Hera's source contains a construct that this package does not support, such as a validator."""


class MismatchError(Exception):
    """A value does not have the type of its field."""


@final
@dataclass(frozen=True, slots=True)
class FieldOptions:
    """The call `Field(…)` in the annotation of a field. This package uses only the alias of the call."""

    alias: str | None


def field_options(
    *rest: object, alias: str | None = None, description: str = "", title: str = "", **further: object
) -> FieldOptions:
    """Replace pydantic's `Field`: return the alias, the only option that this package uses.

    Raises:
        UnreadableModelError: the call has another argument, such as a default or a constraint.
    """
    if rest or further:
        raise UnreadableModelError(f"a field has the options {[*rest, *further]}")
    return FieldOptions(alias)


@final
@dataclass(frozen=True, slots=True)
class AnnotatedType:
    """A type and its options: the result of `Annotated[…]` in an annotation."""

    type: object
    options: object

    def __class_getitem__(cls, item: tuple[object, ...]) -> AnnotatedType:
        """Evaluate the expression `Annotated[type, options]`."""
        if len(item) != 2:
            raise UnreadableModelError(f"a type has the metadata {item[1:]}")
        return cls(*item)


def split(annotation: object) -> tuple[object, str | None]:
    """Return the type and the alias of an annotation.

    Raises:
        UnreadableModelError: the annotation has other metadata than `Field(…)`.
    """
    if not isinstance(annotation, AnnotatedType):
        return annotation, None
    if not isinstance(annotation.options, FieldOptions):
        raise UnreadableModelError(f"a type has the metadata {annotation.options!r}")
    return annotation.type, annotation.options.alias


def reader(declared: object, of_model: Callable[[type], Read]) -> Read:
    """Return the function that checks a value of a type and converts it to JSON.

    Args:
        declared: the type as it is declared, which may allow None.
        of_model: returns this function for a class that is not a built-in type.

    Raises:
        UnreadableModelError: the type is not supported, because no field that flowc sets has this type.
    """
    match declared:
        case UnionType():
            return _union([each for each in declared.__args__ if each is not type(None)], of_model)
        case GenericAlias(__origin__=origin, __args__=(item,)) if origin is list:
            return _list(reader(item, of_model))
        case GenericAlias(__origin__=origin, __args__=(key, item)) if origin is dict and key is str:
            return _dict(reader(item, of_model))
        case type() if declared in _SCALARS:
            return _SCALARS[declared]
        case type():
            return of_model(declared)
    raise UnreadableModelError(f"a field has the type {declared!r}")


def _union(types: list[object], of_model: Callable[[type], Read]) -> Read:
    if len(types) == 1:
        return reader(types[0], of_model)
    if not all(each in (str, int) for each in types):
        raise UnreadableModelError(f"a field has the types {types}")

    def read(value: object) -> object:
        return _text(value) if isinstance(value, str) else _integer(value)

    return read


def _text(value: object) -> object:
    if isinstance(value, str):
        return value
    raise MismatchError(f"a str, not {value!r}")


def _integer(value: object) -> object:
    if type(value) is int:
        return value
    raise MismatchError(f"an int, not {value!r}")


def _boolean(value: object) -> object:
    if type(value) is bool:
        return value
    raise MismatchError(f"a bool, not {value!r}")


_SCALARS: dict[object, Read] = {str: _text, int: _integer, bool: _boolean}


def _list(read: Read) -> Read:
    def read_list(value: object) -> object:
        if isinstance(value, list | tuple):
            return [read(item) for item in value]
        raise MismatchError(f"a list, not {value!r}")

    return read_list


def _dict(read: Read) -> Read:
    def read_dict(value: object) -> object:
        if isinstance(value, dict) and all(isinstance(key, str) for key in value):
            return {key: read(item) for key, item in value.items()}
        raise MismatchError(f"a dict with strings as keys, not {value!r}")

    return read_dict
