"""The command `run` of a flow's file as a click command."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import click

    run: click.Command

__all__ = ["run"]


def __getattr__(name: str) -> Any:
    if name != "run":
        raise AttributeError(f"module 'metaflow.cli_components.run_cmds' has no attribute '{name}'")
    from metaflow import _seam
    from metaflow.cli import start

    command = globals()[name] = start.get_command(_seam.command_context(start), name)
    return command
