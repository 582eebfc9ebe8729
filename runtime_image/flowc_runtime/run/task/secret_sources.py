"""Sources of secrets for which a flow gives only names: environment, file, directory, Kubernetes Secret or plugin.

The setting `secrets` chooses one source for all steps. docs/configuration.md describes the sources for users.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol, runtime_checkable

from flowc_ir.policies import CONFIGURED
from flowc_ir.suggestion import suggest
from flowc_runtime.base.config.plugin_kinds import SECRETS
from flowc_runtime.base.config.plugins import PluginError
from flowc_runtime.base.config.secret_setting import BUILT_IN
from flowc_runtime.base.contract import POD
from flowc_runtime.base.errors import FlowcError, HintedError
from flowc_runtime.run.task.secrets import SecretError, parse_dotenv, place_of, read_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from flowc_ir import Flow, Node
    from flowc_runtime.base.config.secret_setting import SecretSetting


@runtime_checkable
class SecretSource(Protocol):
    """A source of secrets that a package adds.

    The package registers an instance as an entry point of the group `flowc.secrets`. The setting `secrets = "NAME"` or
    `"NAME:PLACE"` chooses it by the entry point's name.
    """

    def read(self, names: Sequence[str], place: str) -> Mapping[str, str]:
        """Return the values of secrets by name. flowc calls this method in the process of a task, before the user code
        runs.

        Args:
            names: the names of the secrets that the step declares. If the result lacks a name, flowc raises an error
                with the secret, the step and the source; further names in the result are ignored.
            place: the text after `NAME:` in the setting; empty if there is none.

        Raises:
            Exception: any exception; flowc shows its type and line, but not its message, which may contain a secret.
        """
        ...


class SourceError(HintedError, FlowcError):
    """The secrets of a step cannot be read. `hint` says what to do; neither the message nor the hint contains the value
    of a secret."""


def configured_names(node: Node) -> list[str]:
    """Return the names, without duplicates, of the step's secrets for which the setting chooses the source."""
    return list(dict.fromkeys(secret.id for secret in node.secrets if secret.type == CONFIGURED))


def check_setting(setting: SecretSetting) -> None:
    """Check that the plugin in the setting is installed. The plugin is not imported.

    Raises:
        SourceError: no installed package registers the plugin.
    """
    if setting.is_plugin and setting.kind not in (names := SECRETS.names()):
        raise _unknown(setting, names)


def faults(flow: Flow, setting: SecretSetting, skipped: Sequence[str]) -> Iterator[SourceError]:
    """Yield an error for each step whose secrets are not available on this machine. Plugins are not called.

    Args:
        flow: the flow.
        setting: the setting `secrets`, parsed.
        skipped: the names of steps whose code does not run in this run.
    """
    for node in flow.nodes:
        if node.id in skipped or not (names := configured_names(node)):
            continue
        try:
            if setting.is_plugin:
                check_setting(setting)
            else:
                read(names, setting, os.environ)
        except SourceError as error:
            yield SourceError(f"step '{node.id}' needs {_listed(names)}: {error.message}", error.hint)


def read(names: Sequence[str], setting: SecretSetting, environment: Mapping[str, str]) -> Mapping[str, str]:
    """Return the values of secrets by name.

    Args:
        names: the names of the secrets.
        setting: the setting `secrets`, parsed.
        environment: the environment in which the run, or the pod, was started.

    Raises:
        SourceError: the source or a secret is missing.
    """
    try:
        values, hint = _values(names, setting, environment)
    except SecretError as error:
        raise SourceError(f"{setting.shown}: {error}", _CHOOSE) from None
    if missing := [name for name in names if name not in values]:
        raise SourceError(f"{setting.shown} does not have {_listed(missing)}", f"{hint(missing[0])}, or {_CHOOSE}")
    return {name: values[name] for name in names}


_CHOOSE: Final = "choose another source: `secrets` in flowc.toml, or FLOWC_SECRETS"


class _Hint(Protocol):
    def __call__(self, name: str, /) -> str: ...


def _values(
    names: Sequence[str], setting: SecretSetting, environment: Mapping[str, str]
) -> tuple[Mapping[str, str], _Hint]:
    """Return the values of the secrets that a source contains, and a function that returns the hint for an error about
    a missing secret."""
    match setting.kind:
        case "env":
            return environment, lambda name: f"set the variable {name} before you start the run"
        case "dotenv":
            return parse_dotenv(read_text(Path(setting.place))), lambda name: f"add a line {name}=… to the file"
        case "files":
            directory = setting.place
            return _files(names, Path(directory)), lambda name: f"write the value into a file {name} in {directory}"
        case "kubernetes":
            if not environment.get(POD):
                raise SourceError(
                    f"{setting.shown} is a Secret of a cluster, which flowc does not read on this machine",
                    "for runs here, set FLOWC_SECRETS to env, dotenv:PATH or files:DIR",
                )
            return environment, lambda name: f"add the key {name} to the Secret '{setting.place}'"
    return _of_plugin(names, setting), lambda name: f"add {name} to it"


def _files(names: Sequence[str], directory: Path) -> Mapping[str, str]:
    if not directory.is_dir():
        raise SecretError("there is no such directory")
    return {name: read_text(directory / name).removesuffix("\n") for name in names if (directory / name).exists()}


def _of_plugin(names: Sequence[str], setting: SecretSetting) -> Mapping[str, str]:
    try:
        source = SECRETS.find(setting.kind, SecretSource)  # type: ignore[type-abstract]  # `find` accepts protocols
    except PluginError as error:
        raise SourceError(error.message, error.hint) from error
    if source is None:
        raise _unknown(setting, SECRETS.names())
    what = SECRETS.described(setting.kind)
    try:
        values: object = source.read(names, setting.place)
    except Exception as error:  # hazard: the message of a plugin's error may contain a secret, so it is not shown
        raise SourceError(f"{what} fails with {type(error).__name__}{place_of(error)}", _CHOOSE) from None
    if not isinstance(values, dict):
        raise SourceError(f"{what} returned a {type(values).__name__}, not a dict", "fix the plugin's package")
    return values


def _unknown(setting: SecretSetting, installed: Sequence[str]) -> SourceError:
    known = [*BUILT_IN, *installed]
    return SourceError(
        f"there is no source of secrets '{setting.kind}'",
        suggest(setting.kind, known, f"install the package that provides it; the sources are {', '.join(known)}"),
    )


def _listed(names: Sequence[str]) -> str:
    quoted = " and ".join(f"'{name}'" for name in names)
    return f"the secret{'s' if len(names) > 1 else ''} {quoted}"
