"""The configuration file: find it in the parent directories, read it, and report all of its faults with their lines."""

from __future__ import annotations

import os
import re
import sys
from functools import lru_cache
from importlib import import_module
from typing import TYPE_CHECKING, Final, cast

from flowc_ir.late import LateFunction, LateModule
from flowc_ir.late.namedtuple import NamedTuple
from flowc_runtime.base import addresses, input_files
from flowc_runtime.base.config.config_keys import BY_KEY, YES_NO, shown_value
from flowc_runtime.base.errors import ConfigurationError, ConfigurationFault

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from flowc_runtime.base.config import secret_setting
    from flowc_runtime.base.config.config_keys import Setting
    from flowc_runtime.base.config.pod_tables import PodReader, PodTables
else:
    # imported at first use, because few configuration files have tables about pods
    PodReader = LateFunction("flowc_runtime.base.config.pod_tables:PodReader")
    # imported at first use: only a value of `secrets` needs this module
    secret_setting = LateModule("flowc_runtime.base.config.secret_setting")

OWN: Final = "flowc.toml"
PROJECT: Final = "pyproject.toml"
_SECTION: Final = "tool.flowc"
_NO_YAML: Final = (
    'write a file flowc.toml: store = "…" replaces the run log, [defaults] and [overrides.NAME] replace executors; '
    "the command decides where the flow runs, such as flowc compile --target argo"
)
# Matches a pyproject.toml that may have a [tool.flowc] section. Most files have no such section, and this match is
# faster than parsing TOML.
_MENTIONED: Final = rb"""^(?:\xef\xbb\xbf)?\s*(\[+\s*["']?tool["']?\s*(\]|\.\s*["']?flowc\b)|["']?tool["']?\s*[.=])"""


class ConfigFile(NamedTuple):
    """A configuration file: its path, its values by key, the line numbers of its keys, and its tables about pods."""

    path: str
    values: Mapping[str, str | int]
    lines: Mapping[tuple[str, ...], int]
    pods: PodTables | None = None

    @property
    def shown(self) -> str:
        """The file's name for messages: only the name if it is in the working directory, otherwise the path."""
        return _place(self.path)

    def place(self, key: str) -> str:
        """Return the file, relative to the working directory, and the line of a key: `flowc.toml:3`."""
        at = (key,) if (key,) in self.lines else ("defaults", key)
        return _place(self.path, self.lines.get(at))

    def place_of(self, path: tuple[str, ...]) -> str:
        """Return the file and the line of a key. If the key's line is unknown, it is the line of the nearest table
        around the key whose line is known."""
        return _place(self.path, _line_of(path, self.lines))

    def value(self, setting: Setting) -> str | int:
        """Return the value of a setting; a relative path is resolved against the file's directory."""
        value = self.values[setting.key]
        if setting.type == "source":
            return secret_setting.SecretSetting.parse(str(value)).below(os.path.dirname(self.path)).text
        if setting.type != "place" or not isinstance(value, str) or "://" in value or addresses.meant(value):
            return value
        return os.path.normpath(os.path.join(os.path.dirname(self.path), os.path.expanduser(value)))


def find_file(start: str | None = None) -> ConfigFile | None:
    """Find the nearest configuration file in a directory and its parents; read and check it.

    Args:
        start: the directory; None is the working directory.

    Returns:
        The file; None if no configuration file exists, or the working directory was deleted.

    Raises:
        ConfigurationError: the file cannot be read or has faults, or one directory has two configuration files.
    """
    try:
        here = start or os.getcwd()
    except FileNotFoundError:  # the working directory was deleted
        return None
    for directory in upward(here):
        own, project = f"{directory}/{OWN}", f"{directory}/{PROJECT}"
        in_project = os.path.lexists(project) and _mentions_us(project, *_stamp(project))
        if os.path.lexists(own):
            if in_project and _read(project, *_stamp(project)) is not None:
                message = f"{_place(own)} and [{_SECTION}] of {_place(project)} are in one directory"
                raise ConfigurationError(
                    [ConfigurationFault(message, "move the settings of one of them into the other")]
                )
            return _read(own, *_stamp(own))
        if in_project and (found := _read(project, *_stamp(project))) is not None:
            return found
    return None


