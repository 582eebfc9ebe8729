"""The decorators of steps and flows: they write down what was asked for and change nothing else.

A decorated function stays the function it was. Each application is kept as one `Applied` in the attribute
`__flowc_decorators__`, as written: even a misspelt argument raises nothing here, so that `flowc check` can report every
fault of a flow at once, each with its place.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any, TypeVar, final, overload

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Mapping, Sequence

    from metaflow._legacy.base import Decorator as Decorator
    from metaflow._legacy.base import FlowDecorator as FlowDecorator
    from metaflow._legacy.base import StepDecorator as StepDecorator
    from metaflow.exception import InvalidDecoratorAttribute as InvalidDecoratorAttribute
    from metaflow.exception import MetaflowException as MetaflowException

_Function = TypeVar("_Function", bound="Callable[..., Any]")
_Class = TypeVar("_Class", bound=type)

ATTRIBUTE = "__flowc_decorators__"
USER_ATTRIBUTE = "__flowc_user_decorators__"  # of the decorators of a user's own, see metaflow.user_decorators
ADDED = "__flowc_added__"
COMMAND_LINE = "--with"  # in place of the file of a decorator that the command line adds


@final
class Applied:
    """One application of a decorator: its arguments as written, the place of the call, and the mutator that made it."""

    __slots__ = ("args", "by", "file", "kwargs", "line", "name", "written")

    def __init__(
        self, name: str, args: tuple[Any, ...], kwargs: dict[str, Any], file: str, line: int, by: str | None = None
    ) -> None:
        self.name = name
        self.args = args
        self.kwargs = kwargs
        self.file = file
        self.line = line
        self.by = by
        self.written: tuple[tuple[Any, ...], dict[str, Any]] | None = None  # the arguments before configs had values

    def __repr__(self) -> str:
        written = [*map(repr, self.args), *(f"{name}={value!r}" for name, value in self.kwargs.items())]
        return f"@{self.name}({', '.join(written)}) at {self.file}:{self.line}"


def applied_to(target: object) -> tuple[Applied, ...]:
    """What decorates a function or a class (not its bases), the innermost first."""
    found: tuple[Applied, ...] = vars(target).get(ATTRIBUTE, ()) if hasattr(target, "__dict__") else ()
    return found


def added_to(cls: type) -> tuple[Applied, ...]:
    """The decorators that the command line adds to the steps of a flow that lack them."""
    found: tuple[Applied, ...] = getattr(cls, ADDED, ())
    return found


def inline_secrets(cls: type, step: str) -> list[Mapping[str, Any]]:
    """The options of the `inline` sources of a step's `@secrets`, in the order written."""
    from flowc_runtime.run.task.secrets import PROVIDERS

    own = [applied for applied in applied_to(getattr(cls, step)) if applied.name == "secrets"]
    added = [applied for applied in added_to(cls) if applied.name == "secrets"]
    sources = [source for applied in (own or added)[:1] for source in applied.kwargs.get("sources", ())]
    default = os.environ.get("METAFLOW_DEFAULT_SECRETS_BACKEND_TYPE")
    return [
        (source.get("options") if isinstance(source, dict) else None) or {}
        for source in sources
        if _secret_type(source, default, PROVIDERS) == "inline"
    ]


def _secret_type(source: Mapping[str, Any] | str, default: str | None, known: Container[str]) -> str | None:
    if isinstance(source, str):
        prefix, dot, _ = source.partition(".")
        return prefix if dot and prefix in known else default
    return source.get("type") or default


def apply(name: str) -> Callable[..., Any]:
    """The decorator of that name, which an extension has; what it is of is looked at when the flow is."""

    def decorator(*args: Any, **kwargs: Any) -> Any:
        return _decorate(name, args, kwargs)

    decorator.__name__ = decorator.__qualname__ = name
    return decorator


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
def step(*, start: bool = False, end: bool = False, node_info: Any = None) -> Callable[[_Function], _Function]: ...
def step(*args: Any, **kwargs: Any) -> Any:
    """Make a method of a flow a step: `def train(self):`, or `def join(self, inputs):` where branches meet.

    A flow begins with the step `start` and ends with `end`, or with those that say `start=True` and `end=True`.
    `node_info`, which JSON can hold, is for programs that read the flow: `self._graph["train"].node_info`.
    """
    return _decorate("step", args, kwargs)


