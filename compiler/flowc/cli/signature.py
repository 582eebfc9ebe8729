"""`python flow.py signature FILE`: what the flow takes, for programs that start it (`metaflow.Runner`)."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import click

from flowc.cli.common import load_flow


@click.command("signature", hidden=True, help="Write the flow's name and parameters to FILE, as JSON.")
@click.argument("file", type=click.Path(dir_okay=False))
@click.pass_context
def signature_command(ctx: click.Context, file: str) -> None:
    """Check the flow, and write what it takes."""
    from metaflow.runner._signature import FlowParameter

    flow = load_flow(ctx, None).flow
    parameters = [asdict(FlowParameter.of(parameter)) for parameter in flow.parameters]
    Path(file).write_text(json.dumps({"flow": flow.name, "parameters": parameters}), encoding="utf-8")
