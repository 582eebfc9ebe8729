"""Functions for steps that flowc has in addition to Metaflow's API.

`from flowc.steps import cache, external_file, log_metric`. A flow that uses these functions runs only with flowc.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, SupportsFloat, SupportsIndex, TypeVar, overload

from flowc_ir.late import LateFunction
from flowc_runtime.store.backends.external import ExternalFile, external_file
from metaflow.decorators import _decorate

if TYPE_CHECKING:
    from collections.abc import Callable

    from flowc_runtime.run.metrics.recording import record

    _Function = TypeVar("_Function", bound=Callable[..., object])

else:  # imported at first use: only tasks with metrics need it
    record = LateFunction("flowc_runtime.run.metrics.recording:record")

__all__ = ["ExternalFile", "cache", "external_file", "log_metric"]


def log_metric(name: str, value: SupportsFloat, step: SupportsIndex | None = None) -> None:
    """Record a metric of the running task, like `current.metric`; usable also in functions and notebooks of pipelines.

    Outside of a task, the function only checks its arguments, so that the code that calls it can be tested.

    Args:
        name: the metric's name.
        value: a number of Python, NumPy or another library.
        step: the number of the epoch, iteration or batch; the default is the metric's previous step plus one.

    Raises:
        ValueError: an argument is wrong; the message names the metric.
    """
    record(name, value, step)


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
