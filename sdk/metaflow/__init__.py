"""The Metaflow API, as a clean-room drop-in: `from metaflow import FlowSpec, step`.

What steps need is imported at once; the rest when it is first asked for, since every task of every flow pays for this
import.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from metaflow.current import current
from metaflow.decorators import catch, environment, resources, retry, schedule, step, timeout
from metaflow.flowspec import FlowSpec
from metaflow.parameters import JSONType, Parameter

if TYPE_CHECKING:
    from collections.abc import Mapping

    from metaflow.includefile import IncludeFile
    from metaflow.user_configs.config_parameters import Config, ConfigValue, DelayEvaluator, config_expr

__all__ = [
    "Config",
    "ConfigValue",
    "DelayEvaluator",
    "FlowSpec",
    "IncludeFile",
    "JSONType",
    "Parameter",
    "catch",
    "config_expr",
    "current",
    "environment",
    "resources",
    "retry",
    "schedule",
    "step",
    "timeout",
]

# name: the module that has it. Each stands under TYPE_CHECKING above as well, for mypy and pyright.
_LAZY: Mapping[str, str] = {
    "Config": "metaflow.user_configs.config_parameters",
    "ConfigValue": "metaflow.user_configs.config_parameters",
    "DelayEvaluator": "metaflow.user_configs.config_parameters",
    "IncludeFile": "metaflow.includefile",
    "config_expr": "metaflow.user_configs.config_parameters",
}


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        from importlib import import_module

        value = globals()[name] = getattr(import_module(_LAZY[name]), name)
        return value
    from metaflow._unsupported import UNSUPPORTED

    if name in UNSUPPORTED:
        raise ImportError(f"'{name}' of Metaflow is not supported by this version of flowc; see docs/errors.md")
    raise AttributeError(f"module 'metaflow' has no attribute '{name}'")
