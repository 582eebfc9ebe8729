"""Makes the container templates of steps and of the exit handler, which fulfil Kubernetes' "restricted" standard."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, final

from flowc.targets.argo.hera_models import m
from flowc.targets.argo.pod import pod_options
from flowc.targets.argo.pod.shared_templates import PLAIN, PodSpec
from flowc.targets.argo.strict import make
from flowc.targets.chosen import environment_of
from flowc_ir import json_text
from flowc_ir.late.dataclass import dataclass
from flowc_ir.model import Resources
from flowc_runtime.base import contract

if TYPE_CHECKING:
    from flowc.targets.argo.configmap import CodeMap
    from flowc.targets.argo.pod.shared_templates import StepTemplate
    from flowc.targets.argo.settings import Settings
    from flowc_ir import Kubernetes


_TOKEN_VOLUME = "executor-token"
_TOKEN_DIRECTORY = "/var/run/secrets/kubernetes.io/serviceaccount"  # clients of Kubernetes look for the token there


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class ShownNames:
    """The parts of a task's identity (the step's name, the index path) that fit into labels and display names.

    `loops` is true if the flow has loops. The index paths of such a flow contain `~`, which is not allowed in labels.
    """

    name: bool
    path: bool
    loops: bool

    def of(self, path: str) -> str:
        """Return an expression for the path in a form that is allowed in labels: `0.3-1` for `0.3~1`.

        Args:
            path: Argo's expression for the path; it is returned unchanged if paths contain no `~`.
        """
        return "{{=sprig.replace('~', '-', inputs.parameters.path)}}" if self.loops else path


def step(template: StepTemplate, settings: Settings, code: CodeMap, shown: ShownNames) -> m.Template:
    """Return the container template that all steps with this spec share.

    The inputs of the template are `step` and `path`, and `title` if the title of a step differs from its name.

    Args:
        template: the name and the spec.
        settings: the settings of the deployment.
        code: the ConfigMap of the code.
        shown: the parts of a task's identity that fit into labels and display names.
    """
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
                *pod_options.named_secrets(spec.keys, settings.secrets),
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
    """Return the template of the exit handler, which records the run's end in the store.

    The process of the exit handler exits with code 0 even if the run failed, so that Argo retries the pod only if the
    pod is lost.
    """
    return make(
        m.Template,
        name="finish",
        container=_container(settings, code, contract.finish_arguments("{{workflow.status}}")),
        retry_strategy=make(m.RetryStrategy, limit="2", retry_policy="Always"),
    )


def volumes(config_map: str, files: tuple[tuple[str, str], ...], settings: Settings) -> list[m.Volume]:
    """Return the volumes of all pods: the code, /tmp (needed because the root file system is read-only), and the
    store's PersistentVolumeClaim if the settings name one.

    Args:
        config_map: the name of the ConfigMap of the code.
        files: the keys of the ConfigMap, each with the path of its file below /flowc in the pods.
        settings: the settings of the deployment.
    """
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
    """Return a patch of all pods, which restricts Argo's own containers and mounts the service account's token only in
    them.

    By default, Argo sets no security context for its own containers. Without this patch, a namespace with the
    "restricted" Pod Security Standard would therefore refuse every pod. Argo can withhold the token from the main
    container by an `executor` with another service account, but this needs a Secret with a token that never expires.
    Therefore the patch mounts the token in the same way as Kubernetes, but only in Argo's containers, which read the
    token when they start.

    Returns:
        A strategic merge patch of the pod's spec, as JSON.
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
    """Return a patch that mounts the token of a step's own service account; None if the step has no service account of
    its own. Argo applies this patch after the patch that `argo_containers` returns for all pods."""
    return '{"automountServiceAccountToken":true}' if pod.service_account is not None else None


