"""`flowc completion`: tab completion in shells for commands, options, files and names in the store.

click finds the argument or option at the cursor. Then this module lists the candidates, by a function that the
parameter's metavar or name selects. Each completion reads the store and runs no user code. If the store or a file
cannot be read, there are no candidates.
"""

from __future__ import annotations

import os
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, final

import click
from click.shell_completion import CompletionItem

from flowc.cli.commands.flow_completion import behind_flow, classes_behind, classes_of_file, names_flow, runs_of_flow
from flowc.cli.commands.shells import SHELLS
from flowc.cli.commands.stored_names import pathspecs, run_of
from flowc.cli.options.common import open_store
from flowc_runtime.base.config.config_keys import BY_KEY
from flowc_runtime.base.errors import FlowcError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from flowc_runtime.store.records.store import Store

    _ParamType = click.ParamType[str]
else:
    _ParamType = click.ParamType  # `click.ParamType` is not generic in older versions of click

MOST = 200  # limit of candidates per completion


# -- candidates --------------------------------------------------------------------------------------------------------


def _flows(store: Store, _: str) -> Iterator[str]:
    yield from store.flows()


def _flows_or_runs(store: Store, incomplete: str) -> Iterator[str]:
    """Yield candidates for FLOW[/RUN]: names of flows; after a slash, the runs of the flow."""
    yield from pathspecs(store, incomplete) if "/" in incomplete else store.flows()


def _artifacts(store: Store, incomplete: str) -> Iterator[str]:
    """Yield candidates for FLOW/NAME. The names of artifacts come from the flow's newest run: from one task of each
    step."""
    flow, slash, _ = incomplete.partition("/")
    if not slash:
        yield from (f"{known}/" for known in store.flows())
    elif (run := run_of(store, [flow, "latest"])) is not None:
        for step in run.steps():
            done = next(iter(run.done(step)), None)
            if done is not None:
                yield from (f"{flow}/{name}" for name in sorted(run.task(step, done)["artifacts"]))


def _others_of_flow(ctx: click.Context, incomplete: str) -> Iterator[str]:
    """Yield candidates for `--diff`: runs to compare with the run on the command line, and `.` for the local files."""
    store = open_store(ctx.params.get("store_url"))
    if "/" in incomplete:
        yield from (path for path in pathspecs(store, incomplete) if path.count("/") == 1)
        return
    # If the last option has no value yet, click leaves the other arguments in ctx.args.
    flow, _, run = (ctx.params.get("pathspec") or next(iter(ctx.args), "")).partition("/")
    runs = store.runs(flow) if flow else []
    compared = runs[-1] if run == "latest" and runs else run
    newest = ["latest"] if runs and compared != runs[-1] else []
    yield from (".", *newest, *(known for known in reversed(runs) if known != compared))
    yield from (f"{known}/" for known in store.flows())


def _states(store: Store, _: str) -> Iterator[str]:
    yield from ("running", "succeeded", "failed", "interrupted", "killed")


def _tags(store: Store, _: str) -> Iterator[str]:
    yield from sorted({tag for flow in store.flows() for tags in store.tagged(flow).values() for tag in tags})


def _files(incomplete: str) -> Iterator[str]:
    """Yield Python files, YAML files and directories; after `FILE:`, the flows in that file."""
    if ":" in incomplete:
        yield from classes_behind(incomplete)
        return
    directory, _, begun = incomplete.rpartition("/")
    top = f"{directory}/" if directory or incomplete.startswith("/") else ""
    for name in sorted(os.listdir(top or ".")):
        hidden = name.startswith((".", "__")) and not begun.startswith((".", "__"))
        is_directory = os.path.isdir(f"{top}{name}")
        if not hidden and (is_directory or name.endswith((".py", ".yaml", ".yml"))):
            yield f"{top}{name}{'/' if is_directory else ''}"


_IN_STORE: dict[str, Callable[[Store, str], Iterable[str]]] = {
    "pathspec": pathspecs,
    "FLOW/RUN": pathspecs,
    "FLOW": _flows,
    "FLOW[/RUN]": _flows_or_runs,
    "FLOW/NAME[@DIGEST]": _artifacts,
    "STATUS": _states,
    "TAG": _tags,
    "tags": _tags,
}  # maps a parameter's metavar or name to the function that lists its candidates


