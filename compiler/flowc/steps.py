"""flowc's additions for steps to Metaflow's API.

`from flowc.steps import cache, external_file`. A flow that uses them runs only with flowc.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar, overload

from flowc_runtime.store.backends.external import ExternalFile, external_file
from metaflow.decorators import _decorate

if TYPE_CHECKING:
    from collections.abc import Callable

    _Function = TypeVar("_Function", bound=Callable[..., object])

__all__ = ["ExternalFile", "cache", "external_file"]


@overload
def cache(function: _Function, /) -> _Function: ...
@overload
def cache() -> Callable[[_Function], _Function]: ...
def cache(*args: object, **kwargs: object) -> object:
    """Reuse the artifacts of an earlier run if neither the step's code nor anything that the task reads has changed.

    `run --no-cache` runs every task.

    Targets:
        local: works
        argo: works
    """
    return _decorate("cache", args, kwargs)
