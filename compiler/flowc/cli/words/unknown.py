"""Errors about unknown commands, each with a corrected command line."""

from __future__ import annotations

import os
import shlex
from typing import TYPE_CHECKING

import click

from flowc.cli.words.refused import what_instead
from flowc.cli.words.run_names import RUN_ID
from flowc_ir.late.pattern import late_pattern
from flowc_ir.suggestion import closest

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

_RUN = late_pattern(rf"latest|{RUN_ID.pattern}")
# Maps names that are usual in other programs to commands of `flowc`.
_MEANT = {"list": "runs", "ls": "runs", "history": "runs", "version": "flowc --version", "help": "flowc --help"}
# The commands of `flowc` that `python flow.py` does not have, each with the form of its argument.
_BEHIND: Mapping[str, str] = {
    "ir": "{file}", "compile": "{file}", "diff": "{file}", "doctor": "{file}", "runs": "{flow}", "gc": "{flow}",
    "artifact": "{flow}/NAME", "debug": "{flow}/RUN/STEP[/TASK]", "trigger": "NAME", "status": "NAME",
    "suspend": "NAME", "unsuspend": "NAME", "terminate": "RUN", "delete": "NAME", "completion": "SHELL",
}  # fmt: skip


def of_flowc(ctx: click.Context, args: Sequence[str], own: Mapping[str, object]) -> click.UsageError | None:
    """Return the error for an unknown command of `flowc`, or None if the word is not known elsewhere. The word is known
    elsewhere if it is a command of another program, of `python flow.py` or of Metaflow, or a pathspec.

    Args:
        ctx: the context of `flowc`.
        args: the command-line arguments; the first one is not a command.
        own: the commands of `python flow.py`.
    """
    name = args[0]
    if meant := _MEANT.get(name):
        return click.UsageError(f"No such command {name!r}. Did you mean {meant!r}?", ctx)
    if _is_pathspec(name) and not os.path.exists(name):
        line = _line("flowc", "show", *args)
        return click.UsageError(f"{name!r} is not a command. A command comes first: {line}", ctx)
    if name in own:
        line = _line("python", "FLOW.py", *args)
        return click.UsageError(f"No such command {name!r}. The command line of a flow's file has it: {line}", ctx)
    refused = what_instead()
    if name in refused:
        full = " ".join(args[:2])
        instead = refused[full if full in refused else name].format(file="FLOW.py", flow="NAME")
        return click.UsageError(f"No such command {name!r}. Instead: {instead}", ctx)
    return None


def of_a_flow(
    ctx: click.Context, args: Sequence[str], commands: Mapping[str, object], flow: str
) -> click.UsageError | None:
    """Return the error for an unknown command of `python flow.py` that is a command of `flowc`. For any other word,
    return None.

    Args:
        ctx: the context of the group of `python flow.py`.
        args: the command-line arguments; the first one is not a command.
        commands: the commands of `flowc`.
        flow: the flow's name.
    """
    name, *rest = args
    if _is_pathspec(name, flow):
        line = _line("flowc", "show", f"{flow}/{name.removeprefix(f'{flow}/')}", *rest)
        return click.UsageError(f"{name!r} is not a command. A command comes first: {line}", ctx)
    if name == "retry":
        return click.UsageError(f"No such command {name!r}. Did you mean: {ctx.command_path} resume", ctx)
    name = name if name in commands else closest(name, commands) or name
    if name not in commands:
        return None
    file = (ctx.find_root().info_name or "").removeprefix("python ")
    line = " ".join(["flowc", name, *_behind(_BEHIND.get(name, ""), file, flow, rest)])
    return click.UsageError(f"No such command {args[0]!r} of a flow's file. It is a command of flowc: {line}", ctx)


def _behind(form: str, file: str, flow: str, rest: Sequence[str]) -> Iterator[str]:
    """Yield the arguments for a command of `flowc`: the missing argument, such as the flow's file, and then the
    arguments that the user typed."""
    own = f"{flow}/"
    if rest and not rest[0].startswith("-") and form not in ("{file}", "{flow}"):
        yield shlex.quote(own + rest[0].removeprefix(own) if form.startswith("{flow}/") else rest[0])
        rest = rest[1:]
    elif form:
        yield form.format(file=shlex.quote(file), flow=flow)
    yield from map(shlex.quote, rest)


class PathGroup(click.Group):
    """A group of commands about runs.

    If a run is given instead of a command, the error has a corrected command line.
    """

    meant: Mapping[str, str] = {"rm": "remove", "delete": "remove", "ls": "list", "open": "view", "show": "view"}
    """Maps names that are usual in other programs to commands of the group."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return the command's name, the command and the command's arguments.

        Raises:
            click.UsageError: there is no such command. If the first argument names a run, the message has a corrected
                command line.
        """
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError:
            path, *rest = args
            if (known := self.meant.get(path)) in self.commands:
                raise click.UsageError(f"No such command {path!r}. Did you mean {known!r}?", ctx) from None
            if "/" not in path and not _is_pathspec(path):
                raise
            tags = [word for word in rest if not word.startswith("-")] if "add" in self.commands else []
            command = next((word for word in rest if word in self.commands), "add" if tags else "list")
            if command in rest:
                rest.remove(command)
            line = f"{ctx.command_path} {shlex.join(self._words(command, path, rest))}"
            raise click.UsageError(f"{path!r} is not a command. A command comes first: {line}", ctx) from None

    def _words(self, command: str, path: str, rest: Sequence[str]) -> Sequence[str]:
        return [command, path, *rest]


class OwnTagGroup(PathGroup):
    """The group `python flow.py tag`, whose commands accept the run as the option `--run-id`."""

    def _words(self, command: str, path: str, rest: Sequence[str]) -> Sequence[str]:
        return [command, path, *rest] if command == "list" else [command, "--run-id", path, *rest]


def _is_pathspec(word: str, flow: str | None = None) -> bool:
    """Return whether an argument has the form of a run's name or of a pathspec: `latest`, an id, `FLOW/RUN…`."""
    first, _, more = word.partition("/")
    inside = (first.isidentifier() or first == flow) and _RUN.fullmatch(more.partition("/")[0])
    return bool(_RUN.fullmatch(first) or inside)


def _line(*words: str) -> str:
    return shlex.join(words)
