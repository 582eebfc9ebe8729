"""The git revision of deployed code: pods get it in an environment variable, and write it to the record of the run.

The variable is added at deployment. Compiled manifests do not contain the revision, so that commits to other files do
not change the manifests.
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

from flowc.targets.argo.cluster.workflows import body_of, code_of
from flowc_ir import json_text
from flowc_runtime.base import contract

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flowc.targets.argo.object_types import Object
    from flowc_runtime.store.records.record_types import RevisionRecord


def with_revision(manifest: Object, revision: RevisionRecord | None, deployed: Object | None = None) -> Object:
    """Return a copy of a manifest (of a template or a run) in which each pod has an additional environment variable,
    the git revision of the code.

    If the same code is already deployed, the deployed revision is kept, because a commit to other files of the
    repository does not change the flow.

    Args:
        manifest: the manifest of the template or the run.
        revision: the revision of the flow's directory; None outside a repository.
        deployed: the object on the cluster; None if the object does not exist.
    """
    made = copy.deepcopy(manifest)
    value = None if revision is None else _text(revision)
    if deployed is not None and code_of(deployed) == code_of(manifest):
        value = next(_revisions(deployed), value)
    if value is not None:
        for template in body_of(made).get("templates") or []:
            if "container" in template:
                container = template["container"]
                container["env"] = [*(container.get("env") or []), {"name": contract.REVISION, "value": value}]
    return made


def _revisions(item: Object) -> Iterator[str]:
    for template in body_of(item).get("templates") or []:
        for variable in (template.get("container") or {}).get("env") or []:
            if variable.get("name") == contract.REVISION:
                yield str(variable.get("value"))


def _text(revision: RevisionRecord) -> str:
    """Return a revision as JSON that neither Argo nor the kubelet expands: `$` and inner braces are escaped."""
    text = json_text.dumps(dict(revision))
    return text[0] + text[1:].replace("{", "\\u007b").replace("$", "\\u0024")
