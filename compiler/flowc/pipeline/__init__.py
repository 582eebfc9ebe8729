"""Pipelines: functions, notebooks and shell commands as the steps of a flow. The functions need not import flowc.

A pipeline only describes its steps. `flowc run --local pipeline.py:pipeline`, `flowc compile` and `pipeline.execute()`
read this description. A task imports only the function that it runs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flowc.pipeline.composites import Conditional, Loop, Map, Parallel
    from flowc.pipeline.errors import PipelineError
    from flowc.pipeline.pipelines import AsyncPipeline, NotebookJob, Pipeline, PythonJob, ShellJob
    from flowc.pipeline.results import Execution, RunFailed
    from flowc.pipeline.returns import json, metric, pickled
    from flowc.pipeline.steps import AsyncPythonTask, Catalog, Fail, NotebookTask, PythonTask, ShellTask, Stub, Success
    from flowc.pipeline.stream_queue import get_stream_queue, set_stream_queue, truncate_value

_HOMES = {
    "AsyncPipeline": "pipelines",
    "AsyncPythonTask": "steps",
    "Catalog": "steps",
    "Conditional": "composites",
    "Execution": "results",
    "Fail": "steps",
    "Loop": "composites",
    "Map": "composites",
    "NotebookJob": "pipelines",
    "NotebookTask": "steps",
    "Parallel": "composites",
    "Pipeline": "pipelines",
    "PipelineError": "errors",
    "PythonJob": "pipelines",
    "PythonTask": "steps",
    "RunFailed": "results",
    "ShellJob": "pipelines",
    "ShellTask": "steps",
    "Stub": "steps",
    "Success": "steps",
    "json": "returns",
    "get_stream_queue": "stream_queue",
    "metric": "returns",
    "pickled": "returns",
    "set_stream_queue": "stream_queue",
    "truncate_value": "stream_queue",
}

__all__ = [
    "AsyncPipeline",
    "AsyncPythonTask",
    "Catalog",
    "Conditional",
    "Execution",
    "Fail",
    "Loop",
    "Map",
    "NotebookJob",
    "NotebookTask",
    "Parallel",
    "Pipeline",
    "PipelineError",
    "PythonJob",
    "PythonTask",
    "RunFailed",
    "ShellJob",
    "ShellTask",
    "Stub",
    "Success",
    "get_stream_queue",
    "json",
    "metric",
    "pickled",
    "set_stream_queue",
    "truncate_value",
]


# The values that these names have in the package runnable if OpenTelemetry is not installed. In flowc they never
# change, because flowc sends no spans.
OTEL_AVAILABLE = False
StreamingSpanProcessor = None


def __getattr__(name: str) -> object:
    from importlib import import_module

    if name not in _HOMES:
        unsupported = import_module("flowc.pipeline.unsupported")
        if name not in unsupported.HINTS:
            raise AttributeError(f"module 'flowc.pipeline' has no attribute {name!r}")
        value: object = unsupported.UnsupportedName(name)
    else:
        value = getattr(import_module(f"flowc.pipeline.{_HOMES[name]}"), name)
    globals()[name] = value
    return value