def pod_security() -> m.PodSecurityContext:
    """Return the security context that the "restricted" Pod Security Standard requires of a pod."""
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
        # Libraries write caches to the home directory. Without the variable HOME, the home directory is the read-only
        # /, because the user has no account.
        "HOME": contract.TMP,
    }
    values |= environment_of(settings)
    fields = {contract.POD: "metadata.name", contract.POD_UID: "metadata.uid", contract.NODE: "spec.nodeName"}
    return [make(m.EnvVar, name=name, value=value) for name, value in values.items()] + [
        _field(name, path) for name, path in fields.items()
    ]


def _parameters(spec: PodSpec) -> list[m.EnvVar]:
    """Return the variable with the parameters' values. No other part of the pod contains the values, because Argo would
    expand expressions in them.

    The template lets Argo encode the values in base64, because users may also give values by `argo submit -p`, without
    flowc. Without the encoding, a control character in a value would fail the Workflow, Argo would expand `{{…}}`, and
    the kubelet would expand `$(…)`, even to a secret of the same pod.
    """
    if not spec.takes_parameters:
        return []
    return [make(m.EnvVar, name=contract.PARAMETERS, value="{{=sprig.b64enc(workflow.parameters.json)}}")]


def _tags(spec: PodSpec, settings: Settings) -> list[m.EnvVar]:
    """Return the variable with the run's tags, as JSON that neither Argo nor the kubelet expands."""
    if not spec.tags:
        return []
    text = json_text.dumps(settings.tags).replace("{", "\\u007b").replace("$", "\\u0024")
    return [make(m.EnvVar, name=contract.TAGS, value=text)]


def _environment(spec: PodSpec) -> list[m.EnvVar]:
    pairs = [(name, value) for name, value in spec.environment if name not in spec.keys]  # secrets take precedence
    values = {name: literal(value) for name, value in pairs}
    brace = {contract.BRACE: "{"} if any("{{" in value for _, value in pairs) else {}
    return [make(m.EnvVar, name=name, value=value) for name, value in {**brace, **values}.items()]


def literal(value: str) -> str:
    """Return the value in an escaped form that Argo does not expand and that the kubelet turns into the value."""
    # Argo expands `{{…}}`. After Argo, the kubelet expands `$(NAME)` and turns `$$` into `$`.
    return re.sub(r"\{(?=\{)", f"$({contract.BRACE})", value.replace("$", "$$"))


def _retry(limit: int, wait_seconds: int) -> m.RetryStrategy:
    # Every step has a retry strategy, since `{{retries}}` is defined only in templates with a retry strategy. The
    # policy `Always` also retries evicted pods and pods that never start.
    return make(
        m.RetryStrategy,
        limit=str(limit),
        retry_policy="Always",
        expression=contract.RETRY_EXPRESSION,
        backoff=make(m.Backoff, duration=f"{wait_seconds}s") if wait_seconds else None,
    )


def _outputs(spec: PodSpec) -> m.Outputs | None:
    """Return the template's output, from which Argo learns which tasks follow. If the step starts a foreach or gang,
    the output is the number of their tasks; if the step is a switch, it is the chosen step. Other steps have no output
    (None). The output has a default: without it, Argo's executor would fail if the pod has not written the file of the
    output."""
    name, default = (contract.COUNT, "0") if spec.counts else (contract.CHOICE, "")
    if not (spec.counts or spec.chooses):
        return None
    source = make(m.ValueFrom, path=f"{contract.OUT_DIRECTORY}/{name}", default=default)
    return make(m.Outputs, parameters=[make(m.Parameter, name=name, value_from=source)])


def _place(spec: PodSpec) -> list[m.EnvVar]:
    """Return the variables that a task in a loop or a gang needs: the limit of iterations, and the pod's address."""
    found = [make(m.EnvVar, name=contract.LOOPS, value=spec.loops)] if spec.loops else []
    return found + ([_field(contract.POD_IP, "status.podIP")] if spec.meets else [])


def _field(name: str, path: str) -> m.EnvVar:
    source = make(m.EnvVarSource, field_ref=make(m.ObjectFieldSelector, field_path=path))
    return make(m.EnvVar, name=name, value_from=source)
