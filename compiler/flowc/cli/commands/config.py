"""`flowc config`: shows each setting with its value and the source of the value."""

from __future__ import annotations

import os
import shlex

import click

from flowc.cli.options.common import fail_with, table
from flowc_ir import json_text
from flowc_ir.suggestion import closest, did_you_mean
from flowc_runtime.base import addresses
from flowc_runtime.base.config import configuration
from flowc_runtime.base.config.config_file import meant
from flowc_runtime.base.config.config_keys import BY_KEY, SETTINGS
from flowc_runtime.base.errors import ConfigurationError
from flowc_runtime.run.plugin_settings import check_plugins


def _known(ctx: click.Context, param: click.Parameter, key: str | None) -> str | None:
    if key is None or key in BY_KEY:
        return key
    name, equals, value = key.partition("=")
    if equals and name in BY_KEY:
        raise click.UsageError(_how_to_set(name, value), ctx)
    raise click.BadParameter(f"there is no setting '{key}'; {meant(key)}", ctx, param)


def _check_extra(ctx: click.Context, key: str | None) -> None:
    """Raise a usage error for arguments after KEY."""
    if not ctx.args:
        return
    if key is None or len(ctx.args) > 1:
        raise click.UsageError(f"unexpected words: {' '.join(ctx.args)}; give one KEY, or none for all settings", ctx)
    raise click.UsageError(_how_to_set(key, ctx.args[0]), ctx)


def _how_to_set(key: str, value: str) -> str:
    """Return the error for `flowc config KEY VALUE`: the command cannot change a setting, and the error says how to do
    so."""
    setting = BY_KEY[key]
    text = value if setting.type == "number" and value.isdecimal() else json_text.shown(value, ensure_ascii=False)
    variable = f"{setting.variable}={shlex.quote(value)}"
    return f"flowc config only shows settings; to set {key}, write {key} = {text} in flowc.toml, or set {variable}"


@click.command(
    "config",
    help="Show each setting with its value and the source of the value; with KEY, print the value of one setting. "
    "Exit code 2 if the configuration file or a variable has a fault.",
    context_settings={"allow_extra_args": True},  # `_check_extra` explains how to set a value
)
@click.argument("key", metavar="[KEY]", required=False, callback=_known)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def config_command(ctx: click.Context, key: str | None, as_json: bool) -> None:
    """Show the settings."""
    _check_extra(ctx, key)
    try:
        file = configuration.current_file()
        found = {name: configuration.lookup(name) for name in ([key] if key else BY_KEY)}
        if key is None:
            check_plugins()
    except ConfigurationError as error:
        fail_with(error)
    if as_json:
        settings = {name: {"value": _masked(one.value), "from": one.place} for name, one in found.items()}
        shown = settings[key] if key else {"file": file.path if file else None, "settings": settings}
        click.echo(json_text.shown(shown, indent=2, ensure_ascii=False))
        return
    if key:
        if found[key].value is not None:
            click.echo(_masked(found[key].value))
        return
    table([(name, _shown(one.value, BY_KEY[name].without), one.place) for name, one in found.items()])
    nowhere = "no flowc.toml or [tool.flowc] in this or a parent directory"
    click.echo(f"file: {file.path}" if file else nowhere, err=True)
    _tell_unknown()


def _shown(value: str | int | None, without: str) -> str:
    return f"({without})" if value is None else str(_masked(value))


def _masked(value: str | int | None) -> str | int | None:
    """Return a setting's value. If the value is a URL with credentials, mask the credentials. Commands other than
    `flowc config` refuse a URL with credentials."""
    return addresses.shown(value) if isinstance(value, str) else value


def _tell_unknown() -> None:
    """Report environment variables that flowc does not read although their names are similar to the name of a
    setting."""
    known = [*(setting.variable for setting in SETTINGS), configuration.FILE_VARIABLE]
    for name in sorted(os.environ):
        if name.startswith("FLOWC_") and name not in known and (close := closest(name, known, cutoff=0.85)):
            click.echo(f"note: {name} is not a setting; {did_you_mean(close)}", err=True)
