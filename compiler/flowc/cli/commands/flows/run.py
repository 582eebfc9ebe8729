"""`flowc run`: runs a flow on this machine. The flow's parameters are options of the command."""

from __future__ import annotations

import atexit
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, cast

import click

from flowc.cli import context_of
from flowc.cli.options.common import CODE, CODE_HELP, LOADED, TOP, FlowOptions, fail, top
from flowc.cli.options.configs import EARLIER
from flowc.cli.options.configured import ConfiguredOption, is_given
from flowc.cli.options.definitions import (
    PREFIX,
    RUN_OPTIONS,
    RUN_S,
    TOP_OPTIONS,
    add_top,
    hidden,
    split_top,
    top_of_environment,
)
from flowc.cli.options.loading import Checked, load_flow, require_runnable
from flowc.cli.options.parameters import option_texts, parameter_options
from flowc.cli.rendering.what_next import FLOW
from flowc.cli.running.beginning import interruptible
from flowc.cli.running.environment import chosen
from flowc.cli.running.execution import run_here
from flowc.cli.running.run_kinds import RunKind
from flowc.cli.running.starting import ORIGIN, STATE, foresee
from flowc.cli.words.option_values import executor
from flowc.cli.words.run_help import GroupedCommand, about_own_flow
from flowc.cli.words.split import NO_NAMES, CommandWords, Names, name_of
from flowc.cli.words.variables import asked_retry
from flowc.frontends.metaflow.parameters import declared_parameters
from flowc.frontends.reserved_names import METAFLOW_OPTIONS
from flowc.opening import CodeOf, is_ir, is_yaml
from flowc_emulator.processes.process_state import State
from flowc_emulator.scheduling.seeds import Seeds
from flowc_ir.late import LateFunction, LateModule
from flowc_runtime.base.ambient import ambient
from flowc_runtime.process.origin import ProcessOrigin

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from flowc.cli.commands.flows.executors import run_elsewhere
    from flowc.cli.commands.flows.resume import note_other_flow, retry_run
    from flowc.cli.options.common import Top
    from flowc.cli.words.misplaced import check_extra, single_dash
    from flowc.frontends.ir import loading as ir_loading
    from flowc_emulator.processes import agent as agents
    from flowc_runtime.store.backends.objects import Objects
else:  # imported at first use
    agents = LateModule("flowc_emulator.processes.agent")  # only remote stores need it
    ir_loading = LateModule("flowc.frontends.ir.loading")  # only an IR as FLOW needs it
    check_extra = LateFunction("flowc.cli.words.misplaced:check_extra")  # only errors need this and `single_dash`
    single_dash = LateFunction("flowc.cli.words.misplaced:single_dash")
    run_elsewhere = LateFunction("flowc.cli.commands.flows.executors:run_elsewhere")  # for executors except `local`
    note_other_flow = LateFunction("flowc.cli.commands.flows.resume:note_other_flow")
    retry_run = LateFunction("flowc.cli.commands.flows.resume:retry_run")


EXECUTOR_OPTION = ConfiguredOption(
    ["--executor"], key="executor", type=str, default="local", show_default=True, metavar="NAME",
    allow_from_autoenv=False, help="Run with local, mock, a target that runs flows, or the executor of a package.",
)  # fmt: skip
CODE_OPTION = click.Option(["--code", "code_place"], metavar="DIR|ARCHIVE", help=CODE_HELP)


def _elsewhere(checked: Checked, given: Mapping[str, Sequence[str]], options: Mapping[str, object]) -> int | None:
    """Run a flow with the chosen executor and return the exit code, or None if the executor is the emulator.

    Raises click.UsageError.
    """
    name = executor(options)
    if is_given("executor") and name != options["executor"]:
        other = "--local" if options["local"] else "--mock"
        raise click.UsageError(f"--executor {options['executor']} and {other} exclude each other")
    return None if name in ("local", "mock") else run_elsewhere(name, checked, given, options)


RUN = RunKind("run", "Run FLOW.", params=(EXECUTOR_OPTION,), elsewhere=_elsewhere)


