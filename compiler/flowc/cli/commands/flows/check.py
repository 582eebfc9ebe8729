"""`flowc check` and `flowc ir`."""

from __future__ import annotations

from typing import Any

import click

from flowc.cli.options.common import FlowOptions, error_format, load_flow, report, warn, with_flow_options
from flowc.cli.options.configs import takes_configs
from flowc.cli.options.errors import takes_error_format
from flowc.cli.running.environment import note_elsewhere

flow_argument = click.argument("file", metavar="FLOW", required=False)
class_option = click.option("--flow", "class_name", metavar="CLASS", help="The flow's class, if the file has several.")


@click.command("check", help="Check FLOW (a Python file) and report every fault at once; exit code 1 if there is one.")
@flow_argument
@class_option
@with_flow_options
@takes_configs
@takes_error_format(stdout=True)
@click.pass_context
def check_command(ctx: click.Context, /, file: str | None, class_name: str | None, **options: Any) -> None:
    """Check a flow."""
    from flowc_ir.counting import count

    for_people = error_format().name == "text"
    found = load_flow(ctx, _required(ctx, file), class_name, FlowOptions.take(options), data=not for_people)
    note_elsewhere(found.flow)
    warnings = warn(found)
    if not for_people:
        if not warnings:
            report((), found.package.root)
        return
    told = f", {count(warnings, 'warning')}" if warnings else ""
    click.echo(f"{found.flow.name}: {len(found.flow.nodes)} steps, no faults{told}")


@click.command("ir", help="Print the IR of FLOW as JSON, the same bytes each time, or as text.")
@flow_argument
@class_option
@with_flow_options
@takes_configs
@click.option("--text", is_flag=True, help="Print it for people.")
@click.option("--schema", is_flag=True, help="Print the JSON Schema of every flow's IR; no FLOW is given.")
@click.pass_context
def ir_command(
    ctx: click.Context, /, file: str | None, class_name: str | None, text: bool, schema: bool, **options: Any
) -> None:
    """Print the IR."""
    from flowc_ir.schema import dumps, json_schema
    from flowc_ir.text import print_flow

    if schema:
        if file is not None or text:
            raise click.UsageError("--schema is the same for every flow: give neither FLOW nor --text with it", ctx)
        click.echo(json_schema(), nl=False)
        return
    flow = load_flow(ctx, _required(ctx, file), class_name, FlowOptions.take(options), data=True).flow
    click.echo(print_flow(flow) if text else dumps(flow, indent=2) + "\n", nl=False)


def _required(ctx: click.Context, file: str | None) -> str | None:
    """`python flow.py check` names no file; `flowc check` has to."""
    own = ctx.find_object(type) is not None
    if file is None and not own:
        raise click.MissingParameter(ctx=ctx, param_hint="'FLOW'", param_type="argument")
    if file is not None and own:
        raise click.UsageError(f"unexpected argument {file!r}: the flow is this file's", ctx)
    return file
