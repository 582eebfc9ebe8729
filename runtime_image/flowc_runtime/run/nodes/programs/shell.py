"""The shell command of a step: its environment variables, its run, and the values that it returns."""

from __future__ import annotations

import errno
import os
import re
import shutil
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

from flowc_ir import json_text
from flowc_runtime.base.ambient import ambient
from flowc_runtime.base.contract import CODE, RETURNS
from flowc_runtime.run.nodes.programs.command_process import run_program
from flowc_runtime.run.nodes.programs.command_returns import CommandReturnError, read_returns, with_trap
from flowc_runtime.run.nodes.programs.masking import Masks
from flowc_runtime.run.task.failures import signal_name

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from flowc_ir import Node, Shell
    from flowc_ir.json_text import Json

_KEPT: Final = frozenset({"PATH", "HOME", "VIRTUAL_ENV", "IFS", "ENV", "BASH_ENV", "SHELLOPTS", "BASHOPTS", "PWD"})
_KEPT_PREFIXES: Final = ("FLOWC_", "METAFLOW_", "LD_", "DYLD_")
_LARGE: Final = 64 * 1024  # characters: a larger value becomes a variable only if the command names it
_LONGEST: Final = 100_000  # characters of an argument or a variable; Linux allows 128 KiB


class CommandError(RuntimeError):
    """A shell command failed, or cannot be started."""


def run_command(node: Node, action: Shell, values: Mapping[str, Json], root: str) -> dict[str, Json]:
    """Run the command of a step, and return the values that it returns.

    Args:
        node: the step.
        action: its command.
        values: the values that the command sees as environment variables.
        root: the directory of the user's code.

    Raises:
        CommandError: the command failed or cannot be started.
        CommandReturnError: a return is missing or of another kind, or contains a secret.
    """
    what = f"the command of step '{node.id}' ({node.where.file}:{node.where.line})"
    masks = Masks(ambient().secrets)
    shell = shutil.which("bash") or shutil.which("sh")
    if shell is None:
        raise CommandError(f"{what} needs bash or sh, and PATH has neither: add one to the image or to PATH")
    with tempfile.TemporaryDirectory(prefix="flowc-shell-") as directory:
        returns = Path(directory, "returns")
        returns.touch()
        environment = {**_environment(), **_variables(values, action.command, what)}
        environment |= {CODE: os.path.abspath(root), RETURNS: str(returns)}
        environment |= ambient().secrets
        words = _words(shell, node.id, with_trap(action.command, shell, action.returns, Path(directory)), directory)
        try:
            ended = run_program(words, environment, masks)
        except OSError as error:
            if error.errno != errno.E2BIG:
                raise CommandError(f"{what} cannot be started: {error}") from error
            largest = max(environment, key=lambda name: len(environment[name]))
            raise CommandError(
                f"{what} cannot be started: its environment variables are too large, '{largest}' has "
                f"{len(environment[largest]):,} characters: write large values to files"
            ) from None
        if ended.code != 0:
            raise CommandError(f"{what} {_how(ended.code)}{_quoted(ended.last_lines)}")
        found = read_returns(Path(directory), returns, action.returns, what)
    for name, value in found.items():
        if problem := masks.problem_of(name, value):
            raise CommandReturnError(f"{what} {problem}")
    return found


def _words(shell: str, step: str, command: str, directory: str) -> Sequence[str]:
    """Return the words that run a command; `$0`, with which the shell's messages begin, is the step's name."""
    if len(command.encode()) <= _LONGEST:
        return [shell, "-c", command, step]
    file = Path(directory, "command.sh")
    file.write_text(command, encoding="utf-8")
    return [shell, "-c", '. "$1"', step, str(file)]


def _how(code: int) -> str:
    if code < 0:
        return f"was killed by {signal_name(-code)}"
    named = signal_name(code - 128)  # shells exit with 128 + N after a program that signal N killed
    return f"exited with code {code} ({named})" if named.startswith("SIG") else f"exited with code {code}"


def _quoted(lines: Sequence[str]) -> str:
    if not lines:
        return ", and wrote nothing to stderr"
    return "; the end of its stderr:\n" + "\n".join(f"  {line}" for line in lines)


# -- the environment ---------------------------------------------------------------------------------------------------


def _environment() -> dict[str, str]:
    """Return the environment of this process, with the programs of its virtual environment first on PATH.

    An environment that is active already stays.
    """
    environment = dict(os.environ)
    if sys.prefix != sys.base_prefix and "VIRTUAL_ENV" not in environment:
        environment["VIRTUAL_ENV"] = sys.prefix
        programs = os.path.join(sys.prefix, "bin")
        environment["PATH"] = os.pathsep.join(filter(None, (programs, environment.get("PATH", os.defpath))))
    return environment


def _variables(values: Mapping[str, Json], command: str, what: str) -> dict[str, str]:
    """Return values as environment variables: text as it is, others as JSON. Raises CommandError."""
    found: dict[str, str] = {}
    for name, value in values.items():
        if name in _KEPT or name.startswith(_KEPT_PREFIXES):
            continue
        text = value if isinstance(value, str) else json_text.shown(value, ensure_ascii=False)
        named = re.search(rf"\b{re.escape(name)}\b", command) is not None
        if len(text) > _LARGE and not named:
            continue
        reason = _unfit(text)
        if reason is None:
            found[name] = text
        elif named:
            raise CommandError(f"{what} uses '{name}', which cannot be an environment variable: {reason}")
    return found


def _unfit(text: str) -> str | None:
    """Return why a string cannot be an environment variable; None if it can."""
    if "\0" in text:
        return "it contains a NUL character"
    try:
        size = len(os.fsencode(text))
    except UnicodeEncodeError:
        return "it is not valid Unicode"
    if size > _LONGEST:
        return f"it has {size:,} bytes, and {_LONGEST:,} are possible: write it to a file in a function before"
    return None
