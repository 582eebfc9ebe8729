"""`flowc completion`: tab completion in shells for commands, options, files and names in the store.

click finds the argument or option at the cursor. The metavar or name of this parameter then selects a function of this
module, which lists the candidates. Each completion reads the store and runs no user code. If the store or a file cannot
be read, there are no candidates.
"""

from __future__ import annotations

from copy import copy
from functools import partial
from typing import TYPE_CHECKING, final

import click
from click.shell_completion import CompletionItem

from flowc.cli.commands.flow_completion import behind_flow, classes_behind, classes_of_file, names_flow, runs_of_flow
from flowc.cli.commands.shells import SHELLS
from flowc.cli.options.common import open_store
from flowc.completion.candidates import IN_STORE, files, flows, matching, pathspecs
from flowc.completion.stored_names import StoredNames
from flowc_runtime.base.config.config_keys import BY_KEY

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    _ParamType = click.ParamType[str]
else:
    _ParamType = click.ParamType  # older versions of click do not allow `ParamType[str]`

# -- candidates --------------------------------------------------------------------------------------------------------


def _others_of_flow(ctx: click.Context, incomplete: str) -> Iterator[str]:
    """Yield candidates for `--diff`: runs to compare with the run on the command line, and `.` for the local files."""
    store = open_store(ctx.params.get("store_url"))
    if "/" in incomplete:
        yield from (path for path in pathspecs(StoredNames(store.objects.url), incomplete) if path.count("/") == 1)
        return
    # If the last option on the command line has no value yet, click leaves the arguments that are not options in
    # ctx.args.
    flow, _, run = (ctx.params.get("pathspec") or next(iter(ctx.args), "")).partition("/")
    runs = store.runs(flow) if flow else []
    compared = runs[-1] if run == "latest" and runs else run
    newest = ["latest"] if runs and compared != runs[-1] else []
    yield from (".", *newest, *(known for known in reversed(runs) if known != compared))
    yield from (f"{known}/" for known in store.flows())


def _files(incomplete: str) -> Iterator[str]:
    """Yield candidates for FLOW: files and directories; after `FILE:`, the flows in that file."""
    yield from classes_behind(incomplete) if ":" in incomplete else files(incomplete)


@final
class _Completed(_ParamType):
    """The type of a parameter during completion: it accepts any value and lists candidates.

    Attributes:
        kind: the kind of the candidates, for `flowc.completion.command_table`.
    """

    name = "completed"

    def __init__(self, kind: str, found: Callable[[click.Context, str], Iterable[str]]) -> None:
        self.kind = kind
        self._found = found

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """Return the candidates that begin with the incomplete word."""
        return [CompletionItem(name) for name in matching(lambda: self._found(ctx, incomplete), incomplete)]


def prepared(command: click.Command) -> click.Command:
    """Return a copy of a command, and of its subcommands, whose parameters have types that list candidates for
    completion."""
    command = copy(command)
    if isinstance(command, click.Group):
        command.commands = {name: prepared(below) for name, below in command.commands.items()}
    params = [*command.params]
    known: Callable[[], list[click.Parameter]] | None = getattr(command, "known_params", None)
    if known is not None:  # commands such as `run`, which parse their own arguments, have this method
        listed = {name for param in command.params for name in param.opts}
        params += [param for param in known() if isinstance(param, click.Option) and listed.isdisjoint(param.opts)]
    command.params = [_with_candidates(param, command) for param in params]
    return command


def _with_candidates(param: click.Parameter, command: click.Command) -> click.Parameter:
    """Return a copy of a parameter with a type that lists candidates, or the parameter itself if nothing lists
    candidates for it."""
    if isinstance(param.type, click.Choice):
        return param
    what = next((key for key in (param.metavar, param.name) if key in IN_STORE), None)
    if param.metavar == "[KEY]":
        kind = _Completed("setting", lambda _ctx, _begun: BY_KEY)
    elif param.name == "words":
        kind = _Completed("words", partial(_words, command.name))
    elif param.name == "file":
        kind = _Completed("flow file", lambda _, begun: _files(begun))
    elif param.name == "class_name":
        kind = _Completed("other", classes_of_file)
    elif param.name == "other":
        kind = _Completed("other", _others_of_flow)
    elif param.name == "origin_run_id":
        kind = _Completed("other", runs_of_flow)
    elif what is not None and (what != "FLOW" or param.name == "flow"):
        kind = _Completed(what, _stored(IN_STORE[what]))
    elif param.name == "flow":
        kind = _Completed("FLOW", _stored(flows))
    else:
        return param
    param = copy(param)
    param.type = kind
    return param


def _stored(found: Callable[[StoredNames, str], Iterable[str]]) -> Callable[[click.Context, str], Iterable[str]]:
    def ask(ctx: click.Context, incomplete: str) -> Iterable[str]:
        return found(StoredNames(open_store(ctx.params.get("store_url")).objects.url), incomplete)

    return ask


def _words(command: str | None, ctx: click.Context, incomplete: str) -> Iterator[str]:
    """Yield candidates for the argument FLOW, or for an argument after FLOW."""
    if names_flow(ctx):
        yield from behind_flow(command, ctx, incomplete)
    else:
        yield from _files_or_flows(ctx, incomplete) if command == "retry" else _files(incomplete)


def _files_or_flows(ctx: click.Context, incomplete: str) -> Iterator[str]:
    yield from _stored(flows)(ctx, incomplete)
    yield from _files(incomplete)


def complete_pathspec(ctx: click.Context, incomplete: str) -> list[CompletionItem]:
    """Return the pathspecs that complete a word, for a group that accepts a pathspec instead of a command."""
    ask = _Completed("pathspec", _stored(pathspecs))
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
