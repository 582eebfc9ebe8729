"""Warnings about variables METAFLOW_RUN_… whose names almost match a parameter, and which are not read."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import click

from flowc.cli.options.definitions import RUN_OPTIONS, TOP_OPTIONS
from flowc_ir import json_text
from flowc_ir.suggestion import closest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flowc_ir.model import Flow

_PREFIX = "METAFLOW_RUN_"
_OF_PIPELINES = "RUNNABLE_PRM_"


def variable(name: str) -> str:
    """Return the name of a parameter's environment variable: `METAFLOW_RUN_` and the name in upper case, with `_` for
    `-`."""
    return f"{_PREFIX}{_normal(name)}"


def texts_of_variables(flow: Flow) -> dict[str, tuple[str, str]]:
    """Return the variables that parameters have: by the parameter's name, the variable's name and its text.

    A pipeline also reads `RUNNABLE_PRM_` and the name, as programs that were written for runnable expect: its text is
    JSON, or else a text.
    """
    found: dict[str, tuple[str, str]] = {}
    for parameter in flow.parameters:
        earlier = f"{_OF_PIPELINES}{parameter.name}"
        if (name := variable(parameter.name)) in os.environ:
            found[parameter.name] = name, os.environ[name]
        elif earlier in os.environ and not flow.code.name:
            text = os.environ[earlier]
            found[parameter.name] = earlier, _as_json(text) if parameter.type == "json" else text
    return found


def _as_json(text: str) -> str:
    try:
        json.loads(text)
    except ValueError:
        return json_text.dumps(text)
    return text


def warn_of_unread(flow: Flow) -> None:
    """Warn on stderr about variables whose name almost matches a parameter's variable."""
    for name, parameter in _unread(flow):
        message = f"warning: {name} is not read: the variable of parameter '{parameter}' is {variable(parameter)}"
        click.echo(message, err=True)


def _unread(flow: Flow) -> Iterator[tuple[str, str]]:
    """Yield each such variable with the name of the parameter that it probably means."""
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
