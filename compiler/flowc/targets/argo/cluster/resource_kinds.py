"""The four kinds of object that flowc handles, and functions that read the fields that all of them share."""

from __future__ import annotations

from typing import TYPE_CHECKING, final

from flowc.targets.argo.cluster.errors import ClusterError
from flowc_ir.late.dataclass import dataclass
from flowc_ir.versions import MANIFESTS, NewerError, SchemaError
from flowc_runtime.base.contract import FLOW_LABEL as FLOW_LABEL  # re-exported

if TYPE_CHECKING:
    from flowc.targets.argo.object_types import Object

MANAGED_LABEL = "app.kubernetes.io/managed-by"


@final
@dataclass(frozen=True, slots=True)
class ResourceKind:
    """A kind of object and the API that serves it; `group` is empty for the core kinds of Kubernetes."""

    name: str
    plural: str
    group: str
    version: str

    @property
    def root(self) -> str:
        """The path of the API that serves objects of this kind."""
        return f"/apis/{self.group}/{self.version}" if self.group else f"/api/{self.version}"

    @property
    def title(self) -> str:
        """The kind's name in messages, such as `workflowtemplate` in workflowtemplate/hello-flow."""
        return self.name.lower()

    @property
    def qualified(self) -> str:
        """The kind's name in kubectl and Roles, such as `workflowtemplates.argoproj.io`."""
        return f"{self.plural}.{self.group}" if self.group else self.plural


CONFIG_MAP = ResourceKind("ConfigMap", "configmaps", "", "v1")
TEMPLATE = ResourceKind("WorkflowTemplate", "workflowtemplates", "argoproj.io", "v1alpha1")
CRON = ResourceKind("CronWorkflow", "cronworkflows", "argoproj.io", "v1alpha1")
WORKFLOW = ResourceKind("Workflow", "workflows", "argoproj.io", "v1alpha1")

_BY_NAME = {kind.name: kind for kind in (CONFIG_MAP, TEMPLATE, CRON, WORKFLOW)}


def kind_of(manifest: Object) -> ResourceKind:
    """Return the kind of a manifest that flowc wrote."""
    return _BY_NAME[manifest["kind"]]


def name_of(item: Object) -> str:
    """Return an object's name."""
    return str(item["metadata"]["name"])


def labels_of(item: Object) -> dict[str, str]:
    """Return an object's labels."""
    return item["metadata"].get("labels") or {}


def check_version(item: Object, kind: ResourceKind) -> None:
    """Check that this flowc knows the version of an object's manifest. A manifest without a version is of the first
    version.

    Args:
        item: the object, whose annotation has the version.
        kind: the object's kind, for the message.

    Raises:
        ClusterError: a newer flowc has deployed it, or the annotation is not a version.
    """
    text = (item["metadata"].get("annotations") or {}).get(MANIFESTS.key)
    try:
        MANIFESTS.check("manifest", int(text) if isinstance(text, str) and text.isdecimal() else text)
    except SchemaError as error:
        told = "was" if isinstance(error, NewerError) else "has a wrong annotation:"
        raise ClusterError(f"{kind.title} {name_of(item)} {told} {error}") from error
