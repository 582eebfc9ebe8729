"""The revision of the code that is deployed, which its runs record: a variable of their pods.

It is no part of compiled manifests, so that the same flow gives the same bytes whatever was committed since.
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

from flowc.targets.argo.cluster.workflows import body_of, code_of
from flowc_ir import json_text
from flowc_runtime.base import contract

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from flowc_runtime.store.records.record_types import RevisionRecord


def with_revision(
    manifest: Mapping[str, Any], revision: RevisionRecord | None, deployed: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """A template, or a run, whose pods know the revision of their code.

    Where the same code is `deployed` already it keeps the revision that it was deployed with: a commit elsewhere in the
    repository is no change of the flow.
    """
    made = copy.deepcopy(dict(manifest))
    value = None if revision is None else _text(revision)
    if deployed is not None and code_of(deployed) == code_of(manifest):
        value = next(_revisions(deployed), value)
    if value is not None:
        for template in body_of(made).get("templates") or []:
            if "container" in template:
                template["container"].setdefault("env", []).append({"name": contract.REVISION, "value": value})
    return made


def _revisions(item: Mapping[str, Any]) -> Iterator[str]:
    for template in body_of(item).get("templates") or []:
        for variable in (template.get("container") or {}).get("env") or []:
            if variable.get("name") == contract.REVISION:
                yield str(variable.get("value"))


def _text(revision: RevisionRecord) -> str:
    """As JSON that neither Argo nor the kubelet expands: only its first brace is one."""
    text = json_text.dumps(dict(revision))
    return text[0] + text[1:].replace("{", "\\u007b").replace("$", "\\u0024")
