"""The decorators of a flow's class; the decorators of steps are in `metaflow.decorators`."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar, overload

from metaflow._applied import _decorate

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

__all__ = ["exit_hook", "project", "schedule", "trigger", "trigger_on_finish"]

_Class = TypeVar("_Class", bound=type)


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
def schedule(*args: object, **kwargs: object) -> object:
    """Start runs of the flow at certain times.

    Targets:
        local: no effect
        argo: works, as a CronWorkflow

    Args:
        hourly: Start at each full hour.
        daily: Start at midnight (the default).
        weekly: Start each Sunday at 0:00.
        cron: Cron expression of five fields, or a list of such expressions, instead of `hourly`, `daily` and `weekly`.
        timezone: Name of the time zone, such as `Europe/Berlin`. None is UTC.
    """
    return _decorate("schedule", args, kwargs)


@overload
def project(flow: _Class, /) -> _Class: ...
@overload
def project(
    *,
    name: str,
    branch: str | None = None,
    production: bool = False,
) -> Callable[[_Class], _Class]: ...
def project(*args: object, **kwargs: object) -> object:
    """Make the flow part of a project, whose runs and deployments are separated by branch.

    By default, the branch is `user.NAME`. With `branch`, it is `test.BRANCH`; with `production`, it is `prod` or
    `prod.BRANCH`.

    Targets:
        local: works
        argo: works

    Args:
        name: Name of the project.
        branch: Name of the branch. The argument cannot be combined with the option `--branch`.
        production: Use the production branch, like `--production`.
    """
    return _decorate("project", args, kwargs)


@overload
def trigger(flow: _Class, /) -> _Class: ...
@overload
def trigger(
    *,
    event: str | Mapping[str, object] | Callable[..., object] | None = None,
    events: Sequence[str | Mapping[str, object] | Callable[..., object]] = (),
    options: Mapping[str, object] | None = None,
) -> Callable[[_Class], _Class]: ...
def trigger(*args: object, **kwargs: object) -> object:
    """Start a run when an event arrives.

    Targets:
        local: checked; `--trigger FLOW/RUN` starts a run as if that run had just ended
        argo: compiling the flow is an error

    Args:
        event: The event: its name, or a dict with `name` and `parameters`. `parameters` maps the flow's parameters to
            the event's fields.
        events: Several events; a run starts when all have arrived.
        options: Metaflow's options for the event; they are copied into the intermediate representation and have no
            effect.
    """
    return _decorate("trigger", args, kwargs)


@overload
def trigger_on_finish(flow: _Class, /) -> _Class: ...
@overload
def trigger_on_finish(
    *,
    flow: str | Mapping[str, str] | None = None,
    flows: Sequence[str | Mapping[str, str]] = (),
    options: Mapping[str, object] | None = None,
) -> Callable[[_Class], _Class]: ...
def trigger_on_finish(*args: object, **kwargs: object) -> object:
    """Start a run when a run of another flow has succeeded.

    Targets:
        local: checked; `--trigger FLOW/RUN` starts a run as if that run had just ended
        argo: compiling the flow is an error

    Args:
        flow: The flow: its name, or a dict with `name`, `project` and `project_branch`.
        flows: Several flows; a run starts when one run of each has succeeded.
        options: Metaflow's options for the trigger; they are copied into the intermediate representation and have no
            effect.
    """
    return _decorate("trigger_on_finish", args, kwargs)


@overload
def exit_hook(flow: _Class, /) -> _Class: ...
@overload
def exit_hook(
    *,
    on_success: Sequence[Callable[..., object] | str] = (),
    on_error: Sequence[Callable[..., object] | str] = (),
    options: Mapping[str, object] | None = None,
) -> Callable[[_Class], _Class]: ...
def exit_hook(*args: object, **kwargs: object) -> object:
    """Call functions of the flow's file when a run has ended. A function with a parameter `run` gets the client's
    `Run`.

    Targets:
        local: works
        argo: works

    Args:
        on_success: Functions to call if the run has succeeded.
        on_error: Functions to call if the run has failed.
        options: Metaflow's options for the hooks; they are copied into the intermediate representation and have no
            effect.
    """
    return _decorate("exit_hook", args, kwargs)
