"""The records that decorators store on the decorated function or class: one `Applied` object per use of a decorator."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, TypeAlias, cast, final

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterable, Mapping

    _Source: TypeAlias = Mapping[str, object] | str

ATTRIBUTE = "__flowc_decorators__"
USER_ATTRIBUTE = "__flowc_user_decorators__"  # attribute of a step or class: its user-written decorators
ADDED = "__flowc_added__"
COMMAND_LINE = "--with"  # the value of `Applied.file` for a decorator that the command line adds


@final
class Applied:
    """The record of one decorator that is used on a step or a flow's class.

    Attributes:
        name: the name of the decorator.
        args: the positional arguments, with configs replaced by their values.
        kwargs: the arguments by name, with configs replaced by their values.
        file: the file of the call; `--with` for a decorator that the command line adds.
        line: the line of the call in `file`.
        by: the mutator that added the decorator, or None.
        written: the arguments as written, with configs not yet replaced, or None if the arguments contain no config.
    """

    __slots__ = ("args", "by", "file", "kwargs", "line", "name", "written")

    def __init__(
        self,
        name: str,
        args: tuple[object, ...],
        kwargs: dict[str, object],
        file: str,
        line: int,
        by: str | None = None,
    ) -> None:
        self.name = name
        self.args = args
        self.kwargs = kwargs
        self.file = file
        self.line = line
        self.by = by
        self.written: tuple[tuple[object, ...], dict[str, object]] | None = (
            None  # the arguments as written, with configs not yet replaced
        )

    def __repr__(self) -> str:
        written = [*map(repr, self.args), *(f"{name}={value!r}" for name, value in self.kwargs.items())]
        return f"@{self.name}({', '.join(written)}) at {self.file}:{self.line}"


def applied_to(target: object) -> tuple[Applied, ...]:
    """Return the decorators of a function or a class (without the decorators of base classes), the innermost first."""
    decorators: tuple[Applied, ...] = vars(target).get(ATTRIBUTE, ()) if hasattr(target, "__dict__") else ()
    return decorators


def added_to(cls: type) -> tuple[Applied, ...]:
    """Return the decorators of the command line. Each is added to the steps that lack a decorator of the same name."""
    decorators: tuple[Applied, ...] = getattr(cls, ADDED, ())
    return decorators


def inline_secrets(cls: type, step: str) -> list[Mapping[str, object]]:
    """Return the options of the `inline` sources of a step's `@secrets`, in the order written.

    `@secrets` in the source takes precedence over `@secrets` on the command line. METAFLOW_DEFAULT_SECRETS_BACKEND_TYPE
    sets the type of each source that has none, unless FLOWC_SECRETS is set.
    """
    from flowc_runtime.base.config.secret_setting import metaflow_type
    from flowc_runtime.run.task.secrets import PROVIDERS

    own = [applied for applied in applied_to(getattr(cls, step)) if applied.name == "secrets"]
    added = [applied for applied in added_to(cls) if applied.name == "secrets"]
    found = (own or added)[:1]
    sources = cast("Iterable[_Source]", found[0].kwargs.get("sources", ()) if found else ())
    default = metaflow_type()
    return [
        (cast("Mapping[str, object]", source.get("options")) if isinstance(source, dict) else None) or {}
        for source in sources
        if _secret_type(source, default, PROVIDERS) == "inline"
    ]


def _secret_type(source: Mapping[str, Any] | str, default: str | None, types: Container[str]) -> str | None:
    if isinstance(source, str):
        prefix, dot, _ = source.partition(".")
        return prefix if dot and prefix in types else default
    return source.get("type") or default


def apply(name: str) -> Callable[..., Any]:
    """Create the decorator of an extension: a function that only records each use.

    `flowc check` reports an error if a step decorator is used on a flow, or a flow decorator on a step.
    """

    def decorator(*args: object, **kwargs: object) -> Any:
        return _decorate(name, args, kwargs)

    decorator.__name__ = decorator.__qualname__ = name
    return decorator


def _decorate(name: str, args: tuple[object, ...], kwargs: dict[str, object]) -> object:
    """Record the use of a decorator. For `@name`, return the decorated object; for `@name(…)`, return a decorator."""
    caller = sys._getframe(2)
    file, line = caller.f_code.co_filename, caller.f_lineno
    if len(args) == 1 and not kwargs and _can_be_decorated(args[0]):
        return _record(args[0], Applied(name, (), {}, file, line))
    applied = Applied(name, args, kwargs, file, line)
    return lambda target: _record(target, applied)


def _can_be_decorated(value: object) -> bool:
    return callable(value) or isinstance(value, (staticmethod, classmethod, property))


def _record(target: object, applied: Applied) -> object:
    # Create a new tuple instead of changing a list: a functools.wraps wrapper shares the attribute with the wrapped
    # function.
    setattr(target, ATTRIBUTE, (*applied_to(target), applied))
    return target
