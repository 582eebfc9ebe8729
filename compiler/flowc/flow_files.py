"""Checks whether a file that a command line names can contain a flow, and hints about similar files."""

from __future__ import annotations

import errno
import os
import stat
from typing import TYPE_CHECKING, Final

from flowc_ir.late import LateFunction
from flowc_ir.suggestion import closest, did_you_mean
from flowc_runtime.base.errors import HintedError

if TYPE_CHECKING:
    from pathlib import Path

    from flowc.not_python import find_other
else:  # imported at first use, because the import costs start-up time
    find_other = LateFunction("flowc.not_python:find_other")

_HEAD: Final = 8192  # the number of bytes to search for a null byte, which marks a binary file


class OpeningError(HintedError):
    """The error that an argument names no flow that can be run. The attribute `message` says why, and `hint` says what
    to write instead."""


_HINTS = {
    errno.ELOOP: "its links lead to each other: delete one of them",
    errno.ENAMETOOLONG: "a name may have 255 bytes, and a path 4,095: shorten it",
}


def check_file(name: str, path: Path, forms: str) -> None:
    """Raise OpeningError unless the file exists and can contain a flow.

    Args:
        name: the argument that names the file, for messages.
        path: the file.
        forms: the possible notations of the argument FLOW, for hints.
    """
    try:
        mode = path.stat().st_mode
        if stat.S_ISDIR(mode):
            raise OpeningError(f"{name!r} is a directory, not a Python file", flows_in(path, forms))
        if not stat.S_ISREG(mode):
            raise OpeningError(f"{name!r} is not a regular file", "name the flow's Python file")
        with path.open("rb") as file:
            content = file.read()
    except (FileNotFoundError, NotADirectoryError):
        link = f"{name!r} is a link to a file that does not exist"
        raise OpeningError(link if os.path.islink(path) else f"{name!r} does not exist", similar(path, forms)) from None
    except (OSError, ValueError) as error:  # for example, symbolic links form a circle, or the name has a null byte
        why = error.strerror if isinstance(error, OSError) else str(error)
        hint = _HINTS.get(getattr(error, "errno", None) or 0, "make the file and the directories above it readable")
        hint += ", or name another file"
        raise OpeningError(f"cannot read {name!r}: {why}", hint) from None
    if other := find_other(name, content):
        raise OpeningError(f"{name!r} is {other.what}, not a Python file", other.hint)
    if b"\0" in content[:_HEAD]:
        raise OpeningError(
            f"{name!r} is not Python: it holds null bytes, as binary files and texts in UTF-16 do",
            "name the flow's source file, saved as UTF-8",
        )


def similar(path: Path, forms: str) -> str:
    """Return the hint for a missing file: a file with a similar name, or the files with flows in the same directory.

    Args:
        path: the missing file.
        forms: the possible notations of the argument FLOW, for the hint.
    """
    directory = path.parent
    if not os.path.isdir(directory):
        return f"there is no directory '{directory}'"
    meant = nearby(path)
    return did_you_mean(meant) if meant else flows_in(directory, forms)


def nearby(path: Path) -> str | None:
    """Return a Python file with a similar name in the same directory, or None if there is none."""
    directory = path.parent
    if not os.path.isdir(directory):
        return None
    if os.path.isfile(whole := path.with_name(f"{path.name}.py")):
        return str(whole)
    meant = closest(path.stem, [name.removesuffix(".py") for name in _python_files(directory)])
    return f"{directory / meant}.py" if meant else None


def flows_in(directory: Path, forms: str, package: str | None = None) -> str:
    """Return the hint for a directory: the names of its files with flows, or of its modules if it is a package.

    Args:
        directory: the directory.
        forms: the possible notations of the argument FLOW, for the hint.
        package: the name of the package in the directory, or None to derive it from the directory's path.
    """
    package = package or _package_name(directory)
    names = [name for name in _python_files(directory) if _mentions_flow(directory / name)]
    if package is not None and names:
        modules = [f"{package}.{name.removesuffix('.py')}" for name in names]
        return f"name a module: {', '.join(modules[:5])}{' …' if len(names) > 5 else ''}"
    found = [str(directory / name) for name in names]
    if found:
        return f"name a file: {', '.join(found[:5])}{' …' if len(found) > 5 else ''}"
    return f"no Python file in '{directory}' has a flow; write {forms}"


def _package_name(directory: Path) -> str | None:
    """Return the dotted name of the package in a directory below the working directory, or None if it is not a
    package."""
    name = os.path.normpath(directory).replace("/", ".")
    return name if is_dotted(name) and os.path.isfile(directory / "__init__.py") else None


def _python_files(directory: Path) -> list[str]:
    try:
        names = sorted(name for name in os.listdir(directory) if name.endswith(".py"))
    except OSError:
        return []
    return [name for name in names if os.path.isfile(directory / name)]


def _mentions_flow(path: Path) -> bool:
    try:
        return b"FlowSpec" in path.read_bytes()
    except OSError:
        return False


def is_dotted(text: str) -> bool:
    """Return whether a text can be the dotted name of a module, such as `pkg.module`."""
    return all(part.isidentifier() for part in text.split("."))
