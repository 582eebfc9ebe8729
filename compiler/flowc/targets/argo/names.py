"""The names of a flow's objects, templates and tasks in Argo and Kubernetes, by the rules of `flowc.passes.naming`."""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING

from flowc.passes.naming import Naming

if TYPE_CHECKING:
    from flowc_ir.model import Flow

MAX_STEP = 40  # a label has at most 63 characters; prefixes such as `each-body-` are added
MAX_FLOW = 52  # the limit of a CronWorkflow's name, since its runs are named `<name>-<unix time>`
MAX_LABEL = 63

# Argo evaluates `depends` in an expression language. If the name of a task is a word of this language, the template
# passes validation, but the run fails. The list below leaves out the language's words with
# capital letters (startsWith), because names of tasks have no capital letters.
RESERVED = frozenset({"let", "nil", "true", "false", "contains", "matches", "if", "else", "not", "in", "and", "or"})

STEPS = Naming(plain=re.compile(r"[a-z](?:_?[a-z0-9])*", re.ASCII), longest=MAX_STEP, reserved=RESERVED)
_FLOWS = Naming(plain=re.compile(r"(?:[A-Z][a-z0-9]+)+", re.ASCII), longest=MAX_FLOW)
_SEGMENTS = Naming(plain=re.compile(r"[a-z0-9](?:_?[a-z0-9])*", re.ASCII), longest=MAX_STEP)


def step_name(name: str) -> str:
    """Return the name of a step's task in Argo. The names of templates contain this name, too."""
    return STEPS.name(name)


def flow_name(name: str) -> str:
    """Return the name of the WorkflowTemplate and CronWorkflow of a flow without a project, at most 52 characters."""
    return _FLOWS.name(name)


def deployment_name(flow: Flow) -> str:
    """Return the name of a flow's template and schedule, at most 52 characters; `project.branch.flow` for a flow in a
    project.

    A longer name of a project's flow is shortened to `project.flow-x12345678`, with a digest of the whole name.
    """
    name, project = flow_name(flow.name), flow.project
    if project is None:
        return name
    whole = ".".join([*(_segment(part) for part in (project.name, *project.branch.split(".", 1))), name])
    if len(whole) <= MAX_FLOW:
        return whole
    # The dot keeps the shortened name different from the names of flows without a project, which contain no dot.
    digest = hashlib.sha256(whole.encode()).hexdigest()[:8]
    return f"{_segment(project.name)[:20].rstrip('-')}.{name[:20].rstrip('-')}-x{digest}"


def _segment(name: str) -> str:
    """Return the name as a part of a dotted name; it is hashed if it contains a dot, which a user's name may have."""
    return _SEGMENTS.readable(name) or _SEGMENTS.hashed(name)


def title(name: str, room: int) -> str:
    """Return a step's title, which Argo's page and labels show; several steps may have the same title.

    Args:
        name: the step's name.
        room: the maximum length of the title.
    """
    readable = re.sub(r"[^A-Za-z0-9]+", "-", name).strip("-") if name.isascii() else ""
    return (readable or step_name(name))[:room].rstrip("-")