@final
class _Completed(_ParamType):
    """The type of a parameter during completion: it accepts any value and lists candidates."""

    name = "completed"

    def __init__(self, found: Callable[[click.Context, str], Iterable[str]]) -> None:
        self._found = found

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """Return the candidates that begin with the incomplete word."""
        try:
            found = dict.fromkeys(name for name in self._found(ctx, incomplete) if name.startswith(incomplete))
        except (FlowcError, OSError, SystemExit):  # an unreadable store has no candidates
            return []
        return [CompletionItem(name) for name in islice(found, MOST)]


def prepare(command: click.Command) -> None:
    """Give the parameters of a command and of its subcommands types that list candidates for completion."""
    for below in getattr(command, "commands", {}).values():
        prepare(below)
    known: Callable[[], list[click.Parameter]] | None = getattr(command, "known_params", None)
    if known is not None:  # a command such as `run`, which parses its own arguments
        command.params += [param for param in known() if isinstance(param, click.Option)]
    for param in command.params:
        if isinstance(param.type, click.Choice):
            continue
        what = next((key for key in (param.metavar, param.name) if key in _IN_STORE), None)
        if param.metavar == "[KEY]":
            param.type = _Completed(lambda _ctx, _begun: BY_KEY)
        elif param.name == "words":
            param.type = _Completed(partial(_words, command.name))
        elif param.name == "file":
            param.type = _Completed(lambda _, begun: _files(begun))
        elif param.name == "class_name":
            param.type = _Completed(classes_of_file)
        elif param.name == "other":
            param.type = _Completed(_others_of_flow)
        elif param.name == "origin_run_id":
            param.type = _Completed(runs_of_flow)
        elif what is not None and (what != "FLOW" or param.name == "flow"):
            param.type = _Completed(_stored(_IN_STORE[what]))
        elif param.name == "flow":
            param.type = _Completed(_stored(_flows))


def _stored(found: Callable[[Store, str], Iterable[str]]) -> Callable[[click.Context, str], Iterable[str]]:
    def ask(ctx: click.Context, incomplete: str) -> Iterable[str]:
        return found(open_store(ctx.params.get("store_url")), incomplete)

    return ask


def _words(command: str | None, ctx: click.Context, incomplete: str) -> Iterator[str]:
    """Yield candidates for the argument FLOW, or for an argument after FLOW."""
    if names_flow(ctx):
        yield from behind_flow(command, ctx, incomplete)
    else:
        yield from _files_or_flows(ctx, incomplete) if command == "retry" else _files(incomplete)


def _files_or_flows(ctx: click.Context, incomplete: str) -> Iterator[str]:
    yield from _stored(_flows)(ctx, incomplete)
    yield from _files(incomplete)


def complete_pathspec(ctx: click.Context, incomplete: str) -> list[CompletionItem]:
    """Return the pathspecs that complete a word, for a group that accepts a pathspec instead of a command."""
    ask = _Completed(_stored(pathspecs))
    return ask.shell_complete(ctx, click.Argument(["pathspec"]), incomplete)


# -- the command -------------------------------------------------------------------------------------------------------


_LINES = {
    "bash": 'eval "$(flowc completion bash)"   # in ~/.bashrc',
    "zsh": 'eval "$(flowc completion zsh)"   # in ~/.zshrc, after compinit',
    "fish": "flowc completion fish | source   # in ~/.config/fish/config.fish",
}
_HELP = "Print the script with which SHELL completes commands, options, flow files, and names and tags in the store."


@click.command("completion", help="\n\n".join([_HELP, "\b\n" + "\n".join(_LINES.values())]))
@click.argument("shell", type=click.Choice([*SHELLS]))
@click.pass_context
def completion_command(ctx: click.Context, shell: str) -> None:
    """Print a shell's completion script."""
    click.echo(SHELLS[shell](ctx.find_root().command, {}, "flowc", "_FLOWC_COMPLETE").source())
