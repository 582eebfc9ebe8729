"""The command lines `flowc …` and `python flow.py …`. Only this package combines the other packages.

The module of a command is imported when the command is called, so `flowc --help` imports none of them.
`words.exit_codes` has the exit codes.
"""

from __future__ import annotations

import os
import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final, NoReturn

import click

from flowc import __version__
from flowc.cli.commands.deployed import CommandTable, command_of_words, default_command, own_command

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from click.shell_completion import CompletionItem

__all__ = ["flow_main", "main"]

# name: (module, relative to this package; help in `flowc --help`). A target's deployment adds commands in between.
COMMANDS: Final = CommandTable(
    before={
        "run": (".commands.flows.run", "Run a flow on this machine."),
        "resume": (".commands.flows.resume", "Resume a run: run only what it did not finish."),
        "spin": (".commands.flows.spin", "Run one step alone, with its inputs from an earlier run."),
        "retry": (".commands.flows.resume", "Resume your newest failed run."),
        "check": (".commands.flows.check", "Check a flow and report all faults at once."),
        "ir": (".commands.flows.check", "Print the intermediate representation of a flow."),
        "compile": (".commands.flows.compile", "Compile a flow to the manifests of an orchestrator."),
    },
    after={
        "runs": (".commands.store.read", "List runs."),
        "tag": (".commands.store.tag", "Tag runs, and list their tags."),
        "show": (".commands.store.show", "Show the status and the details of a run, a step or a task."),
        "logs": (".commands.store.logs", "Print the logs of tasks."),
        "dump": (".commands.store.dump", "Print the artifacts of a task."),
        "artifact": (".commands.store.artifact", "List the versions of an artifact, or write one to a file."),
        "gc": (".commands.store.gc", "Delete runs and unreferenced data."),
        "fsck": (".commands.store.fsck", "Check the store for damaged and missing data, and repair it."),
        "debug": (".commands.flows.debug", "Run a task again under pdb, with its original inputs."),
        "config": (".commands.config", "Show the settings and the source of each value."),
        "completion": (".commands.completion", "Print the completion script of a shell."),
        "card": (".commands.store.card", "Show the cards of tasks."),
        "doctor": (".commands.doctor", "Check the installation: installed and missing packages."),
    },
)
# Commands that do not end at a fault in the configuration file: they report it themselves, or use no settings.
WITHOUT_CONFIGURATION = ("config", "doctor", "completion", "help", "version")
# The commands of a flow's own file, with Metaflow's names.
FLOW_COMMANDS: Mapping[str, tuple[str, str]] = {
    "run": COMMANDS["run"],
    "spin": COMMANDS["spin"],
    "resume": (".commands.flows.resume", "Resume a run: run only what it did not finish."),
    "check": (".commands.flows.check", "Check the flow and report all faults at once (the default)."),
    "show": (".flow_file.show", "Show the steps of the flow."),
    "dump": (".flow_file.dump", "Print the artifacts of tasks."),
    "logs": (".flow_file.logs", "Print the logs of tasks."),
    "card": (".flow_file.card", "Show the cards of tasks."),
    "tag": (".flow_file.tag", "Tag runs, and list their tags."),
    "output-dot": (".flow_file.show", "Print the graph for Graphviz."),
    "output-raw": (".flow_file.show", "Print Metaflow's internal form of the graph."),
    "version": (".flow_file.show", "Print the version."),
    "help": (".flow_file.show", "Show this help."),
}


