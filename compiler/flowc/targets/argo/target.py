"""The target `argo`: compiles a flow to manifests of Argo Workflows. Importing this module does not import Hera."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypedDict, cast

import click

from flowc.targets.argo import Bundle
from flowc.targets.argo.checking.checks import check_flow
from flowc.targets.argo.checking.limits import MAX_CONFIG_MAP_BYTES
from flowc.targets.argo.commands import DEPLOYMENT
from flowc.targets.argo.settings import KINDS, Settings
from flowc.targets.chosen import check_catalog, check_installed
from flowc.targets.deployment import Need, TargetError
from flowc.targets.target import Target, Travel

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from flowc.package import Package
    from flowc.targets.argo.settings import ManifestKind
    from flowc_ir.graphs.analysis import Analysis

    class _Values(TypedDict, total=False):
        """The values of the options of `flowc compile --target argo`, by name."""

        image: str
        store: str
        namespace: str | None
        service_account: str
        store_claim: str | None
        store_secret: str
        catalog: str
        secrets: str
        pickler: str
        tags: tuple[str, ...]
        name: str | None
        parallelism: int
        deadline_seconds: int | None
        tracker: str | None
        kind: ManifestKind


# The fields of `Settings` that environment variables and configuration files can set, and their keys in these files.
KEYS: Final[Mapping[str, str]] = {
    "image": "image",
    "store": "cluster-store",
    "namespace": "namespace",
    "service_account": "service-account",
    "store_claim": "store-claim",
    "store_secret": "store-secret",
    "catalog": "catalog",
    "secrets": "secrets",
    "pickler": "pickler",
    "parallelism": "parallelism",
    "deadline_seconds": "workflow-timeout",
    "tracker": "tracker",
}
_INSTALL: Final = "pip install 'flowc[argo]'"


def options(kinds: Sequence[str] = KINDS) -> list[click.Option]:
    """Return the options for compiling to manifests. Each option sets a field of `Settings`; the option's value has the
    same name as the field.

    Args:
        kinds: the values of `--kind`.
    """
    return [
        click.Option(["--image"], metavar="IMAGE", help="Run every task in this image [$FLOWC_IMAGE]."),
        click.Option(["--store"], metavar="URL",
                     help="Let pods keep records in this store: s3://bucket/prefix [$FLOWC_CLUSTER_STORE]."),
        click.Option(["--namespace"], metavar="NAME",
                     help="Write this namespace into the manifests [default: kubectl's] [$FLOWC_NAMESPACE]."),
        click.Option(["--service-account"], metavar="NAME",
                     help="Run pods under this service account [$FLOWC_SERVICE_ACCOUNT]."),
        click.Option(["--store-claim"], metavar="NAME",
                     help="Mount this PersistentVolumeClaim for a store file:///directory [$FLOWC_STORE_CLAIM]."),
        click.Option(["--store-secret"], metavar="NAME",
                     help="Use this Secret with the store's credentials [$FLOWC_STORE_SECRET]."),
        click.Option(["--secrets"], metavar="SOURCE",
                     help="Read the secrets that steps name from this source: kubernetes:NAME, files:DIR or a plugin "
                     "[$FLOWC_SECRETS]."),
        click.Option(["--tag", "tags"], multiple=True, metavar="TAG", help="Tag every run; may be repeated."),
        click.Option(["--name"], metavar="NAME", help="Name the template [default: after the flow]."),
        click.Option(["--max-workers", "parallelism"], type=int, metavar="N",
                     help="Run at most N items of a foreach at once [default: 100] [$FLOWC_PARALLELISM]."),
        click.Option(["--workflow-timeout", "deadline_seconds"], type=int, metavar="SECONDS",
                     help="End a run that takes longer [default: never] [$FLOWC_WORKFLOW_TIMEOUT]."),
        click.Option(["--kind"], type=click.Choice(kinds), help="Make this kind of object [default: template]."),
    ]  # fmt: skip


def _settings(values: Mapping[str, object]) -> Settings:
    settings = Settings(**cast("_Values", values))
    check_installed(settings)
    return settings


def _lower(analysis: Analysis, package: Package, settings: Settings) -> Bundle:
    check_catalog(settings.catalog, analysis.flow)
    try:
        from flowc.targets.argo.compiler import manifests  # reads Hera's models

        return Bundle(manifests(analysis, package, settings))
    except ModuleNotFoundError as error:
        raise _lacking(error) from None


def _emit(bundle: Bundle) -> str:
    try:
        return bundle.to_yaml()
    except ModuleNotFoundError as error:
        raise _lacking(error) from None


def _lacking(error: ModuleNotFoundError) -> Exception:
    """Return the error for a missing module. For a module of the extra `argo`, the error says how to install it."""
    return TargetError(f"compiling to Argo needs {error.name}", _INSTALL) if error.name in ("hera", "yaml") else error


def _what_next(path: str, settings: Settings) -> str:
    """Return the kubectl command that sends the file to a cluster. `kubectl apply` refuses a Workflow, which has only a
    generated name."""
    return f"kubectl {'create' if settings.kind == 'workflow' else 'apply --server-side'} -f {path}"


TARGET: Final = Target(
    name="argo",
    about="Compile FLOW to Argo: a WorkflowTemplate, its code as a ConfigMap, and a CronWorkflow if it has a "
    "@schedule.",
    settings=_settings,
    lower=_lower,
    emit=_emit,
    check=check_flow,
    options=options,
    configured=KEYS,
    travel=lambda settings: Travel(settings.store, settings.store_claim, MAX_CONFIG_MAP_BYTES),
    scheduled=lambda settings: settings.kind != "workflow",
    what_next=_what_next,
    needs=(Need("hera", "hera", "flowc compile --target argo", _INSTALL),),
    deployment=DEPLOYMENT,
)
