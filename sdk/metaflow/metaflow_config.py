"""The settings of Metaflow, for programs that import them from this module.

A setting has several sources, and the first source with a value is used: an extension, the variable `METAFLOW_<NAME>`,
the user's configuration file, the default.

The configuration file is `config.json` in METAFLOW_HOME (`~/.metaflowconfig`), or `config_<PROFILE>.json` if
METAFLOW_PROFILE is set. As in Metaflow, the settings are read once, when this module is imported.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from flowc_ir import json_text
from flowc_runtime.base.config import settings
from metaflow import _extensions
from metaflow.exception import MetaflowException

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

DEFAULTS: dict[str, Any] = {
    "ARGO_EVENTS_EVENT": None,
    "ARGO_EVENTS_EVENT_BUS": "default",
    "ARGO_EVENTS_EVENT_SOURCE": None,
    "ARGO_EVENTS_SERVICE_ACCOUNT": None,
    "ARGO_EVENTS_WEBHOOK_URL": None,
    "ARGO_WORKFLOWS_UI_URL": None,
    "ARTIFACT_LOCALROOT": os.getcwd(),
    "CARD_LOCALROOT": None,
    "CARD_S3ROOT": None,
    "CARD_SUFFIX": "mf.cards",
    "CLIENT_CACHE_MAX_SIZE": 10000,
    "CONTACT_INFO": {},
    "DATASTORE_LOCAL_DIR": ".flowc",
    "DATASTORE_SYSROOT_AZURE": None,
    "DATASTORE_SYSROOT_GS": None,
    "DATASTORE_SYSROOT_LOCAL": None,
    "DATASTORE_SYSROOT_S3": None,
    "DATATOOLS_S3ROOT": None,
    "DATATOOLS_SUFFIX": "data",
    "DEBUG_OPTIONS": ["subcommand", "sidecar", "s3client", "tracing", "stubgen", "userconf", "conda", "package"],
    "DEFAULT_CONTAINER_IMAGE": None,
    "DEFAULT_CONTAINER_REGISTRY": None,
    "DEFAULT_DATASTORE": "local",
    "DEFAULT_DECOSPECS": "",
    "DEFAULT_ENVIRONMENT": "local",
    "DEFAULT_EVENT_LOGGER": "nullSidecarLogger",
    "DEFAULT_METADATA": "local",
    "DEFAULT_MONITOR": "nullSidecarMonitor",
    "DEFAULT_PACKAGE_SUFFIXES": ".py,.R,.RDS",
    "DEFAULT_RUNTIME_LIMIT": 5 * 24 * 60 * 60,
    "DEFAULT_SECRETS_BACKEND_TYPE": None,
    "KUBERNETES_ANNOTATIONS": "",
    "KUBERNETES_CONTAINER_IMAGE": None,
    "KUBERNETES_CONTAINER_REGISTRY": None,
    "KUBERNETES_CPU": None,
    "KUBERNETES_DISK": None,
    "KUBERNETES_GPU_VENDOR": "nvidia",
    "KUBERNETES_IMAGE_PULL_POLICY": None,
    "KUBERNETES_IMAGE_PULL_SECRETS": "",
    "KUBERNETES_LABELS": "",
    "KUBERNETES_MEMORY": None,
    "KUBERNETES_NAMESPACE": "default",
    "KUBERNETES_NODE_SELECTOR": "",
    "KUBERNETES_PERSISTENT_VOLUME_CLAIMS": "",
    "KUBERNETES_SECRETS": "",
    "KUBERNETES_SERVICE_ACCOUNT": None,
    "KUBERNETES_SHARED_MEMORY": None,
    "KUBERNETES_TOLERATIONS": "",
    "MAXIMUM_FOREACH_VALUE_CHARS": 30,
    "MAX_ATTEMPTS": 6,
    "S3_ENDPOINT_URL": None,
    "S3_RETRY_COUNT": 7,
    "S3_VERIFY_CERTIFICATE": None,
    "S3_WORKER_COUNT": 64,
    "SERVICE_AUTH_KEY": None,
    "SERVICE_HEADERS": {},
    "SERVICE_INTERNAL_URL": None,
    "SERVICE_RETRY_COUNT": 5,
    "SERVICE_URL": None,
    "TEMPDIR": ".",
    "UI_URL": None,
    "USER": None,
}
"""The defaults of the settings. A value that is given as text is converted to the type of the default."""


def from_conf(name: str, default: Any = None, validate_fn: Callable[[str, Any], Any] | None = None) -> Any:
    """Return the setting `METAFLOW_<name>` from the environment or the configuration file.

    Args:
        name: the name without the prefix.
        default: the value if the setting is absent; a setting given as text is converted to the type of the default.
        validate_fn: a function of the variable's name and the value, which raises an exception for an invalid value.

    Raises:
        MetaflowException: the text cannot be converted to the type of the default.
        SettingsError: the configuration file cannot be read.
    """
    variable = f"METAFLOW_{name}"
    value = os.environ.get(variable)
    if value is None:
        value = settings.config_file().get(variable)
    value = default if value is None else _of_type(variable, value, default)
    if validate_fn is not None:
        validate_fn(variable, value)
    return value


def _of_type(variable: str, value: Any, default: Any) -> Any:
    try:
        match default:
            case bool():
                return value if isinstance(value, bool) else str(value).lower() not in ("", "0", "false")
            case int() | float():
                return type(default)(value)
            case list() | dict():
                return json_text.parsed(value) if isinstance(value, str) else value
    except ValueError as error:
        raise MetaflowException(f"{variable} must be of type {type(default).__name__}: {error}") from error
    return value


def _settings() -> Mapping[str, object]:
    values = {name: from_conf(name, default) for name, default in DEFAULTS.items()}
    given = _extensions.config()
    options = [*values["DEBUG_OPTIONS"], *given.get("DEBUG_OPTIONS", ())]
    debugs = {f"DEBUG_{option.upper()}": from_conf(f"DEBUG_{option.upper()}", False) for option in options}
    return values | debugs | given | {"DEBUG_OPTIONS": options}


globals().update(_settings())


def __getattr__(name: str) -> Any:
    # Type checkers need this function. It also raises a clear error for settings of Metaflow that flowc does not have.
    if name.isupper():
        raise AttributeError(f"flowc has no setting '{name}'; METAFLOW_{name} has no effect here")
    raise AttributeError(f"module 'metaflow.metaflow_config' has no attribute '{name}'")
