"""The values of a task as JSON: the inputs of shell commands and notebooks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowc_ir import Merge, json_text
from flowc_ir.graphs.step_values import failure_of, returns_of
from flowc_runtime.run.nodes.variables import names_of
from flowc_runtime.run.state import OURS, STATE
from flowc_runtime.run.task.failures import Caught

if TYPE_CHECKING:
    from collections.abc import Container, Mapping

    from flowc_ir import Flow
    from flowc_ir.json_text import Json
    from flowc_runtime.run.nodes.variables import Variables
    from flowc_runtime.run.state import TaskState


def json_values(task: Variables, flow: Flow, wanted: Container[str] | None = None) -> dict[str, Json]:
    """Return, by name, all values that the task can read and that JSON can represent.

    Pickled values are left out without being read. Parameters without a value, and artifacts for failures that did not
    occur, are left out too. A failure becomes a JSON object with the fields `type`, `exception` and `stacktrace`.

    Args:
        task: the values of the task.
        flow: the flow.
        wanted: the names of the values to return, or None for all.
    """
    state: TaskState = task.__dict__[STATE]
    pickled = pickled_names(flow)
    failures = {failure_of(node) for node in flow.nodes}
    parameters: Mapping[str, object] = task.__dict__[f"{OURS}given"]
    found: dict[str, Json] = {}
    for name in names_of(task):
        if wanted is not None and name not in wanted:
            continue
        stored = name in state.inherited
        if stored and name in pickled:
            continue
        value = getattr(task, name)
        if isinstance(value, Caught):
            value = {"type": value.type, "exception": value.exception, "stacktrace": value.stacktrace}
        if value is None and (name in failures or (not stored and name in parameters)):
            continue
        try:
            found[name] = json_text.parsed(json_text.shown(value))
        except (TypeError, ValueError):
            continue
    return found


def pickled_names(flow: Flow) -> frozenset[str]:
    """Return the names of values that all steps return as `pickled`, and that no reducer produces."""
    kinds: dict[str, set[str]] = {}
    for node in flow.nodes:
        for each in returns_of(node.run):
            kinds.setdefault(each.name, set()).add(each.kind)
        for reducer in node.run.reducers if isinstance(node.run, Merge) else ():
            kinds.setdefault(reducer.name, set()).add("json")
    return frozenset(name for name, found in kinds.items() if found == {"pickled"})