@overload
def parallel(function: _Function, /) -> _Function: ...
@overload
def parallel() -> Callable[[_Function], _Function]: ...
def parallel(*args: Any, **kwargs: Any) -> Any:
    """Mark a step whose tasks run all at once: `self.next(self.train, num_parallel=4)`; see `current.parallel`."""
    return _decorate("parallel", args, kwargs)


@overload
def pytorch_parallel(function: _Function, /) -> _Function: ...
@overload
def pytorch_parallel(*, master_port: int | str | None = None) -> Callable[[_Function], _Function]: ...
def pytorch_parallel(*args: Any, **kwargs: Any) -> Any:
    """Mark a step as `@parallel` does, and let its tasks find each other as `torch.distributed` wants them to.

    They have what `metaflow.plugins.frameworks.pytorch.setup_torch_distributed(master_port)` sets. The class of the
    decorator is made like one of an extension, which may replace it.
    """
    from metaflow import _extensions

    place = "metaflow.plugins.frameworks.pytorch.PytorchParallelDecorator"
    _extensions.decorators.setdefault("pytorch_parallel", {"step": place})
    return _decorate("pytorch_parallel", args, kwargs)


@overload
def unbounded_test_foreach_internal(function: _Function, /) -> _Function: ...
@overload
def unbounded_test_foreach_internal() -> Callable[[_Function], _Function]: ...
def unbounded_test_foreach_internal(*args: Any, **kwargs: Any) -> Any:
    """Mark a step that a foreach over an `InternalTestUnboundedForeachInput` runs; it runs as every other does."""
    return _decorate("unbounded_test_foreach_internal", args, kwargs)


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
def environment(*, vars: Mapping[str, str | float]) -> Callable[[_Function], _Function]: ...
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


@overload
def kubernetes(function: _Function, /) -> _Function: ...
@overload
def kubernetes(
    *,
    cpu: float | str | None = 1,
    memory: int | str | None = 4096,
    disk: int | str | None = 10240,
    image: str | None = None,
    image_pull_policy: str | None = None,
    image_pull_secrets: Sequence[str] | None = None,
    service_account: str | None = None,
    secrets: Sequence[str] | str | None = None,
    node_selector: Mapping[str, str] | str | None = None,
    namespace: str | None = None,
    gpu: int | str | None = None,
    gpu_vendor: str | None = None,
    tolerations: Sequence[Mapping[str, Any]] | None = None,
    labels: Mapping[str, str] | None = None,
    annotations: Mapping[str, str] | None = None,
    use_tmpfs: bool | None = None,
    tmpfs_tempdir: bool = True,
    tmpfs_size: int | str | None = None,
    tmpfs_path: str | None = "/metaflow_temp",
    persistent_volume_claims: Mapping[str, str] | None = None,
    shared_memory: int | str | None = None,
    port: int | str | None = None,
    compute_pool: str | None = None,
    executable: str | None = None,
    hostname_resolution_timeout: int = 600,
    qos: str = "burstable",
    extended_resources: Mapping[str, str] | None = None,
    security_context: Mapping[str, Any] | None = None,
) -> Callable[[_Function], _Function]: ...
def kubernetes(*args: Any, **kwargs: Any) -> Any:
    """Say how the step's pods are made on a cluster; on this machine it asks for resources and means nothing else.

    Amounts are as in `@resources`; where a step has both, the larger one counts.
    """
    return _decorate("kubernetes", args, kwargs)