def read_file(name: str) -> ConfigFile:
    """Read and check the configuration file `name`, which may be any TOML file.

    Raises:
        ConfigurationError: the file cannot be read, has faults, or is a pyproject.toml without [tool.flowc].
    """
    path = os.path.abspath(name)
    if path.lower().endswith((".yaml", ".yml")):
        message = f"{_place(path)} is YAML, but flowc's configuration is TOML"
        raise ConfigurationError([ConfigurationFault(message, _NO_YAML)])
    if not os.path.lexists(path):
        hint = "name an existing file in TOML, such as flowc.toml"
        raise ConfigurationError([ConfigurationFault(f"the configuration file {_place(path)} does not exist", hint)])
    if os.path.isdir(path):
        shown = os.path.join(name, OWN)
        hint = f"name a file in it, such as {shown}" if os.path.isfile(shown) else f"name a file, such as {OWN}"
        raise ConfigurationError([ConfigurationFault(f"the configuration file {name} is a directory", hint)])
    found = _read(path, *_stamp(path))
    if found is None:
        message = f"{_place(path)} has no section [{_SECTION}]"
        raise ConfigurationError([ConfigurationFault(message, f"write [{_SECTION}], or name a flowc.toml")])
    return found


def upward(directory: str) -> Iterator[str]:
    """Yield a directory and its parents, without a slash at the end."""
    while True:
        yield directory.rstrip("/")
        parent = os.path.dirname(directory)
        if parent == directory:
            return
        directory = parent


@lru_cache(maxsize=8)
def _mentions_us(path: str, *stamp: int) -> bool:
    return re.search(_MENTIONED, _content(path), re.MULTILINE) is not None


def _stamp(path: str) -> tuple[int, int, int]:
    """Return the file's modification time, size and inode. If one of them changes, long-lived programs (notebooks) read
    the file again."""
    try:
        status = os.stat(path)
    except OSError:
        return 0, 0, 0
    return status.st_mtime_ns, status.st_size, status.st_ino


@lru_cache(maxsize=8)
def _read(path: str, *stamp: int) -> ConfigFile | None:
    """Read and check a file; return None for a pyproject.toml without [tool.flowc]. Raises ConfigurationError."""
    text = _decoded(path, _content(path))
    table = _parsed(path, text)
    section = ""
    if path.endswith(f"/{PROJECT}"):
        section, tools = _SECTION, table.get("tool")
        if not isinstance(tools, dict) or "flowc" not in tools:
            return None
        own = tools["flowc"]
        if not isinstance(own, dict):
            message = f"{_place(path)}: [{_SECTION}] is not a table"
            raise ConfigurationError(
                [ConfigurationFault(message, f"write [{_SECTION}], then a line for each setting below it")]
            )
        table = own
    lines = _lines(text, section)
    tables = {key: table.pop(key) for key in _TABLES if key in table}
    faults = [*_faults(path, table, lines)]
    pods = None
    if tables:
        reader = PodReader(lambda key: _place(path, _line_of(key, lines)))
        pods = reader.read(tables, table)
        faults += reader.faults
    if faults:
        raise ConfigurationError(faults)
    values = {key: normal(BY_KEY[key], value) for key, value in table.items()}
    return ConfigFile(path, cast("dict[str, str | int]", values), lines, pods)  # `_faults` has checked the types


def _content(path: str) -> bytes:
    try:
        return input_files.content(path)
    except OSError as error:
        hint = "make it readable, or move it away"
        if isinstance(error, IsADirectoryError):
            hint = f"rename the directory: {os.path.basename(path)} is the name of a configuration file"
        raise ConfigurationError([ConfigurationFault(f"cannot read {_place(path)}: {error.strerror}", hint)]) from None


def _decoded(path: str, content: bytes) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        message = f"{_place(path, line)}: byte 0x{content[error.start]:02x} is not UTF-8"
        raise ConfigurationError([ConfigurationFault(message, "save the file as UTF-8")]) from None


def _parsed(path: str, text: str) -> dict[str, object]:
    name = "tomllib" if sys.version_info >= (3, 11) else "tomli"
    try:
        toml = import_module(name)  # Imported here, because only a file needs it, and the import is slow.
    except ModuleNotFoundError:  # The environment of a step with Python 3.10 may lack tomli.
        message = f"reading {_place(path)} needs {name}, which is not installed"
        raise ConfigurationError(
            [ConfigurationFault(message, f"pip install {name}, or set FLOWC_* variables instead")]
        ) from None
    try:
        found: dict[str, object] = toml.loads(text)
    except ValueError as error:
        message, _, place = str(error).rpartition(" (at ")
        line = re.match(r"line (\d+)", place)
        # If the parser reports "at end of document" instead of a line number, the error's line is the last line with
        # text.
        last = text.rstrip("\n").count("\n") + 1
        where = _place(path, int(line[1]) if line else last)
        hint = 'write one setting per line, with quotes around strings: image = "registry/flows:1"'
        raise ConfigurationError([ConfigurationFault(f"{where}: not valid TOML: {message or error}", hint)]) from None
    except RecursionError:
        raise ConfigurationError(
            [ConfigurationFault(f"{_place(path)}: nested too deeply", "settings are plain values")]
        ) from None
    return found


