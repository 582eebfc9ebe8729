"""Checks for options of pods, secrets and triggers that Argo or Kubernetes refuses, or that flowc cannot lower."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from flowc.targets.argo.pod import mounts
from flowc.targets.argo.settings import is_reference
from flowc.targets.pod_sources import DECORATOR, in_file, source_of
from flowc_ir import codes
from flowc_ir.late.pattern import late_pattern
from flowc_ir.policies import CONFIGURED, ELSEWHERE, HOSTNAME_TIMEOUT
from flowc_runtime.base.config.secret_setting import OBJECT_NAME, SecretSetting
from flowc_runtime.run.task import secret_sources

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import TypeAlias

    from flowc.targets.argo.settings import Settings
    from flowc_ir import Kubernetes, Node, SecurityContext
    from flowc_ir.diagnostic import Faults
    from flowc_ir.graphs.analysis import Analysis

    _Problem: TypeAlias = tuple[str, object, str, str]

_LABEL_KEY = late_pattern(
    r"(?:[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?/)?[A-Za-z0-9](?:[A-Za-z0-9._-]{0,61}[A-Za-z0-9])?"
)
_LABEL_VALUE = late_pattern(r"(?:[A-Za-z0-9](?:[A-Za-z0-9._-]{0,61}[A-Za-z0-9])?)?", re.ASCII)
_KEY = late_pattern(r"[-._A-Za-z0-9]{1,253}", re.ASCII)  # a key of a Secret
_LOCAL = ("env", "dotenv", "files", "inline")
_ARGO = "workflows.argoproj.io"  # Argo uses labels and annotations with this prefix to identify its pods


def check_options(analysis: Analysis, settings: Settings, faults: Faults) -> None:
    """Report options that Argo or Kubernetes refuses or that flowc does not lower, as far as they can be found before
    lowering.

    Args:
        analysis: the analysis of a flow without faults.
        settings: the settings of the deployment.
        faults: receives the faults.
    """
    flow = analysis.flow
    for name in flow.elsewhere:
        service, hint = ELSEWHERE[name]
        faults.add(
            codes.ARGO_ELSEWHERE, flow.where, f"flow '{flow.name}' has @{name}, which is for {service}", hint=hint
        )
    for trigger in flow.triggers:
        what = "the event" if trigger.kind == "event" else "the end of"
        faults.add(
            codes.ARGO_TRIGGER,
            trigger.where,
            f"flow '{flow.name}' starts on {what} '{trigger.name}', which flowc does not support on Argo yet",
            hint="remove the decorator; let a Sensor of Argo Events submit the WorkflowTemplate, or use @schedule",
        )
    for node in flow.nodes:
        for name in node.elsewhere:
            service, hint = ELSEWHERE[name]
            faults.add(
                codes.ARGO_ELSEWHERE, node.where, f"step '{node.id}' has @{name}, which is for {service}", hint=hint
            )
        if node.kubernetes is not None:
            in_gang = node.id in analysis.gang_members
            for field, part, problem, hint in _problems(node, node.kubernetes, settings, in_gang=in_gang):
                source = source_of(flow.name, node.id, field, part)
                if source != DECORATOR:
                    problem, hint = in_file(problem, field), in_file(hint, field)
                faults.add(codes.ARGO_POD_OPTION, node.where, f"step '{node.id}': {source} {problem}", hint=hint)
        _secrets(node, settings, faults)


def _problems(node: Node, pod: Kubernetes, settings: Settings, *, in_gang: bool) -> Iterator[_Problem]:
    """Yield the field, the faulty part of its value, the message and the hint of each fault."""
    yield from _not_lowered(pod, settings)
    if pod.hostname_resolution_timeout != HOSTNAME_TIMEOUT and not in_gang:
        field, value = "hostname_resolution_timeout", pod.hostname_resolution_timeout
        yield field, value, f"has {field}, but does not run as a gang", "leave it out"
    if pod.security_context is not None:
        yield from _security(pod.security_context)
    if pod.qos == "besteffort" and node.resources and (node.resources.cpu or node.resources.memory):
        yield "qos", pod.qos, "has qos besteffort and amounts of cpu or memory", "leave out the amounts, or qos"
    for name in ("labels", "node_selector"):
        for key, value in getattr(pod, name):
            if not _LABEL_KEY.fullmatch(key) or not _LABEL_VALUE.fullmatch(value):
                yield (
                    name, key, f"has an invalid label {key!r}: {value!r} in {name}",
                    "use letters, digits, '-', '_' and '.'",
                )  # fmt: skip
    for name in ("annotations", "extended_resources"):
        for key, _ in getattr(pod, name):
            if not _LABEL_KEY.fullmatch(key):
                yield name, key, f"has the key {key!r}, which Kubernetes does not accept", "write example.com/name"
    objects: dict[str, Iterable[str | None]] = {
        "secrets": pod.secrets,
        "image_pull_secrets": pod.image_pull_secrets,
        "persistent_volume_claims": [claim for claim, _ in pod.persistent_volume_claims],
        "service_account": [pod.service_account],
    }
    for field, name in ((field, name) for field, names in objects.items() for name in names if name):
        if not OBJECT_NAME.fullmatch(name):
            hint = "use lower-case letters, digits and '-'"
            yield field, name, f"names {name!r}, which is not a valid name in Kubernetes", hint
    taken: list[str] = []
    paths = [("persistent_volume_claims", path) for _, path in pod.persistent_volume_claims]
    for field, path in [*paths, *([("tmpfs_path", pod.tmpfs_path)] if pod.use_tmpfs else [])]:
        if what := mounts.problem(path, settings.store_directory, taken):
            yield field, path, f"mounts a volume at {path!r}, which {what}", "choose another directory, such as /data"
        taken.append(path)
    if pod.image is not None and "{{" not in pod.image and not is_reference(pod.image):
        hint = "write a reference, such as registry/name:1.0"
        yield "image", pod.image, f"has the image {pod.image!r}, not a valid reference", hint
    for name in ("labels", "annotations"):
        for key, _ in getattr(pod, name):
            if key.partition("/")[0] == _ARGO and "/" in key:
                hint = "choose a prefix of your own: example.com/name"
                yield name, key, f"has {key!r} in {name}, which belongs to Argo", hint
    for name in type(pod).__annotations__:
        for part in _parts(getattr(pod, name)):
            if "{{" in str(part):
                yield name, part, f"has '{{{{' in {name}, which Argo would expand as a template", "remove it"
                break


def _parts(value: object) -> Iterable[object]:
    return value if isinstance(value, tuple) else [value]


def _not_lowered(pod: Kubernetes, settings: Settings) -> Iterator[_Problem]:
    if pod.namespace is not None and pod.namespace != settings.namespace:
        here = f"'{settings.namespace}'" if settings.namespace else "kubectl's"
        yield (
            "namespace",
            pod.namespace,
            f"asks for namespace '{pod.namespace}', but pods run in the namespace of their workflow, {here}",
            f"compile with --namespace {pod.namespace}, or leave it out",
        )
    unknown: dict[str, tuple[object, str]] = {
        "compute_pool": (pod.compute_pool, "choose nodes with node_selector"),
        "port": (pod.port, "leave it out; a pod may listen on any port"),
        "executable": (pod.executable, "use an image whose `python` is the one to run"),
    }
    for name, (value, hint) in unknown.items():
        if value is not None:
            yield name, value, f"has {name}={value!r}, which flowc does not support on Argo", hint


def _security(asked: SecurityContext) -> Iterator[_Problem]:
    """Yield the options that violate the "restricted" Pod Security Standard, which namespaces may enforce."""
    field, hint = "security_context", "leave it out: pods are confined to the 'restricted' Pod Security Standard"
    if asked.privileged:
        yield field, "privileged", "asks to be privileged", hint
    if asked.allow_privilege_escalation:
        yield field, "allow_privilege_escalation", "asks for privilege escalation", hint
    if asked.run_as_non_root is False or asked.run_as_user == 0:
        part = "run_as_non_root" if asked.run_as_non_root is False else "run_as_user"
        yield field, part, "asks to run as root", hint


def _secrets(node: Node, settings: Settings, faults: Faults) -> None:
    for secret in node.secrets:
        if secret.type == CONFIGURED and (fault := _fault_of_source(node, secret.id, settings.secrets)):
            faults.add(codes.ARGO_LOCAL_SECRET, node.where, f"step '{node.id}': {fault[0]}", hint=fault[1])
        if secret.type in _LOCAL:
            faults.add(
                codes.ARGO_LOCAL_SECRET,
                node.where,
                f"step '{node.id}': the secret '{secret.id}' ({secret.type}) is on this machine, not in a pod",
                hint=f"make a Secret of the cluster: {{'type': 'kubernetes', 'id': '{_suggested(secret.id)}'}}",
            )
        elif secret.type == "kubernetes" and not OBJECT_NAME.fullmatch(secret.id):
            faults.add(
                codes.ARGO_LOCAL_SECRET,
                node.where,
                f"step '{node.id}': {secret.id!r} is not a valid name of a Secret in Kubernetes",
                hint="use lower-case letters, digits and '-'",
            )


def _fault_of_source(node: Node, name: str, setting: str) -> tuple[str, str] | None:
    """Check whether pods can read a step's secret from its source; `setting` is the value of the setting `secrets`,
    which names the source. Return None if pods can read the secret, else a message and a hint."""
    source = SecretSetting.parse(setting)
    what = f"the secret '{name}'"
    given = 'set `secrets = "kubernetes:NAME"` in flowc.toml, or --secrets kubernetes:NAME'
    if not is_reference(setting):
        return f"{what} comes from {source.shown} (`secrets`), which contains a blank, '$' or '{{{{'", given
    match source.kind:
        case "env" | "dotenv":
            return f"{what} comes from {source.shown} (`secrets`), which is on this machine, not in a pod", given
        case "files":
            claims = node.kubernetes.persistent_volume_claims if node.kubernetes else ()
            if not any(mounts.is_below(source.place, path) for _, path in claims):
                return (
                    f"{what} comes from {source.shown} (`secrets`), and no volume of its pods contains this directory",
                    f"mount a claim there with @kubernetes(persistent_volume_claims=…), or {given}",
                )
            return None
        case "kubernetes":
            if not _KEY.fullmatch(name):
                return f"{what} is not a valid key of a Secret in Kubernetes", "use letters, digits, '-', '_' and '.'"
            return None
    try:
        secret_sources.check_setting(source)
    except secret_sources.SourceError as error:
        return error.message, error.hint
    return None


def _suggested(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-") or "my-secret"
