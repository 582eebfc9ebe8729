"""Calls a step's function: each argument gets the task's value of the same name, converted to the annotated type."""

from __future__ import annotations

import types
import typing
from enum import Enum
from typing import TYPE_CHECKING, TypeGuard, Union

from flowc_ir.late import LateModule
from flowc_runtime.run.nodes.signatures import (
    MISSING,
    POSITIONAL_ONLY,
    VAR_KEYWORD,
    VAR_POSITIONAL,
    annotations_of,
    arguments_of,
    is_abstract,
)

if TYPE_CHECKING:
    import argparse
    import asyncio
    import dataclasses
    from collections.abc import Callable, Container, Iterable

    from flowc_runtime.run.nodes.signatures import Callee
    from flowc_runtime.run.nodes.user_functions import UserFunction
    from flowc_runtime.run.nodes.variables import Variables
else:  # imported at first use: `asyncio` for asynchronous functions, `dataclasses` for arguments that are dataclasses
    asyncio, dataclasses = LateModule("asyncio"), LateModule("dataclasses")

_UNIONS = (Union, types.UnionType)


class ArgumentError(TypeError):
    """An argument of a step's function has no value, or a value that cannot be converted to its annotation."""


def call(callee: Callee, task: Variables, names: Callable[[], Iterable[str]]) -> object:
    """Call a function with the values of a task, and return its result.

    Each argument gets the task's value of the same name, or its default if the task has no value of this name. If the
    function has a `**kwargs` argument, it gets the values of all other names that `names` returns. An argument with the
    annotation `argparse.Namespace` gets the same values as attributes.

    Raises:
        ArgumentError: an argument has neither a value nor a default, or a value of a wrong type.
        BaseException: any exception of the function.
    """
    positional: list[object] = []
    keywords: dict[str, object] = {}
    function = callee.function
    for name, argument in callee.arguments.items():
        if argument.kind == VAR_POSITIONAL:
            continue
        if argument.kind == VAR_KEYWORD:
            keywords.update(_others(task, callee.arguments, names()))
            continue
        wanted = callee.annotations.get(name, MISSING)
        value: object = getattr(task, name, MISSING)
        if is_namespace(wanted):
            value = wanted(**_others(task, callee.arguments, names()))
        if value is MISSING and argument.default is MISSING:
            raise ArgumentError(f"argument '{name}' of {called(function)} has no value")
        if value is MISSING:
            if argument.kind == POSITIONAL_ONLY:
                positional.append(argument.default)
            continue
        value = convert(value, wanted, f"argument '{name}' of {called(function)}")
        if argument.kind == POSITIONAL_ONLY:
            positional.append(value)
        else:
            keywords[name] = value
    return function(*positional, **keywords)


def _others(task: Variables, arguments: Container[str], names: Iterable[str]) -> dict[str, object]:
    """Return the task's values, by name, whose names are not arguments of the function."""
    return {name: getattr(task, name) for name in names if name not in arguments}


def is_namespace(annotation: object) -> TypeGuard[type[argparse.Namespace]]:
    """Return whether an annotation is `argparse.Namespace`: then the argument gets all values as attributes."""
    return isinstance(annotation, type) and (annotation.__module__, annotation.__name__) == ("argparse", "Namespace")


def takes_all(function: UserFunction) -> bool:
    """Return whether a function accepts values of any name: by `**kwargs` or by an `argparse.Namespace`."""
    try:
        arguments = arguments_of(function)
    except (TypeError, ValueError):  # the function is a builtin without a signature
        return False
    hints = annotations_of(function)
    return any(each.kind == VAR_KEYWORD or is_namespace(hints.get(name)) for name, each in arguments.items())


def awaited(result: object) -> object:
    """Run a coroutine and return its result; return any other object unchanged."""
    return asyncio.run(result) if isinstance(result, types.CoroutineType) else result


