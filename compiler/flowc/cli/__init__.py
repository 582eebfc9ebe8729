"""The command lines `flowc …` and `python flow.py …`.

`flowc.cli` is the only package that combines the front ends, the passes, the targets and the emulator. The module of a
command is imported only when that command is called, so `flowc --help` imports no command's module. `words.exit_codes`
lists the exit codes of all commands.
"""

from __future__ import annotations

import os
import sys
from importlib import import_module
from typing import TYPE_CHECKING, Final, NoReturn, TypedDict

from flowc import __version__
from flowc.cli.commands.deployed import CommandTable, command_of_words, default_command
from flowc.cli.light_click import click
from flowc.cli.rendering.streams import open_closed, reporting_failed_output
from flowc.targets.table import default_deployment
from flowc_ir.late import LateFunction, LateModule

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from click.shell_completion import CompletionItem
    from typing_extensions import Unpack

    from flowc.cli.commands.completion import prepared
    from flowc.cli.commands.shells import register
    from flowc_runtime.base.config import configuration
    from flowc_runtime.process.collecting import collect_rarely
    from flowc_runtime.process.quick_end import end as end_quickly

    class _Attributes(TypedDict, total=False):
        name: str | None
        help: str | None
        params: list[click.Parameter]
        context_settings: dict[str, object]
        callback: Callable[[], object] | None
        invoke_without_command: bool

else:  # imported at first use: `flowc --help` needs none of these functions
    prepared = LateFunction("flowc.cli.commands.completion:prepared")  # only tab completion needs it
    register = LateFunction("flowc.cli.commands.shells:register")
    collect_rarely = LateFunction("flowc_runtime.process.collecting:collect_rarely")
    configuration = LateModule("flowc_runtime.base.config.configuration")
    end_quickly = LateFunction("flowc_runtime.process.quick_end:end")

__all__ = ["main"]

# Maps a command's name to its module (relative to this package) and its line in `flowc --help`. The commands of the
# default target's deployment, such as `deploy`, are listed between the commands in `before` and in `after`.
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
        "ui": (".commands.store.ui", "Open the page that shows runs, in the browser."),
        "runs": (".commands.store.read", "List runs."),
        "tag": (".commands.store.tag", "Tag runs, and list their tags."),
        "show": (".commands.store.show", "Show the status and the details of a run, a step or a task."),
        "metrics": (".commands.store.show_metrics", "Print the metrics of runs or of a run's tasks."),
        "logs": (".commands.store.logs", "Print the logs of tasks."),
        "dump": (".commands.store.dump", "Print the artifacts of a task."),
        "artifact": (".commands.store.artifact", "List the versions of an artifact, or write one to a file."),
        "stop": (".commands.store.stop", "End a run of this machine."),
        "gc": (".commands.store.gc", "Delete runs and unreferenced data."),
        "fsck": (".commands.store.fsck", "Check the store for damaged and missing data, and repair it."),
        "debug": (".commands.flows.debug", "Run a task again under pdb, with its original inputs."),
        "config": (".commands.config", "Show the settings and the source of each value."),
        "completion": (".commands.completion", "Print the completion script of a shell."),
        "card": (".commands.store.card", "Show the cards of tasks."),
        "doctor": (".commands.doctor", "Check the installation: installed and missing packages."),
    },
)
# Commands that run even if the configuration file has a fault: these commands report the fault themselves, or use no
# settings.
WITHOUT_CONFIGURATION = ("config", "doctor", "completion", "help", "version")
# Maps the commands of `python flow.py …`, which have the same names in Metaflow, to their modules and their lines in
# the help.
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


# Keyword arguments of every `click.Context` of flowc; click passes these arguments on to the commands of a group.
_SETTINGS: Mapping[str, object] = {"max_content_width": 100, "help_option_names": ["--help", "-h"]}


