"""Runs the shell command of a step: sets its environment variables, and reads the values that it returns."""

from __future__ import annotations

import errno
import os
import re
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from flowc_ir import json_text
from flowc_runtime.base.ambient import ambient
from flowc_runtime.base.contract import CODE, METRICS, RETURNS
from flowc_runtime.process.scratch import ScratchDirectory
from flowc_runtime.run.metrics.recording import collect_checked
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
_LARGE: Final = 64 * 1024  # A value with more characters becomes a variable only if the command contains its name.
_LONGEST: Final = 100_000  # The maximum of bytes of an argument or a variable; Linux allows 128 KiB.


class CommandError(RuntimeError):
    """A shell command failed, or cannot be started."""


def run_command(node: Node, action: Shell, values: Mapping[str, Json], root: str) -> dict[str, Json]:
    """Run the command of a step, and return the values that it returns.

    Args:
        node: the step.
        action: the step's action in the IR, which contains the command.
        values: the values that are passed to the command as environment variables.
        root: the directory of the user's code.

    Raises:
        CommandError: the command failed or cannot be started.
        CommandReturnError: a return is missing or invalid, or contains a secret.
        MetricError: the command wrote an invalid line to the file for metrics.
    """
    what = f"the command of step '{node.id}' ({node.where.file}:{node.where.line})"
    masks = Masks(ambient().secrets)
    shell = shutil.which("bash") or shutil.which("sh")
    if shell is None:
        raise CommandError(f"{what} needs bash or sh, and PATH has neither: add one to the image or to PATH")
    with ScratchDirectory("shell") as directory:
        returns = Path(directory, "returns")
        returns.touch()
        environment = {**_environment(), **_variables(values, action.command, what)}
        environment |= {CODE: os.path.abspath(root), RETURNS: str(returns)}
        if (metrics := ambient().metrics) is not None:
            environment[METRICS] = metrics.file
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
        collect_checked(what)
        found = read_returns(Path(directory), returns, action.returns, what)
    for name, value in found.items():
        if problem := masks.problem_of(name, value):
            raise CommandReturnError(f"{what} {problem}")
    return found


def _words(shell: str, step: str, command: str, directory: str) -> Sequence[str]:
    """Return the argument list that runs the command. The shell's messages begin with the step's name (`$0`)."""
    if len(command.encode()) <= _LONGEST:
        return [shell, "-c", command, step]
    file = Path(directory, "command.sh")
    file.write_text(command, encoding="utf-8")
    return [shell, "-c", '. "$1"', step, str(file)]


def _how(code: int) -> str:
    if code < 0:
        return f"was killed by {signal_name(-code)}"
    named = signal_name(code - 128)  # a shell exits with 128 + N if signal N killed its program
    return f"exited with code {code} ({named})" if named.startswith("SIG") else f"exited with code {code}"


def _quoted(lines: Sequence[str]) -> str:
    if not lines:
        return ", and wrote nothing to stderr"
    return "; the end of its stderr:\n" + "\n".join(f"  {line}" for line in lines)


# -- the environment ---------------------------------------------------------------------------------------------------


def _environment() -> dict[str, str]:
    """Return this process's environment variables; PATH begins with the `bin` directory of the virtual environment.

    If a virtual environment is already active, PATH is not changed.
    """
    environment = dict(os.environ)
    if sys.prefix != sys.base_prefix and "VIRTUAL_ENV" not in environment:
        environment["VIRTUAL_ENV"] = sys.prefix
        programs = os.path.join(sys.prefix, "bin")
        environment["PATH"] = os.pathsep.join(filter(None, (programs, environment.get("PATH", os.defpath))))
    return environment


def _variables(values: Mapping[str, Json], command: str, what: str) -> dict[str, str]:
    """Convert values to environment variables: strings as they are, other values as JSON. Raises CommandError."""
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
    """Return why a string cannot be the value of an environment variable, or None if the string is a possible value."""
    if "\0" in text:
        return "it contains a NUL character"
    try:
        size = len(os.fsencode(text))
    except UnicodeEncodeError:
        return "it is not valid Unicode"
    if size > _LONGEST:
        return f"it has {size:,} bytes, and the limit is {_LONGEST:,}: write it to a file in an earlier step"
    return None
