"""Execution of a step's code inside the decorators that wrap it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from metaflow.exception import MetaflowException
from metaflow.user_decorators.common import user_decorators
from metaflow.user_decorators.user_step_decorator import UserStepDecorator

if TYPE_CHECKING:
    from metaflow.flowspec import FlowSpec


def call_wrapped(
    flow: FlowSpec, step: str, arguments: tuple[object, ...], code: Callable[..., object] | None = None
) -> Mapping[str, Any] | None:
    """Run a step's code inside its wrappers; the wrapper that is written first is the outermost.

    Args:
        flow: the flow object of the task.
        step: the step.
        arguments: the `inputs` of a join, otherwise nothing.
        code: a function to run instead of the step's method.

    Returns:
        None if the step's code has run. If a wrapper has skipped or replaced the code and the step is successful, a
        dict of further arguments for `self.next`. They are used if `self.next` has not been called.

    Raises:
        Exception: an exception of the code that no wrapper caught, or an exception of a wrapper.
        MetaflowException: a wrapper returned an invalid result.
    """
    method: Any = getattr(type(flow), step)
    entered: list[UserStepDecorator] = []
    run: Any = code or method
    implied: Mapping[str, Any] | None = None
    for wrapper in reversed(user_decorators(method)):
        if not isinstance(wrapper, UserStepDecorator):
            continue
        # An exception of `pre_step` fails the step at once. Unlike exceptions of the code, it is not passed to outer
        # wrappers.
        replacement = wrapper.pre_step(step, flow, arguments[0] if arguments else None)
        entered.append(wrapper)
        skip = wrapper.skip_step
        if skip is not False:
            run, implied = None, _next_arguments(skip)
            break
        if replacement is not None:
            run, implied = replacement, {}
            break
    failure: Exception | None = None
    if run is not None:
        try:
            run(flow, *arguments)
        except Exception as error:
            failure = error
    for wrapper in reversed(entered):
        before = failure
        failure, result = _after(wrapper, step, flow, failure)
        if result is not None or (before is not None and failure is None):
            implied = _next_arguments(result) or implied or {}
    if failure is not None:
        raise failure
    return implied


def _next_arguments(result: object) -> dict[str, object]:
    return {name: value for name, value in result.items() if value is not None} if isinstance(result, Mapping) else {}


def _after(
    wrapper: UserStepDecorator, step: str, flow: FlowSpec, failure: Exception | None
) -> tuple[Exception | None, Mapping[str, object] | None]:
    try:
        said: object = wrapper.post_step(step, flow, failure)
    except Exception as error:
        return error, None
    match said:
        case None:
            return None, None
        case Exception():
            return said, None
        case (None | False | Exception() as raised, None | bool() | Mapping() as given):
            return raised or None, given if isinstance(given, Mapping) else None
    raise MetaflowException(
        f"@{type(wrapper).__name__} returned {said!r} after the step; it can return None, an exception, or a tuple "
        "of one of these and a dictionary for self.next, or True or False"
    )