class RunCommand(click.Command):
    """A command that runs a flow, such as `run`.

    The command receives its arguments unparsed, because its options depend on the flow in the arguments.
    """

    kind = RUN

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse the command line. During tab completion, add the parameters of the flow that the command line names."""
        if ctx.resilient_parsing:
            from flowc.cli.commands.flow_completion import know_flow

            know_flow(self, ctx, partial(words_of, ctx, args, self.kind))
        return super().parse_args(ctx, args)

    def invoke(self, ctx: click.Context) -> object:
        """Call the command. If a signal arrives before the command returns, the command ends, and the run is recorded
        as interrupted."""
        with interruptible():
            return super().invoke(ctx)

    def known_params(self, *, own: bool = True) -> list[click.Parameter]:
        """Return the command's options and arguments that do not depend on the flow.

        If `own` is true, the command is one of `python flow.py …`, otherwise of `flowc`.
        """
        words = CommandWords(context_of(self), [], _options(self.kind, own=own), own=own, command=self.kind.name)
        return _command(None, Seeds(), self.kind, words, own=own).params

    def collect_usage_pieces(self, ctx: click.Context) -> list[str]:
        """Return the parts of the usage line; for `python flow.py …`, without FLOW."""
        if ctx.find_object(type) is None:
            return super().collect_usage_pieces(ctx)
        own = [param for param in self.kind.params if isinstance(param, click.Argument)]
        return click.Command(self.name, params=[*own]).collect_usage_pieces(ctx)

    @property
    def reserved(self) -> frozenset[str]:
        """The names of those options of the command that a parameter with the same name does not replace."""
        of_run = {option.name for option in RUN_OPTIONS if name_of(option.opts[0]) in METAFLOW_OPTIONS}
        return frozenset({*self.kind.keeps, *map(str, of_run), "decospecs", "tags", "namespace"})


def run_like(
    kind: RunKind, words: str, about: str
) -> Callable[[Callable[[click.Context, tuple[str, ...]], None]], RunCommand]:
    """Return a decorator that turns a function into a command that runs flows.

    Args:
        kind: the command.
        words: the arguments in the usage line.
        about: the text of the help.
    """

    def make(function: Callable[[click.Context, tuple[str, ...]], None]) -> RunCommand:
        command = RunCommand(
            kind.name,
            params=[click.Argument(["words"], nargs=-1, type=click.UNPROCESSED, metavar=words)],
            callback=click.pass_context(function),
            help=about,
            context_settings={"ignore_unknown_options": True, "allow_extra_args": True},
            add_help_option=False,
        )
        command.kind = kind
        return command

    return make


@run_like(RUN, "FLOW", "Run FLOW. The flow's parameters are options; `flowc run FLOW --help` lists them.")
def run_command(ctx: click.Context, words: tuple[str, ...]) -> None:
    """Run a flow, or retry the run that an environment variable names."""
    of_program = LOADED in ctx.meta
    if not asks_for_help(ctx, words) and (asked := asked_retry(of_program=of_program)) is not None:
        note_other_flow(ctx, words, asked) if of_program else retry_run(ctx, words, asked)
    start(ctx, words, RUN)


def words_of(ctx: click.Context, words: Sequence[str], kind: RunKind) -> CommandWords:
    """Split the arguments of a command such as `run` into FLOW and the arguments before and after FLOW."""
    own = ctx.find_object(type) is not None
    return CommandWords(ctx, words, _options(kind, own=own), own=own, command=kind.name)


def asks_for_help(ctx: click.Context, words: Sequence[str]) -> bool:
    """Return whether the arguments include `--help` or `-h`."""
    return not set(ctx.help_option_names).isdisjoint(words)


def _options(kind: RunKind, *, own: bool) -> list[click.Option]:
    """Return the options of a command; only commands of `flowc`, where FLOW may be an IR, have `--code`."""
    of_kind = [param for param in kind.params if isinstance(param, click.Option)]
    if own:  # `python flow.py run` always runs on this machine
        of_kind = [option for option in of_kind if option is not EXECUTOR_OPTION]
    of_ir = [] if own else [CODE_OPTION]
    return [option for option in (*of_kind, *RUN_OPTIONS, *TOP_OPTIONS, *of_ir) if option.name not in kind.without]


def start(ctx: click.Context, words: Sequence[str], kind: RunKind) -> None:
    """Load the flow that the command line names, parse the command line with the flow's parameters, and run the flow.

    Args:
        ctx: the command's context.
        words: the command-line arguments after the command.
        kind: the command.

    Raises:
        click.UsageError: FLOW is missing, or an option is unknown or has a wrong value.
        SystemExit: always, unless a click.UsageError is raised: with the exit code of the run, or because the flow
            cannot be loaded or has faults.
    """
    own = ctx.find_object(type) is not None
    given = words_of(ctx, words, kind)
    file = given.line.file
    if not own and file is None:
        if asks_for_help(ctx, words) or not words:
            click.echo(_command(None, Seeds(), kind, given, own=False).get_help(ctx))
            ctx.exit(0 if words else 2)
        raise click.MissingParameter(ctx=ctx, param_hint="'FLOW'", param_type="argument")
    before = top(ctx) if own else top_of_environment()
    seeds = Seeds()
    if not own:  # the state before the flow's import; `python flow.py` is already importing the flow
        ctx.meta[STATE], ctx.meta[ORIGIN] = State.now(), ProcessOrigin.now()
    ctx.meta[FLOW] = file
    given.foreseen_errors()
    if not given.foreseen_mock():  # mocked tasks have no processes, so no fork server is needed
        foresee(ctx, _file_of(ctx, file), given.foreseen_start())
    _keep_from_obstore()
    with seeds.watch():
        found, names = _load(ctx, given, kind, before)
    ctx.meta[TOP] = before
    command = _command(found, seeds, kind, given, own=own, names=names)
    prefix = f"{PREFIX}_{kind.name.upper()}"
    try:
        inner = command.make_context(ctx.info_name, given.final(names), parent=ctx.parent, auto_envvar_prefix=prefix)
    except click.BadOptionUsage as error:
        if error.option_name == "--help" and "help" in names.taken:
            raise click.UsageError(f"Option '--help' is a parameter of the flow. {given.help_hint()}", ctx) from None
        raise
    except click.NoSuchOption as error:
        raise single_dash(error, error.ctx or ctx) from None
    if inner.args:
        check_extra(inner, found.flow.parameters)
    with inner:
        command.invoke(inner)


def _load(ctx: click.Context, given: CommandWords, kind: RunKind, before: Top) -> tuple[Checked, Names]:
    """Load the flow with the options on the command line. Return the flow, and the names of its parameters.

    After FLOW, a parameter's name takes precedence over flowc's option of the same name. The parameters are known only
    after the flow is loaded, because mutators add and remove parameters. However, options such as `--config` affect the
    loading itself. Each loading shows which options after FLOW are parameters. If this changes the options that affect
    the loading, the flow is loaded again.
    """
    if given.line.file is not None and is_ir(given.line.file):
        ctx.meta[CODE] = _code_of_ir(given, kind)
    elif given.line.file is not None and (place := given.code_before()) is not None:
        # For a flow in Python, `--code` is an error, which is reported before the import.
        ctx.meta[CODE] = CodeOf(place)
    known: dict[str, Names] = {}  # the parameters of each loaded class, by the class's name
    tried: list[frozenset[str]] = []
    # set during loading: the flow's class, and the options after FLOW that affect the loading
    loading: tuple[type, frozenset[str]] | None = None

    def names(cls: type) -> Names:
        found = {name_of(name): bool(each.is_flag) for name, each in declared_parameters(cls).items()}
        return Names(frozenset(found) - kind.keeps, frozenset(name for name, flag in found.items() if flag))

    def declared(cls: type) -> Names:
        return known.get(cls.__name__) or names(cls)

    def read(cls: type) -> None:
        nonlocal loading
        early = given.early(declared(cls))
        given.check_class(declared(cls))
        loading = cls, given.behind(declared(cls))
        ctx.meta[TOP] = before
        asked = add_top(ctx, early.top)
        if kind.configs is not None:
            if asked.config or asked.config_value:
                fail(
                    "a resumed run has the configs of the run that it resumes", "to set configs, start a new run: `run`"
                )
            ctx.meta[EARLIER] = partial(kind.configs, early.more)

    def otherwise(cls: type | None) -> str | None:
        return given.class_behind(NO_NAMES if cls is None else declared(cls))

    while True:
        found, error = None, None
        try:
            found = load_flow(ctx, given.line.file, given.class_before(), read=read, otherwise=otherwise)
        except click.UsageError as raised:  # the rejected option may be a parameter of the flow
            error = raised
        if loading is None:
            assert error is not None
            raise error
        (cls, used), loading = loading, None
        taken = names(cls)
        behind = given.behind(taken)
        if error is not None and (behind == used or behind in tried):
            raise error
        if found is not None and behind == used:
            return found, taken
        if behind in tried:
            unclear = ", ".join(f"--{name.replace('_', '-')}" for name in sorted(behind ^ used))
            message = f"the value of {unclear} decides whether the flow has a parameter of this name"
            fail(message, "write flowc's options before FLOW")
        tried.append(behind)
        known[cls.__name__] = taken


def _code_of_ir(given: CommandWords, kind: RunKind) -> CodeOf:
    """Return the location of the IR's code: the value of `--code`, unless the flow has a parameter `code`."""
    flags = {name_of(name): flag for name, flag in ir_loading.flags_of_ir(Path(given.line.file or "")).items()}
    taken = frozenset(flags) - kind.keeps
    early = given.early(Names(taken, frozenset(name for name in taken if flags[name])))
    suffixes = FlowOptions(package_suffixes=early.top.package_suffixes).suffixes()
    return CodeOf(cast("str | None", early.more["code_place"]), suffixes)


