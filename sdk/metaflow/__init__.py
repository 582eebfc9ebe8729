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

    from metaflow.client import (
        DataArtifact,
        Flow,
        Metaflow,
        Run,
        Step,
        Task,
        default_metadata,
        default_namespace,
        get_metadata,
        get_namespace,
        metadata,
        namespace,
    )
    from metaflow.user_decorators.mutable_flow import MutableFlow
    from metaflow.user_decorators.mutable_step import MutableStep
    from metaflow.user_decorators.user_flow_decorator import FlowMutator
    from metaflow.user_decorators.user_step_decorator import (
        USER_SKIP_STEP,
        StepMutator,
        UserStepDecorator,
        user_step_decorator,
    )

__all__ = [
    "USER_SKIP_STEP",
    "DataArtifact",
    "Flow",
    "FlowMutator",
    "FlowSpec",
    "JSONType",
    "Metaflow",
    "MutableFlow",
    "MutableStep",
    "Parameter",
    "Run",
    "Step",
    "StepMutator",
    "Task",
    "UserStepDecorator",
    "catch",
    "current",
    "default_metadata",
    "default_namespace",
    "environment",
    "get_metadata",
    "get_namespace",
    "metadata",
    "namespace",
    "resources",
    "retry",
    "schedule",
    "step",
    "timeout",
    "user_step_decorator",
]

# name: the module that has it. Each stands under TYPE_CHECKING above as well, for mypy and pyright.
_LAZY: Mapping[str, str] = {
    "USER_SKIP_STEP": "metaflow.user_decorators.user_step_decorator",
    "DataArtifact": "metaflow.client",
    "Flow": "metaflow.client",
    "FlowMutator": "metaflow.user_decorators.user_flow_decorator",
    "Metaflow": "metaflow.client",
    "MutableFlow": "metaflow.user_decorators.mutable_flow",
    "MutableStep": "metaflow.user_decorators.mutable_step",
    "Run": "metaflow.client",
    "Step": "metaflow.client",
    "StepMutator": "metaflow.user_decorators.user_step_decorator",
    "Task": "metaflow.client",
    "UserStepDecorator": "metaflow.user_decorators.user_step_decorator",
    "default_metadata": "metaflow.client",
    "default_namespace": "metaflow.client",
    "get_metadata": "metaflow.client",
    "get_namespace": "metaflow.client",
    "metadata": "metaflow.client",
    "namespace": "metaflow.client",
    "user_step_decorator": "metaflow.user_decorators.user_step_decorator",
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
