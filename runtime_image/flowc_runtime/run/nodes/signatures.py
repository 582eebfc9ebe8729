"""Reads the arguments of Python functions.

For plain functions, this module does not use `inspect`: importing `inspect` takes several milliseconds, and using it in
a forked task copies many pages of memory.
"""

from __future__ import annotations

import typing
from types import FunctionType
from typing import TYPE_CHECKING, Final

from flowc_ir.late import LateModule
from flowc_ir.late.namedtuple import NamedTuple

if TYPE_CHECKING:
    import inspect
    from collections.abc import Mapping

    from flowc_runtime.run.nodes.user_functions import UserFunction
else:  # imported at first use: only functions with decorators, methods and other callable objects need it
    inspect = LateModule("inspect")

NAMED: Final = "named"
POSITIONAL_ONLY: Final = "positional only"
VAR_POSITIONAL: Final = "*"
VAR_KEYWORD: Final = "**"

_VAR_POSITIONAL_FLAG, _VAR_KEYWORD_FLAG = (
    0x04,
    0x08,
)  # Flags of code objects; the documentation of `inspect` lists them.
_ASYNCHRONOUS_FLAGS: Final = 0x80 | 0x200  # The code is a coroutine, or an asynchronous generator.
_ABSTRACT_FLAG: Final = 1 << 20  # The flag of a class with abstract methods.


class NoValue:
    """Marks an argument without a default or without an annotation: the class stands for the missing object."""


MISSING: Final = NoValue


class FunctionArgument(NamedTuple):
    """An argument of a function: its kind (one of this module's constants) and its default, or `MISSING`."""

    kind: str
    default: object


class Callee(NamedTuple):
    """A function, its arguments by name, and their annotations, evaluated."""

    function: UserFunction
    arguments: Mapping[str, FunctionArgument]
    annotations: Mapping[str, object]


def callee_of(function: UserFunction) -> Callee:
    """Read the arguments and the annotations of a function.

    Raises:
        TypeError, ValueError: the function is a builtin without a signature.
    """
    return Callee(function, arguments_of(function), annotations_of(function))


def arguments_of(function: UserFunction) -> Mapping[str, FunctionArgument]:
    """Return the arguments of a function by name, in the order of its signature.

    Raises:
        TypeError, ValueError: the function is a builtin without a signature.
    """
    if not _is_plain(function):
        return _inspected(function)
    code, found = function.__code__, {}
    names, positional = code.co_varnames, code.co_argcount
    end = positional + code.co_kwonlyargcount
    defaults = dict(zip(reversed(names[:positional]), reversed(function.__defaults__ or ()), strict=False))
    for at, name in enumerate(names[:positional]):
        kind = POSITIONAL_ONLY if at < code.co_posonlyargcount else NAMED
        found[name] = FunctionArgument(kind, defaults.get(name, MISSING))
    if code.co_flags & _VAR_POSITIONAL_FLAG:
        found[names[end]] = FunctionArgument(VAR_POSITIONAL, MISSING)
        last = end + 1
    else:
        last = end
    for name in names[positional:end]:
        found[name] = FunctionArgument(NAMED, (function.__kwdefaults__ or {}).get(name, MISSING))
    if code.co_flags & _VAR_KEYWORD_FLAG:
        found[names[last]] = FunctionArgument(VAR_KEYWORD, MISSING)
    return found


def _inspected(function: UserFunction) -> Mapping[str, FunctionArgument]:
    kinds: dict[object, str] = {
        inspect.Parameter.POSITIONAL_ONLY: POSITIONAL_ONLY,
        inspect.Parameter.VAR_POSITIONAL: VAR_POSITIONAL,
        inspect.Parameter.VAR_KEYWORD: VAR_KEYWORD,
    }
    return {
        name: FunctionArgument(kinds.get(each.kind, NAMED), MISSING if each.default is each.empty else each.default)
        for name, each in inspect.signature(function).parameters.items()
    }


def _is_plain(function: object) -> typing.TypeGuard[FunctionType]:
    """Return whether an object is a plain function on which no decorator has set attributes."""
    return type(function) is FunctionType and not function.__dict__


def annotations_of(function: UserFunction) -> Mapping[str, object]:
    """Return the evaluated annotations of a function; annotations that cannot be evaluated are left out."""
    plain = unwrapped(function)
    try:
        return typing.get_type_hints(plain)
    except Exception:  # the annotation contains a name that exists only for type checkers
        written = getattr(plain, "__annotations__", {})
        return {name: value for name, value in written.items() if not isinstance(value, str)}


def unwrapped(function: UserFunction) -> UserFunction:
    """Return the function inside of its decorators, like `inspect.unwrap`."""
    if not hasattr(function, "__wrapped__"):
        return function
    plain: UserFunction = inspect.unwrap(function)
    return plain


def is_asynchronous(function: UserFunction) -> bool:
    """Return whether a function is a coroutine function or an asynchronous generator."""
    plain = unwrapped(function)
    if _is_plain(plain):
        return bool(plain.__code__.co_flags & _ASYNCHRONOUS_FLAGS)
    return inspect.iscoroutinefunction(plain) or inspect.isasyncgenfunction(plain)


def is_abstract(wanted: type) -> bool:
    """Return whether a class has abstract methods, like `inspect.isabstract`."""
    return bool(wanted.__flags__ & _ABSTRACT_FLAG)
