"""The container templates: what runs in a pod, and how it is confined."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, final

from flowc.targets.argo.hera_models import m
from flowc.targets.argo.pod import pod_options
from flowc.targets.argo.pod.shared_templates import PLAIN, PodSpec
from flowc.targets.argo.strict import make
from flowc_ir import json_text
from flowc_ir.model import Resources
from flowc_runtime.base import contract

if TYPE_CHECKING:
    from flowc.targets.argo.configmap import CodeMap
    from flowc.targets.argo.pod.shared_templates import StepTemplate
    from flowc.targets.argo.settings import Settings
    from flowc_ir import Kubernetes


_TOKEN_VOLUME = "executor-token"
_TOKEN_DIRECTORY = "/var/run/secrets/kubernetes.io/serviceaccount"  # where clients look for it


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class ShownNames:
    """What of a task fits into the names that people see; paths with `loops` have a mark that labels cannot have."""

    name: bool
    path: bool
    loops: bool

    def of(self, path: str) -> str:
        """The path as it is shown: `0.3~1` as `0.3-1`."""
        return "{{=sprig.replace('~', '-', inputs.parameters.path)}}" if self.loops else path


def step(template: StepTemplate, settings: Settings, code: CodeMap, shown: ShownNames) -> m.Template:
    """The template of every step with this spec: inputs `step` and `path`, and `title` where it is not the step."""
    spec, pod = template.spec, template.spec.pod
    title = "{{inputs.parameters.title}}" if template.titled else "{{inputs.parameters.step}}"
    path = "{{inputs.parameters.path}}"
    labels = {contract.STEP_LABEL: title} | ({contract.PATH_LABEL: shown.of(path)} if shown.path else {})
    inputs = ("step", "title", "path") if template.titled else ("step", "path")
    return make(
        m.Template,
        name=template.name,
        annotations={"workflows.argoproj.io/display-name": f"{title}-{shown.of(path)}"} if shown.name else None,
        metadata=make(m.Metadata, labels={**dict(pod.labels), **labels}, annotations=dict(pod.annotations) or None),
        inputs=make(m.Inputs, parameters=[make(m.Parameter, name=name) for name in inputs]),
        outputs=_outputs(spec),
        container=_container(
            settings,
            code,
            contract.task_arguments("{{inputs.parameters.step}}", path, "{{retries}}"),
            environment=[
                *_parameters(spec),
                *_tags(spec, settings),
                *_place(spec),
                *_environment(spec),
                *pod_options.environment(pod),
            ],
            spec=spec,
        ),
        volumes=[volume for volume, _ in pod_options.volumes(spec)] or None,
        node_selector=dict(pod.node_selector) or None,
        tolerations=pod_options.tolerations(pod),
        service_account_name=pod.service_account,
        pod_spec_patch=_token(pod),
        retry_strategy=_retry(spec.retries, spec.wait_seconds),
        active_deadline_seconds=str(spec.timeout_seconds + contract.TIMEOUT_GRACE) if spec.timeout_seconds else None,
    )


def finish(settings: Settings, code: CodeMap) -> m.Template:
    """The exit handler: writes the end of the run into the store. It exits 0 always; the retries are for lost pods."""
    return make(
        m.Template,
        name="finish",
        container=_container(settings, code, contract.finish_arguments("{{workflow.status}}")),
        retry_strategy=make(m.RetryStrategy, limit="2", retry_policy="Always"),
    )


def volumes(config_map: str, files: tuple[tuple[str, str], ...], settings: Settings) -> list[m.Volume]:
    """The volumes of all pods: the code, a place to write, as the root file system is read-only, perhaps the store."""
    items = [make(m.KeyToPath, key=key, path=path) for key, path in files]
    found = [
        make(
            m.Volume, name=contract.CODE_VOLUME, config_map=make(m.ConfigMapVolumeSource, name=config_map, items=items)
        ),
        make(m.Volume, name="tmp", empty_dir=make(m.EmptyDirVolumeSource)),
    ]
    if settings.store_claim is not None:
        claim = make(m.PersistentVolumeClaimVolumeSource, claim_name=settings.store_claim)
        found.append(make(m.Volume, name="store", persistent_volume_claim=claim))
    return found


def argo_containers() -> str:
    """A patch of all pods: Argo's own containers are confined, and they alone get the service account's token.

    Argo gives them no security context unless its controller is configured to, and a namespace of the "restricted" Pod
    Security Standard then refuses every pod. Its own way to keep the token from the main container, an `executor` with
    another service account, needs a Secret with a token that never expires. So the token is mounted as Kubernetes would
    do it by itself, in these containers only: both look for it as soon as they start.
    """
    mount = {"name": _TOKEN_VOLUME, "mountPath": _TOKEN_DIRECTORY, "readOnly": True}
    least = {
        "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
        "volumeMounts": [mount],
    }
    token = [
        {"serviceAccountToken": {"path": "token", "expirationSeconds": 3607}},
        {"configMap": {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}},
        {"downwardAPI": {"items": [{"path": "namespace", "fieldRef": {"fieldPath": "metadata.namespace"}}]}},
    ]
    patch = {
        "automountServiceAccountToken": False,
        "volumes": [{"name": _TOKEN_VOLUME, "projected": {"sources": token}}],
        "initContainers": [{"name": "init", **least}],
        "containers": [{"name": "wait", **least}],
    }
    return json_text.dumps(patch, separators=(",", ":"))


def _token(pod: Kubernetes) -> str | None:
    """A patch, after that of all pods: a step that names a service account of its own gets that one's token."""
    return '{"automountServiceAccountToken":true}' if pod.service_account is not None else None


