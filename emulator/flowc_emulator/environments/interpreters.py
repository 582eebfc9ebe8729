"""Find a Python interpreter with a given version, and the programs that install packages."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from typing import TYPE_CHECKING, final

from flowc_emulator.environments import pythons
from flowc_ir.late.dataclass import dataclass
from flowc_runtime.base.errors import FlowcError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_PROBE = "import platform; print(platform.python_version())"


class BuildError(FlowcError):
    """An environment cannot be built."""


@final
@dataclass(frozen=True, slots=True)
class Interpreter:
    """A Python interpreter; `path` is None if uv or conda has to provide the interpreter."""

    path: str | None
    version: str


def this_version() -> str:
    """Return the version of the running interpreter."""
    return platform.python_version()


def find(allowed: str | None) -> Interpreter:
    """Return an interpreter with an allowed version; the running interpreter takes precedence.

    If the running interpreter's version is not allowed, the function looks for other interpreters on PATH, then in
    pyenv, then with `uv python find`.

    Args:
        allowed: a version such as `3.12` or `3.12.4`, or a range; None allows every version.

    Returns:
        The interpreter; its path is None if uv has to fetch it.

    Raises:
        BuildError: no interpreter is found and uv is not installed, or flowc's runtime does not support the version.
    """
    if allowed is None or pythons.fits(this_version(), allowed):
        return Interpreter(sys.executable, this_version())
    check_python(allowed)
    for path in _candidates(allowed):
        said = _version(path)
        if said is not None and pythons.fits(said, allowed) and pythons.can_run(said):
            return Interpreter(path, said)
    if uv():
        return Interpreter(None, pythons.for_uv(allowed))
    raise BuildError(
        f"no interpreter of Python {allowed} was found on PATH or under pyenv, and flowc runs under Python "
        f"{this_version()}; install such an interpreter, or install uv, which fetches interpreters"
    )


def check_python(allowed: str | None) -> None:
    """Check that flowc's runtime supports a version or a range of Python; None is always supported.

    Raises:
        BuildError: flowc's runtime does not support the version or the range.
    """
    if allowed is not None and pythons.is_too_old(allowed):
        least = ".".join(map(str, pythons.LEAST))
        raise BuildError(
            f'flowc runs on Python {least} and later, not {allowed}; write python="{least}" or a later one, '
            "or --environment=local to run with what is installed here"
        )


def _candidates(allowed: str) -> Iterator[str]:
    for short in pythons.shorts(allowed):
        for directory in os.get_exec_path():
            path = os.path.join(directory, f"python{short}")
            if os.access(path, os.X_OK):
                yield path
    versions = os.path.join(os.environ.get("PYENV_ROOT") or os.path.expanduser("~/.pyenv"), "versions")
    if os.path.isdir(versions):
        for name in sorted(os.listdir(versions), reverse=True):
            path = os.path.join(versions, name, "bin", "python")
            if name[:1].isdigit() and pythons.fits(name, allowed) and os.access(path, os.X_OK):
                yield path
    if command := uv():
        found = subprocess.run(
            [*command, "python", "find", pythons.for_uv(allowed)], capture_output=True, text=True, env=environment()
        )
        if found.returncode == 0:
            yield found.stdout.strip()


@cache
def _version(path: str) -> str | None:
    """Return an interpreter's version; None if the interpreter cannot run, such as pyenv's shim for an unselected
    version."""
    try:
        done = subprocess.run([path, "-I", "-c", _PROBE], capture_output=True, text=True, timeout=60, env=environment())
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def uv() -> Sequence[str] | None:
    """Return the command of uv if it is installed."""
    if found := shutil.which("uv"):
        return (found,)
    return (sys.executable, "-m", "uv") if find_spec("uv") else None


def pip() -> Sequence[str] | None:
    """Return the command of this interpreter's pip if it can install into another interpreter (22.3 and later)."""
    try:
        installed = version("pip").split(".")
    except PackageNotFoundError:
        return None
    known = installed[0].isdigit() and installed[1:] and installed[1].isdigit()
    return (sys.executable, "-m", "pip") if known and (int(installed[0]), int(installed[1])) >= (22, 3) else None


def conda() -> str | None:
    """Return the path of micromamba, mamba or conda; None if none of these programs is installed."""
    return next(filter(None, map(shutil.which, ("micromamba", "mamba", "conda"))), None)


def environment() -> dict[str, str]:
    """Return the environment variables for an installer: those of this process, without PYTHON* variables."""
    return {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
