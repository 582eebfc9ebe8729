"""Adds options to a function before click makes it a command."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import click

    Command = TypeVar("Command", bound=Callable[..., object])

    class OptionDecorator(Protocol):
        """The type of the decorators that `click.option` and `click.argument` return."""

        def __call__(self, function: Command, /) -> Command:
            """Add the option or argument to the function, and return the function."""
            ...


def with_options(function: Command, options: Sequence[click.Option]) -> Command:
    """Add options to a function that is to become a click command; return the function.

    The new options precede the options that the function already has.
    """
    # the attribute in which click's own decorators collect options
    kept: list[click.Option] = vars(function).setdefault("__click_params__", [])
    kept += reversed(options)
    return function