_TABLES: Final[Sequence[str]] = ("defaults", "overrides", "steps")
_PART: Final = r"""\s*(?:"([^"]*)"|'([^']*)'|([\w-]+))\s*"""
_HEADER: Final = rf"\s*\[+({_PART}(?:\.{_PART})*)\]"
_KEY: Final = rf"({_PART}(?:\.{_PART})*)="


def _lines(text: str, section: str) -> dict[tuple[str, ...], int]:
    """Return the line numbers of a section's keys and tables by path; keys in unusual notations are missing."""
    outer = tuple(section.split(".")) if section else ()
    current: tuple[str, ...] = ()
    found: dict[tuple[str, ...], int] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if header := re.match(_HEADER, line):
            path = current = _path(header[1])
        elif key := re.match(_KEY, line):
            path = (*current, *_path(key[1]))
        else:
            continue
        if path[: len(outer)] == outer:
            for length in range(len(outer) + 1, len(path) + 1):
                found.setdefault(path[len(outer) : length], number)
    return found


def _path(words: str) -> tuple[str, ...]:
    return tuple(next((name for name in names if name), "") for names in re.findall(_PART, words))


def _line_of(path: tuple[str, ...], lines: Mapping[tuple[str, ...], int]) -> int | None:
    """Return the line number of a key. If it is unknown, return the line number of the nearest table around the key
    whose line is known."""
    return next((lines[path[:length]] for length in range(len(path), 0, -1) if path[:length] in lines), None)


def _faults(
    path: str, table: Mapping[str, object], lines: Mapping[tuple[str, ...], int]
) -> Iterator[ConfigurationFault]:
    for key, value in table.items():
        where = _place(path, lines.get((key,)))
        setting = BY_KEY.get(key)
        if setting is None:
            yield ConfigurationFault(f"{where}: there is no setting '{key}'", meant(key, _TABLES))
        elif (why := wrong(setting, value)) is not None:
            yield ConfigurationFault(f"{where}: {key} {why}", f"write {key} = {example(setting)}")


def meant(key: str, tables: Sequence[str] = ()) -> str:
    """Return the hint for an unknown key; `tables` are the valid keys of a file that are not settings."""
    from flowc_ir.suggestion import suggest

    known = [*BY_KEY, *tables]
    return suggest(key.lower().replace("_", "-"), known, f"the settings are {', '.join(known)}")


_SAME: Final = {"yes": "yes", "true": "yes", "on": "yes", "1": "yes", "no": "no", "false": "no", "off": "no", "0": "no"}


def normal(setting: Setting, value: object) -> object:
    """Return the canonical value of a setting: `yes` or `no` for true, on, 1, false, off, 0; other values unchanged."""
    if setting.choices != YES_NO:
        return value
    if isinstance(value, bool):
        return YES_NO[not value]
    return _SAME.get(value.lower(), value) if isinstance(value, str) else value


def wrong(setting: Setting, value: object) -> str | None:
    """Return a description of a value's fault, such as `must be a string, not 3`; None if the value is valid.

    Args:
        setting: the setting.
        value: the value from a TOML file, or the converted value of a variable.
    """
    value = normal(setting, value)
    if setting.type == "number":
        right = isinstance(value, int) and not isinstance(value, bool) and value >= 1
    else:
        right = isinstance(value, str) and value != "" and (not setting.choices or value in setting.choices)
    expected = describe(setting)
    if right and setting.type == "source":
        right = secret_setting.SecretSetting.is_valid(str(value))
        expected = secret_setting.SecretSetting.expected(str(value))
    return None if right else f"must be {expected}, not {shown_value(value)}"


def describe(setting: Setting) -> str:
    """Return a description of a setting's valid values."""
    if setting.type == "number":
        return "a whole number of at least 1"
    if setting.choices:
        return f"one of {', '.join(setting.choices)}"
    if setting.type == "source":
        return secret_setting.FORMS
    return "a directory or a URL, as text" if setting.type == "place" else "a string"


def example(setting: Setting) -> str:
    """Return an example value of a setting in TOML."""
    if setting.type == "number":
        return "4"
    if setting.type == "source":
        return '"dotenv:.env"'
    return f'"{setting.choices[0] if setting.choices else "…"}"'


def _place(path: str, line: int | None = None) -> str:
    shown = os.path.basename(path) if os.path.dirname(path) == _here() else path
    return f"{shown}:{line}" if line else shown


def _here() -> str | None:
    try:
        return os.getcwd()
    except FileNotFoundError:
        return None
