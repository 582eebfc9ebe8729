"""Applies a flow's manifests. A dry run of all manifests comes first, so that a refused manifest changes nothing."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Literal, TypeAlias, final

from flowc.targets.argo.cluster.difference import difference, essence
from flowc.targets.argo.cluster.resource_kinds import (
    CONFIG_MAP,
    CRON,
    FLOW_LABEL,
    MANAGED_LABEL,
    TEMPLATE,
    WORKFLOW,
    kind_of,
    name_of,
)
from flowc.targets.argo.cluster.workflows import code_of
from flowc_ir.late.dataclass import dataclass

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flowc.targets.argo.cluster.api import Cluster
    from flowc.targets.argo.cluster.resource_kinds import ResourceKind
    from flowc.targets.argo.object_types import Object

# The seconds after which Argo's controller knows a new template. If a schedule is applied earlier, the controller
# treats it as invalid for 20 minutes (argoproj/argo-workflows#12332). Runs of an unknown template fail at once.
SETTLING = 1.0

Effect: TypeAlias = Literal["created", "changed", "unchanged"]


@final
@dataclass(frozen=True, slots=True)
class Change:
    """The change of one object: its content before and after the manifest is applied. The content before is None for a
    new object."""

    kind: ResourceKind
    name: str
    before: Object | None
    after: Object

    @property
    def effect(self) -> Effect:
        """The effect of applying the manifest on the object: it is created, changed or unchanged. If only the field
        managers change, the object counts as unchanged."""
        if self.before is None:
            return "created"
        return "unchanged" if essence(self.before) == essence(self.after) else "changed"

    @property
    def title(self) -> str:
        """The object's name in messages, such as `workflowtemplate/hello-flow`."""
        return f"{self.kind.title}/{self.name}"


def plan(cluster: Cluster, manifests: Sequence[Object], *, force: bool = False) -> list[Change]:
    """Return the changes that applying the manifests would make; the cluster computes them in a dry run.

    Args:
        cluster: the cluster.
        manifests: the objects, in the order to apply them.
        force: whether to overwrite fields that other field managers have set.

    Raises:
        ClusterError: the cluster does not answer, or refuses a manifest.
    """
    return [_apply(cluster, manifest, dry_run=True, force=force) for manifest in manifests]


def carry_out(cluster: Cluster, manifests: Sequence[Object], *, force: bool = False) -> list[Change]:
    """Apply the manifests in their order: first the code, then the template that refers to the code.

    After creating a template, wait for `SETTLING` seconds.

    Args:
        cluster: the cluster.
        manifests: the objects, in the order to apply them.
        force: whether to overwrite fields that other field managers have set.

    Returns:
        The changes, one for each manifest.

    Raises:
        ClusterError: the cluster does not answer, or refuses a manifest; the manifests before the refused one have been
            applied.
    """
    changes = []
    for manifest in manifests:
        change = _apply(cluster, manifest, dry_run=False, force=force)
        changes.append(change)
        if change.kind is TEMPLATE and change.before is None:
            time.sleep(SETTLING)
    return changes


def _apply(cluster: Cluster, manifest: Object, *, dry_run: bool, force: bool) -> Change:
    kind, name = kind_of(manifest), name_of(manifest)
    before = cluster.find(kind, name)
    return Change(kind, name, before, cluster.apply(manifest, kind, dry_run=dry_run, force=force))


def show(cluster: Cluster, change: Change, changes: Sequence[Change]) -> str:
    """Return a change as a unified diff.

    Args:
        cluster: the cluster.
        change: the change to show.
        changes: all changes. If `change` is new code, it is compared with the code of the deployed template, which
            `changes` contains.

    Returns:
        The diff; empty if the objects are equal.
    """
    before, old_name = change.before, change.name
    if change.kind is CONFIG_MAP and before is None:
        template = next((other.before for other in changes if other.kind is TEMPLATE), None)
        old_name = (code_of(template) if template else None) or old_name
        before = cluster.find(CONFIG_MAP, old_name)
    names = (f"cluster/{change.kind.title}/{old_name}", f"flow/{change.kind.title}/{change.name}")
    return difference(before, change.after, names)


# -- objects of older deployments --------------------------------------------------------------------------------------


@final
@dataclass(frozen=True, slots=True)
class Leftover:
    """An object on the cluster that belongs to the flow, but is no longer among the flow's manifests. `used_by` is the
    name of a run that refers to the object."""

    kind: ResourceKind
    name: str
    used_by: str | None = None

    @property
    def title(self) -> str:
        """The object's name in messages, such as `workflowtemplate/hello-flow`."""
        return f"{self.kind.title}/{self.name}"


def leftovers(cluster: Cluster, flow: str, manifests: Sequence[Object]) -> list[Leftover]:
    """Return the flow's schedules and code on the cluster that are not among the manifests.

    Args:
        cluster: the cluster.
        flow: the value of the flow's label.
        manifests: the current objects.

    Raises:
        ClusterError: the cluster does not answer.
    """
    current = {(kind_of(manifest), name_of(manifest)) for manifest in manifests}
    found = [
        (kind, name_of(item))
        for kind in (CRON, CONFIG_MAP)
        for item in cluster.search(kind, f"{FLOW_LABEL}={flow},{MANAGED_LABEL}=flowc")
    ]
    old = [(kind, name) for kind, name in found if (kind, name) not in current]
    users = _code_users(cluster, flow) if any(kind is CONFIG_MAP for kind, _ in old) else {}
    return [Leftover(kind, name, users.get(name) if kind is CONFIG_MAP else None) for kind, name in old]


def _code_users(cluster: Cluster, flow: str) -> dict[str, str]:
    """Return the ConfigMaps that cannot be deleted because runs use the code in them: name of the ConfigMap -> name of
    one of its runs. Ended runs count, too, because they may be retried."""
    users = {}
    for item in cluster.search(WORKFLOW, f"{FLOW_LABEL}={flow}"):
        run = cluster.find(WORKFLOW, name_of(item))
        if run is not None and (code := code_of(run)):
            users[code] = name_of(run)
    return users
