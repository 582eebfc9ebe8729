"""The names of state machines and states."""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING

from flowc.targets.stepfunctions.sfn_settings import MAX_NAME
from flowc_ir.late.pattern import late_pattern

if TYPE_CHECKING:
    from flowc_ir.model import Flow

MAX_STATE = 60  # AWS allows 80 characters; the rest is for a suffix such as `--choose`
_PLAIN = late_pattern(r"[^\W_](?:[_ .-]?[^\W_]|_)*")
_MACHINE = late_pattern(r"[^A-Za-z0-9]+")
_HASHED = late_pattern(r".*-x[0-9a-f]{8}", re.DOTALL)


def state_name(step: str) -> str:
    """Return the name of a step's state: the step's name if it is plain and short, otherwise the beginning and a digest
    of the name."""
    if _PLAIN.fullmatch(step) and len(step) <= MAX_STATE and not _HASHED.fullmatch(step):
        return step
    readable = "".join(char if char.isalnum() else "-" for char in step)[: MAX_STATE - 10].strip("-") or "step"
    return f"{re.sub('-+', '-', readable)}-x{_digest(step)}"


def machine_name(flow: Flow) -> str:
    """Return the name of a flow's state machine. For a flow in a project, the name begins with
    `project-branch-flow`."""
    parts = [flow.name] if flow.project is None else [flow.project.name, flow.project.branch, flow.name]
    readable = "-".join(_MACHINE.sub("-", part).strip("-") for part in parts)
    if flow.project is None and readable == flow.name and len(readable) <= MAX_NAME:
        return readable
    if flow.project is not None and len(readable) <= MAX_NAME - 10:
        return f"{readable}-x{_digest('/'.join(parts))}"
    return f"{readable[: MAX_NAME - 10].strip('-') or 'flow'}-x{_digest('/'.join(parts))}"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:8]