def _file_of(ctx: click.Context, file: str | None) -> Path | None:
    """Return the flow's Python file: FLOW on the command line, or the program itself.

    Return None if FLOW is an IR or a YAML file.
    """
    if (cls := ctx.find_object(type)) is None:
        return Path(file.partition(":")[0]) if file is not None and not (is_ir(file) or is_yaml(file)) else None
    own = getattr(sys.modules.get(cls.__module__), "__file__", None)
    return Path(own) if own is not None else None


def _keep_from_obstore() -> None:
    """Make `metaflow`'s client read buckets through a separate process.

    Hazard: the flow's code may use the client while it is imported. The library for buckets starts threads, and threads
    do not survive the forks that become tasks. This process must therefore not use the library for buckets.
    """

    def ask(url: str) -> Objects:
        agent = agents.Agent(url)
        atexit.register(agent.leave)
        return agent

    ambient().open_bucket = ask


def _command(
    found: Checked | None, seeds: Seeds, kind: RunKind, words: CommandWords, *, own: bool, names: Names = NO_NAMES
) -> click.Command:
    """Return the command with flowc's options and, if there is a flow, an option for each parameter of the flow."""
    params: list[click.Parameter] = [param for param in kind.params if isinstance(param, click.Argument)]
    params += words.yielding(_shown(_options(kind, own=own), own=own), names)
    if not own:
        params.insert(0, click.Argument(["file"], metavar=kind.flow))
    params += words.help_option(names)
    of_flow = parameter_options(found, without=kind.keeps) if found else []
    params += of_flow

    def callback(**options: object) -> None:
        assert found is not None
        if options.pop("code_place", None) is not None and CODE not in click.get_current_context().meta:
            raise click.UsageError("--code names the code of an IR, but FLOW is not an IR: leave out --code")
        require_runnable(found.flow)
        given = option_texts(found.flow, options)
        add_top(click.get_current_context(), split_top(options))
        if kind.elsewhere is not None and (code := kind.elsewhere(found, given, options)) is not None:
            raise SystemExit(code)
        options["environment"] = chosen(click.get_current_context())
        raise SystemExit((kind.execute or run_here)(found, seeds, given, options, kind))

    about = about_own_flow(kind.about) if own else kind.about
    if found and found.flow.doc and kind is RUN:
        about = found.flow.doc
    extra = {"allow_extra_args": True}  # `check_extra` reports them
    return GroupedCommand(kind.name, of_flow, params=params, callback=callback, help=about, context_settings=extra)


def _shown(options: Sequence[click.Option], *, own: bool) -> list[click.Option]:
    """Return the options for the help of a command.

    The help of `python flow.py run` does not repeat the options that `python flow.py --help` lists.
    """
    elsewhere = [option for option in TOP_OPTIONS if own and option.name not in RUN_S]
    return [hidden(option) if option in elsewhere else option for option in options]
