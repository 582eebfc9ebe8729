"""`FlowSpec._flow_state`: a flow class's decorators, parameters, configs and mutators, for programs that inspect a
flow."""

from __future__ import annotations

import sys
from enum import Enum
from typing import Any

from metaflow.decorators import applied_to
from metaflow.parameters import Parameter

__all__ = ["FlowStateItems", "flow_state"]


class FlowStateItems(Enum):
    """The keys of the dict `_flow_state`."""

    FLOW_MUTATORS = 1
    FLOW_DECORATORS = 2
    CONFIGS = 3
    CACHED_PARAMETERS = 4
    SET_CONFIG_PARAMETERS = 5


def flow_state(flow: type) -> dict[FlowStateItems, Any]:
    """Return a flow class's decorators, parameters, configs and mutators.

    Returns:
        A dict with four entries: the decorators by name, the parameters as (attribute, parameter) pairs, the configs by
        attribute, and the mutators. A fifth entry is always empty.
    """
    decorators: dict[str, list[object]] = {}
    for base in reversed(flow.__mro__):
        for applied in applied_to(base):
            decorators.setdefault(applied.name, []).append(applied)
    parameters = {name: getattr(flow, name) for name in dir(flow) if isinstance(_raw(flow, name), Parameter)}
    # Configs and mutators are read only if the modules that define them are loaded; otherwise the flow has none.
    configs = _from("metaflow.user_configs.config_parameters", "configs_of", flow, {})
    return {
        FlowStateItems.FLOW_MUTATORS: _from("metaflow.user_decorators._kinds", "flow_mutators", flow, []),
        FlowStateItems.FLOW_DECORATORS: decorators,
        FlowStateItems.CONFIGS: configs,
        FlowStateItems.CACHED_PARAMETERS: list(parameters.items()),
        # an internal key of Metaflow, set in Metaflow when a class has been prepared
        FlowStateItems.SET_CONFIG_PARAMETERS: [],
    }


def _raw(flow: type, name: str) -> object:
    return next((vars(base)[name] for base in flow.__mro__ if name in vars(base)), None)


def _from(module: str, function: str, flow: type, otherwise: object) -> object:
    return getattr(sys.modules[module], function)(flow) if module in sys.modules else otherwise
