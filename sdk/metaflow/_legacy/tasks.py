"""Runs a step's code between the hooks of its decorators, in the task's process."""

from __future__ import annotations

from functools import wraps
from types import MethodType
from typing import TYPE_CHECKING, Any

from flowc_runtime.base.ambient import ambient
from flowc_runtime.base.contract import retries
from flowc_runtime.base.index import task_id
from flowc_runtime.run.state import STATE
from metaflow._legacy.stand_ins import Metadata, TaskDatastore
from metaflow.decorators import USER_ATTRIBUTE
from metaflow.plugins.catch_decorator import FailureHandledByCatch
from metaflow.unbounded_foreach import UBF_CONTROL, UBF_TASK

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from metaflow._legacy.hooks import FlowHooks


def call_hooked(flow: Any, hooks: FlowHooks, step: str, arguments: tuple[Any, ...]) -> Mapping[str, Any] | None:
    """Run a step's code between the hooks of its decorators, and inside the user-written decorators.

    Args:
        flow: the flow object of the task.
        hooks: the flow's decorators of extensions.
        step: the step.
        arguments: the `inputs` of a join, otherwise nothing.

    Returns:
        None if the code has run to its end. If a decorator skipped or replaced the code, or a hook handled its
        exception, a dict of further arguments for `self.next`.

    Raises:
        Exception: an exception of the code or a hook, unless a hook `task_exception` returned True.
    """
    decorators = hooks.of_step[step]
    node = hooks.nodes[step]
    retries = _retries(hooks, step)
    try:
        before = _before(flow, hooks, step, arguments, retries)
        for decorator in decorators:
            decorator.task_pre_step(*before)
        run, done = _decorated(flow, hooks, step, retries)
        implied: Mapping[str, Any] | None
        if getattr(getattr(type(flow), step), USER_ATTRIBUTE, ()):
            from metaflow.user_decorators._call import call_wrapped

            implied = call_wrapped(flow, step, arguments, lambda _flow, *given: run(*given))
        else:
            run(*arguments)
            implied = None if done else {}
        for decorator in decorators:
            decorator.task_post_step(step, flow, hooks.graph, *retries)
    except Exception as error:
        answers = [decorator.task_exception(error, step, flow, hooks.graph, *retries) for decorator in decorators]
        if not any(answers) or (
            node.catch and retries[0] >= retries[1]
        ):  # in the last attempt of a step with @catch, the exception is raised, so that @catch stores it
            raise
        return {}
    return implied


def tell_lost(flow: object, hooks: FlowHooks, step: str, arguments: tuple[object, ...]) -> None:
    """Call the hooks, except `task_post_step`, in an attempt that only applies @catch, because all attempts before it
    were killed.

    The hook `task_exception` gets a FailureHandledByCatch.

    Raises:
        Exception: an exception of a hook. Before it is raised, it is passed to `task_exception`, like an exception of
            the step's code.
    """
    decorators = hooks.of_step[step]
    retries = _retries(hooks, step)
    lost = FailureHandledByCatch(retries[0])
    try:
        before = _before(flow, hooks, step, arguments, retries)
        for decorator in decorators:
            decorator.task_pre_step(*before)
        _decorated(flow, hooks, step, retries)
        raise lost
    except Exception as error:
        for decorator in decorators:
            decorator.task_exception(error, step, flow, hooks.graph, *retries)
        if error is not lost:
            raise


def tell_finished(flow: object, hooks: FlowHooks, step: str, *, ok: bool) -> None:
    """Call `task_finished` of all decorators of a step."""
    for decorator in hooks.of_step.get(step, ()):
        decorator.task_finished(step, flow, hooks.graph, ok, *_retries(hooks, step))


def _retries(hooks: FlowHooks, step: str) -> tuple[int, int]:
    """Return two numbers: the attempts before the current one, and the attempts that may follow the first."""
    task = ambient().task
    assert task is not None
    return task.attempt - 1, retries(hooks.nodes[step])


def _decorated(flow: object, hooks: FlowHooks, step: str, retries: tuple[int, int]) -> tuple[Any, list[bool]]:
    """Return the step's method, wrapped by the functions that `task_decorate` returned.

    Also return a list, to which an item is added when the step's method has returned.
    """
    # taken from the class, since an artifact with the step's name may hide the method in the object
    method = MethodType(getattr(type(flow), step), flow)
    done: list[bool] = []

    @wraps(method)
    def own(*given: object) -> None:
        method(*given)
        done.append(True)

    run: Any = own
    for decorator in hooks.of_step[step]:
        run = decorator.task_decorate(run, flow, hooks.graph, *retries, _ubf_context())
    return run, done


def _before(
    flow: object, hooks: FlowHooks, step: str, arguments: Sequence[object], retries: tuple[int, int]
) -> tuple[Any, ...]:
    """Return the arguments for the hook `task_pre_step`."""
    task = ambient().task
    assert task is not None
    store = TaskDatastore(flow, task.run, step, task.task_id, retries[0])
    inputs = _inputs(flow, task.run, arguments)
    return (step, store, Metadata(), task.run, task.task_id, flow, hooks.graph, *retries, _ubf_context(), inputs)


def _inputs(flow: Any, run: str, arguments: Sequence[Any]) -> list[TaskDatastore]:
    """Return the parent tasks: the inputs of a join, or the parents recorded in the flow's state."""
    if arguments:
        states = [(one, one.__dict__[STATE]) for one in arguments[0]]
        return [TaskDatastore(one, run, state.step, task_id(state.step, state.path)) for one, state in states]
    before = [(parent["step"], parent["path"]) for parent in flow.__dict__[STATE].parents]
    return [TaskDatastore(flow, run, step, task_id(step, path)) for step, path in before]


def _ubf_context() -> str | None:
    """Return the task's role in a gang, `ubf_control` or `ubf_task`, or None outside a gang."""
    task = ambient().task
    parallel = task.parallel if task is not None else None
    if parallel is None or parallel.control_task_id is None:
        return None
    return UBF_TASK if parallel.node_index else UBF_CONTROL
