"""Decorators written as text, `my_module.my_decorator:a=1,b={"x": 2}`: on the command line and in `add_decorator`."""

from __future__ import annotations

from typing import Any

from flowc_ir import json_text
from flowc_ir.late.pattern import late_pattern
from metaflow.exception import MetaflowException
from metaflow.user_decorators._errors import DecoratorImportError
from metaflow.user_decorators._kinds import UserStepDecoratorBase
from metaflow.user_decorators.common import UserDecoratorMeta, known_classes, matching

_NEXT = late_pattern(r",(?=\s*[A-Za-z_]\w*\s*=)")


def parse_spec(spec: str) -> tuple[str, dict[str, Any]]:
    """Return the name and the arguments of a decorator written as `NAME` or `NAME:KEY=VALUE,…`.

    A value is read as JSON if possible, otherwise as text. A comma begins a new argument only if a name and `=` follow
    the comma.

    Raises:
        MetaflowException: an argument has no `=`.
    """
    name, colon, rest = spec.partition(":")
    arguments: dict[str, object] = {}
    for part in _NEXT.split(rest) if colon and rest.strip() else ():
        key, equals, text = part.partition("=")
        if not equals or not key.strip().isidentifier():
            raise MetaflowException(f"in the decorator {spec!r}, {part!r} is not NAME=VALUE")
        try:
            arguments[key.strip()] = json_text.parsed(text)
        except ValueError:
            arguments[key.strip()] = text.strip()
    return name.strip(), arguments


def find_user_decorator(name: str) -> UserDecoratorMeta | None:
    """Return the user-written class of a step decorator or step mutator, or None if the name is unknown.

    Args:
        name: the full name of a class, such as `package.module.Class`, or the end of this name, such as `Class`. If no
            class with this name is defined yet, the part of `name` before the last dot is imported as a module.

    Raises:
        DecoratorImportError: the module cannot be imported.
    """
    known = matching(name, known_classes(UserStepDecoratorBase))
    module_name, dot, attribute = name.rpartition(".")
    if known is not None or not dot:
        return known
    from importlib import import_module

    try:
        found: object = getattr(import_module(module_name), attribute, None)
    except Exception as error:
        raise DecoratorImportError(name, error) from error
    return found if isinstance(found, type) and issubclass(found, UserStepDecoratorBase) else None
