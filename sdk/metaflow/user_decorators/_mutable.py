"""The common base of `MutableFlow` and `MutableStep`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, TypeGuard

from metaflow.exception import MetaflowException
from metaflow.user_decorators._spec import parse_spec

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from metaflow.user_decorators._preparation import Preparation
    from metaflow.user_decorators.common import UserDecoratorMeta


class Mutable:
    """The base class of the objects through which a mutator reads and changes a flow or a step.

    Args:
        preparation: the flow's class during its preparation.
        early: whether the object is for `pre_mutate`, which may change more than `mutate`.
        by: the mutator's name.
        static: whether the mutator is in the flow's source, or a mutator in the source added it. The value is False for
            a mutator that the command line added.
    """

    IGNORE = 1
    """Keep the existing decorator."""
    ERROR = 2
    """Raise an error; if the command line has added the mutator, keep the existing decorator instead."""
    OVERRIDE = 3
    """Replace the existing decorator."""

    def __init__(self, preparation: Preparation, *, early: bool, by: str | None, static: bool) -> None:
        self._preparation = preparation
        self._early = early
        self._by = by
        self._static = static

    @property
    def decorator_specs(self) -> Iterator[tuple[str, str, list[Any], dict[str, Any]]]:
        """The decorators, each as (name, full name, positional arguments, keyword arguments)."""
        raise NotImplementedError

    def has_decorator(self, name: str) -> bool:
        """Return whether there is a decorator with this name, given with or without its module."""
        return bool(self.get_decorator_specs(name))

    def get_decorator_specs(self, name: str) -> list[tuple[str, str, list[Any], dict[str, Any]]]:
        """Return the entries of `decorator_specs` for the decorators with this name, given with or without its
        module."""
        return [spec for spec in self.decorator_specs if has_name(name, spec[0], spec[1])]

    # -- for add_decorator

    def _parse_decorator(
        self, decorator: object, args: Sequence[object] | None, kwargs: Mapping[str, object] | None
    ) -> tuple[str | UserDecoratorMeta, dict[str, object]]:
        """Return the decorator that was passed to `add_decorator`, as a name or a user-written class, and its
        arguments."""
        arguments = dict(kwargs or {})
        if isinstance(decorator, str):
            name, written = parse_spec(decorator)
            if written and (args or arguments):
                raise MetaflowException(
                    f"add_decorator({decorator!r}) has arguments both in the text and outside of it"
                )
            return self._find(name), {**written, **arguments}
        if self._is_own(decorator):
            return decorator, arguments
        return self._find(_public_name(decorator)), arguments

    def _replaces(self, name: str, duplicates: int) -> bool:
        """Return whether a new decorator replaces an existing decorator with the same name."""
        if duplicates == self.ERROR and self._static:
            raise self._duplicate(name)
        if duplicates not in (self.IGNORE, self.ERROR, self.OVERRIDE):
            raise MetaflowException("duplicates is IGNORE, ERROR or OVERRIDE")
        return duplicates == self.OVERRIDE

    def _only_early(self, change: str) -> None:
        if not self._early:
            raise MetaflowException(f"{change} is possible only in a mutator's pre_mutate, not in its mutate")

    def _find(self, name: str) -> str | UserDecoratorMeta:
        raise NotImplementedError

    def _is_own(self, value: object) -> TypeGuard[UserDecoratorMeta]:
        raise NotImplementedError

    def _duplicate(self, name: str) -> Exception:
        raise NotImplementedError


def _public_name(value: object) -> str:
    """Return the name of a built-in decorator that is given as an object, such as `retry`."""
    name = getattr(value, "__name__", None)
    if not isinstance(name, str) or getattr(sys.modules["metaflow"], name, None) is not value:
        raise MetaflowException(f"add_decorator takes a decorator, or its name, not {value!r}")
    return name


def has_name(name: str, short: str, full: str) -> bool:
    """Return whether `name`, given with or without a module, matches a decorator's short and full name."""
    return full == name if "." in name else short.rpartition(".")[2] == name


def caller(depth: int) -> tuple[str, int]:
    """Return the file and line of a call on the stack. With depth 1, it is the call of the function that called
    `caller`."""
    frame = sys._getframe(depth + 1)
    return frame.f_code.co_filename, frame.f_lineno
