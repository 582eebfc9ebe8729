"""What flowc has for steps besides Metaflow's API.

`from flowc.steps import cache, external_file`. A flow that uses them runs with flowc only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar, overload

from flowc_runtime.store.backends.external import ExternalFile, external_file
from metaflow.decorators import _decorate

if TYPE_CHECKING:
    from collections.abc import Callable

    _Function = TypeVar("_Function", bound=Callable[..., Any])

__all__ = ["ExternalFile", "cache", "external_file"]


@overload
def cache(function: _Function, /) -> _Function: ...
@overload
def cache() -> Callable[[_Function], _Function]: ...
def cache(*args: Any, **kwargs: Any) -> Any:
    """Reuse the artifacts of an earlier run where nothing that a task of the step reads has changed.

    A change of the step's code counts too. `run --no-cache` runs every task.

    Targets:
        local: works
        argo: works
    """
    return _decorate("cache", args, kwargs)
