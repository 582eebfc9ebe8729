"""The values that a shell command returns: variables that it exports, and lines of the file `$FLOWC_RETURNS`.

A trap for the end of the shell writes the exported returns to a file, each with its name, so that they survive `exit`,
`set -eu` and comments; nothing else of the environment is written. The command's own EXIT traps run too. An ADR says
why: docs/adr/0029-shell-returns.md.
"""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Final

from flowc_ir.suggestion import closest, did_you_mean
from flowc_runtime.base.contract import RETURNS
from flowc_runtime.run.nodes.returned import number_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flowc_ir import Return
    from flowc_ir.json_text import Json

_EXPORTED: Final = "exported"
_LINE: Final = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)(=|<<)(.*)", re.ASCII | re.DOTALL)


class CommandReturnError(ValueError):
    """A command did not return a value, or returned one of another form than its task names."""


def with_trap(command: str, shell: str, returns: Sequence[Return], directory: Path) -> str:
    """Return the command, with a trap before it that writes the exported returns when the shell ends.

    Args:
        command: the user's command.
        shell: the path of the shell that runs it.
        returns: the names of the returns; without one, the command stays as it is.
        directory: a directory for the file.
    """
    if not returns:
        return command
    written = " ".join(
        f'[ "${{{each.name}+set}}" ] && printf \'%s\\0%s\\0\' {each.name} "${{{each.name}}}";' for each in returns
    )
    # Another shell sees only what is exported. Its path is absolute, since the command may change PATH.
    dump = f"{shlex.quote(shell)} -c {shlex.quote(f'{written} :')} >| {shlex.quote(str(directory / _EXPORTED))}"
    prelude = f"__flowc_returns() {{ {dump} 2>/dev/null; return $1; }}; {_CHAIN}"
    if shell.endswith("/bash"):
        # On one line, so that the numbers of lines in the shell's messages are those of the command.
        return f"{prelude} {_IN_BASH} __flowc_trap '' EXIT; {command}"
    # Other shells find `trap` before a function of this name, but no alias, which holds from the next line on.
    return f"{prelude} __flowc_ending() {{ :; }}; __flowc_trap '' EXIT; alias trap=__flowc_trap\n{command}"


# `trap ACTION SIGNAL…`: for the end of the shell, the action runs between two writes of the returns; the first, because
# the action may call `exit`. `$?` is in the action what it is without flowc.
_CHAIN: Final = (
    "__flowc_trap() { "
    '[ "$#" -gt 1 ] || { command trap "$@"; return; }; '
    'case "$1" in -p|-l) command trap "$@"; return;; --) shift;; esac; '
    "__flowc_action=$1; shift; "
    'for __flowc_signal in "$@"; do case "$__flowc_signal" in '
    "EXIT|exit|SIGEXIT|0) "
    '__flowc_at_exit=$__flowc_action; [ "$__flowc_action" != - ] || __flowc_at_exit=; '
    "command trap '{ __flowc_status=$?; set +eux; } 2>/dev/null; __flowc_ending; __flowc_returns $__flowc_status; "
    'eval "$__flowc_at_exit"; __flowc_returns $__flowc_status\' EXIT;; '
    '*) command trap -- "$__flowc_action" "$__flowc_signal";; '
    "esac; done; };"
)
_IN_BASH: Final = (
    'trap() { __flowc_trap "$@"; }; __flowc_ending() { '
    'exit() { __flowc_returns 0; command exit "${1-$__flowc_status}"; }; };'
)


def read_returns(directory: Path, file: Path, returns: Sequence[Return], what: str) -> dict[str, Json]:
    """Return the values of a command that has ended; those in the file take precedence over exported ones.

    Args:
        directory: the directory that `with_trap` was given.
        file: the file that `$FLOWC_RETURNS` named.
        returns: the names and kinds.
        what: the command with its place, for messages.

    Raises:
        CommandReturnError: a value is missing, has no name of a return, or is not of its kind.
    """
    found = _exported(directory / _EXPORTED) | _written(file, what)
    names = [each.name for each in returns]
    for name in found:
        if name not in names:
            near = closest(name, names)
            hint = did_you_mean(near) if near else f"its returns are {', '.join(names) or 'none'}"
            raise CommandReturnError(f"{what} wrote '{name}' to ${RETURNS}, but its task has no such return: {hint}")
    values: dict[str, Json] = {}
    for each in returns:
        if each.name not in found:
            raise CommandReturnError(
                f"{what} did not return '{each.name}': write `export {each.name}=…` in it, "
                f'or `echo "{each.name}=…" >> "${RETURNS}"`'
            )
        values[each.name] = parsed_or_text(found[each.name])
        if each.kind == "metric" and number_of(values[each.name]) is None:
            raise CommandReturnError(f"{what} returned the metric '{each.name}', but its value is not a number")
    return values


def parsed_or_text(text: str) -> Json:
    """Return the value of a string that is JSON; the text itself if it is not."""
    try:
        value: Json = json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        return text
    return value


def _refuse_constant(name: str) -> Json:
    raise ValueError(name)  # NaN and the infinities are not JSON


def _exported(file: Path) -> dict[str, str]:
    try:
        parts = file.read_bytes().split(b"\0")[:-1]
    except FileNotFoundError:  # the shell was replaced by `exec`, or has no return
        return {}
    texts = [part.decode("utf-8", "replace") for part in parts]
    return dict(zip(texts[::2], texts[1::2], strict=False))


def _written(file: Path, what: str) -> dict[str, str]:
    """Return the values of the lines `NAME=value`, and `NAME<<WORD` up to a line WORD."""
    try:
        lines = file.read_text(encoding="utf-8", errors="replace").split("\n")
    except FileNotFoundError:  # the command has deleted it
        return {}
    found: dict[str, str] = {}
    numbers = iter(range(len(lines)))
    for number in numbers:
        line = lines[number].rstrip("\r")
        if not line.strip():
            continue
        match = _LINE.fullmatch(line)
        if match is None:
            raise CommandReturnError(
                f"{what}: line {number + 1} of ${RETURNS} is not NAME=value: write several lines as NAME<<END, END last"
            )
        name, form, value = match.groups()
        if form == "=":
            found[name] = value
            continue
        inside: list[str] = []
        for following in numbers:
            if lines[following].rstrip("\r") == value:
                break
            inside.append(lines[following])
        else:
            raise CommandReturnError(f"{what}: the value '{name}' in ${RETURNS} has no line '{value}' at its end")
        found[name] = "\n".join(inside)
    return found
