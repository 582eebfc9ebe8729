"""Commands of a flow's file that Metaflow has and flowc does not: they say what to use instead."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from flowc.cli.options.common import fail

if TYPE_CHECKING:
    from collections.abc import Mapping

_ARGO = "flowc deploy {file} puts the flow on a cluster, flowc compile {file} prints its manifests"

# The command, or the command and its subcommand: what to do instead.
REFUSED: Mapping[str, str] = {
    "airflow": f"flows run on Argo Workflows: {_ARGO}",
    "argo-workflows": f"{_ARGO}; flowc trigger, status, suspend, unsuspend, terminate and delete act on it",
    "argo-workflows create": _ARGO,
    "argo-workflows delete": "flowc delete {flow}",
    "argo-workflows list-workflow-templates": "flowc status",
    "argo-workflows status": "flowc status {flow}",
    "argo-workflows suspend": "flowc suspend RUN",
    "argo-workflows terminate": "flowc terminate RUN",
    "argo-workflows trigger": "flowc trigger {flow}",
    "argo-workflows unsuspend": "flowc unsuspend RUN",
    "batch": f"flows run on Argo Workflows: {_ARGO}",
    "init": "it is how Metaflow starts a task: python {file} run starts the whole flow",
    "kubernetes": _ARGO,
    "package": "flowc compile {file} prints the manifests, with the code package in them",
    "spot-metadata": "flowc status shows what happened to a run's pods",
    "step": "it is how Metaflow runs a task: python {file} run starts the whole flow",
    "step-functions": f"flows run on Argo Workflows: {_ARGO}",
}


def refused_command(name: str) -> click.Command | None:
    """The command that refuses, if Metaflow has one of this name."""
    if name not in REFUSED:
        return None

    @click.pass_context
    def refuse(ctx: click.Context, words: tuple[str, ...]) -> None:
        full = next((key for word in words if (key := f"{name} {word}") in REFUSED), name)
        cls = ctx.find_object(type)
        assert cls is not None
        file = ctx.find_root().info_name or ""
        hint = REFUSED[full].format(file=file.removeprefix("python "), flow=cls.__name__)
        fail(f"flowc has no command '{full}' for a flow's file", hint)

    words = click.Argument(["words"], nargs=-1, type=click.UNPROCESSED)
    lenient = {"ignore_unknown_options": True, "allow_extra_args": True, "help_option_names": []}
    return click.Command(name, params=[words], callback=refuse, context_settings=lenient)
