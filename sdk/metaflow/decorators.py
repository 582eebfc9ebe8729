"""The decorators of steps and flows: they write down what was asked for and change nothing else.

A decorated function stays the function it was. Each application is kept as one `Applied` in the attribute
`__flowc_decorators__`, as written: even a misspelt argument raises nothing here, so that `flowc check` can report every
fault of a flow at once, each with its place.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, TypeVar, final, overload

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

_Function = TypeVar("_Function", bound="Callable[..., Any]")
_Class = TypeVar("_Class", bound=type)

ATTRIBUTE = "__flowc_decorators__"


@final
class Applied:
    """One application of a decorator: its arguments as written, and the place of the call."""

    __slots__ = ("args", "file", "kwargs", "line", "name", "written")

    def __init__(self, name: str, args: tuple[Any, ...], kwargs: dict[str, Any], file: str, line: int) -> None:
        self.name = name
        self.args = args
        self.kwargs = kwargs
        self.file = file
        self.line = line
        self.written: tuple[tuple[Any, ...], dict[str, Any]] | None = None  # the arguments before configs had values

    def __repr__(self) -> str:
        written = [*map(repr, self.args), *(f"{name}={value!r}" for name, value in self.kwargs.items())]
        return f"@{self.name}({', '.join(written)}) at {self.file}:{self.line}"


def applied_to(target: object) -> tuple[Applied, ...]:
    """What decorates a function or a class (not its bases), the innermost first."""
    found: tuple[Applied, ...] = vars(target).get(ATTRIBUTE, ()) if hasattr(target, "__dict__") else ()
    return found


def _decorate(name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Behind each decorator: used bare, `args` is what it decorates; called, the result decorates."""
    caller = sys._getframe(2)
    file, line = caller.f_code.co_filename, caller.f_lineno
    if len(args) == 1 and not kwargs and _can_be_decorated(args[0]):
        return _record(args[0], Applied(name, (), {}, file, line))
    applied = Applied(name, args, kwargs, file, line)
    return lambda target: _record(target, applied)


def _can_be_decorated(value: object) -> bool:
    return callable(value) or isinstance(value, (staticmethod, classmethod, property))


def _record(target: Any, applied: Applied) -> Any:
    # A new tuple, never an append: a wrapper made with functools.wraps shares what it copied from the function inside.
    setattr(target, ATTRIBUTE, (*applied_to(target), applied))
    return target


@overload
def step(function: _Function, /) -> _Function: ...
@overload
def step() -> Callable[[_Function], _Function]: ...
def step(*args: Any, **kwargs: Any) -> Any:
    """Make a method of a flow a step: `def train(self):`, or `def join(self, inputs):` where branches meet."""
    return _decorate("step", args, kwargs)


@overload
def retry(function: _Function, /) -> _Function: ...
@overload
def retry(*, times: int = 3, minutes_between_retries: float = 2) -> Callable[[_Function], _Function]: ...
def retry(*args: Any, **kwargs: Any) -> Any:
    """Run the step up to `times` times more when it fails, on a cluster `minutes_between_retries` apart."""
    return _decorate("retry", args, kwargs)


@overload
def catch(function: _Function, /) -> _Function: ...
@overload
def catch(*, var: str | None = None, print_exception: bool = True) -> Callable[[_Function], _Function]: ...
def catch(*args: Any, **kwargs: Any) -> Any:
    """Go on when the step fails for good: its exception is in the artifact `var`, which is None if it succeeds."""
    return _decorate("catch", args, kwargs)


@overload
def timeout(function: _Function, /) -> _Function: ...
@overload
def timeout(*, seconds: int = 0, minutes: int = 0, hours: int = 0) -> Callable[[_Function], _Function]: ...
def timeout(*args: Any, **kwargs: Any) -> Any:
    """Interrupt an attempt of the step after the sum of `seconds`, `minutes` and `hours`."""
    return _decorate("timeout", args, kwargs)


@overload
def resources(function: _Function, /) -> _Function: ...
@overload
def resources(
    *,
    cpu: float | str | None = None,
    gpu: int | str | None = None,
    disk: int | str | None = None,
    memory: int | str | None = None,
    shared_memory: int | str | None = None,
) -> Callable[[_Function], _Function]: ...
def resources(*args: Any, **kwargs: Any) -> Any:
    """Ask for a machine on a cluster: `cpu` in cores; `memory`, `disk` and `shared_memory` in MiB; `gpu` as a count."""
    return _decorate("resources", args, kwargs)


@overload
def environment(function: _Function, /) -> _Function: ...
@overload
def environment(*, vars: Mapping[str, str]) -> Callable[[_Function], _Function]: ...
def environment(*args: Any, **kwargs: Any) -> Any:
    """Set environment variables for the step. Their values stand in manifests and records: no secrets."""
    return _decorate("environment", args, kwargs)


@overload
def schedule(flow: _Class, /) -> _Class: ...
@overload
def schedule(
    *,
    hourly: bool = False,
    daily: bool = True,
    weekly: bool = False,
    cron: str | Sequence[str] | None = None,
    timezone: str | None = None,
) -> Callable[[_Class], _Class]: ...
def schedule(*args: Any, **kwargs: Any) -> Any:
    """Start runs of the flow by themselves on a cluster: daily, unless it says `hourly`, `weekly` or `cron`.

    `cron` is the standard five fields, or a list of such; `timezone` an IANA name such as `Europe/Berlin`.
    """
    return _decorate("schedule", args, kwargs)
