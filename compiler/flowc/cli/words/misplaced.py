"""Errors about misplaced arguments: options before the command, a flow instead of a command, `n=3` for `--n 3`.

Each error has a corrected command line. This module imports no user code. For `python flow.py`, the flow's class is
already loaded. For `flowc`, the arguments in front of the command are checked before the flow is known.
"""

from __future__ import annotations

import os
import shlex
import sys
from typing import TYPE_CHECKING

import click

from flowc.cli.options.definitions import RUN_OPTIONS
from flowc.flow_files import OpeningError
from flowc.opening import names_code, parse
from flowc_ir.late import LateFunction
from flowc_ir.suggestion import closest

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from flowc.frontends.metaflow.parameters import declared_parameters
    from flowc_ir.model import Parameter
else:
    declared_parameters = LateFunction("flowc.frontends.metaflow.parameters:declared_parameters")


# -- options before the command ----------------------------------------------------------------------------------------


def before_command(
    ctx: click.Context, args: Sequence[str], error: click.NoSuchOption, commands: Mapping[str, object]
) -> click.UsageError:
    """Return the error for an option that precedes a command of `flowc` and is not an option of `flowc` itself.

    Args:
        ctx: the context of `flowc`.
        args: the command-line arguments.
        error: click's error about the option.
        commands: the commands of `flowc`.
    """
    option = error.option_name
    at = _command_at(args, commands)
    if at is None:
        return _no_option(ctx, option, _options(ctx.command.params))
    line = shlex.join(["flowc", args[at], *args[at + 1 :], *args[:at]])
    return click.UsageError(f"No such option '{option}' before the command. Put options after it: {line}", ctx)


def before_own_command(
    ctx: click.Context, args: Sequence[str], error: click.NoSuchOption, commands: Mapping[str, object]
) -> click.UsageError:
    """Return the error for an option in `python flow.py OPTION …` that is a parameter, an option of `run` or unknown.

    Args:
        ctx: the context of the group of `python flow.py`.
        args: the command-line arguments.
        error: click's error about the option.
        commands: the commands of `python flow.py`.
    """
    option, parameters = error.option_name, _parameters(ctx)
    flags = {f"--{name}": flag for name, flag in parameters.items()}
    behind = {**flags, **{name: bool(each.is_flag) for each in RUN_OPTIONS for name in each.opts}}
    if option.replace("_", "-") in (known := {name.replace("_", "-"): name for name in behind}):
        found = known[option.replace("_", "-")]
        what = "a parameter of the flow" if found in flags else "an option of the command"
        line = _moved(ctx, args, option, commands, flag=behind[found])
        return click.UsageError(f"'{option}' is {what}: put it after {_command(args, commands)}, as in {line}", ctx)
    return _no_option(ctx, option, _options(ctx.command.params), behind)


def _parameters(ctx: click.Context) -> dict[str, bool]:
    """Return the names of the flow's parameters. For each name, the value is whether the parameter is a flag.

    For `flowc`, where the flow is unknown, the result is empty.
    """
    cls = ctx.find_object(type)
    return {name: bool(each.is_flag) for name, each in declared_parameters(cls).items()} if cls is not None else {}


def _moved(ctx: click.Context, args: Sequence[str], option: str, commands: Mapping[str, object], *, flag: bool) -> str:
    """Return the command line with an option and its value moved to the end. If the command line has no command, add
    `run`."""
    at = next((at for at, word in enumerate(args) if word.partition("=")[0] == option), len(args))
    length = 1 if flag or "=" in args[at] else 2
    rest = [*args[:at], *args[at + length :]]
    command = [] if _command_at(rest, commands) is not None else ["run"]
    return f"{ctx.command_path} {shlex.join([*rest, *command, *args[at : at + length]])}"


def _command(args: Sequence[str], commands: Mapping[str, object]) -> str:
    at = _command_at(args, commands)
    return "run" if at is None else args[at]


