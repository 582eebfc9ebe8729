"""Commands of `python flow.py` that Metaflow has and flowc lacks. flowc prints an error that names a replacement."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from flowc.cli.options.common import fail
from flowc.targets.table import default_deployment

if TYPE_CHECKING:
    from collections.abc import Mapping

# Maps a command, or a command and a subcommand, to a text about the replacement. The default target's deployment adds
# further entries.
_REFUSED: Mapping[str, str] = {
    "init": "it is how Metaflow starts a task: python {file} run starts the whole flow",
    "package": "flowc compile {file} prints the manifests, with the code package in them",
    "spot-metadata": "flowc status shows what happened to a run's pods",
    "step": "it is how Metaflow runs a task: python {file} run starts the whole flow",
}


def what_instead() -> Mapping[str, str]:
    """Return a text about the replacement for each command (or command and subcommand) that Metaflow has and flowc
    lacks.

    Some of the texts contain the placeholders `{file}` or `{flow}`.
    """
    return {**_REFUSED, **default_deployment().instead}


def refused_command(name: str) -> click.Command | None:
    """Return a command that prints an error with the replacement, or None if `name` is not a command that only Metaflow
    has."""
    refused = what_instead()
    if name not in refused:
        return None

    @click.pass_context
    def refuse(ctx: click.Context, words: tuple[str, ...]) -> None:
        full = next((key for word in words if (key := f"{name} {word}") in refused), name)
        cls = ctx.find_object(type)
        assert cls is not None
        file = ctx.find_root().info_name or ""
        hint = refused[full].format(file=file.removeprefix("python "), flow=cls.__name__)
        fail(f"flowc has no command '{full}' for a flow's file", hint)

    words = click.Argument(["words"], nargs=-1, type=click.UNPROCESSED)
    lenient = {"ignore_unknown_options": True, "allow_extra_args": True, "help_option_names": []}
    return click.Command(name, params=[words], callback=refuse, context_settings=lenient)
