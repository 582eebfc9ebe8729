"""`flowc check`: reports the faults of a flow. `flowc ir`: prints its intermediate representation."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from flowc.cli.options.common import FlowOptions, error_format, report, with_flow_options
from flowc.cli.options.configs import takes_configs
from flowc.cli.options.errors import takes_error_format
from flowc.cli.options.loading import load_flow, warn
from flowc.cli.options.passes import PassName
from flowc.cli.running.environment import note_elsewhere
from flowc.cli.running.lowering import pass_flow
from flowc.cli.words.run_help import FlowArgument
from flowc.passes.check_schedule import check_schedule
from flowc.passes.context import Context
from flowc.targets import table
from flowc_ir.counting import count
from flowc_ir.late import LateModule
from flowc_ir.text import print_flow

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from flowc.cli.options.loading import Checked
    from flowc.frontends.yaml import yaml_schema
    from flowc.passes import pipeline
    from flowc_ir import Flow
    from flowc_ir import schema as ir_schema
else:  # imported at first use
    pipeline = LateModule("flowc.passes.pipeline")  # only --print-after and --verify-each need it
    ir_schema = LateModule("flowc_ir.schema")  # `flowc check` does not need it
    yaml_schema = LateModule("flowc.frontends.yaml.yaml_schema")  # only --schema needs it

flow_argument = click.argument("file", cls=FlowArgument, metavar="FLOW", required=False)
class_option = click.option(
    "--flow", "class_name", metavar="CLASS", help="The class of the flow, if the file has several flows."
)


@click.command(
    "check", help="Check FLOW (a Python or YAML file) and report all faults at once; exit code 1 if there are any."
)
@flow_argument
@class_option
@with_flow_options
@takes_configs
@takes_error_format(stdout=True)
@click.option(
    "--schema",
    type=click.Choice(["yaml"]),
    help="Print the JSON Schema of YAML pipelines, for editors.",
)
@click.pass_context
def check_command(
    ctx: click.Context, /, file: str | None, class_name: str | None, schema: str | None, **options: object
) -> None:
    """Check a flow."""
    if schema is not None:
        if file is not None:
            raise click.UsageError("--schema prints the schema of all pipelines in YAML: give no FLOW", ctx)
        click.echo(yaml_schema.pipeline_schema(), nl=False)
        return
    for_people = error_format().name == "text"
    found = load_flow(ctx, _required(ctx, file), class_name, FlowOptions.take(options), data=not for_people)
    note_elsewhere(found.flow)
    warnings = warn(found, check_schedule(found.flow, Context()))
    if not for_people:
        if not warnings:
            report((), found.package.root)
        return
    and_warnings = f", {count(warnings, 'warning')}" if warnings else ""
    click.echo(f"{found.flow.name}: {len(found.flow.nodes)} steps, no faults{and_warnings}")


@click.command("ir", help="Print the IR (intermediate representation) of FLOW as JSON or text, always the same bytes.")
@flow_argument
@class_option
@with_flow_options
@takes_configs
@click.option("--text", is_flag=True, help="Print readable text instead of JSON.")
@click.option("--schema", is_flag=True, help="Print the JSON Schema of the IR; give no FLOW.")
@click.option(
    "--print-after",
    multiple=True,
    type=PassName(),
    metavar="PASS",
    help="Run the passes of the compiler, and print the IR after this pass; may be repeated.",
)
@click.option(
    "--verify-each",
    is_flag=True,
    help="Run the passes of the compiler, and verify the IR and its JSON form after each pass.",
)
@click.pass_context
def ir_command(
    ctx: click.Context,
    /,
    file: str | None,
    class_name: str | None,
    text: bool,
    schema: bool,
    print_after: tuple[str, ...],
    verify_each: bool,
    **options: object,
) -> None:
    """Print the IR."""
    if schema:
        if file is not None or text or print_after or verify_each:
            raise click.UsageError("--schema prints the schema of all flows: give no FLOW and no other option", ctx)
        click.echo(ir_schema.json_schema(), nl=False)
        return

    def show(flow: Flow) -> None:
        click.echo(print_flow(flow) if text else ir_schema.dumps(flow, indent=2) + "\n", nl=False)

    found = load_flow(ctx, _required(ctx, file), class_name, FlowOptions.take(options), data=True)
    if print_after or verify_each:
        _run_passes(found, show, print_after, verify_each=verify_each)
    if not print_after:
        show(found.flow)


def _run_passes(checked: Checked, show: Callable[[Flow], None], wanted: Collection[str], *, verify_each: bool) -> None:
    """Run the passes for the default target. Verify the IR after each pass, and print the IR after each pass in
    `wanted`."""

    def hook(stage: str, flow: Flow) -> None:
        if verify_each:
            pipeline.verify_json_after(stage, flow)
            click.echo(f"after {stage}: no faults", err=True)
        else:
            pipeline.verify_after(stage, flow)
        if stage in wanted:
            show(flow)

    pass_flow(table.default_target(), checked, hook)


def _required(ctx: click.Context, file: str | None) -> str | None:
    """Return the argument FLOW: `flowc check` requires this argument, and `python flow.py check` does not allow it."""
    own = ctx.find_object(type) is not None
    if file is None and not own:
        raise click.MissingParameter(ctx=ctx, param_hint="'FLOW'", param_type="argument")
    if file is not None and own:
        raise click.UsageError(f"unexpected argument {file!r}: the flow is the one in this file", ctx)
    return file
