"""`python flow.py signature FILE`: describes the flow's parameters for programs that start it (`metaflow.Runner`)."""

from __future__ import annotations

from dataclasses import asdict
from functools import partial
from pathlib import Path

import click

from flowc.cli.commands.flows.resume import KIND
from flowc.cli.commands.flows.run import words_of
from flowc.cli.options.configs import EARLIER
from flowc.cli.options.loading import load_flow
from flowc.cli.words.split import NO_NAMES
from flowc_ir import json_text
from metaflow.runner._signature import FlowParameter


@click.command("signature", hidden=True, help="Write the flow's name and parameters to FILE, as JSON.")
@click.argument("file", type=click.Path(dir_okay=False))
@click.option("--resume", is_flag=True, help="Describe the parameters with the configs of the run to resume.")
@click.option("--origin-run-id")
@click.option("--store", "store_url")
@click.pass_context
def signature_command(
    ctx: click.Context, file: str, resume: bool, origin_run_id: str | None, store_url: str | None
) -> None:
    """Check the flow, and write its name and parameters to a JSON file."""
    if resume:
        assert KIND.configs is not None
        before = words_of(ctx, [], KIND).early(NO_NAMES).more
        store = store_url or before["store_url"]
        ctx.meta[EARLIER] = partial(KIND.configs, {"origin_run_id": origin_run_id, "store_url": store})
    flow = load_flow(ctx, None).flow
    parameters = [asdict(FlowParameter.from_ir(parameter)) for parameter in flow.parameters]
    Path(file).write_text(json_text.shown({"flow": flow.name, "parameters": parameters}), encoding="utf-8")
