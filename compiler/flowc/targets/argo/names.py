"""Names that Argo and Kubernetes take, made from the names that Python takes; no two of a kind ever become one.

Plain names keep their look (`train_model` becomes `train-model`, `TrainModel` as well: steps and flows never share a
namespace). Everything else becomes a readable prefix, `-x` and eight hexadecimal digits of the name's digest. A plain
name that looks like such a result is treated as not plain, so the two ranges are disjoint.

Generated names contain `--`, which no name made here does.
"""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flowc_ir.model import Flow

MAX_STEP = 40  # leaves room for `each-body-` within the 63 characters of a label
MAX_FLOW = 52  # a CronWorkflow's; its runs are named `<name>-<unix time>`
MAX_LABEL = 63

# Argo evaluates `depends` with an expression language: a task named like one of its words fails at run time, after
# passing validation. The words with capitals (startsWith) cannot clash: a plain name has none.
RESERVED = frozenset({"let", "nil", "true", "false", "contains", "matches", "if", "else", "not", "in", "and", "or"})

_PLAIN_STEP = re.compile(r"[a-z](?:_?[a-z0-9])*", re.ASCII)
_PLAIN_FLOW = re.compile(r"(?:[A-Z][a-z0-9]+)+", re.ASCII)
_PLAIN_SEGMENT = re.compile(r"[a-z0-9](?:_?[a-z0-9])*", re.ASCII)
_HASHED = re.compile(r".*-x[0-9a-f]{8}", re.ASCII | re.DOTALL)
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_NOT_ALPHANUMERIC = re.compile(r"[^a-z0-9]+")
_ARGUMENT_LABEL = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?", re.ASCII)


def step_name(name: str) -> str:
    """The name of a step's task, and the part of a template's name that stands for the step."""
    if _PLAIN_STEP.fullmatch(name):
        plain = name.replace("_", "-")
        if len(plain) <= MAX_STEP and plain not in RESERVED and not _HASHED.fullmatch(plain):
            return plain
    return _hashed(name, MAX_STEP)


def flow_name(name: str) -> str:
    """The name of the WorkflowTemplate and the CronWorkflow of a flow."""
    if _PLAIN_FLOW.fullmatch(name):
        plain = _HUMP.sub("-", name).lower()
        if len(plain) <= MAX_FLOW and not _HASHED.fullmatch(plain):
            return plain
    return _hashed(name, MAX_FLOW)


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
    plain = name.replace("_", "-")
    return plain if _PLAIN_SEGMENT.fullmatch(name) and not _HASHED.fullmatch(plain) else _hashed(name, MAX_STEP)


def title(name: str, room: int) -> str:
    """A step's name as people see it in Argo's page and in labels, in at most `room` characters; need not be unique."""
    readable = re.sub(r"[^A-Za-z0-9]+", "-", name).strip("-") if name.isascii() else ""
    return (readable or step_name(name))[:room].rstrip("-")


def is_label(value: str) -> bool:
    """Whether a text may stand as it is in a label and in a display name."""
    return len(value) <= MAX_LABEL and _ARGUMENT_LABEL.fullmatch(value) is not None


def _hashed(name: str, limit: int) -> str:
    readable = _NOT_ALPHANUMERIC.sub("-", _HUMP.sub("-", name).lower()).lstrip("-0123456789")
    digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:8]
    prefix = readable[: limit - len("-x") - len(digest)].rstrip("-")
    return f"{prefix or 'n'}-x{digest}"
