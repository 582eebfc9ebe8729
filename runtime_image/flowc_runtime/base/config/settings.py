"""Metaflow's settings: `METAFLOW_*` variables and Metaflow's configuration file.

A variable takes precedence over the file, the file over the default. The file is `config.json`, or
`config_<METAFLOW_PROFILE>.json`, in METAFLOW_HOME or `~/.metaflowconfig`: a JSON object whose keys are the variables.
`check` refuses unsupported values that would change how flows behave; `unused` lists settings that nothing reads.
"""

from __future__ import annotations

import os
from functools import cache
from typing import TYPE_CHECKING

from flowc_ir import json_text
from flowc_ir.late import LateModule
from flowc_runtime.base import input_files
from flowc_runtime.base.config.config_keys import SETTINGS
from flowc_runtime.base.errors import SettingsError

if TYPE_CHECKING:
    import getpass
    from collections.abc import Mapping
else:
    getpass = LateModule("getpass")  # imported at first use: only needed if no variable names the user

PREFIX = "METAFLOW_"

# Setting -> (supported values, hint for other values).
CHOICES: Mapping[str, tuple[tuple[str, ...], str]] = {
    "DEFAULT_DATASTORE": (("local", "s3", "gs", "azure"), "use local, s3, gs or azure"),
    "DEFAULT_ENVIRONMENT": (
        ("local", "pypi", "conda"),
        "use local, pypi or conda; to use the environment of a uv project, run `uv run flowc run …`",
    ),
    "DEFAULT_EVENT_LOGGER": (("nullSidecarLogger",), "flowc has no event loggers; use its records and logs instead"),
    "DEFAULT_METADATA": (("local",), "flowc needs no metadata service, since it records runs in the store"),
    "DEFAULT_MONITOR": (("nullSidecarMonitor",), "flowc has no monitors; use its records and logs instead"),
}

# Other settings that flowc reads, besides those in `CHOICES`: setting -> description.
READ: Mapping[str, str] = {
    "DATASTORE_SYSROOT_AZURE": "Store in Azure, with `METAFLOW_DEFAULT_DATASTORE=azure`.",
    "DATASTORE_SYSROOT_GS": "Store in Google's cloud, with `METAFLOW_DEFAULT_DATASTORE=gs`.",
    "DATASTORE_SYSROOT_LOCAL": "Directory that contains `.flowc`, with `METAFLOW_DEFAULT_DATASTORE=local`.",
    "DATASTORE_SYSROOT_S3": "Store in S3, with `METAFLOW_DEFAULT_DATASTORE=s3`.",
    "DEFAULT_DECOSPECS": "Decorators, separated by spaces, for all steps that lack them.",
    "HOME": "Directory of Metaflow's configuration file; `~/.metaflowconfig` if it is not set.",
    "PROFILE": "Name of the configuration file: `config_<name>.json`.",
    "S3_ENDPOINT_URL": "Address of the S3 service.",
    "TEMPDIR": "Directory for temporary files: `current.tempdir`.",
    "USER": "Name of the user of new runs.",
}

# Prefixes of settings that other modules read. These settings concern options of commands, extensions or debugging
# output.
READ_PREFIXES: Mapping[str, str] = {
    "BRANCH": "Option `--branch`.",
    "CARD_": "Options of `card` of a flow's file.",
    "CLIENT_": "Settings of Metaflow's client.",
    "CONFIG": "Options `--config` and `--config-value`.",
    "DATASTORE": "Options `--datastore` and `--datastore-root`.",
    "DATATOOLS_": "Settings of `metaflow.S3`.",
    "DEBUG_": "Output for developers of extensions.",
    "DECOSPECS": "Option `--with`.",
    "DUMP_": "Options of `dump` of a flow's file.",
    "ENVIRONMENT": "Option `--environment`.",
    "EVENT_LOGGER": "Option `--event-logger`.",
    "EXTENSIONS": "Settings of extensions.",
    "FLOW_CONFIG": "Configs of the flow, as JSON.",
    "LOGS_": "Options of `logs` of a flow's file.",
    "METADATA": "Option `--metadata`.",
    "MONITOR": "Option `--monitor`.",
    "PACKAGE_SUFFIXES": "Option `--package-suffixes`.",
    "PRODUCTION": "Option `--production`.",
    "PYLINT": "Option `--pylint`.",
    "QUIET": "Option `--quiet`.",
    "RESUME_": "Options of `resume`.",
    "RUN_": "Options of `run`.",
    "S3_": "Settings of `metaflow.S3`.",
    "SPIN_": "Options of `spin`.",
    "TAG_": "Options of `tag` of a flow's file.",
    "WITH": "Option `--with`.",
}


def get(name: str, default: str | None = None) -> str | None:
    """Return the setting `METAFLOW_<name>`; an empty value counts as unset.

    Args:
        name: the setting's name without the prefix.
        default: the value if neither a variable nor Metaflow's configuration file sets it.

    Raises:
        SettingsError: the configuration file cannot be read.
    """
    if value := os.environ.get(PREFIX + name):
        return value
    if name in ("HOME", "PROFILE"):  # the variables that select the configuration file are not looked up in that file
        return default
    return config_file().get(PREFIX + name) or default


def config_path() -> str:
    """Return the path of Metaflow's configuration file, which may not exist."""
    home = os.environ.get("METAFLOW_HOME") or "~/.metaflowconfig"
    profile = os.environ.get("METAFLOW_PROFILE")
    return f"{os.path.expanduser(home)}/{f'config_{profile}.json' if profile else 'config.json'}"


