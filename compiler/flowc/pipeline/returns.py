"""The names and the kinds of the values that a task returns."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowc.pipeline.errors import PipelineError
from flowc_ir.late.namedtuple import NamedTuple

if TYPE_CHECKING:
    from flowc_ir.model import ReturnKind


class TaskReturn(NamedTuple):
    """The name and the kind of one value that a task returns. The functions `json`, `pickled` and `metric` make
    instances."""

    name: str
    kind: ReturnKind


def json(name: str) -> TaskReturn:
    """Declare a returned value of the kind `json`, which consists of JSON's types; models and dataclasses become dicts.
    A plain string in `returns` also declares a value of this kind."""
    return TaskReturn(name, "json")


def pickled(name: str) -> TaskReturn:
    """Declare a returned value of the kind `pickled`, which may be any object that pickle can store, such as a data
    frame."""
    return TaskReturn(name, "pickled")


def metric(name: str) -> TaskReturn:
    """Declare a returned value of the kind `metric`: a number, which is also recorded as a metric of the task."""
    return TaskReturn(name, "metric")


def named(returns: object, what: str) -> tuple[TaskReturn, ...]:
    """Convert the argument `returns` of a task, a list of strings and TaskReturns, to TaskReturns.

    Raises:
        PipelineError: an item is neither a string nor a TaskReturn, or its name is not a Python identifier or a
            duplicate.
    """
    if not isinstance(returns, (list, tuple)):
        raise PipelineError(f"{what}: returns is {returns!r:.60}, not a list of names such as ['x', pickled('model')]")
    found: dict[str, TaskReturn] = {}
    for each in returns:
        one = TaskReturn(each, "json") if isinstance(each, str) else each
        if not isinstance(one, TaskReturn):
            raise PipelineError(f"{what}: {each!r:.60} is not a return: write a name, pickled(name) or metric(name)")
        if not isinstance(one.name, str) or not one.name.isidentifier() or one.name.startswith("_"):
            raise PipelineError(
                f"{what}: the return {one.name!r:.60} is not a valid name: write a name such as 'score'"
            )
        if one.name in found:
            raise PipelineError(f"{what}: the return '{one.name}' is named twice: give each value its own name")
        found[one.name] = one
    return tuple(found.values())
