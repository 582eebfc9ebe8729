"""Parsers for `Config` that read the packages listed in a file, in the form of the arguments of `@pypi` and `@conda`.

config = Config("deps", default="requirements.txt", parser=requirements_txt_parser)
@pypi_base(packages=config.packages, python=config.python)
"""

from __future__ import annotations

import re
import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any

from flowc_ir.late.pattern import late_pattern
from metaflow.exception import MetaflowException

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = ["ParserValueError", "conda_environment_yml_parser", "pyproject_toml_parser", "requirements_txt_parser"]

_NAME = r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?"
_VERSION = r"(?:===\s*[^\s,;()]+|(?:~=|==|!=|<=|>=|<|>)\s*[A-Za-z0-9_.*+!-]+)"
_VERSIONS = rf"{_VERSION}(?:\s*,\s*{_VERSION})*(?:\s*,)?"
_REQUIREMENT = late_pattern(
    rf"(?P<name>{_NAME})\s*(?P<extras>\[\s*{_NAME}(?:\s*,\s*{_NAME})*\s*\])?\s*(?:@\s*(?P<url>\S+)|\(?(?P<versions>{_VERSIONS})?\)?)\s*"
)
_ITSELF = late_pattern(r"-e\s+file:\.")  # a line that means the project itself, as some tools write it
_CONDA = late_pattern(r"(?P<name>[A-Za-z0-9_][A-Za-z0-9._-]*)\s*(?P<versions>[=<>!~]+\s*[^\s=<>!~].*)?")


class ParserValueError(MetaflowException):
    """A line of the file is not a supported requirement, or the file names several versions of Python."""

    headline = "Value error"


def requirements_txt_parser(content: str) -> dict[str, Any]:
    """Return the packages of a requirements.txt.

    In versions, `==` is omitted: `pandas==2.0` becomes `{"pandas": "2.0"}`. A requirement of `python` becomes the
    Python version. The line `-e file:.`, which stands for the project that contains the file, is ignored, since the
    project's code is packaged with the flow. Each line has the syntax of PEP 508.

    Args:
        content: the text of the file.

    Returns:
        `{"packages": {name: version}, "python": version or None}`.

    Raises:
        ParserValueError: a line is an option such as `-r`, is not a requirement, or has an environment marker.
    """
    lines = (re.sub(r"(^|\s)#.*", "", line).strip() for line in content.splitlines())
    return _collect(line for line in lines if line and not _ITSELF.fullmatch(line))


def pyproject_toml_parser(content: str) -> dict[str, Any]:
    """Return `dependencies` and `requires-python` of the section `[project]`, in the form of `requirements_txt_parser`.

    Args:
        content: the text of the file.

    Raises:
        ParserValueError: a dependency is not a requirement, or has an environment marker.
        tomllib.TOMLDecodeError: the content is not TOML.
        RuntimeError: Python 3.10 has no tomli.
    """
    try:
        toml = import_module("tomllib" if sys.version_info >= (3, 11) else "tomli")
    except ModuleNotFoundError as error:
        raise RuntimeError("pyproject_toml_parser needs tomli on Python 3.10: pip install tomli") from error
    project = toml.loads(content).get("project", {})
    result = _collect(project.get("dependencies", ()))
    if (python := project.get("requires-python")) is not None:
        if result["python"] is not None:
            raise ParserValueError(
                "the file names several versions of Python, in requires-python and in dependencies: keep one"
            )
        result["python"] = _without_equals(python)
    return result


def conda_environment_yml_parser(content: str) -> dict[str, Any]:
    """Return the `dependencies` of an environment.yml, in the form of `requirements_txt_parser`.

    Args:
        content: the text of the file. Each dependency is a line `- name=version`; other sections are ignored.

    Raises:
        ParserValueError: a dependency has another form, or is in a section such as `pip:`.
    """
    packages: dict[str, str] = {}
    python: str | None = None
    for word in _conda_lines(content):
        if word.endswith(":"):
            raise ParserValueError(f"Unsupported subsection '{word}' in environment.yml.")
        match = _CONDA.fullmatch(word)
        if match is None:
            raise ParserValueError(f"Line '{word}' is not a valid conda package specifier.")
        version = _without_equals(match["versions"] or "")
        if match["name"].lower() != "python":
            packages[match["name"]] = version
        elif python is not None:
            raise ParserValueError("environment.yml names several versions of Python: keep one")
        else:
            python = version
    return {"packages": packages, "python": python}


def _conda_lines(content: str) -> Iterator[str]:
    inside = False
    for line in content.splitlines():
        word = re.sub(r"(^|\s)#.*", "", line).strip()
        if word.startswith("- ") and inside:
            yield word[2:].strip()
        elif word:
            inside = word == "dependencies:"


def _collect(lines: Iterable[str]) -> dict[str, Any]:
    packages: dict[str, str] = {}
    python: str | None = None
    for line in lines:
        match = _REQUIREMENT.match(line)
        if match is not None and line[match.end() :].startswith(";"):
            raise ParserValueError(
                f"Environment markers (e.g. 'platform_system==\"Linux\"') are not supported for line: '{line}'"
            )
        if match is None or match.end() != len(line):
            raise ParserValueError(f"Not a valid PEP 508 requirement: '{line}'")
        parts = sorted(filter(None, re.sub(r"\s", "", match["versions"] or "").split(",")))
        version = _without_equals(",".join(parts))
        if match["name"].lower() == "python":
            if python is not None:
                raise ParserValueError(f"the file names several versions of Python, among them '{line}': keep one")
            python = version or None
        else:
            url = f"@{match['url']}" if match["url"] else ""
            extras = re.sub(r"\s", "", match["extras"] or "")
            packages[f"{match['name']}{extras}{url}"] = version
    return {"packages": packages, "python": python}


def _without_equals(version: str) -> str:
    return version.lstrip(" =")
