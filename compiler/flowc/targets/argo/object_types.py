"""The objects of Kubernetes and Argo as JSON: the fields that flowc reads or writes.

Objects from a cluster have further fields, and any field here may be missing; `null` is treated like a missing field.
"""

from __future__ import annotations

from typing import TypeAlias, TypedDict

Labels: TypeAlias = dict[str, str]
Argument: TypeAlias = dict[str, str]
"""A parameter of a Workflow or of a node: its `name`, and its `value` or `default` if it has one."""


class Metadata(TypedDict, total=False):
    """An object's metadata."""

    name: str
    generateName: str
    namespace: str
    labels: Labels | None
    annotations: Labels | None
    creationTimestamp: str


class Variable(TypedDict, total=False):
    """An environment variable of a container."""

    name: str
    value: str


class Container(TypedDict, total=False):
    """A container of a template."""

    env: list[Variable] | None


class Template(TypedDict, total=False):
    """A template of a Workflow."""

    name: str
    container: Container


class ConfigMapSource(TypedDict):
    """The ConfigMap of a volume."""

    name: str


class Volume(TypedDict, total=False):
    """A volume of the pods of a Workflow."""

    name: str
    configMap: ConfigMapSource


class Arguments(TypedDict, total=False):
    """The parameters of a Workflow or of a node."""

    parameters: list[Argument] | None


class TemplateReference(TypedDict):
    """The WorkflowTemplate that a Workflow runs."""

    name: str


class ObjectSpec(TypedDict, total=False):
    """The spec of a WorkflowTemplate, a Workflow or a CronWorkflow."""

    arguments: Arguments | None
    templates: list[Template] | None
    volumes: list[Volume] | None
    workflowTemplateRef: TemplateReference
    suspend: bool | None
    shutdown: str
    schedules: list[str] | None
    timezone: str | None


class ArgoNode(TypedDict, total=False):
    """A node of a run's status: a pod, a retried task, or a call of a template."""

    type: str
    phase: str
    message: str
    displayName: str
    boundaryID: str
    children: list[str] | None
    inputs: Arguments | None


class Status(TypedDict, total=False):
    """The status of a Workflow or a CronWorkflow."""

    phase: str
    message: str
    startedAt: str | None
    finishedAt: str | None
    progress: str
    nodes: dict[str, ArgoNode] | None
    compressedNodes: str
    offloadNodeStatusVersion: str
    storedWorkflowTemplateSpec: ObjectSpec | None
    lastScheduledTime: str | None


class Object(TypedDict, total=False):
    """An object as JSON, in the form that the API server sends and accepts."""

    apiVersion: str
    kind: str
    metadata: Metadata
    spec: ObjectSpec
    status: Status | None
    immutable: bool
    data: dict[str, str]
    binaryData: dict[str, str]


PageMetadata = TypedDict("PageMetadata", {"continue": "str | None"}, total=False)  # `continue` is a keyword
"""The metadata of a page; `continue` is the token of the next page."""


class Page(TypedDict):
    """A page of a list of objects."""

    items: list[Object] | None
    metadata: PageMetadata


class Cause(TypedDict, total=False):
    """One of the causes why the API server refused a request."""

    reason: str
    message: str
    field: str


class RefusalDetails(TypedDict, total=False):
    """The details of a refused request: the kind of the missing or refused object, and the causes."""

    kind: str
    causes: list[Cause] | None


class ApiRefusal(TypedDict, total=False):
    """The `Status` object with which the API server answers a failed request."""

    message: str
    reason: str
    details: RefusalDetails


class ContextFields(TypedDict, total=False):
    """The fields of a context of a kubeconfig."""

    namespace: str | None


class KubeContext(TypedDict):
    """A named context of a kubeconfig."""

    name: str
    context: ContextFields
