"""Makes valid names for a flow and its nodes from the names in a pipeline, which may be any strings."""

from __future__ import annotations

import re
from typing import final


def flow_name(text: str) -> str:
    """Convert a string to a valid name of a flow: `my pipeline` becomes `my_pipeline`."""
    return identifier(text) or "pipeline"


@final
class NodeNames:
    """Gives each node of a flow a unique name. Tasks are stored under the name of their node."""

    def __init__(self) -> None:
        self._taken: set[str] = set()

    def take(self, *texts: str) -> str:
        """Return a unique name for a node.

        Args:
            texts: the names of the steps that contain the node, outermost first, and the node's own name last. If the
                node's own name is taken, the names of the containing steps are put before it; if the longer name is
                taken too, a number is added.
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
    """Convert a string to a valid step name: `my step!` becomes `my_step`, and `1st` becomes `step_1st`."""
    name = re.sub(r"[^A-Za-z0-9_]+", "_", text).strip("_")
    return f"step_{name}" if name[:1].isdigit() else name
