"""Variables METAFLOW_RUN_… that were meant for a parameter and are called otherwise: nothing reads them."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click

from flowc.cli.options.definitions import RUN_OPTIONS, TOP_OPTIONS
from flowc_ir.suggestion import closest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flowc_ir.model import Flow

_PREFIX = "METAFLOW_RUN_"


def variable(name: str) -> str:
    """The environment variable of a parameter."""
    return f"{_PREFIX}{_normal(name)}"


def warn_of_unread(flow: Flow) -> None:
    """Say on stderr which variables look like one of the flow's parameters, and what the parameter's is called."""
    for name, parameter in _unread(flow):
        message = f"warning: {name} is not read: the variable of parameter '{parameter}' is {variable(parameter)}"
        click.echo(message, err=True)


def _unread(flow: Flow) -> Iterator[tuple[str, str]]:
    """Each such variable with the name of the parameter that was probably meant."""
    given = [name for name in os.environ if name.startswith(_PREFIX)]
    if not given:
        return
    meant = {_normal(name): parameter.name for parameter in flow.parameters
             for name in (parameter.name, parameter.attribute) if name}  # fmt: skip
    known = {variable(parameter.name) for parameter in flow.parameters}
    known |= {f"{_PREFIX}{str(option.name).upper()}" for option in (*RUN_OPTIONS, *TOP_OPTIONS)}
    for name in sorted(given):
        if name in known:
            continue
        if close := closest(_normal(name[len(_PREFIX) :]), meant, cutoff=0.8):
            yield name, meant[close]


def _normal(name: str) -> str:
    return name.upper().replace("-", "_")
