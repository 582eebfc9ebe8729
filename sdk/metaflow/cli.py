"""`metaflow.cli.start`: the command line of a flow's file as a click command.

`start.main([...], obj=FlowClass)` runs a command of that flow, like `python flow.py …`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from metaflow import _seam

if TYPE_CHECKING:
    import click

    start: click.Group

__all__ = ["start"]


def __getattr__(name: str) -> Any:
    if name != "start":
        raise AttributeError(f"module 'metaflow.cli' has no attribute '{name}'")
    group = globals()[name] = _seam.command_line()
    return group
