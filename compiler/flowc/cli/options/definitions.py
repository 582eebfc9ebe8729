"""The options of `run`, and the options before the command in `python flow.py … run`. Some of them are options of
Metaflow, the others only of flowc.

`python flow.py --quiet run` and `flowc run --quiet flow.py` have the same effect. The click context keeps the values of
the options before the command (`common.top`); `add_top` later combines the values before and after `run`.
`words.split` finds the options on the command line.
"""

from __future__ import annotations

from copy import copy
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

from flowc.cli.options.common import NO_TOP, TOP, Top, top
from flowc.cli.options.configured import ConfiguredOption
from flowc.cli.options.errors import error_option
from flowc.cli.options.inherited import secrets_option, verify_option
from flowc.cli.options.targets import LOCAL, TargetName
from flowc.frontends.reserved_names import METAFLOW_OPTIONS
from flowc.targets.table import DEFAULT
from flowc_runtime.base.config import settings
from flowc_runtime.base.contract import STORE

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

PREFIX = "METAFLOW"  # prefix of options' variables: METAFLOW_RUN_MAX_WORKERS is `run --max-workers`


def _only(name: str, setting: str, text: str, *, key: str | None = None) -> click.Option:
    """Return an option of Metaflow for which flowc supports only some values.

    The error for an unsupported value has a hint. `key` is the key of flowc's setting for the same value, or None. The
    variable METAFLOW_DEFAULT_… takes precedence over the value of `key` in the configuration file.
    """
    allowed, hint = settings.CHOICES[setting]

    def callback(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
        if value is not None and value not in allowed:
            raise click.BadParameter(f"{value!r} is not supported: {hint}", ctx, param)
        return value

    metavar = "|".join(allowed)
    if key is not None:
        return ConfiguredOption([name], key=key, partly=True, type=str, metavar=metavar, callback=callback, help=text)
    return click.Option([name], metavar=metavar, callback=callback, help=text)


def _refused(hint: str) -> Callable[[click.Context, click.Parameter, object], object]:
    def callback(ctx: click.Context, param: click.Parameter, value: object) -> object:
        if value is not None:
            raise click.BadParameter(f"not supported: {hint}", ctx, param)
        return value

    return callback


# An option whose value is in `Top` has the same name as the field of `Top`.
TOP_OPTIONS: Sequence[click.Option] = (
    click.Option(["--quiet/--not-quiet"], default=None, help="Print only what the flow prints, results and errors."),
    _only("--metadata", "DEFAULT_METADATA", "Accepted for compatibility; runs are recorded in the store."),
    _only("--environment", "DEFAULT_ENVIRONMENT", "Run steps in this kind of environment.", key="environment"),
    _only("--datastore", "DEFAULT_DATASTORE", "Keep artifacts in this kind of store."),
    click.Option(["--datastore-root"], metavar="DIR|URL", help="Address of the store for --datastore."),
    click.Option(["--package-suffixes"], metavar="LIST",
                 help="Package files with these endings besides Python's, as in .sql,.csv [$FLOWC_PACKAGE_SUFFIXES]."),
    click.Option(["--with", "--decospecs", "decospecs"], multiple=True, metavar="NAME[:ARG=VALUE,…]",
                 help="Decorate every step; may be repeated [$METAFLOW_DECOSPECS]."),
    click.Option(["--tag", "tags"], multiple=True, metavar="TAG", help="Tag the run; may be repeated."),
    click.Option(["--namespace"], metavar="TAG",
                 help="Set the client's namespace in the steps; '' is the global namespace."),
    click.Option(["--branch"], metavar="NAME", allow_from_autoenv=False,
                 help="Use this branch of a flow with @project [$METAFLOW_BRANCH]."),
    click.Option(["--production"], is_flag=True, default=None, allow_from_autoenv=False,
                 help="Use the production branch of a flow with @project [$METAFLOW_PRODUCTION]."),
    click.Option(["--cache/--no-cache"], default=None, allow_from_autoenv=False,
                 help="Treat every step, or no step, as if it had @cache."),
    click.Option(["--trigger", "triggers"], multiple=True, metavar="FLOW/RUN", allow_from_autoenv=False,
                 help="Run as if the end of FLOW/RUN had triggered it; may be repeated."),
    click.Option(["--pylint/--no-pylint"], default=None, help="flowc's own checks always run, Pylint never."),
    _only("--event-logger", "DEFAULT_EVENT_LOGGER", "Accepted for compatibility; there are no event loggers."),
    _only("--monitor", "DEFAULT_MONITOR", "Accepted for compatibility; there are no monitors."),
    click.Option(["--config"], nargs=2, multiple=True, metavar="NAME FILE", allow_from_autoenv=False,
                 help="Read a Config of the flow from a file; may be repeated."),
    click.Option(["--config-value"], nargs=2, multiple=True, metavar="NAME JSON", allow_from_autoenv=False,
                 help="Set the value of a Config of the flow; may be repeated."),
    click.Option(["--mode"], hidden=True, callback=_refused("there are no modes")),
)  # fmt: skip

RUN_OPTIONS: Sequence[click.Option] = (
    click.Option(["--local"], is_flag=True,
                 help="Run on this machine, one process per attempt, even if the setting `executor` differs."),
    ConfiguredOption(["--max-workers"], key="max-workers", type=click.IntRange(min=1), metavar="N",
                     help="Run at most N tasks at once [default: the number of CPUs; up to 16 while tasks are idle]."),
    ConfiguredOption(["--max-num-splits"], key="max-num-splits", type=click.IntRange(min=1), metavar="N",
                     help="Fail a foreach over more than N items [default: no limit]."),
    ConfiguredOption(["--start"], key="start", default="auto", show_default=True, allow_from_autoenv=False,
                     help="Start tasks as forks or with a fresh import; auto uses forks if the import is harmless."),
    ConfiguredOption(["--durability"], key="durability", default="run", show_default=True, allow_from_autoenv=False,
                     help="Wait for the disk before a run ends (run), also before each task ends (task), or never."),
    click.Option(["--max-log-size"], type=click.IntRange(min=1), hidden=True,
                 callback=_refused("logs have no size limit; leave the option out")),
    click.Option(["--run-id-file"], type=click.Path(dir_okay=False), metavar="F",
                 help="Write the run's id to F before the first task."),
    click.Option(["--runner-attribute-file"], type=click.Path(dir_okay=False), metavar="F", hidden=True),
    click.Option(["--params-file", "params_files"], type=click.Path(dir_okay=False), multiple=True, metavar="FILE",
                 help="Read parameters from a YAML, JSON or TOML file; may be repeated, the last one wins."),
    click.Option(["--mock"], is_flag=True, allow_from_autoenv=False,
                 help="Run without the steps' code: values that no --patch sets are None, and a map has one item."),
    click.Option(["--patch", "patches"], multiple=True, metavar="STEP=VALUE", allow_from_autoenv=False,
                 help="Replace the code of a step by a JSON value, MODULE:FUNCTION or a Python file; may be repeated."),
    click.Option(["--patches-file"], hidden=True, allow_from_autoenv=False, help="The patches of a program, as JSON."),
    click.Option(["--ui"], is_flag=True, allow_from_autoenv=False, help="Open the page of the run in the browser."),
    ConfiguredOption(["--log-format"], key="log-format", default="text", show_default=True,
                     help="Print text lines, or JSON lines on stdout."),
    error_option(),
    verify_option(),
    secrets_option(),
    click.Option(["--flow", "class_name"], metavar="CLASS", allow_from_autoenv=False,
                 help="The class of the flow, if the file has several flows."),
    click.Option(["--store", "store_url"], metavar="DIR|URL",
                 help=f"The store of runs [default: ${STORE}, `store` in flowc.toml, or .flowc here or above]."),
)  # fmt: skip

# The options of `resume` that Metaflow's `resume` does not have.
RESUME_OPTIONS: Sequence[click.Option] = (
    click.Option(["--target"], type=TargetName(LOCAL), default=LOCAL, show_default=True,
                 help="Resume on this machine, or on a cluster."),
    click.Option(["-o", "--output"], type=click.Path(dir_okay=False), metavar="FILE",
                 help=f"With --target {DEFAULT}: write the manifests to FILE instead of submitting them."),
    click.Option(["--force"], is_flag=True, help="Resume even if the run may still be active elsewhere."),
)  # fmt: skip

# Options that the help of `python flow.py run` lists, although these options may also precede the command.
RUN_S = ("decospecs", "tags", "namespace", "branch", "production", "cache")

# Key in a context's `meta`: the options in BEFORE_OPTIONS that precede the command, as command-line arguments.
BEFORE_COMMAND = "flowc.before"


def _before_command(option: click.Option) -> click.Option:
    changed = hidden(option)
    changed.default, changed.allow_from_autoenv = None, False
    return changed


def take_before(ctx: click.Context, values: dict[str, object]) -> list[str]:
    """Remove the values of BEFORE_OPTIONS from `values`, and return those of these options that the command line has,
    as arguments.

    Args:
        ctx: the context of the group of `python flow.py`.
        values: the values of the group's options, by name. The values of BEFORE_OPTIONS are removed.

    Returns:
        Options and values as command-line arguments for the command that loads the flow.
    """
    words: list[str] = []
    for option in BEFORE_OPTIONS:
        if not any(option is param for param in ctx.command.params):  # an extension's option replaces this option
            continue
        value = values.pop(str(option.name))
        if ctx.get_parameter_source(str(option.name)) is ParameterSource.COMMANDLINE:
            for one in value if option.multiple and isinstance(value, tuple) else [value]:
                words += [option.opts[-1]] if option.is_flag else [option.opts[-1], str(one)]
    return words


def split_top(values: dict[str, object]) -> Top:
    """Remove the values of TOP_OPTIONS from `values`, and return them; print a note for an option without effect.

    Args:
        values: the values of TOP_OPTIONS and of other options, by name.
    """
    if values.pop("pylint", None):
        click.echo("note: flowc's own checks have run; it does not run Pylint", err=True)
    for name in ("metadata", "event_logger", "monitor", "mode"):
        values.pop(name, None)  # options without effect, whose values the parser has already checked
    values["with_decorators"] = values.pop("decospecs")
    return Top._make(values.pop(name, default) for name, default in zip(Top._fields, NO_TOP, strict=True))


def add_top(ctx: click.Context, more: Top) -> Top:
    """Combine the values of options before and after the command; store the result in the context and return it.

    Values of repeatable options are joined. For other options, an option after the command takes precedence over an
    option before the command. An option in either position takes precedence over a variable or the configuration file.

    Args:
        ctx: the command's context.
        more: the values after the command.
    """
    before = top(ctx)
    fields = zip(Top._fields, before, more, strict=True)
    both = Top._make(_both(ctx, name, old, new) for name, old, new in fields)
    ctx.meta[TOP] = both
    return both


def _both(ctx: click.Context, name: str, old: object, new: object) -> object:
    """Return the joined values of a repeatable option, or the one value that takes precedence."""
    if isinstance(old, tuple) and isinstance(new, tuple):
        return (*old, *new)
    return old if new is None or _is_kept(ctx, name) else new


def _is_kept(ctx: click.Context, name: str) -> bool:
    """Return whether the command line has an option before the command and does not repeat it after the command."""
    given = ParameterSource.COMMANDLINE
    before = ctx.parent is not None and ctx.parent.get_parameter_source(name) is given
    return before and ctx.get_parameter_source(name) is not given


def top_of_environment() -> Top:
    """Return the values of TOP_OPTIONS from environment variables. The values are for `flowc run` and similar commands
    of `flowc`, whose command lines cannot have these options before the command.

    Raises:
        click.BadParameter: a variable has a value that the option does not accept.
    """
    command = click.Command("flowc", params=[*TOP_OPTIONS])
    with command.make_context("flowc", [], auto_envvar_prefix=PREFIX) as ctx:
        return split_top(dict(ctx.params))


def hidden(option: click.Option) -> click.Option:
    """Return a copy of an option; the help does not list the copy."""
    changed = copy(option)
    changed.hidden = True
    return changed


# Options that flowc's commands for running a flow have, but Metaflow's commands do not have. On the command line of
# `python flow.py`, these options may also precede the command.
BEFORE_OPTIONS: Sequence[click.Option] = tuple(
    _before_command(option)
    for option in (*RUN_OPTIONS, *RESUME_OPTIONS)
    if str(option.opts[-1])[2:].replace("-", "_") not in METAFLOW_OPTIONS
)
