"""Lowers the options of `@kubernetes` and `@secrets` to parts of a step's container template."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowc.targets.argo.hera_models import m
from flowc.targets.argo.strict import make
from flowc_runtime.base import contract
from flowc_runtime.base.config.secret_setting import KUBERNETES, SecretSetting

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flowc.targets.argo.pod.shared_templates import PodSpec
    from flowc_ir import Kubernetes
    from flowc_ir.model import Resources

TEMPDIR = "METAFLOW_TEMPDIR"


def resources(amounts: Resources, pod: Kubernetes) -> m.ResourceRequirements | None:
    """Return the requests and limits of a pod; None if the pod has neither.

    Like in Metaflow, amounts are requests: a task may use more if its node has free resources. Only a pod with qos
    `guaranteed` is limited to its requests. For GPUs and other extended resources, request and limit are equal.

    Args:
        amounts: the amounts of `@resources` and `@kubernetes`.
        pod: the other options of `@kubernetes`.
    """
    requests = {
        "cpu": amounts.cpu,
        "memory": f"{amounts.memory}Mi" if amounts.memory else None,
        "ephemeral-storage": f"{amounts.disk}Mi" if amounts.disk else None,
    }
    # Kubernetes requires equal requests and limits for these resources.
    whole = dict(pod.extended_resources)
    if amounts.gpu:
        whole[f"{pod.gpu_vendor or 'nvidia'}.com/gpu"] = str(amounts.gpu)
    shared = {name: amount for name, amount in requests.items() if amount is not None}
    limits = whole | (shared if pod.qos == "guaranteed" else {})
    if not shared and not whole:
        return None
    return make(m.ResourceRequirements, requests=shared | whole, limits=limits or None)


def volumes(spec: PodSpec) -> list[tuple[m.Volume, m.VolumeMount]]:
    """Return the volumes that the pod's options add, each with its mount: shared memory, tmpfs and claims.

    If the size of a tmpfs is not given, it is half of the requested memory; if no memory is requested, there is no
    limit.
    """
    pod, asked = spec.pod, spec.resources
    found: list[tuple[m.Volume, m.VolumeMount]] = []
    if asked and asked.shared_memory:
        found.append((_memory("shm", asked.shared_memory), make(m.VolumeMount, name="shm", mount_path="/dev/shm")))
    if pod.use_tmpfs:
        half = asked.memory // 2 if asked and asked.memory else None
        mount = make(m.VolumeMount, name="tmpfs", mount_path=pod.tmpfs_path)
        found.append((_memory("tmpfs", pod.tmpfs_size or half), mount))
    for number, (claim, path) in enumerate(pod.persistent_volume_claims):
        source = make(m.PersistentVolumeClaimVolumeSource, claim_name=claim)
        volume = make(m.Volume, name=f"claim-{number}", persistent_volume_claim=source)
        found.append((volume, make(m.VolumeMount, name=volume.name, mount_path=path)))
    return found


def _memory(name: str, size: int | None) -> m.Volume:
    source = make(m.EmptyDirVolumeSource, medium="Memory", size_limit=f"{size}Mi" if size else None)
    return make(m.Volume, name=name, empty_dir=source)


def environment(pod: Kubernetes) -> list[m.EnvVar]:
    """Return the environment variables that the pod's options need."""
    if pod.use_tmpfs and pod.tmpfs_tempdir:
        return [make(m.EnvVar, name=TEMPDIR, value=pod.tmpfs_path)]
    return []


def secrets(names: Sequence[str]) -> list[m.EnvFromSource]:
    """Return the Secrets whose keys become environment variables; a pod starts only if its Secrets exist."""
    return [make(m.EnvFromSource, secret_ref=make(m.SecretEnvSource, name=name)) for name in names]


def named_secrets(names: Sequence[str], setting: str) -> list[m.EnvVar]:
    """Return the environment variables for the secrets that a step names: one variable with the setting `secrets`, and,
    if the source is a Secret of Kubernetes, one variable with the value of each secret.

    The keys of the Secret are marked as optional, because Kubernetes never starts a pod whose required key is missing,
    and shows no reason. If an optional key is missing, the pod starts, and the task fails with an error that names the
    secret, the step and the source.

    Args:
        names: the names of the secrets.
        setting: the value of the setting `secrets`.
    """
    if not names:
        return []
    found = [make(m.EnvVar, name=contract.SECRETS, value=setting)]
    chosen = SecretSetting.parse(setting)
    if chosen.kind != KUBERNETES:
        return found
    for name in names:
        key = make(m.SecretKeySelector, name=chosen.place, key=name, optional=True)
        found.append(make(m.EnvVar, name=name, value_from=make(m.EnvVarSource, secret_key_ref=key)))
    return found


def tolerations(pod: Kubernetes) -> list[m.Toleration] | None:
    """Return the tolerations of a pod as Kubernetes writes them; None for a pod without tolerations."""
    return [
        make(
            m.Toleration,
            key=one.key,
            operator=one.operator,
            value=one.value,
            effect=one.effect,
            toleration_seconds=one.toleration_seconds,
        )
        for one in pod.tolerations
    ] or None


def security(pod: Kubernetes) -> m.SecurityContext:
    """Return the security context that the "restricted" Pod Security Standard requires of a container, with the step's
    own user and group."""
    asked = pod.security_context
    return make(
        m.SecurityContext,
        allow_privilege_escalation=False,
        capabilities=make(m.Capabilities, drop=["ALL"]),
        read_only_root_filesystem=True,
        run_as_user=asked.run_as_user if asked else None,
        run_as_group=asked.run_as_group if asked else None,
        run_as_non_root=asked.run_as_non_root if asked else None,
    )
