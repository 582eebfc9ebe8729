"""The manifests that contain the templates or refer to them: WorkflowTemplate, Workflow and CronWorkflow."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from flowc.targets.argo.checking.limits import untemplated
from flowc.targets.argo.hera_models import m
from flowc.targets.argo.pod import containers
from flowc.targets.argo.strict import dump, make
from flowc_ir.versions import MANIFESTS
from flowc_runtime.base import contract
from flowc_runtime.pod import arguments
from flowc_runtime.store.values.parameters import default_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from flowc.targets.argo.configmap import CodeMap
    from flowc.targets.argo.object_types import Metadata, Object
    from flowc.targets.argo.settings import Settings
    from flowc_ir.model import Flow, Parameter, Schedule

API_VERSION = "argoproj.io/v1alpha1"
VERSION = {MANIFESTS.key: str(MANIFESTS.current)}  # the annotation of every object with the format's version
MAX_DESCRIPTION = 4000  # in characters; Kubernetes allows 256 KiB for all annotations of an object


def labels(flow_name: str) -> dict[str, str]:
    """Return the labels of every object of a flow."""
    return {
        "app.kubernetes.io/managed-by": "flowc",
        "app.kubernetes.io/part-of": flow_name,
        contract.FLOW_LABEL: flow_name,
    }


def about(flow: Flow) -> dict[str, str]:
    """Return the annotations for title and description, which Argo's page shows as Markdown."""
    doc = untemplated(flow.doc).strip()
    description = doc if len(doc) <= MAX_DESCRIPTION else f"{doc[:MAX_DESCRIPTION]}…"
    return {"workflows.argoproj.io/title": flow.name} | (
        {"workflows.argoproj.io/description": description} if description else {}
    )


def metadata(settings: Settings, flow_name: str, annotations: Mapping[str, str] = MappingProxyType({})) -> Metadata:
    """Return an object's metadata without its name.

    Args:
        settings: the settings of the deployment, which may have a namespace.
        flow_name: the flow's name on the cluster, for the labels.
        annotations: further annotations; the annotation with the version of the manifests' format is always added.
    """
    namespace: Metadata = {"namespace": settings.namespace} if settings.namespace else {}
    return {**namespace, "labels": labels(flow_name), "annotations": {**annotations, **VERSION}}


def workflow_spec(
    flow: Flow, settings: Settings, flow_name: str, code: CodeMap, templates: Sequence[m.Template]
) -> m.WorkflowSpec:
    """Return the spec that a WorkflowTemplate and a Workflow share.

    Args:
        flow: the flow.
        settings: the settings of the deployment.
        flow_name: the flow's name on the cluster, the value of its label.
        code: the ConfigMap of the code.
        templates: the templates, which include `main` and `finish`.
    """
    own = {contract.FLOW_LABEL: flow_name}
    return make(
        m.WorkflowSpec,
        entrypoint="main",
        on_exit="finish",
        arguments=make(m.Arguments, parameters=[argument(p) for p in flow.parameters]) if flow.parameters else None,
        templates=list(templates),
        volumes=containers.volumes(code.name, code.files, settings),
        service_account_name=settings.service_account,
        security_context=containers.pod_security(),
        image_pull_secrets=_pull_secrets(flow),
        pod_spec_patch=containers.argo_containers(),
        workflow_metadata=make(m.WorkflowMetadata, labels=own, annotations=VERSION),
        pod_metadata=make(m.Metadata, labels=own),
        # Failed pods are not deleted before their Workflow, because their events show causes outside of the task
        # (image, scheduling).
        pod_gc=make(m.PodGC, strategy="OnPodSuccess", delete_delay_duration="60s"),
        ttl_strategy=make(m.TTLStrategy, seconds_after_completion=settings.ttl_seconds),
        active_deadline_seconds=settings.deadline_seconds,
    )


def _pull_secrets(flow: Flow) -> list[m.LocalObjectReference] | None:
    """Return the image pull secrets of all steps. A secret that an image does not need has no effect."""
    names = dict.fromkeys(name for node in flow.nodes if node.kubernetes for name in node.kubernetes.image_pull_secrets)
    return [make(m.LocalObjectReference, name=name) for name in names] or None


def argument(parameter: Parameter) -> m.Parameter:
    """Return a parameter of the Workflow, with its default as the value.

    A required parameter has no value, so that Argo refuses to submit a run without it.
    """
    value = default_of(parameter)
    has_value = parameter.default is not None or not parameter.required
    return make(
        m.Parameter,
        name=arguments.argument_name(parameter.name),
        value=arguments.encode_parameter(parameter, value) if has_value else None,
        description=untemplated(" ".join(parameter.help.split())) or None,
    )


def workflow_template(flow: Flow, settings: Settings, flow_name: str, spec: m.WorkflowSpec) -> Object:
    """Return the manifest of the WorkflowTemplate, which deploys a flow under the name `flow_name`."""
    fields = dict(metadata(settings, flow_name, about(flow)))
    meta = make(m.ObjectMeta, name=flow_name, **fields)
    return dump(make(m.WorkflowTemplate, api_version=API_VERSION, kind="WorkflowTemplate", metadata=meta, spec=spec))


def workflow(flow: Flow, settings: Settings, flow_name: str, spec: m.WorkflowSpec) -> Object:
    """Return the manifest of one run with all its templates. The cluster generates the run's name from `flow_name`.

    `kubectl create` accepts this manifest; `kubectl apply` refuses it, because it has no name.
    """
    fields = dict(metadata(settings, flow_name, about(flow)))
    meta = make(m.ObjectMeta, generate_name=f"{flow_name}-", **fields)
    return dump(make(m.Workflow, api_version=API_VERSION, kind="Workflow", metadata=meta, spec=spec))


def cron_workflow(flow: Flow, schedule: Schedule, settings: Settings, flow_name: str) -> Object:
    """Return the manifest of the CronWorkflow, which starts runs of the WorkflowTemplate `flow_name` on a schedule."""
    fields = dict(metadata(settings, flow_name, about(flow)))
    spec = make(
        m.CronWorkflowSpec,
        schedules=list(schedule.crons),
        # The time zone is always written. Without a time zone, Argo uses the controller's time zone.
        timezone=schedule.timezone or "UTC",
        concurrency_policy=settings.concurrency,
        starting_deadline_seconds=settings.starting_deadline_seconds,
        successful_jobs_history_limit=3,
        failed_jobs_history_limit=3,
        workflow_spec=make(m.WorkflowSpec, workflow_template_ref=make(m.WorkflowTemplateRef, name=flow_name)),
    )
    meta = make(m.ObjectMeta, name=flow_name, **fields)
    return dump(make(m.CronWorkflow, api_version=API_VERSION, kind="CronWorkflow", metadata=meta, spec=spec))