@overload
def secrets(function: _Function, /) -> _Function: ...
@overload
def secrets(
    *,
    sources: Sequence[str | Mapping[str, Any]] = (),
    role: str | None = None,
    allow_override: bool = False,
) -> Callable[[_Function], _Function]: ...
def secrets(*args: Any, **kwargs: Any) -> Any:
    """Set environment variables from sources of secrets, for this step only and right before its code runs.

    A source is a dict with `type` (`env`, `dotenv`, `files`, `inline`, `kubernetes`, or a class of yours by its dotted
    name), `id` and `options`, or the text `type.id`. Values are kept nowhere.
    """
    return _decorate("secrets", args, kwargs)


@overload
def card(function: _Function, /) -> _Function: ...
@overload
def card(
    *,
    type: str = "default",
    id: str | None = None,
    options: Mapping[str, Any] | None = None,
    timeout: int = 45,
    refresh_interval: int = 5,
    save_errors: bool = True,
    customize: bool = False,
    scope: str = "task",
    rank: int | None = None,
) -> Callable[[_Function], _Function]: ...
def card(*args: Any, **kwargs: Any) -> Any:
    """Make a report of each task of the step, of a `type` of cards; a step may have several."""
    return _decorate("card", args, kwargs)


@overload
def project(flow: _Class, /) -> _Class: ...
@overload
def project(
    *,
    name: str,
    branch: str | None = None,
    production: bool = False,
) -> Callable[[_Class], _Class]: ...
def project(*args: Any, **kwargs: Any) -> Any:
    """Make the flow part of a project: its runs and deployments are kept apart by branch.

    The branch is `user.NAME`, with a `branch` `test.BRANCH`, in `production` `prod` or `prod.BRANCH`; the command line
    gives both as well: `--branch`, `--production`.
    """
    return _decorate("project", args, kwargs)


@overload
def trigger(flow: _Class, /) -> _Class: ...
@overload
def trigger(
    *,
    event: str | Mapping[str, Any] | Callable[..., Any] | None = None,
    events: Sequence[str | Mapping[str, Any] | Callable[..., Any]] = (),
    options: Mapping[str, Any] | None = None,
) -> Callable[[_Class], _Class]: ...
def trigger(*args: Any, **kwargs: Any) -> Any:
    """Start runs when an event arrives, or all of several; an event's fields may give values to parameters."""
    return _decorate("trigger", args, kwargs)


@overload
def trigger_on_finish(flow: _Class, /) -> _Class: ...
@overload
def trigger_on_finish(
    *,
    flow: str | Mapping[str, str] | None = None,
    flows: Sequence[str | Mapping[str, str]] = (),
    options: Mapping[str, Any] | None = None,
) -> Callable[[_Class], _Class]: ...
def trigger_on_finish(*args: Any, **kwargs: Any) -> Any:
    """Start runs when a run of another flow has succeeded, or one of each of several."""
    return _decorate("trigger_on_finish", args, kwargs)


@overload
def exit_hook(flow: _Class, /) -> _Class: ...
@overload
def exit_hook(
    *,
    on_success: Sequence[Callable[..., Any] | str] = (),
    on_error: Sequence[Callable[..., Any] | str] = (),
    options: Mapping[str, Any] | None = None,
) -> Callable[[_Class], _Class]: ...
def exit_hook(*args: Any, **kwargs: Any) -> Any:
    """Call functions of the flow's file when a run has ended; one with a parameter `run` is given the run."""
    return _decorate("exit_hook", args, kwargs)


# name: the module that has it. Each stands under TYPE_CHECKING above as well.
_LAZY = {
    "Decorator": "metaflow._legacy.base",
    "FlowDecorator": "metaflow._legacy.base",
    "StepDecorator": "metaflow._legacy.base",
    "_attach_decorators_to_step": "metaflow._legacy.attaching",
    "InvalidDecoratorAttribute": "metaflow.exception",
    "MetaflowException": "metaflow.exception",
}

if not TYPE_CHECKING:  # type checkers are to find names that are not there

    def __getattr__(name: str) -> Any:
        if name not in _LAZY:
            raise AttributeError(f"module 'metaflow.decorators' has no attribute '{name}'")
        from importlib import import_module

        return getattr(import_module(_LAZY[name]), name)
