"""The names of a flow's objects, templates and tasks in Argo and Kubernetes; `flowc.passes.naming` makes them."""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING

from flowc.passes.naming import Naming

if TYPE_CHECKING:
    from flowc_ir.model import Flow

MAX_STEP = 40  # leaves room for `each-body-` within the 63 characters of a label
MAX_FLOW = 52  # a CronWorkflow's; its runs are named `<name>-<unix time>`
MAX_LABEL = 63

# Argo evaluates `depends` with an expression language: a task named like one of its words fails at run time, after
# passing validation. The words with capitals (startsWith) cannot clash: a plain name has none.
RESERVED = frozenset({"let", "nil", "true", "false", "contains", "matches", "if", "else", "not", "in", "and", "or"})

STEPS = Naming(plain=re.compile(r"[a-z](?:_?[a-z0-9])*", re.ASCII), longest=MAX_STEP, reserved=RESERVED)
_FLOWS = Naming(plain=re.compile(r"(?:[A-Z][a-z0-9]+)+", re.ASCII), longest=MAX_FLOW)
_SEGMENTS = Naming(plain=re.compile(r"[a-z0-9](?:_?[a-z0-9])*", re.ASCII), longest=MAX_STEP)


def step_name(name: str) -> str:
    """The name of a step's task, and the part of a template's name that stands for the step."""
    return STEPS.name(name)


def flow_name(name: str) -> str:
    """The name of the WorkflowTemplate and the CronWorkflow of a flow."""
    return _FLOWS.name(name)


def deployment_name(flow: Flow) -> str:
    """The same, of a flow in a project `project.branch.flow`, so that branches are deployed side by side."""
    name, project = flow_name(flow.name), flow.project
    if project is None:
        return name
    whole = ".".join([*(_segment(part) for part in (project.name, *project.branch.split(".", 1))), name])
    if len(whole) <= MAX_FLOW:
        return whole
    # The dot keeps it apart from the names of flows without a project.
    digest = hashlib.sha256(whole.encode()).hexdigest()[:8]
    return f"{_segment(project.name)[:20].rstrip('-')}.{name[:20].rstrip('-')}-x{digest}"


def _segment(name: str) -> str:
    """A part of a dotted name. Parts are cut at dots, so that of a user's name with a dot is hashed."""
    return _SEGMENTS.kept(name) or _SEGMENTS.hashed(name)


def title(name: str, room: int) -> str:
    """A step's name as people see it in Argo's page and in labels, in at most `room` characters; need not be unique."""
    readable = re.sub(r"[^A-Za-z0-9]+", "-", name).strip("-") if name.isascii() else ""
    return (readable or step_name(name))[:room].rstrip("-")
