"""Adding options to a command before click creates it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import click

    Command = TypeVar("Command", bound=Callable[..., object])

    class OptionDecorator(Protocol):
        """A decorator that adds an option or an argument to a command's function, as `click.option` returns it."""

        def __call__(self, function: Command, /) -> Command:
            """Add it; return the function."""
            ...


def with_options(function: Command, options: Sequence[click.Option]) -> Command:
    """Add options to the function's future click command, before its own options; return the function."""
    kept: list[click.Option] = vars(function).setdefault("__click_params__", [])  # as click's own decorators do
    kept += reversed(options)
    return function
