"""The four kinds of object that flowc handles, and reading what all of them have."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias, final

from flowc.targets.argo.cluster.errors import ClusterError
from flowc_ir.versions import MANIFESTS, NewerError, SchemaError
from flowc_runtime.base.contract import FLOW_LABEL as FLOW_LABEL  # for those who read labels

if TYPE_CHECKING:
    from collections.abc import Mapping

Object: TypeAlias = dict[str, Any]
"""An object as JSON, the way the API server sends and takes it."""

MANAGED_LABEL = "app.kubernetes.io/managed-by"


@final
@dataclass(frozen=True, slots=True)
class ResourceKind:
    """A kind and where the API serves it; `group` is empty for Kubernetes' own."""

    name: str
    plural: str
    group: str
    version: str

    @property
    def root(self) -> str:
        """The path of its API."""
        return f"/apis/{self.group}/{self.version}" if self.group else f"/api/{self.version}"

    @property
    def title(self) -> str:
        """How people name it in front of an object: `workflowtemplate`/hello-flow."""
        return self.name.lower()

    @property
    def qualified(self) -> str:
        """How kubectl and Roles name it."""
        return f"{self.plural}.{self.group}" if self.group else self.plural


CONFIG_MAP = ResourceKind("ConfigMap", "configmaps", "", "v1")
TEMPLATE = ResourceKind("WorkflowTemplate", "workflowtemplates", "argoproj.io", "v1alpha1")
CRON = ResourceKind("CronWorkflow", "cronworkflows", "argoproj.io", "v1alpha1")
WORKFLOW = ResourceKind("Workflow", "workflows", "argoproj.io", "v1alpha1")

_BY_NAME = {kind.name: kind for kind in (CONFIG_MAP, TEMPLATE, CRON, WORKFLOW)}


def kind_of(manifest: Mapping[str, Any]) -> ResourceKind:
    """The kind of a manifest of ours."""
    return _BY_NAME[manifest["kind"]]


def name_of(item: Mapping[str, Any]) -> str:
    """An object's name."""
    return str(item["metadata"]["name"])


def labels_of(item: Mapping[str, Any]) -> dict[str, str]:
    """An object's labels."""
    return item["metadata"].get("labels") or {}


def check_version(item: Mapping[str, Any], kind: ResourceKind) -> None:
    """Check that this flowc knows the form of an object's manifest; one without a version is of the first release's.

    Raises:
        ClusterError: a newer flowc has deployed it.
    """
    text = (item["metadata"].get("annotations") or {}).get(MANIFESTS.key)
    try:
        MANIFESTS.check("manifest", int(text) if isinstance(text, str) and text.isdecimal() else text)
    except SchemaError as error:
        told = "was" if isinstance(error, NewerError) else "has a wrong annotation:"
        raise ClusterError(f"{kind.title} {name_of(item)} {told} {error}") from error
