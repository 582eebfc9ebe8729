"""The names of a flow and of its nodes, made of the names that a pipeline gives, which may be any strings."""

from __future__ import annotations

import re
from typing import final


def flow_name(text: str) -> str:
    """Return a string as the name of a flow: `my pipeline` becomes `my_pipeline`."""
    return identifier(text) or "pipeline"


@final
class NodeNames:
    """Gives each node a name that no other node has, by which its tasks are stored."""

    def __init__(self) -> None:
        self._taken: set[str] = set()

    def take(self, *texts: str) -> str:
        """Return a free name for a node.

        Args:
            texts: the names of the steps around the node, outermost first, and its own name last. The own name is
                taken if it is free, else the shortest free combination with those around it, else one with a number.
        """
        parts = [part for part in map(identifier, texts) if part] or ["step"]
        name = parts[-1]
        for outer in reversed(parts[:-1]):
            if name not in self._taken:
                break
            name = f"{outer}_{name}"
        free, number = name, 2
        while free in self._taken:
            free, number = f"{name}_{number}", number + 1
        self._taken.add(free)
        return free


def identifier(text: str) -> str:
    """Return a string as a name of a step: `my step!` becomes `my_step`, and `1st` becomes `step_1st`."""
    name = re.sub(r"[^A-Za-z0-9_]+", "_", text).strip("_")
    return f"step_{name}" if name[:1].isdigit() else name