class LazyGroup(click.Group):
    """A group whose commands are in modules that are imported on demand; the table has their short helps.

    `misplaced` names the function of `flowc.cli.words.misplaced` that reports an unknown option before the command.
    """

    misplaced: str | None = "before_command"

    def __init__(
        self,
        commands: Mapping[str, tuple[str, str]],
        refused: Callable[[str], click.Command | None] | None = None,
        **attributes: Any,
    ) -> None:
        super().__init__(**attributes)
        self._lazy = commands
        self._refused = refused

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self._lazy)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self._lazy:
            return self._refused(cmd_name) if self._refused else None
        module, _ = self._lazy[cmd_name]
        if module.startswith("."):
            command = getattr(import_module(module, __name__), f"{cmd_name.replace('-', '_')}_command")
            assert isinstance(command, click.Command)
        else:
            command = default_command(cmd_name)
        if ctx.resilient_parsing:  # a shell asks for completions: nothing will run
            from flowc.cli.commands.completion import prepare

            prepare(command)
        return command

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        from click.shell_completion import CompletionItem

        known = [CompletionItem(name, help=text) for name, (_, text) in self._lazy.items()]
        return [
            *(item for item in known if item.value.startswith(incomplete)),
            *click.Command.shell_complete(self, ctx, incomplete),
        ]

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in self._lazy.items()])

    def make_context(self, *args: Any, **more: Any) -> click.Context:
        try:
            return super().make_context(*args, **more)
        except KeyboardInterrupt:
            _end_interrupted()

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        words = [*args]
        try:
            return super().parse_args(ctx, args)
        except click.NoSuchOption as error:
            if self.misplaced is None:
                raise
            from flowc.cli.words import misplaced

            raise getattr(misplaced, self.misplaced)(ctx, words, error, self._lazy) from None

    def invoke(self, ctx: click.Context) -> Any:
        from flowc.cli.rendering.refusals import told_in_a_line
        from flowc_runtime.base.config import settings
        from flowc_runtime.base.errors import ConfigurationError, FlowcError
        from flowc_runtime.store.records import unreadable

        try:
            settings.check()
            with told_in_a_line(), unreadable.told_through(lambda line: click.echo(f"warning: {line}", err=True)):
                return super().invoke(ctx)
        except ConfigurationError as error:
            from flowc.cli.options.configured import FaultyConfiguration

            raise FaultyConfiguration(error) from None
        except KeyboardInterrupt:
            _end_interrupted()
        except FlowcError as error:  # such as an unreachable store: one line, whatever the command
            from flowc.cli.options.common import fail

            fail(str(error))

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if not ctx.resilient_parsing and args[0] not in WITHOUT_CONFIGURATION:
            _check_installation()
            from flowc_runtime.base.config.configuration import current_file

            current_file()  # every command reports a fault in it
        if isinstance(self._lazy, CommandTable) and (command := command_of_words(args, self._lazy.own)) is not None:
            return args[0], command, args[1:]
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            from flowc.cli.words import misplaced, unknown
            from flowc_ir.suggestion import closest

            if self.misplaced == "before_command":
                told = unknown.of_flowc(ctx, args, FLOW_COMMANDS) or misplaced.not_a_command(ctx, args, self._lazy)
                if told is not None:
                    raise told from error
            if self.misplaced == "before_command" and closest(args[0], ("help",)):
                raise click.UsageError(f"No such command {args[0]!r}. Did you mean 'flowc --help'?", ctx) from error
            close, flow = closest(args[0], self._lazy), ctx.find_object(type)
            if flow is not None and (args[0] in COMMANDS or not close):
                told = unknown.of_a_flow(ctx, args, COMMANDS, flow.__name__)
                if told is not None:
                    raise told from error
            if close:
                raise click.UsageError(f"No such command {args[0]!r}. Did you mean {close!r}?", ctx) from error
            raise