def config_file() -> Mapping[str, str]:
    """Return the settings of Metaflow's configuration file, as strings by the variables' names; empty if there is no
    file.

    Raises:
        SettingsError: the file cannot be read or is not a JSON object, or METAFLOW_PROFILE names a missing profile.
    """
    return _read(config_path(), bool(os.environ.get("METAFLOW_PROFILE")))


@cache
def _read(path: str, needed: bool) -> Mapping[str, str]:
    try:
        found: object = json_text.parsed(input_files.content(path).decode("utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        if needed:
            raise SettingsError(f"METAFLOW_PROFILE names a profile without a file: {path} does not exist") from None
        return {}
    except (OSError, ValueError) as error:
        raise SettingsError(f"cannot read the settings in {path}: {error}") from error
    if not isinstance(found, dict):
        raise SettingsError(f"{path} is not a JSON object of settings such as METAFLOW_DEFAULT_DATASTORE")
    return {name: value if isinstance(value, str) else json_text.shown(value) for name, value in found.items()
            if value is not None}  # fmt: skip


# -- the user and the store --------------------------------------------------------------------------------------------


def user_name() -> str:
    """Return the user's name: METAFLOW_USER, or else SUDO_USER, USERNAME or USER unless it is root, or else the login
    name or the user id.

    Raises:
        SettingsError: Metaflow's configuration file cannot be read.
    """
    if name := get("USER"):
        return name
    for variable in ("SUDO_USER", "USERNAME", "USER"):
        if (name := os.environ.get(variable)) and name != "root":
            return name
    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError):  # the user id has no name, as in many containers
        return str(os.getuid())


_SCHEMES = {"s3": "s3", "gs": "gs", "azure": "az"}


def store_url(datastore: str | None = None, root: str | None = None) -> str | None:
    """Return the address of the store that Metaflow's settings name; None if the settings name no store.

    Args:
        datastore: the option `--datastore`, which takes precedence over METAFLOW_DEFAULT_DATASTORE.
        root: the option `--datastore-root`, which takes precedence over METAFLOW_DATASTORE_SYSROOT_…. The option names
            the store itself, whereas METAFLOW_DATASTORE_SYSROOT_LOCAL names the directory that contains `.flowc`.

    Raises:
        SettingsError: the kind of store does not exist, or its address is missing or has another scheme.
    """
    kind = datastore or get("DEFAULT_DATASTORE", "local")
    assert kind is not None
    if kind == "local":
        if root:
            if "://" in root:
                raise SettingsError(f"--datastore-root {root} is not a directory; add --datastore s3, gs or azure")
            return os.path.expanduser(root)
        parent = get("DATASTORE_SYSROOT_LOCAL")
        return f"{os.path.expanduser(parent)}/.flowc" if parent else None
    if kind not in _SCHEMES:
        raise SettingsError(f"there is no datastore '{kind}': {CHOICES['DEFAULT_DATASTORE'][1]}")
    variable, scheme = f"DATASTORE_SYSROOT_{kind.upper()}", f"{_SCHEMES[kind]}://"
    place = root or get(variable)
    if not place:
        raise SettingsError(f"the datastore {kind} has no address: set {PREFIX}{variable} to {scheme}BUCKET/PREFIX")
    if kind == "azure" and "://" not in place:  # Metaflow writes CONTAINER/PREFIX
        place = scheme + place
    if not place.startswith(scheme):
        raise SettingsError(f"the datastore {kind} cannot be at {place}: write {scheme}BUCKET/PREFIX")
    return place.rstrip("/")


def store_variable() -> str | None:
    """Return the environment variable that names a store or its kind; None if no variable names a store.

    Raises:
        SettingsError: Metaflow's configuration file cannot be read.
    """
    kind = get("DEFAULT_DATASTORE", "local") or ""
    names = (f"{PREFIX}DATASTORE_SYSROOT_{kind.upper()}", f"{PREFIX}DEFAULT_DATASTORE")
    return next((name for name in names if os.environ.get(name)), None)


def datastore_of(url: str) -> str:
    """Return Metaflow's name for the kind of a store, such as `local`, from the store's address."""
    scheme = url.partition("://")[0]
    return next((name for name, other in _SCHEMES.items() if other == scheme), "local")


# -- unsupported and unused settings -----------------------------------------------------------------------------------


def check() -> None:
    """Refuse settings with unsupported values that would change how flows behave (`CHOICES`).

    Raises:
        SettingsError: a setting has an unsupported value.
    """
    for name, (allowed, hint) in CHOICES.items():
        value = get(name)
        if value is not None and value not in allowed:
            where = "" if os.environ.get(PREFIX + name) else f" in {config_path()}"
            raise SettingsError(f"{PREFIX}{name}={value}{where} is not supported: {hint}")


def unused() -> list[str]:
    """Return the names of the METAFLOW_* settings that are set but not read by flowc, sorted.

    Raises:
        SettingsError: Metaflow's configuration file cannot be read.
    """
    names = {*os.environ, *config_file()}
    return sorted(name for name in names if name.startswith(PREFIX) and not _is_read(name[len(PREFIX) :]))


def _is_read(name: str) -> bool:
    if name in CHOICES or name in READ or name.startswith(tuple(READ_PREFIXES)):
        return True
    return any(PREFIX + name in setting.metaflow for setting in SETTINGS)