def called(function: UserFunction) -> str:
    """Return the name of a function for messages, such as `train()`."""
    return f"{getattr(function, '__qualname__', type(function).__name__)}()"


def convert(value: object, annotation: object, what: str) -> object:
    """Convert a value to the type of an annotation.

    A dict is converted to a pydantic model or a dataclass, an int to a float, and text to a number, a path, a date, a
    time, a UUID, a Decimal or a member of an enum. Values for abstract classes and protocols are not changed.

    Raises:
        ArgumentError: the value cannot be converted, or it is a JSON value and the annotation is a class that is not
            listed above.
    """
    if annotation is MISSING or annotation is typing.Any or annotation is object:
        return value
    origin = typing.get_origin(annotation)
    if origin in _UNIONS:
        return _one_of(value, typing.get_args(annotation), what)
    if origin is typing.Literal and value not in (options := typing.get_args(annotation)):
        raise ArgumentError(f"{what} is {_shown(value)}, not one of {', '.join(map(repr, options))}")
    if origin is list and isinstance(value, list):
        (item,) = typing.get_args(annotation) or (MISSING,)
        return (
            [convert(each, item, f"item {number} of {what}") for number, each in enumerate(value)]
            if item is not MISSING
            else value
        )
    if origin is tuple and isinstance(value, list):
        return tuple(value)
    if origin is dict and isinstance(value, dict):
        _, item = typing.get_args(annotation) or (MISSING, MISSING)
        return (
            {key: convert(each, item, f"{key!r} of {what}") for key, each in value.items()}
            if item is not MISSING
            else value
        )
    if not isinstance(annotation, type) or _is_instance(value, annotation):
        return value
    return _as_class(value, annotation, what)


def _is_instance(value: object, wanted: type) -> bool:
    """Return True if the value is an instance of a class, or if this cannot be decided. A bool is not accepted as
    an int."""
    try:
        return isinstance(value, wanted) and not (wanted is int and isinstance(value, bool))
    except TypeError:  # `isinstance` refuses a TypedDict, and a protocol without run-time checks
        return True


def _one_of(value: object, options: tuple[object, ...], what: str) -> object:
    if value is None and type(None) in options:
        return None
    exact = [option for option in options if isinstance(option, type) and type(value) is option]
    if exact:
        return value
    for option in options:
        if option is type(None):
            continue
        try:
            return convert(value, option, what)
        except ArgumentError:
            continue
    raise ArgumentError(f"{what} is {_shown(value)}, not {' or '.join(_named(option) for option in options)}")


def _as_class(value: object, wanted: type, what: str) -> object:
    """Convert the value, which is not an instance of the class `wanted`, to this class."""
    validate = getattr(wanted, "model_validate", None)
    if callable(validate):
        try:
            result: object = validate(value)
        except ValueError as error:  # includes pydantic's ValidationError
            raise ArgumentError(f"{what} is not a {wanted.__name__}: {error}") from None
        return result
    if isinstance(value, dict) and dataclasses.is_dataclass(wanted):
        return _dataclass(value, wanted, what)
    if wanted is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if wanted in (int, float) and isinstance(value, str):
        try:
            return wanted(value)
        except ValueError:
            raise ArgumentError(f"{what} is {_shown(value)}, not {_named(wanted)}") from None
    if wanted in (tuple, set, frozenset) and isinstance(value, list):
        return wanted(value)
    if issubclass(wanted, Enum):
        return _member(value, wanted, what)
    if is_abstract(wanted):
        return value
    if (parse := _parser_of(wanted)) is not None and (isinstance(value, str) or _is_decimal(wanted)):
        return _parsed(value, wanted, parse, what)
    # only the class of a NamedTuple has this attribute
    fields: tuple[str, ...] | None = getattr(wanted, "_fields", None)
    if fields is not None and isinstance(value, list) and len(value) == len(fields):
        return wanted(*value)
    if wanted in (int, float, str, bool, list, dict, bytes) or type(value) in _JSON_TYPES:
        raise ArgumentError(f"{what} is {_shown(value)}, not {_named(wanted)}")
    return value