class LazyGroup(click.Group):
    """A group of commands whose modules are imported on demand; the help texts of the commands come from a table.

    `misplaced` is the name of a function in `flowc.cli.words.misplaced`. The function returns the error for an unknown
    option before the command.
    """

    misplaced: str | None = "before_command"

    def __init__(
        self,
        commands: Mapping[str, tuple[str, str]],
        refused: Callable[[str], click.Command | None] | None = None,
        **attributes: Unpack[_Attributes],
    ) -> None:
        super().__init__(**attributes)
        self._lazy = commands
        self._refused = refused

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of the commands, in the order in which the help lists them."""
        return list(self._lazy)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return a command, or None if the group has no such command.

        If a shell asks for completions, the parameters of the command also get candidates for their values. For a
        command that only Metaflow has, return a command that fails with an error; the error names the replacement.
        """
        if cmd_name not in self._lazy:
            return self._refused(cmd_name) if self._refused else None
        module, _ = self._lazy[cmd_name]
        if module.startswith("."):
            command = getattr(import_module(module, __name__), f"{cmd_name.replace('-', '_')}_command")
            assert isinstance(command, click.Command)
        else:
            command = default_command(cmd_name)
        if ctx.resilient_parsing:  # a shell asks for completions, so no command will run
            return prepared(command)
        return command

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Return the commands and options that begin with the incomplete word, without importing a command."""
        from click.shell_completion import CompletionItem

        known = [CompletionItem(name, help=text) for name, (_, text) in self._lazy.items()]
        return [
            *(item for item in known if item.value.startswith(incomplete)),
            *click.Command.shell_complete(self, ctx, incomplete),
        ]

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands in the help, one line each, without importing a command."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in self._lazy.items()])

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: object
    ) -> click.Context:
        """Parse the command line; after Ctrl-C, end with exit code 130."""
        try:
            return super().make_context(info_name, args, parent, **extra)
        except KeyboardInterrupt:
            _end_interrupted()

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse the options before the command.

        Raises:
            click.UsageError: an option is unknown; the message names the command that must precede the option.
        """
        words = [*args]
        try:
            return super().parse_args(ctx, args)
        except click.NoSuchOption as error:
            if self.misplaced is None:
                raise
            from flowc.cli.words import misplaced

            raise getattr(misplaced, self.misplaced)(ctx, words, error, self._lazy) from None

    def invoke(self, ctx: click.Context) -> object:
        """Call the command; print an error that the command raises, and end the program."""
        from flowc.cli.rendering.calling import reporting_errors

        try:
            with reporting_errors():
                return super().invoke(ctx)
        except KeyboardInterrupt:
            _end_interrupted()

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Check the installation and the configuration, then find the command.

        Raises:
            click.UsageError: there is no such command; the message suggests a corrected command line if there is a
                likely one.
            FaultyConfiguration: the configuration file or a variable has a fault.
            SystemExit: another package provides `metaflow`.
        """
        if not ctx.resilient_parsing and args[0] not in WITHOUT_CONFIGURATION:
            from flowc.cli.rendering.calling import check_setup

            check_setup()
        if isinstance(self._lazy, CommandTable) and (command := command_of_words(args, self._lazy.own)) is not None:
            return args[0], command, args[1:]
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            from flowc.cli.words.no_command import explained

            of_flowc = self.misplaced == "before_command"
            raise explained(ctx, args, error, self._lazy, FLOW_COMMANDS if of_flowc else COMMANDS) from None


class MainGroup(LazyGroup):
    """The group of all commands of `flowc`.

    The help of this group names the system that flows are compiled to.
    """

    def format_help_text(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the first line of the help, which names the system of the default deployment."""
        system = default_deployment().system
        self.help = f"Check flows in the Metaflow API, run them on this machine, and compile them to {system}."
        super().format_help_text(ctx, formatter)


def _end_interrupted() -> NoReturn:
    """End with the exit code that shells expect after Ctrl-C; click would print "Aborted!" and exit with 1."""
    click.echo("interrupted by SIGINT", err=True)
    raise SystemExit(130) from None


