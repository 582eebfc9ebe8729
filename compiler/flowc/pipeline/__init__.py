"""Pipelines: functions, notebooks and shell commands as the steps of a flow. The user's own code imports nothing.

A pipeline is data. `flowc run --local pipeline.py:pipeline`, `flowc compile` and `pipeline.execute()` read it, and
tasks import only the functions that they run.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flowc.pipeline.composites import Conditional, Loop, Map, Parallel
    from flowc.pipeline.errors import PipelineError
    from flowc.pipeline.pipelines import AsyncPipeline, NotebookJob, Pipeline, PythonJob, ShellJob
    from flowc.pipeline.returns import json, metric, pickled
    from flowc.pipeline.steps import AsyncPythonTask, Catalog, Fail, NotebookTask, PythonTask, ShellTask, Stub, Success

_HOMES = {
    "AsyncPipeline": "pipelines",
    "AsyncPythonTask": "steps",
    "Catalog": "steps",
    "Conditional": "composites",
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
    "ShellJob": "pipelines",
    "ShellTask": "steps",
    "Stub": "steps",
    "Success": "steps",
    "json": "returns",
    "metric": "returns",
    "pickled": "returns",
}

__all__ = [
    "AsyncPipeline",
    "AsyncPythonTask",
    "Catalog",
    "Conditional",
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
    "ShellJob",
    "ShellTask",
    "Stub",
    "Success",
    "json",
    "metric",
    "pickled",
]


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'flowc.pipeline' has no attribute {name!r}")
    from importlib import import_module

    value = globals()[name] = getattr(import_module(f"flowc.pipeline.{_HOMES[name]}"), name)
    return value
