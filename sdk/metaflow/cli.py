"""The command line of a flow's file as a click command: `metaflow.cli.start`.

`start.main([...], obj=FlowClass)` runs a command of that flow, as `python flow.py …` does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import click

    start: click.Group

__all__ = ["start"]


def __getattr__(name: str) -> Any:
    if name != "start":
        raise AttributeError(f"module 'metaflow.cli' has no attribute '{name}'")
    # Upward, and late, as FlowSpec() does: the command line is what composes the packages.
    from flowc.cli import flow_group

    group = globals()[name] = flow_group()
    return group
