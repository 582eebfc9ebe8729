"""The limits of Argo and Kubernetes for the manifests of a flow."""

from __future__ import annotations

import re

# The resource definitions (CRDs) of Argo 4 refuse larger numbers. Argo 3.7 accepts larger numbers, but manifests have
# to work with both versions.
MAX_TEMPLATES = 200
MAX_TASKS = 200
# Linux refuses a longer single argument or environment variable (MAX_ARG_STRLEN).
MAX_ARGUMENT = 128 * 1024
# etcd and the controller refuse objects above 1 MiB. A run's Workflow contains a copy of the template and the state of
# its nodes, so the template may have half of that size.
MAX_TEMPLATE_BYTES = 512 * 1024
MAX_CONFIG_MAP_BYTES = 1024 * 1024 - 16 * 1024


def untemplated(text: str) -> str:
    """Return a text that is only shown (title, help) in a form that Argo does not expand: `{{` becomes `{ {`.

    Characters that are not printable become spaces.
    """
    visible = "".join(char if char.isprintable() or char == "\n" else " " for char in text)
    return re.sub(r"\{(?=\{)", "{ ", visible)