def _command_at(args: Sequence[str], commands: Mapping[str, object]) -> int | None:
    """Return the index of the command in the arguments.

    If a command's name directly follows an option, it may be the option's value. An argument that directly follows an
    option counts as the command only if no other argument is a command's name.
    """
    found = [at for at, word in enumerate(args) if word in commands]
    alone = [at for at in found if not at or not args[at - 1].startswith("-") or "=" in args[at - 1]]
    return next(iter([*alone, *found]), None)


def _no_option(
    ctx: click.Context, option: str, known: Collection[str], behind: Collection[str] = ()
) -> click.UsageError:
    names = {name.lstrip("-"): name for name in (*behind, *known) if name.startswith("--")}
    close = closest(option.lstrip("-"), names)
    meant = names[close] if close else None
    place = ", after run" if meant in behind and meant not in known else ""
    hint = f" Did you mean '{meant}'{place}?" if meant else ""
    return click.UsageError(f"No such option '{option}'.{hint}", ctx)


def _options(params: Iterable[click.Parameter]) -> list[str]:
    options = [param for param in params if isinstance(param, click.Option) and not param.hidden]
    return [name for option in options for name in (*option.opts, *option.secondary_opts)]


# -- a flow instead of a command ---------------------------------------------------------------------------------------


def not_a_command(ctx: click.Context, args: Sequence[str], commands: Mapping[str, object]) -> click.UsageError | None:
    """Return the error for `flowc FLOW …`, with a flow instead of a command, or None if the first argument is not a
    flow.
    """
    try:
        name = parse(args[0]).name
        is_flow = names_code(args[0]) or os.path.isfile(name) or os.path.isfile(f"{name}.py")
    except OpeningError:
        is_flow = False
    if not is_flow:
        return None
    at = _command_at(args, commands)
    words = ["run", *args] if at is None else [args[at], *args[:at], *args[at + 1 :]]
    line = shlex.join(["flowc", *words])
    return click.UsageError(f"{args[0]!r} is not a command. The command comes first: {line}", ctx)


# -- arguments after the flow ------------------------------------------------------------------------------------------


def check_extra(ctx: click.Context, parameters: Sequence[Parameter]) -> None:
    """Check that only options follow FLOW, not other arguments such as `n=3`.

    Raises:
        click.UsageError: there are other arguments; the message names the option that the user should write.
    """
    if not ctx.args:
        return
    extra = ctx.args[0]
    name, equals, value = extra.partition("=")
    known = {parameter.name.replace("-", "_"): parameter for parameter in parameters}
    found = known.get(name.strip().lstrip("-").replace("-", "_"))
    message = f"Got unexpected extra argument{'s' if len(ctx.args) > 1 else ''} ({' '.join(ctx.args)})"
    if found is not None and equals:
        message += f". A parameter is an option: {shlex.join([f'--{found.name}', value])}"
    elif found is not None:
        message += f". A parameter is an option: --{found.name}" + ("" if found.flag else " VALUE")
    elif parameters:
        message += f". Parameters are options, such as --{parameters[0].name}"
    raise click.UsageError(message, ctx)


def single_dash(error: click.NoSuchOption, ctx: click.Context) -> click.UsageError:
    """Return the error to raise for an unknown option.

    For `-name`, the error suggests `--name` if there is such an option; otherwise the result is click's error.
    """
    option = error.option_name
    if option.startswith("--"):
        return error
    names = [*(name for name in _options(ctx.command.params) if " (" not in name), "--help"]
    # For `-name`, click's error shows only one letter: the first letter that is not an option.
    words_of_one_dash = (word for word in sys.argv if word.startswith("-") and not word.startswith("--"))
    given = (word.partition("=")[0] for word in words_of_one_dash if option.lstrip("-") in word)
    option = next((word for word in given if f"-{word}" in names), option)
    words = f"--{option.lstrip('-')}"
    if words in names:
        return click.UsageError(f"No such option '{option}'. Did you mean '{words}'?", ctx)
    return error
