"""The values that a shell command returns: variables that the command exports, and lines in the file `$FLOWC_RETURNS`.

An EXIT trap writes the exported returns to a file, with their names, when the shell ends. The trap also works with
`exit`, `set -eu` and comments in the command, and writes no other variable. EXIT traps of the user's command are also
executed. docs/adr/0029-shell-returns.md gives the reasons for using a trap.
"""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Final

from flowc_ir.late.pattern import late_pattern
from flowc_ir.suggestion import closest, did_you_mean
from flowc_runtime.base.contract import RETURNS
from flowc_runtime.run.nodes.returned import number_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flowc_ir import Return
    from flowc_ir.json_text import Json

_EXPORTED: Final = "exported"
_LINE: Final = late_pattern(r"([A-Za-z_][A-Za-z0-9_]*)(=|<<)(.*)", re.ASCII | re.DOTALL)


class CommandReturnError(ValueError):
    """A command did not return a declared value, returned an undeclared value, or returned an invalid value."""


def with_trap(command: str, shell: str, returns: Sequence[Return], directory: Path) -> str:
    """Return the command, preceded by an EXIT trap that writes the exported returns to a file.

    Args:
        command: the user's command.
        shell: the path of the shell that runs it.
        returns: the declared returns; if there are none, the command is returned unchanged.
        directory: the directory of the file.
    """
    if not returns:
        return command
    written = " ".join(
        f'[ "${{{each.name}+set}}" ] && printf \'%s\\0%s\\0\' {each.name} "${{{each.name}}}";' for each in returns
    )
    # A child shell writes the returns, because it sees only exported variables. The child shell's path is absolute,
    # since the command may change PATH.
    dump = f"{shlex.quote(shell)} -c {shlex.quote(f'{written} :')} >| {shlex.quote(str(directory / _EXPORTED))}"
    prelude = f"__flowc_returns() {{ {dump} 2>/dev/null; return $1; }}; {_CHAIN}"
    if shell.endswith("/bash"):
        # The prelude and the command's first line are one line, so that line numbers in the shell's messages stay
        # correct.
        return f"{prelude} {_IN_BASH} __flowc_trap '' EXIT; {command}"
    # In other shells no function can replace the builtin `trap`, but an alias can. The alias takes effect from the next
    # line on.
    return f"{prelude} __flowc_ending() {{ :; }}; __flowc_trap '' EXIT; alias trap=__flowc_trap\n{command}"


# A shell function that replaces the builtin `trap ACTION SIGNAL…`. For EXIT, the returns are written before the action,
# which may call `exit`, and again after the action. In the action, `$?` has the same value as without flowc.
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
    """Return the values that an ended command returned; values in the file have precedence over exported values.

    Args:
        directory: the directory that was passed to `with_trap`.
        file: the file named by `$FLOWC_RETURNS`.
        returns: the declared returns, with their names and kinds.
        what: a description of the command for messages.

    Raises:
        CommandReturnError: a value is missing, undeclared or not of its kind.
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
    """Parse a string as JSON; return the string itself if it is not valid JSON."""
    try:
        value: Json = json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        return text
    return value


def _refuse_constant(name: str) -> Json:
    raise ValueError(name)  # `json` accepts NaN and the infinities, which are not JSON


def _exported(file: Path) -> dict[str, str]:
    try:
        parts = file.read_bytes().split(b"\0")[:-1]
    except FileNotFoundError:  # the file is missing if `exec` replaced the shell, or if the task has no returns
        return {}
    texts = [part.decode("utf-8", "replace") for part in parts]
    return dict(zip(texts[::2], texts[1::2], strict=False))


def _written(file: Path, what: str) -> dict[str, str]:
    """Parse the file `$FLOWC_RETURNS`: it contains lines `NAME=value`, and `NAME<<WORD` followed by lines up to
    WORD."""
    try:
        lines = file.read_text(encoding="utf-8", errors="replace").split("\n")
    except FileNotFoundError:  # the command has deleted the file
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
                f"{what}: line {number + 1} of ${RETURNS} is not NAME=value; "
                "write a value of several lines as NAME<<END, the lines, END"
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
