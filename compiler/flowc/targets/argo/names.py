"""The names of a flow's objects, templates and tasks in Argo and Kubernetes, by the rules of `flowc.passes.naming`."""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING

from flowc.passes.naming import Naming

if TYPE_CHECKING:
    from flowc_ir.model import Flow

MAX_STEP = 40  # leaves room for `each-body-` within the 63 characters of a label
MAX_FLOW = 52  # the limit of a CronWorkflow, whose runs are named `<name>-<unix time>`
MAX_LABEL = 63

# Argo evaluates `depends` in an expression language. A task named like one of its words passes validation and fails at
# run time. Words with capitals (startsWith) cannot clash, since a plain name has none.
RESERVED = frozenset({"let", "nil", "true", "false", "contains", "matches", "if", "else", "not", "in", "and", "or"})

STEPS = Naming(plain=re.compile(r"[a-z](?:_?[a-z0-9])*", re.ASCII), longest=MAX_STEP, reserved=RESERVED)
_FLOWS = Naming(plain=re.compile(r"(?:[A-Z][a-z0-9]+)+", re.ASCII), longest=MAX_FLOW)
_SEGMENTS = Naming(plain=re.compile(r"[a-z0-9](?:_?[a-z0-9])*", re.ASCII), longest=MAX_STEP)


def step_name(name: str) -> str:
    """Return the name of a step's task, which is also the part of a template's name that means the step."""
    return STEPS.name(name)


def flow_name(name: str) -> str:
    """Return the name of the WorkflowTemplate and CronWorkflow of a flow without a project, at most 52 characters."""
    return _FLOWS.name(name)


def deployment_name(flow: Flow) -> str:
    """Return the name of a flow's template and schedule, at most 52 characters; in a project it is
    `project.branch.flow`.

    A longer name of a project's flow is shortened to `project.flow-x12345678`, with a digest of the whole name.
    """
    name, project = flow_name(flow.name), flow.project
    if project is None:
        return name
    whole = ".".join([*(_segment(part) for part in (project.name, *project.branch.split(".", 1))), name])
    if len(whole) <= MAX_FLOW:
        return whole
    # The dot distinguishes it from the names of flows without a project.
    digest = hashlib.sha256(whole.encode()).hexdigest()[:8]
    return f"{_segment(project.name)[:20].rstrip('-')}.{name[:20].rstrip('-')}-x{digest}"


def _segment(name: str) -> str:
    """Return a part of a dotted name, hashed if it contains a dot, as a user's name may."""
    return _SEGMENTS.readable(name) or _SEGMENTS.hashed(name)


def title(name: str, room: int) -> str:
    """Return a step's title in Argo's page and in labels; it need not be unique.

    Args:
        name: the step's name.
        room: the most characters of the title.
    """
    readable = re.sub(r"[^A-Za-z0-9]+", "-", name).strip("-") if name.isascii() else ""
    return (readable or step_name(name))[:room].rstrip("-")
