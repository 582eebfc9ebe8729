"""Which task this process is running: what `metaflow.current` answers from. There is at most one in a process."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, final

if TYPE_CHECKING:
    from collections.abc import Mapping


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class TaskContext:
    """One attempt of a task. `attempt` counts from 1; `project` is what @project says, by the names of `current`."""

    flow: str
    run: str
    step: str
    path: str
    attempt: int
    user: str
    parameter_names: tuple[str, ...]
    project: Mapping[str, Any] = field(default_factory=dict)


task: TaskContext | None = None


def enter(context: TaskContext) -> None:
    """Say which task the process runs from now on."""
    global task
    task = context