class MainGroup(LazyGroup):
    """The commands of `flowc`. The help names the system that flows are compiled to."""

    def format_help_text(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        from flowc.targets.table import default_deployment

        system = default_deployment().system
        self.help = f"Check flows in the Metaflow API, run them on this machine, and compile them to {system}."
        super().format_help_text(ctx, formatter)


def _end_interrupted() -> NoReturn:
    """End with the exit code that shells expect after Ctrl-C; click would print "Aborted!" and exit with 1."""
    click.echo("interrupted by SIGINT", err=True)
    raise SystemExit(130) from None


def _check_installation() -> None:
    """End the program if another package provides `metaflow`; warn if files of `metaflow` are mixed up."""
    from flowc.installation import REPAIR, find_fault

    fault = find_fault()
    if fault is None:
        return
    if fault.fatal:
        from flowc.cli.options.common import fail

        fail(fault.message, REPAIR)
    click.echo(f"warning: {fault.message}\nhint: {REPAIR}", err=True)


def _version(ctx: click.Context, param: click.Parameter, value: bool) -> None:
    if value:
        click.echo(f"flowc {__version__}")
        ctx.exit()


def _group(
    name: str,
    commands: Mapping[str, tuple[str, str]],
    text: str,
    kind: type[LazyGroup] = LazyGroup,
    **attributes: Any,
) -> LazyGroup:
    version = click.Option(
        ["--version"], is_flag=True, expose_value=False, is_eager=True, callback=_version, help="Print the version."
    )
    params = [*attributes.pop("params", ()), version]
    context = {"max_content_width": 100, "help_option_names": ["--help", "-h"]}
    return kind(commands, name=name, help=text, params=params, context_settings=context, **attributes)


def main() -> None:
    """Run the program `flowc`."""
    from flowc.cli.rendering.streams import open_closed, told_if_full

    open_closed()
    if "_FLOWC_COMPLETE" in os.environ:
        from flowc.cli.commands.shells import register

        register()
    with told_if_full():
        flowc_group().main(prog_name="flowc")


def flowc_group() -> LazyGroup:
    """Return the commands of the program `flowc`."""
    return _group("flowc", COMMANDS, "", MainGroup)


def flow_main(cls: type) -> None:
    """Run the command line of a flow's own file: `python flow.py run`."""
    from flowc.cli.rendering.streams import open_closed, told_if_full
    from flowc_runtime.process import loader

    open_closed()
    if cls.__module__ == "__main__":
        names = loader.find_main()
        names["__name__"] = loader.adopt_main().__name__
    text = (cls.__doc__ or f"The flow {cls.__name__}.").strip()
    from flowc.cli.options.configs import describe_configs

    group = flow_group(sys.argv[0], text)
    describe_configs(group.params, cls)
    _add_options(group, cls)
    with told_if_full():
        group.main(prog_name=f"python {sys.argv[0]}", obj=cls, auto_envvar_prefix="METAFLOW")


def _add_options(group: click.Group, cls: type) -> None:
    """Add the options that extensions' decorators define to the options before the command."""
    from metaflow import _extensions

    if not _extensions.decorators:
        return
    from flowc.cli.options.common import fail
    from flowc.cli.options.definitions import BEFORE_OPTIONS
    from metaflow._legacy.options import options_of

    own = {name for option in options_of(cls) for name in option.opts}
    group.params = [param for param in group.params if param not in BEFORE_OPTIONS or not own.intersection(param.opts)]
    taken = {option for param in group.params for option in param.opts}
    for option in options_of(cls):
        if both := taken.intersection(option.opts):
            fail(f"an extension defines the option {min(both)}, which already exists")
        group.params.append(option)


def flow_group(name: str = "start", text: str = "The command line of a flow's file.") -> LazyGroup:
    """Return the commands of a flow's own file. The context's object is the flow's class."""
    from flowc.cli.flow_file.common import FlowGroup, begin
    from flowc.cli.options.definitions import BEFORE_OPTIONS, TOP_OPTIONS
    from flowc.cli.words.refused import refused_command

    def unlisted(command: str) -> click.Command | None:  # for metaflow.runner, and commands that only explain
        if command == "signature":
            from flowc.cli.flow_file.signature import signature_command

            return signature_command
        if command == "deploy":
            return own_command(command)
        return refused_command(command)

    return _group(
        name, FLOW_COMMANDS, text, FlowGroup, refused=unlisted, params=[*TOP_OPTIONS, *BEFORE_OPTIONS], callback=begin,
        invoke_without_command=True,
    )  # fmt: skip
