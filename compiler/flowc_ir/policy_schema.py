"""Reading the policies of `flowc_ir.policies` from JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowc_ir.policies import Card, ExitHook, Kubernetes, Plugin, Project, Secret, SecurityContext, Toleration, Trigger
from flowc_ir.reading import choice, many, of, one, pairs, span

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flowc_ir.reading import Read

_TEXT, _NUMBER, _FLAG = of(str), of(int), of(bool)

_TOLERATION: Mapping[str, Read] = {
    "key": _TEXT,
    "operator": _TEXT,
    "value": _TEXT,
    "effect": _TEXT,
    "toleration_seconds": _NUMBER,
}
_SECURITY: Mapping[str, Read] = {
    "privileged": _FLAG,
    "allow_privilege_escalation": _FLAG,
    "run_as_user": _NUMBER,
    "run_as_group": _NUMBER,
    "run_as_non_root": _FLAG,
}
_KUBERNETES: Mapping[str, Read] = {
    **dict.fromkeys(("image", "image_pull_policy", "service_account", "namespace", "gpu_vendor"), _TEXT),
    **dict.fromkeys(("tmpfs_path", "compute_pool", "executable", "qos"), _TEXT),
    **dict.fromkeys(("image_pull_secrets", "secrets"), many(_TEXT)),
    **dict.fromkeys(("node_selector", "labels", "annotations"), pairs),
    **dict.fromkeys(("persistent_volume_claims", "extended_resources"), pairs),
    **dict.fromkeys(("use_tmpfs", "tmpfs_tempdir"), _FLAG),
    **dict.fromkeys(("tmpfs_size", "port", "hostname_resolution_timeout"), _NUMBER),
    "tolerations": many(one(Toleration, _TOLERATION)),
    "security_context": one(SecurityContext, _SECURITY),
}
_SECRET: Mapping[str, Read] = {"type": _TEXT, "id": _TEXT, "options": _TEXT, "role": _TEXT, "allow_override": _FLAG}
_CARD: Mapping[str, Read] = {
    "type": _TEXT,
    "id": _TEXT,
    "options": _TEXT,
    "timeout": _NUMBER,
    "refresh_interval": _NUMBER,
    "save_errors": _FLAG,
    "customize": _FLAG,
}
_TRIGGER: Mapping[str, Read] = {
    "kind": choice("event", "finish"),
    "name": _TEXT,
    "where": span,
    "computed": _FLAG,
    "parameters": pairs,
    "project": _TEXT,
    "branch": _TEXT,
    "options": _TEXT,
}
_HOOK: Mapping[str, Read] = {"on": choice("success", "error"), "function": _TEXT, "where": span, "options": _TEXT}
_PLUGIN: Mapping[str, Read] = {"name": _TEXT, "attributes": _TEXT, "options": _TEXT, "written": _FLAG}
STEP_POLICIES: Mapping[str, Read] = {
    "kubernetes": one(Kubernetes, _KUBERNETES),
    "secrets": many(one(Secret, _SECRET)),
    "cards": many(one(Card, _CARD)),
    "cache": _TEXT,
    "plugins": many(one(Plugin, _PLUGIN)),
}
FLOW_POLICIES: Mapping[str, Read] = {
    "project": one(Project, {"name": _TEXT, "branch": _TEXT, "production": _FLAG}),
    "triggers": many(one(Trigger, _TRIGGER)),
    "exit_hooks": many(one(ExitHook, _HOOK)),
    "plugins": many(one(Plugin, _PLUGIN)),
}
