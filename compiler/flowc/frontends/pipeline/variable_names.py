"""Finds the name of the variable that holds a pipeline: a pipeline without a name of its own gets this name."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import FrameType

    from flowc.pipeline.pipelines import BasePipeline

_OURS = "flowc."
_PLAIN = ("pipeline", "pipe", "p", "self")


def name_in_program(pipeline: BasePipeline) -> str:
    """Return the name of the user's variable that holds a pipeline. The result is empty if no variable holds it, or
    only a variable with a general name such as `pipeline`."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and str(frame.f_globals.get("__name__", "")).startswith(_OURS):
        frame = frame.f_back
    if frame is None:
        return ""
    for names in (frame.f_locals, frame.f_globals):
        for name, value in names.items():
            if value is pipeline and name not in _PLAIN and not name.startswith("_"):
                return name
    return ""