def pod_security() -> m.PodSecurityContext:
    """The pod's half of the "restricted" Pod Security Standard."""
    return make(
        m.PodSecurityContext,
        run_as_non_root=True,
        run_as_user=1000,
        run_as_group=1000,
        fs_group=1000,
        seccomp_profile=make(m.SeccompProfile, type="RuntimeDefault"),
    )


def _container(
    settings: Settings,
    code: CodeMap,
    args: list[str],
    *,
    environment: list[m.EnvVar] | None = None,
    spec: PodSpec = PLAIN,
) -> m.Container:
    mounts = [
        make(m.VolumeMount, name=contract.CODE_VOLUME, mount_path=contract.CODE_ROOT, read_only=True),
        make(m.VolumeMount, name="tmp", mount_path=contract.TMP),
    ]
    if settings.store_directory is not None:
        mounts.append(make(m.VolumeMount, name="store", mount_path=settings.store_directory))
    mounts += [mount for _, mount in pod_options.volumes(spec)]
    given = {variable.name for variable in environment or ()}
    own = [variable for variable in _own_environment(settings, code) if variable.name not in given]
    secret = make(m.SecretEnvSource, name=settings.store_secret, optional=True)
    return make(
        m.Container,
        image=spec.pod.image or settings.image,
        image_pull_policy=spec.pod.image_pull_policy,
        command=list(contract.COMMAND),
        args=args,
        env=own + (environment or []),
        env_from=[make(m.EnvFromSource, secret_ref=secret), *pod_options.secrets(spec.secrets)],
        resources=pod_options.resources(spec.resources or Resources(), spec.pod),
        volume_mounts=mounts,
        security_context=pod_options.security(spec.pod),
    )


def _own_environment(settings: Settings, code: CodeMap) -> list[m.EnvVar]:
    values = {
        contract.STORE: settings.store,
        contract.RUN: "{{workflow.name}}",
        contract.CODE: f"{contract.CODE_ROOT}/{contract.CODE_DIRECTORY}",
        contract.CODE_DIGEST: code.digest,
        contract.IR: f"{contract.CODE_ROOT}/{contract.IR_FILE}",
        # Caches go to the home directory, and that of a user without a name is /, which is read-only.
        "HOME": contract.TMP,
    }
    fields = {contract.POD: "metadata.name", contract.POD_UID: "metadata.uid", contract.NODE: "spec.nodeName"}
    return [make(m.EnvVar, name=name, value=value) for name, value in values.items()] + [
        _field(name, path) for name, path in fields.items()
    ]


def _parameters(spec: PodSpec) -> list[m.EnvVar]:
    """The only place where a user's value is put in: Argo would expand it again wherever it is passed on.

    In base64, because what people type after `argo submit -p` is not encoded by us: as it is, a control character fails
    the Workflow, Argo expands `{{…}}`, and the kubelet `$(…)`, even to a secret of the same pod.
    """
    if not spec.takes_parameters:
        return []
    return [make(m.EnvVar, name=contract.PARAMETERS, value="{{=sprig.b64enc(workflow.parameters.json)}}")]


def _tags(spec: PodSpec, settings: Settings) -> list[m.EnvVar]:
    """The tags of the run that the first task makes, as JSON that neither Argo nor the kubelet expands."""
    if not spec.tags:
        return []
    text = json_text.dumps(settings.tags).replace("{", "\\u007b").replace("$", "\\u0024")
    return [make(m.EnvVar, name=contract.TAGS, value=text)]


def _environment(spec: PodSpec) -> list[m.EnvVar]:
    values = {name: literal(value) for name, value in spec.environment}
    brace = {contract.BRACE: "{"} if any("{{" in value for _, value in spec.environment) else {}
    return [make(m.EnvVar, name=name, value=value) for name, value in {**brace, **values}.items()]


def literal(value: str) -> str:
    """A form of the value that Argo leaves alone and the kubelet turns into the value."""
    # A literal `{{` would be a template tag to Argo. The kubelet expands `$(NAME)` after Argo is done.
    return re.sub(r"\{(?=\{)", f"$({contract.BRACE})", value.replace("$", "$$"))


def _retry(limit: int, wait_seconds: int) -> m.RetryStrategy:
    # Always there, as `{{retries}}` needs it. `Always` also covers pods that are evicted or never start.
    return make(
        m.RetryStrategy,
        limit=str(limit),
        retry_policy="Always",
        expression=contract.RETRY_EXPRESSION,
        backoff=make(m.Backoff, duration=f"{wait_seconds}s") if wait_seconds else None,
    )


def _outputs(spec: PodSpec) -> m.Outputs | None:
    """What Argo routes on. Without a default a missing file would make the executor fail instead of the step."""
    name, default = (contract.COUNT, "0") if spec.counts else (contract.CHOICE, "")
    if not (spec.counts or spec.chooses):
        return None
    source = make(m.ValueFrom, path=f"{contract.OUT_DIRECTORY}/{name}", default=default)
    return make(m.Outputs, parameters=[make(m.Parameter, name=name, value_from=source)])


def _place(spec: PodSpec) -> list[m.EnvVar]:
    """What a task must know of its place in a loop or gang."""
    found = [make(m.EnvVar, name=contract.LOOPS, value=spec.loops)] if spec.loops else []
    return found + ([_field(contract.POD_IP, "status.podIP")] if spec.meets else [])


def _field(name: str, path: str) -> m.EnvVar:
    source = make(m.EnvVarSource, field_ref=make(m.ObjectFieldSelector, field_path=path))
    return make(m.EnvVar, name=name, value_from=source)
