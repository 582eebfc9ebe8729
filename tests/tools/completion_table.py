"""Write `flowc/completion/command_table.py`, the table of commands and options for tab completion, from click's objects.

`make generate` runs this module, and a test compares the table with the module's output.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from flowc.cli import LazyGroup, context_of, flowc_group
from flowc.cli.commands.completion import _Completed
from flowc.cli.commands.flows.run import RunCommand
from flowc.cli.commands.store.logs import LogsGroup
from project import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator

PATH = ROOT / "compiler/flowc/completion/command_table.py"
HEAD = '''"""The commands, options and arguments of `flowc`, for tab completion. `make generate` writes this module.

`GROUPS` maps each group to its commands and their lines of help. `OPTIONS` maps each command to its options: the names,
the help, the completion of the value (None: the option has no value), and click's name of the parameter. Completion
offers an option only once, unless this name is empty: then the option may be repeated. `ARGUMENTS` maps each command to
the completion of each argument, and whether there may be several.

A completion is a tuple of choices, or a text: empty for nothing, `file` and `dir` for the shell's own completion,
`other` for values that only the command's module can complete, `several` for an option with several values, or a kind
of `flowc.completion.quick`. `OF_FLOW` names the commands whose options depend on the flow, and `SHORT` the groups in
which a command may be left out.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final, TypeAlias

    Completed: TypeAlias = "str | tuple[str, ...]"
# fmt: off
'''


def kind_of(param: click.Parameter) -> str | tuple[str, ...]:
    """Return how a shell completes the value of an option or argument: a kind of value, the possible values, `other`
    for code that must be called, or "" for nothing."""
    kind: Any = param.type
    if isinstance(kind, _Completed):
        return str(kind.kind)
    if isinstance(kind, click.Choice):
        return tuple(map(str, kind.choices))
    if isinstance(kind, (click.Path, click.File)):
        return str(kind.shell_complete(None, param, "")[0].type)  # type: ignore[arg-type]
    own = type(kind).shell_complete is not click.ParamType.shell_complete
    return "other" if own or param._custom_shell_complete is not None else ""


class Table:
    """The contents of the table."""

    def __init__(self) -> None:
        self.groups: dict[str, Any] = {}
        self.options: dict[str, Any] = {}
        self.arguments: dict[str, Any] = {}
        self.of_flow: set[str] = set()
        self.short: dict[str, str] = {}
        group = flowc_group()
        context = click.Context(group, info_name="flowc", resilient_parsing=True, help_option_names=["--help", "-h"])
        self._add("", group, context)

    def _add(self, path: str, command: click.Command, context: click.Context) -> None:
        params = command.get_params(context)
        self.options[path] = tuple(self._options(params))
        if isinstance(command, click.Group):
            names = command.list_commands(context)
            if isinstance(command, LazyGroup):
                self.groups[path] = tuple((name, command._lazy[name][1]) for name in names)
            else:
                items = click.Group.shell_complete(command, context, "")
                self.groups[path] = tuple((item.value, item.help or "") for item in items)
            if isinstance(command, LogsGroup):
                self.short[path] = "show"
            for name in names:
                below = command.get_command(context, name)
                assert below is not None
                self._add(f"{path} {name}".strip(), below, context_of(below, context, name=name))
            return
        if isinstance(command, RunCommand):
            self.of_flow.add(path)
        arguments = [param for param in params if isinstance(param, click.Argument)]
        assert all(argument.nargs in (1, -1) for argument in arguments), path
        self.arguments[path] = tuple((kind_of(argument), argument.nargs == -1) for argument in arguments)

    def _options(self, params: list[click.Parameter]) -> Iterator[tuple[Any, ...]]:
        for param in params:
            if isinstance(param, click.Option) and not param.hidden:
                value = None if param.is_flag or param.count else kind_of(param) if param.nargs == 1 else "several"
                names = (*param.opts, *param.secondary_opts)
                yield names, param.help or "", value, "" if param.multiple else str(param.name)


def quoted(value: object) -> str:
    """Return a value as Python source with double quotes."""
    if isinstance(value, tuple):
        return f"({', '.join(map(quoted, value))}{',' * (len(value) == 1)})"
    return json.dumps(value, ensure_ascii=False) if isinstance(value, str) else repr(value)


def text() -> str:
    """Return the module."""
    table = Table()
    rows = [HEAD]
    for name, kind, values in (
        ("GROUPS", "dict[str, tuple[tuple[str, str], ...]]", table.groups),
        ("OPTIONS", "dict[str, tuple[tuple[tuple[str, ...], str, Completed | None, str], ...]]", table.options),
        ("ARGUMENTS", "dict[str, tuple[tuple[Completed, bool], ...]]", table.arguments),
    ):
        rows.append(f"{name}: Final[{kind}] = {{")
        for path, entries in values.items():
            rows += [f"    {quoted(path)}: (", *(f"        {quoted(entry)}," for entry in entries), "    ),"]
        rows.append("}")
    rows.append(f"OF_FLOW: Final[frozenset[str]] = frozenset({quoted(tuple(sorted(table.of_flow)))})")
    rows.append(
        f"SHORT: Final[dict[str, str]] = {{{', '.join(f'{quoted(a)}: {quoted(b)}' for a, b in table.short.items())}}}"
    )
    return "\n".join(rows) + "\n"


if __name__ == "__main__":
    PATH.write_text(text(), encoding="utf-8")
