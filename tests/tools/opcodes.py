"""Counting of the opcodes that our code executes, as a measure of work that does not depend on the machine."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

from project import PACKAGES, ROOT

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

_OURS = tuple(f"{ROOT / package}{os.sep}" for package in PACKAGES)


def executed(call: Callable[[], object]) -> int:
    """Call the function; return the number of opcodes that functions of our packages execute during the call.

    Loops in C, such as copying a list, do not count.
    """
    count = 0

    def enter(frame: FrameType, event: str, argument: Any) -> Callable[..., Any] | None:
        if not frame.f_code.co_filename.startswith(_OURS):
            return None
        frame.f_trace_opcodes, frame.f_trace_lines = True, False
        return step

    def step(frame: FrameType, event: str, argument: Any) -> Callable[..., Any]:
        nonlocal count
        count += event == "opcode"
        return step

    before = sys.gettrace()
    sys.settrace(enter)
    try:
        call()
    finally:
        sys.settrace(before)
    return count
