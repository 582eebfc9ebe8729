"""Sets a task's secrets as environment variables before the step's code runs. The values of secrets are never stored.

A provider is a function from the id of a secret to environment variables. Besides the built-in providers, a flow can
name a class by its dotted path; its method is `get_secret_as_dict(secret_id, options={}, role=None)`. Secrets for which
the flow gives only names are read together, from the source in the setting `secrets` (`secret_sources`).
"""

from __future__ import annotations

import os
import re
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, cast

from flowc_ir import json_text
from flowc_ir.late import LateModule
from flowc_ir.late.pattern import late_pattern
from flowc_ir.policies import CONFIGURED
from flowc_runtime.base.ambient import environment_of_run
from flowc_runtime.base.contract import POD

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from flowc_ir import Secret
    from flowc_runtime.base.config import secret_setting
    from flowc_runtime.run.task import secret_sources
else:  # imported at first use: only steps with secrets need these modules
    secret_setting = LateModule("flowc_runtime.base.config.secret_setting")
    secret_sources = LateModule("flowc_runtime.run.task.secret_sources")

_NAME = late_pattern(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
_RESERVED = late_pattern(r"(?:METAFLOW|FLOWC)_")


class SecretError(Exception):
    """A secret cannot be read or set; the message never contains a secret value."""


def inject(
    sources: Sequence[Secret], inline: Callable[[], Sequence[Mapping[str, object]]], setting: str
) -> Mapping[str, str]:
    """Set the environment variables of a step's secrets; return all these variables, even those that were set before.

    Args:
        sources: the secrets of the step, in order.
        inline: a function that returns the options of the inline secrets, in order; it reads them from the user code.
        setting: the value of the setting `secrets`.

    Raises:
        SecretError: a secret cannot be read, or its variable is already set by another secret or the environment.
    """
    if not sources:
        return {}
    given = iter(inline() if any(source.type == "inline" for source in sources) else ())
    set_by: dict[str, str] = {}
    found: dict[str, str] = {}
    declared: dict[str, str] = {}
    for source, label, values in _groups(sources, given, setting):
        for name, value in values.items():
            _check(name, value, label)
            if name in set_by:
                raise SecretError(f"secrets {set_by[name]} and {label} both set the variable {name}")
            set_by[name] = label
            declared[name] = value
            if source.type == "env" and os.environ.get(name) == value:
                continue  # Nothing to set: the variable already has this value.
            # If the flow gives only the secret's name, the value comes from the configuration, and replaces a variable
            # that is already set.
            if name in os.environ and not source.allow_override and source.type != CONFIGURED:
                raise SecretError(
                    f"secret {label} sets the variable {name}, which is already set; "
                    "to replace it, write @secrets(…, allow_override=True)"
                )
            found[name] = value
    os.environ.update(found)
    return declared


def _groups(
    sources: Sequence[Secret], inline: Iterator[Mapping[str, object]], setting: str
) -> Iterator[tuple[Secret, str, Mapping[str, str]]]:
    """Yield (secret, label, variables) for each secret: the label names the secret in errors, and the variables are
    those that the secret sets. All secrets for which the flow gives only a name are one item, with the first of them as
    its secret."""
    together = [source for source in sources if source.type == CONFIGURED]
    if together:
        chosen = secret_setting.SecretSetting.parse(setting)
        names = list(dict.fromkeys(source.id for source in together))
        try:
            values = secret_sources.read(names, chosen, environment_of_run())
        except secret_sources.SourceError as error:
            raise SecretError(f"{error.message}; {error.hint}") from None
        yield together[0], f"of {chosen.shown}", values
    for source in sources:
        if source.type != CONFIGURED:
            label = f"'{source.id}' ({source.type})"
            options = next(inline, {}) if source.type == "inline" else json_text.mapping(source.options)
            yield source, label, _values(source, options, label)


def _values(source: Secret, options: Mapping[str, object], label: str) -> Mapping[str, str]:
    provider = PROVIDERS.get(source.type) or _load(source.type, source.role)
    try:
        values = provider(source.id, options)
    except SecretError as error:
        raise SecretError(f"secret {label}: {error}") from None
    except Exception as error:  # hazard: the message of a user's provider may contain the secret, so it is not shown
        raise SecretError(f"secret {label}: its provider fails with {type(error).__name__}{place_of(error)}") from None
    if not isinstance(values, dict):
        raise SecretError(f"secret {label}: its provider returned a {type(values).__name__}, not a dict")
    return values


def place_of(error: Exception) -> str:
    """Return the file and line where an exception was raised, as a part of a message."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return f" in {os.path.basename(trace.tb_frame.f_code.co_filename)}, line {trace.tb_lineno}" if trace else ""


def _check(name: object, value: object, label: str) -> None:
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise SecretError(f"secret {label}: {name!r} is not a valid variable name")
    if _RESERVED.match(name):
        raise SecretError(
            f"secret {label} sets the variable {name}, but names that begin with METAFLOW_ or FLOWC_ are reserved"
        )
    if not isinstance(value, str):
        raise SecretError(f"secret {label}: the value of {name} is of type {type(value).__name__}, not text")
    if "\0" in value:
        raise SecretError(
            f"secret {label}: the value of {name} contains a NUL character, which environment variables cannot hold"
        )


# -- providers ---------------------------------------------------------------------------------------------------------


class _GetSecret(Protocol):
    def __call__(self, secret_id: str, /, *, options: Mapping[str, object], role: str | None) -> Mapping[str, str]: ...


def _load(path: str, role: str | None) -> Callable[[str, Mapping[str, object]], Mapping[str, str]]:
    """Import the class of a user-defined provider, and return its method."""
    module, _, name = path.rpartition(".")
    try:
        provider = getattr(import_module(module), name)()
        get: _GetSecret = provider.get_secret_as_dict
    except (ImportError, AttributeError) as error:
        raise SecretError(f"the provider of secrets '{path}' cannot be loaded: {error}") from error
    return lambda secret, options: get(secret, options=options, role=role)


def _env(name: str, options: Mapping[str, object]) -> Mapping[str, str]:
    """Return a variable of the environment in which the run was started; the option `as` gives it another name."""
    _known(options, "as")
    environment = environment_of_run()
    if name not in environment:
        raise SecretError(f"the variable {name} is not set; set it before you start the run")
    return {str(options.get("as") or name): environment[name]}


def _dotenv(file: str, options: Mapping[str, object]) -> Mapping[str, str]:
    """Return the variables in a `.env` file, whose lines are NAME=value."""
    _known(options, "names")
    return _chosen(parse_dotenv(read_text(Path(file))), options)


def _files(directory: str, options: Mapping[str, object]) -> Mapping[str, str]:
    """Return a variable for each file of a directory, such as a mounted Kubernetes Secret: file name → content."""
    _known(options, "names")
    try:
        paths = [path for path in sorted(Path(directory).iterdir()) if path.is_file() and path.name[0] != "."]
    except OSError as error:
        raise SecretError(f"cannot read the directory: {error.strerror}") from None
    return _chosen({path.name: read_text(path).removesuffix("\n") for path in paths}, options)


def _inline(_name: str, options: Mapping[str, object]) -> Mapping[str, str]:
    """Return values that are written in the code. Secrets of this kind are meant for tests."""
    _known(options, "env_vars")
    return cast("Mapping[str, str]", options.get("env_vars", {}))  # `inject` checks the names and values


def _kubernetes(_name: str, options: Mapping[str, object]) -> Mapping[str, str]:
    """Return nothing: in a pod, Kubernetes has set the variables of a Secret. Raises SecretError outside of a pod."""
    _known(options)
    if not os.environ.get(POD):
        raise SecretError("it is a Secret of a cluster; on this machine use env, dotenv or files")
    return {}


def _known(options: Mapping[str, object], *names: str) -> None:
    if unknown := [name for name in options if name not in names]:
        raise SecretError(f"unknown option '{unknown[0]}'" + (f"; the only option is '{names[0]}'" if names else ""))


def _chosen(values: Mapping[str, str], options: Mapping[str, object]) -> Mapping[str, str]:
    """Return the values whose names are in the option `names`; without the option, all values."""
    names = cast("Sequence[str] | None", options.get("names"))  # `@secrets` has already checked this option
    if names is None:
        return values
    if missing := [name for name in names if name not in values]:
        raise SecretError(f"it does not contain {missing[0]}")
    return {name: values[name] for name in names}


def read_text(path: Path) -> str:
    """Return the text of a file. Raises SecretError, whose message does not contain the text."""
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise SecretError(f"cannot read {path}: {error.strerror}") from None
    except ValueError:
        raise SecretError(f"{path} is not UTF-8 text") from None


_LINE = late_pattern(
    r"""
    [ \t]*(?:export[ \t]+)?(?P<name>[A-Za-z_][A-Za-z0-9_]*)[ \t]*=[ \t]*
    (?: '(?P<single>[^']*)' | "(?P<double>(?:[^"\\]|\\.)*)" | (?P<plain>(?:(?![ \t]\#)[^'"\n])*) )
    [ \t]*(?:\#[^\n]*)?\r?(?:\n|\Z)
    """,
    re.ASCII | re.DOTALL | re.VERBOSE,
)
_SKIP = late_pattern(r"[ \t\r]*(?:\#[^\n]*)?(?:\n|\Z)")
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t"}


def parse_dotenv(text: str) -> dict[str, str]:
    r"""Return the variables of a `.env` file: `NAME=value`, `export`, comments, and quotes as in a shell.

    Variables are not expanded. A quoted value may span lines; double quotes allow escapes such as `\n`.

    Raises:
        SecretError: a line is not NAME=value; the message contains the line's number.
    """
    found: dict[str, str] = {}
    at = 0
    while at < len(text):
        if skipped := _SKIP.match(text, at):
            at = skipped.end()
            continue
        match = _LINE.match(text, at)
        if match is None:
            raise SecretError(f"line {text.count(chr(10), 0, at) + 1} is not NAME=value")
        found[match["name"]] = _unquoted(match)
        at = match.end()
    return found


def _unquoted(match: re.Match[str]) -> str:
    if match["single"] is not None:
        return match["single"]
    if match["double"] is not None:
        return re.sub(r"\\(.)", lambda found: _ESCAPES.get(found[1], found[1]), match["double"], flags=re.DOTALL)
    return (match["plain"] or "").strip()


PROVIDERS: Mapping[str, Callable[[str, Mapping[str, object]], Mapping[str, str]]] = {
    "env": _env,
    "dotenv": _dotenv,
    "files": _files,
    "inline": _inline,
    "kubernetes": _kubernetes,
}
"""The built-in providers, by the type of the secret."""