def _version(ctx: click.Context, param: click.Parameter, value: bool) -> None:
    if value:
        click.echo(f"flowc {__version__}")
        ctx.exit()


def make_group(
    name: str,
    commands: Mapping[str, tuple[str, str]],
    text: str,
    kind: type[LazyGroup] = LazyGroup,
    *,
    refused: Callable[[str], click.Command | None] | None = None,
    params: Sequence[click.Parameter] = (),
    callback: Callable[[], object] | None = None,
    invoke_without_command: bool = False,
) -> LazyGroup:
    """Return a group of commands that are imported on demand, with the option `--version`.

    Args:
        name: the group's name.
        commands: maps a command's name to its module and a line of help. A module that starts with a dot is relative to
            this package.
        text: the group's help.
        kind: the class of the group.
        refused: returns, for the name of an unknown command, a command that fails with an explanation, or None.
        params: the group's options.
        callback: the function that runs before the command.
        invoke_without_command: whether `callback` also runs if the command line names no command.
    """
    version = click.Option(
        ["--version"], is_flag=True, expose_value=False, is_eager=True, callback=_version, help="Print the version."
    )
    return kind(
        commands,
        refused,
        name=name,
        help=text,
        params=[*params, version],
        context_settings=dict(_SETTINGS),
        callback=callback,
        invoke_without_command=invoke_without_command,
    )


def context_of(
    command: click.Command, parent: click.Context | None = None, *, name: str | None = None, flow: type | None = None
) -> click.Context:
    """Return a click context for reading a command's parameters, help or subcommands. The command is neither parsed nor
    called.

    Hazard: click caches a command's help option at the first request. Every context must therefore allow `-h`; if one
    does not, later contexts lack `-h`, too.

    Args:
        command: a command of `flowc` or of `python flow.py`.
        parent: the context of the command's group.
        name: the name of the command in usage lines.
        flow: the flow's class for a command of `python flow.py`.
    """
    settings = {**_SETTINGS, **command.context_settings}
    return click.Context(command, parent, info_name=name, obj=flow, **settings)


def main() -> None:
    """Run the program `flowc` and end it with an exit code of `words.exit_codes`.

    Raises:
        SystemExit: always.
    """
    # Collect garbage rarely, which saves time: the imports of a command's module create no garbage.
    if sys.argv[1:] and not sys.argv[1].startswith("-"):
        collect_rarely()
    open_closed()
    if "_FLOWC_COMPLETE" in os.environ:
        register()
    try:
        with reporting_failed_output():
            flowc_group().main(prog_name="flowc")
    except SystemExit as ended:
        # `end_quickly` ends the process without freeing its memory. If few modules are loaded, importing `end_quickly`
        # takes longer than freeing the memory.
        if "flowc_runtime" in sys.modules:
            end_quickly(ended, sys._getframe(1))
        raise


def flowc_group() -> LazyGroup:
    """Return the group of all commands of the program `flowc`."""
    option = click.Option(
        ["--configuration-file"],
        type=click.Path(exists=True, dir_okay=False),
        metavar="FILE",
        expose_value=False,
        is_eager=True,
        callback=_use_configuration,
        help="Read this file instead of the flowc.toml of the working directory [$FLOWC_CONFIGURATION_FILE].",
    )
    return make_group("flowc", COMMANDS, "", MainGroup, params=[option])


def _use_configuration(ctx: click.Context, param: click.Parameter, value: str | None) -> None:
    """Until the command ends, use this configuration file in the current process and in the programs that it starts."""
    if value is None or ctx.resilient_parsing:
        return
    from flowc_runtime.base.ambient import ambient

    variable = configuration.FILE_VARIABLE
    before = os.environ.get(variable)

    def restore() -> None:
        ambient().configuration_file = None
        if before is None:
            os.environ.pop(variable, None)
        else:
            os.environ[variable] = before

    ctx.call_on_close(restore)
    os.environ[variable] = os.path.abspath(value)
    ambient().configuration_file = value