_JSON_TYPES = (str, int, float, bool, list, dict)
_EXAMPLES = {
    "date": "2024-12-31",
    "datetime": "2024-12-31T23:59:00",
    "time": "23:59",
    "Decimal": "0.10",
    "UUID": "12345678-1234-5678-1234-567812345678",
}


def is_text_class(wanted: type) -> bool:
    """Return whether a class has exactly one textual form for each of its values: paths, dates, times, UUIDs and
    Decimals."""
    return _parser_of(wanted) is not None and not is_abstract(wanted)


def text_of(value: object) -> str:
    """Return the text of a value whose class is a text class (`is_text_class`). The class converts the text back to the
    value."""
    isoformat: Callable[[], str] | None = getattr(value, "isoformat", None)
    return str(value) if isoformat is None else isoformat()


def _parser_of(wanted: type) -> Callable[[str], object] | None:
    """Return the function that makes a value of a class from a text, or None if there is no such function."""
    parse: Callable[[str], object] | None = getattr(wanted, "fromisoformat", None)
    if parse is None and (hasattr(wanted, "__fspath__") or _is_decimal(wanted) or _derives(wanted, "uuid", "UUID")):
        parse = wanted
    return parse


def _is_decimal(wanted: type) -> bool:
    return _derives(wanted, "decimal", "Decimal")


def _derives(wanted: type, module: str, name: str) -> bool:
    """Return whether a class, or one of its base classes, has this name. The module is not imported."""
    return any((base.__module__, base.__name__) == (module, name) for base in wanted.__mro__)


def _parsed(value: object, wanted: type, parse: Callable[[str], object], what: str) -> object:
    """Convert a text to an instance of the class; for a Decimal, also a number."""
    text = value if isinstance(value, str) else repr(value)
    if parse is not wanted and text.endswith("Z"):
        text = f"{text[:-1]}+00:00"  # Python 3.10 does not accept the suffix Z for UTC
    try:
        if isinstance(value, (str, int, float)) and not isinstance(value, bool):
            return parse(text)
    except (ValueError, ArithmeticError, TypeError):
        pass
    example = _EXAMPLES.get(wanted.__name__)
    such = f", such as {example}" if example else ""
    raise ArgumentError(f"{what} is {_shown(value)}, not a {wanted.__name__}{such}")


def _member(value: object, wanted: type[Enum], what: str) -> object:
    for member in wanted:
        if member.value == value or member.name == value:
            return member
    for member in wanted:  # on a command line, the text of an enum member may look like a number
        if isinstance(member.value, str) and not isinstance(value, str) and member.value == str(value):
            return member
    options = ", ".join(repr(member.value) for member in wanted)
    raise ArgumentError(f"{what} is {_shown(value)}, not a {wanted.__name__}: its values are {options}")


def _dataclass(value: dict[object, object], wanted: type, what: str) -> object:
    hints = typing.get_type_hints(wanted)
    names = {field.name for field in dataclasses.fields(wanted) if field.init}
    if unknown := [name for name in value if name not in names]:
        raise ArgumentError(f"{what} contains {unknown[0]!r}, but {wanted.__name__} has no such field")
    fields = {
        str(name): convert(item, hints.get(str(name), MISSING), f"{name} of {what}") for name, item in value.items()
    }
    try:
        result: object = wanted(**fields)
    except (TypeError, ValueError) as error:
        raise ArgumentError(f"{what} is not a {wanted.__name__}: {error}") from error
    return result


def _named(annotation: object) -> str:
    return "None" if annotation is type(None) else getattr(annotation, "__name__", str(annotation))


def _shown(value: object) -> str:
    return f"{value!r:.60} ({type(value).__name__})"
