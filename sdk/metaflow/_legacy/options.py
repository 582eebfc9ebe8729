"""The options that flow decorators add to the command line of a flow's file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from metaflow._legacy.base import FlowDecorator
from metaflow._legacy.known import legacy
from metaflow.decorators import applied_to

if TYPE_CHECKING:
    from collections.abc import Iterator

OPTION_VALUES = "_flowc_options"
"""The attribute of a flow's class with the values of these options."""


def options_of(flow: type) -> list[click.Option]:
    """Return the options that the decorators of a flow's class and its base classes add to the command line.

    Raises:
        ExtensionError: the class of a decorator cannot be loaded.
    """
    return [option for decorator in _decorators(flow) for option in _options(decorator)]


def values(decorator: type[FlowDecorator], flow: type) -> dict[str, Any]:
    """Return the values of a decorator's options, from the command line, METAFLOW_<OPTION> or the default.

    Raises:
        click.UsageError: the value of a variable METAFLOW_<OPTION> is invalid.
    """
    parsed: dict[str, object] | None = vars(flow).get(OPTION_VALUES)
    options = _options(decorator)
    if parsed is not None:
        return {str(option.name): parsed[str(option.name)] for option in options}
    with click.Command("flow", params=[*options]).make_context("flow", [], auto_envvar_prefix="METAFLOW") as context:
        return dict(context.params)


def keep(flow: type, parsed: dict[str, object]) -> None:
    """Move the values of the flow decorators' options from `parsed`, the parsed command line, to an attribute of the
    class."""
    names = [str(option.name) for option in options_of(flow)]
    if names:
        setattr(flow, OPTION_VALUES, {name: parsed.pop(name) for name in names})


def _options(decorator: type[FlowDecorator]) -> list[click.Option]:
    return [click.Option([f"--{name}"], **spec) for name, spec in decorator.options.items()]


def _decorators(flow: type) -> Iterator[type[FlowDecorator]]:
    seen: set[str] = set()
    for owner in flow.__mro__:
        for applied in applied_to(owner):
            found = legacy(applied.name, "flow")
            if found is not None and applied.name not in seen:
                seen.add(applied.name)
                yield found
