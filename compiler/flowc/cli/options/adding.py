"""Options that are added to a command before click makes it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import click

    Command = TypeVar("Command", bound=Callable[..., Any])


def with_options(function: Command, options: Sequence[click.Option]) -> Command:
    """Add options to the command that is made of the function, before those that it has."""
    kept: list[click.Option] = vars(function).setdefault("__click_params__", [])  # as click's own decorators do
    kept += reversed(options)
    return function
