"""What Argo and Kubernetes cannot take, as diagnostics that point at the step; and their limits."""

from __future__ import annotations

import re

from flowc.targets import BackendError
from flowc_ir import Span
from flowc_ir.diagnostic import Diagnostic

# The CRDs of Argo 4 refuse more; 3.7 takes them, but a manifest is right for both.
MAX_TEMPLATES = 200
MAX_TASKS = 200
# Linux refuses a longer single argument or environment variable (MAX_ARG_STRLEN).
MAX_ARGUMENT = 128 * 1024
# etcd and the controller refuse objects above 1 MiB. A run's Workflow holds a copy of the template and the state of its
# nodes as well, so the template may take up half.
MAX_TEMPLATE_BYTES = 512 * 1024
MAX_CONFIG_MAP_BYTES = 1024 * 1024 - 16 * 1024

TOO_MANY_TEMPLATES = "argo-too-many-templates"
ARGUMENT_TOO_LONG = "argo-argument-too-long"
TOO_LARGE = "argo-too-large"
CODE_TOO_LARGE = "argo-code-too-large"
CODE_FILE_NAME = "argo-code-file-name"
BAD_ENVIRONMENT = "argo-environment"
BAD_RESOURCES = "argo-resources"
POD_OPTION = "argo-pod-option"
LOCAL_SECRET = "argo-local-secret"
TRIGGER = "argo-trigger"
PACKAGES = "argo-packages"
ELSEWHERE = "argo-other-back-end"
NAME_CLASH = "argo-name-clash"
DEFAULT_NOT_COMPUTED = "argo-default-not-computed"
NO_SCHEDULE = "no-schedule"
SCHEDULE_NEEDS_DEFAULTS = "schedule-needs-defaults"
TOO_MANY_TASKS = "argo-too-many-tasks"

CODES = (
    TOO_MANY_TEMPLATES,
    ARGUMENT_TOO_LONG,
    TOO_LARGE,
    CODE_TOO_LARGE,
    CODE_FILE_NAME,
    BAD_ENVIRONMENT,
    BAD_RESOURCES,
    POD_OPTION,
    LOCAL_SECRET,
    TRIGGER,
    PACKAGES,
    ELSEWHERE,
    NAME_CLASH,
    DEFAULT_NOT_COMPUTED,
    NO_SCHEDULE,
    SCHEDULE_NEEDS_DEFAULTS,
    TOO_MANY_TASKS,
)


def fault(code: str, message: str, span: Span, hint: str | None) -> Diagnostic:
    """A diagnostic, in one line."""
    return Diagnostic(code=code, message=message, span=span, hint=hint)


def fail_if(faults: list[Diagnostic]) -> None:
    """Raise all faults of a check together, if there are any."""
    if faults:
        raise BackendError(faults)


def untemplated(text: str) -> str:
    """Text for people (titles, help) in a form that Argo neither expands nor chokes on."""
    visible = "".join(char if char.isprintable() or char == "\n" else " " for char in text)
    return re.sub(r"\{(?=\{)", "{ ", visible)
