"""Options with Metaflow's names: those before the command of a flow's file, and those of `run`.

`python flow.py --quiet run` and `flowc run --quiet flow.py` mean the same: what stands before the command is kept with
the context (`common.top`), and what stands behind `run` is added to it.
"""

from __future__ import annotations

from copy import copy
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from flowc.cli.common import TOP, Top, top
from flowc.cli.configured import ConfiguredOption
from flowc_runtime import settings
from flowc_runtime.contract import STORE

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

PREFIX = "METAFLOW"  # METAFLOW_RUN_MAX_WORKERS is --max-workers of `run`


def _only(name: str, setting: str, text: str, *, key: str | None = None) -> click.Option:
    """A choice of Metaflow's of which flowc has some; the others are refused with what to do instead.

    `key` is the setting of flowc's that it is; METAFLOW_DEFAULT_… comes before its configuration file.
    """
    allowed, hint = settings.CHOICES[setting]

    def callback(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
        if value is not None and value not in allowed:
            raise click.BadParameter(f"{value!r} is not supported: {hint}", ctx, param)
        return value

    attributes: dict[str, Any] = {"metavar": "|".join(allowed), "callback": callback, "help": text}
    if key is not None:
        return ConfiguredOption([name], key=key, partly=True, type=str, **attributes)
    return click.Option([name], **attributes)


def _refused(hint: str) -> Any:
    def callback(ctx: click.Context, param: click.Parameter, value: Any) -> Any:
        if value is not None:
            raise click.BadParameter(f"not supported: {hint}", ctx, param)
        return value

    return callback


# Each with the name that its value has in `Top`, if it has one there.
TOP_OPTIONS: Sequence[click.Option] = (
    click.Option(["--quiet/--not-quiet"], default=None, help="Print only what the flow prints, results and errors."),
    _only("--metadata", "DEFAULT_METADATA", "Where runs are recorded: in the store."),
    _only("--environment", "DEFAULT_ENVIRONMENT", "What steps run in.", key="environment"),
    _only("--datastore", "DEFAULT_DATASTORE", "Where artifacts are kept."),
    click.Option(["--datastore-root"], metavar="DIR|URL", help="The store of that datastore."),
    click.Option(["--package-suffixes"], metavar="LIST",
                 help="Files that travel besides Python's, as in .sql,.csv [$FLOWC_PACKAGE_SUFFIXES]."),
    click.Option(["--with", "--decospecs", "decospecs"], multiple=True, metavar="NAME[:ARG=VALUE,…]",
                 help="Decorate every step; may be repeated [$METAFLOW_DECOSPECS]."),
    click.Option(["--tag", "tags"], multiple=True, metavar="TAG", help="Tag the run; may be repeated."),
    click.Option(["--namespace"], metavar="TAG", help="The client's namespace in the steps; '' is the global one."),
    click.Option(["--branch"], metavar="NAME", allow_from_autoenv=False,
                 help="The branch of a flow with @project [$METAFLOW_BRANCH]."),
    click.Option(["--production"], is_flag=True, default=None, allow_from_autoenv=False,
                 help="The production branch of a flow with @project [$METAFLOW_PRODUCTION]."),
    click.Option(["--cache/--no-cache"], default=None, allow_from_autoenv=False,
                 help="As if every step had @cache, or none."),
    click.Option(["--trigger", "triggers"], multiple=True, metavar="FLOW/RUN", allow_from_autoenv=False,
                 help="As if the end of that run started this one, by @trigger_on_finish; may be repeated."),
    click.Option(["--pylint/--no-pylint"], default=None, help="flowc's own checks always run, Pylint never."),
    _only("--event-logger", "DEFAULT_EVENT_LOGGER", "Only the one that logs nothing."),
    _only("--monitor", "DEFAULT_MONITOR", "Only the one that monitors nothing."),
    click.Option(["--config"], nargs=2, multiple=True, metavar="NAME FILE", allow_from_autoenv=False,
                 help="Read a Config of the flow from a file; may be repeated."),
    click.Option(["--config-value"], nargs=2, multiple=True, metavar="NAME JSON", allow_from_autoenv=False,
                 help="Give a Config of the flow its value; may be repeated."),
    click.Option(["--mode"], hidden=True, callback=_refused("there are no modes")),
)  # fmt: skip

RUN_OPTIONS: Sequence[click.Option] = (
    click.Option(["--local"], is_flag=True, help="On this machine, a process per attempt: what happens anyway."),
    ConfiguredOption(["--max-workers"], key="max-workers", type=click.IntRange(min=1), metavar="N",
                     help="Tasks at once [default: as many as CPUs, and up to 16 where tasks wait]."),
    ConfiguredOption(["--max-num-splits"], key="max-num-splits", type=click.IntRange(min=1), metavar="N",
                     help="A foreach over more items fails [default: no limit]."),
    ConfiguredOption(["--start"], key="start", default="auto", show_default=True, allow_from_autoenv=False,
                     help="How tasks begin: auto: fork where importing the flow is harmless, else fresh."),
    click.Option(["--max-log-size"], type=click.IntRange(min=1), hidden=True,
                 callback=_refused("logs are kept whole; leave the option out")),
    click.Option(["--run-id-file"], type=click.Path(dir_okay=False), metavar="F",
                 help="Write the run's id to F first."),
    click.Option(["--runner-attribute-file"], type=click.Path(dir_okay=False), metavar="F", hidden=True),
    click.Option(["--params-file", "params_files"], type=click.Path(dir_okay=False), multiple=True, metavar="FILE",
                 help="Parameters by their names, in YAML, JSON or TOML; may be repeated, the last counts."),
    ConfiguredOption(["--log-format"], key="log-format", default="text", show_default=True,
                     help="Lines for people, or JSON lines on stdout."),
    click.Option(["--flow", "class_name"], metavar="CLASS", help="The flow's class, if the file has several."),
    click.Option(["--store", "store_url"], metavar="DIR|URL",
                 help=f"Where runs are kept [default: ${STORE}, `store` in flowc.toml, or .flowc found upward]."),
)  # fmt: skip

# Those of them that Metaflow has behind `run`.
_RUN_S = ("decospecs", "tags", "namespace", "branch", "production", "cache")

# What has to be known before the flow is loaded, and so before its parameters are.
_EARLY = ("decospecs", "branch", "production", "config", "config_value", "class_name", "cache")


def split_top(values: dict[str, Any]) -> Top:
    """The part of the values that belongs to `Top`; it is taken out of them. What means nothing here is told."""
    if values.pop("pylint", None):
        click.echo("note: flowc's own checks have run; it does not run Pylint", err=True)
    for name in ("metadata", "event_logger", "monitor", "mode"):
        values.pop(name, None)  # checked when they were parsed; the one value that there is changes nothing
    values["with_decorators"] = values.pop("decospecs")
    return Top(**{name: values.pop(name) for name in Top._fields if name in values})


def add_top(ctx: click.Context, more: Top) -> Top:
    """Add what stands behind the command to what stands before it, which yields where there can be one value."""
    before = top(ctx)
    both: dict[str, Any] = {
        name: (old + new) if isinstance(old, tuple) else (old if new is None else new)
        for name, old, new in zip(Top._fields, tuple[Any, ...](before), tuple[Any, ...](more), strict=True)
    }
    ctx.meta[TOP] = Top(**both)
    return Top(**both)


def top_of_environment() -> Top:
    """What the environment says where no options can stand before the command, as in `flowc run`."""
    command = click.Command("flowc", params=[*TOP_OPTIONS])
    with command.make_context("flowc", [], auto_envvar_prefix=PREFIX) as ctx:
        return split_top(dict(ctx.params))


# -- finding the flow among the words ----------------------------------------------------------------------------------


class Early(NamedTuple):
    """What is known of a command line of `run` before the flow is."""

    file: str | None
    class_name: str | None
    start: str
    top: Top
    more: dict[str, Any]  # the store, and the values of the options that `scan` was given besides


def scan(ctx: click.Context, words: Sequence[str], *, own: bool, more: Sequence[click.Option] = ()) -> Early:
    """Read what the flow is loaded with from the words of `run`.

    The flow's file is the first word that is neither an option nor an option's value: every option that is not known,
    a parameter's, takes one value.
    """
    known = {
        name: option
        for option in (*more, *RUN_OPTIONS, *TOP_OPTIONS)
        for name in (*option.opts, *option.secondary_opts)
    }
    if own and (cls := ctx.find_object(type)) is not None:  # whose parameters hide options
        hidden = {f"--{name}" for name in _parameter_names(cls)}
        known = {name: option for name, option in known.items() if name not in hidden}
    wanted = {*_EARLY, "store_url", "start", *(option.name for option in more)}
    early: list[str] = []
    file = None
    at = 0
    while at < len(words):
        name, equals, _ = words[at].partition("=")
        length = 1
        if words[at] == "--":
            break
        if words[at].startswith("-"):
            option = known.get(name)
            if option is None:
                length += not equals and name != "--help"
            elif not option.is_flag:
                length += option.nargs - (1 if equals else 0)
            if option is not None and option.name in wanted:
                early += words[at : at + length]
        elif file is None and not own:
            file = words[at]
        at += length
    command = click.Command("run", params=[option for option in dict.fromkeys(known.values()) if option.name in wanted])
    with command.make_context(ctx.info_name, early, parent=ctx.parent, auto_envvar_prefix=f"{PREFIX}_RUN") as inner:
        values = dict(inner.params)
    class_name, start = values.pop("class_name"), values.pop("start", "auto")
    others = {name: values.pop(name) for name in ("store_url", *(str(option.name) for option in more))}
    return Early(file, class_name, start, split_top(values), others)


def _parameter_names(cls: type) -> list[str]:
    from metaflow.parameters import Parameter

    declared = (value for base in cls.__mro__ for value in vars(base).values())
    return [str(value.name) for value in declared if isinstance(value, Parameter)]


def beside(taken: Collection[str], *, own: bool) -> list[click.Option]:
    """The options of `run` for a flow whose parameters are `taken`: a parameter hides an option of TOP_OPTIONS.

    The help of a flow's own `run` leaves out those that the help of its file has.
    """
    names = {name.replace("-", "_") for name in taken}
    shown = [option for option in TOP_OPTIONS if not {opt[2:].replace("-", "_") for opt in option.opts} & names]
    return [*RUN_OPTIONS, *(_hidden(option) if own and option.name not in _RUN_S else option for option in shown)]


def _hidden(option: click.Option) -> click.Option:
    changed = copy(option)
    changed.hidden = True
    return changed
