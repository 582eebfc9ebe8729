"""The Metaflow API, as a clean-room drop-in: `from metaflow import FlowSpec, step`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from metaflow.current import current
from metaflow.decorators import catch, environment, resources, retry, schedule, step, timeout
from metaflow.flowspec import FlowSpec
from metaflow.parameters import JSONType, Parameter

if TYPE_CHECKING:
    from typing import NoReturn

__all__ = [
    "FlowSpec",
    "JSONType",
    "Parameter",
    "catch",
    "current",
    "environment",
    "resources",
    "retry",
    "schedule",
    "step",
    "timeout",
]


def __getattr__(name: str) -> NoReturn:
    from metaflow._unsupported import UNSUPPORTED

    if name in UNSUPPORTED:
        raise ImportError(f"'{name}' of Metaflow is not supported by this version of flowc; see docs/errors.md")
    raise AttributeError(f"module 'metaflow' has no attribute '{name}'")
