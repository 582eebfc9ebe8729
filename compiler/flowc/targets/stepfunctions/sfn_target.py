"""The target `stepfunctions`: a CloudFormation template with a state machine of AWS Step Functions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import click

from flowc.targets import fail_if
from flowc.targets.chosen import check_catalog, check_pickler, check_tracker
from flowc.targets.stepfunctions.image_context import image_digest, write_context
from flowc.targets.stepfunctions.sfn_checks import check_flow, check_template, template_text
from flowc.targets.stepfunctions.sfn_settings import COMPUTES, MachineSettings, machine_settings
from flowc.targets.stepfunctions.stack import stack
from flowc.targets.target import Target, Travel
from flowc_ir.diagnostic import Faults

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flowc.package import Package
    from flowc.targets.stepfunctions.containers_of_steps import JsonObject
    from flowc_ir.graphs.analysis import Analysis

KEYS: Final[Mapping[str, str]] = {
    "image": "image",
    "store": "cluster-store",
    "catalog": "catalog",
    "deadline_seconds": "workflow-timeout",
    "secrets": "secrets",
    "pickler": "pickler",
    "tracker": "tracker",
}
CAPACITY: Final = 100_000_000
"""The maximum size in bytes of the code and the files in an image."""


def options() -> list[click.Option]:
    """Return the options for compiling to a state machine."""
    return [
        click.Option(["--compute"], type=click.Choice(COMPUTES),
                     help="Run tasks on AWS Batch or on Amazon ECS [default: batch]."),
        click.Option(["--image"], metavar="IMAGE", help="Run every task in this image [$FLOWC_IMAGE]."),
        click.Option(["--context"], metavar="DIR", help="Write the build context of that image to this directory."),
        click.Option(["--store"], metavar="URL",
                     help="Let tasks keep records in this store: s3://bucket/prefix [$FLOWC_CLUSTER_STORE]."),
        click.Option(["--name"], metavar="NAME", help="Name the state machine [default: after the flow]."),
        click.Option(["--job-queue"], metavar="NAME", help="Run jobs in this queue of AWS Batch."),
        click.Option(["--cluster"], metavar="NAME", help="Run tasks in this cluster of Amazon ECS."),
        click.Option(["--secrets"], metavar="SOURCE",
                     help="Read the secrets that steps name from this plugin [$FLOWC_SECRETS]."),
        click.Option(["--tag", "tags"], multiple=True, metavar="TAG", help="Tag every run; may be repeated."),
        click.Option(["--max-workers", "parallelism"], type=int, metavar="N",
                     help="Run at most N items of a foreach at once; above 40, items have executions of their own "
                     "[default: 40]."),
        click.Option(["--workflow-timeout", "deadline_seconds"], type=int, metavar="SECONDS",
                     help="End a run that takes longer [default: never] [$FLOWC_WORKFLOW_TIMEOUT]."),
    ]  # fmt: skip


def _settings(values: Mapping[str, object]) -> MachineSettings:
    settings = machine_settings(values)
    check_pickler(settings.pickler)
    check_tracker(settings.tracker)
    return settings


def _lower(analysis: Analysis, package: Package, settings: MachineSettings) -> JsonObject:
    check_catalog(settings.catalog, analysis.flow)
    template = stack(analysis, settings, image_digest(analysis.flow, package))
    faults = Faults()
    check_template(analysis.flow, template, faults)
    fail_if(faults)
    if settings.context is not None:
        write_context(settings.context, analysis.flow, package)
    return template


def _what_next(path: str, settings: MachineSettings) -> str:
    return f"aws cloudformation deploy --template-file {path} --stack-name NAME --parameter-overrides …"


TARGET: Final = Target(
    name="stepfunctions",
    about="Compile FLOW to AWS Step Functions: a CloudFormation template with a state machine, the definition of its "
    "containers, and a schedule if the flow has a @schedule.",
    settings=_settings,
    lower=_lower,
    emit=template_text,
    check=check_flow,
    options=options,
    configured=KEYS,
    travel=lambda settings: Travel(settings.store, None, CAPACITY),
    scheduled=lambda settings: True,
    what_next=_what_next,
)
