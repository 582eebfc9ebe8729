"""Find the pipeline, or the function, that `module:NAME` names."""

from __future__ import annotations

import os
from pathlib import Path
from types import BuiltinFunctionType, FunctionType
from typing import TYPE_CHECKING, Final

from flowc.frontends.loaded import Loaded
from flowc.frontends.pipeline.lower_pipeline import load_pipeline
from flowc.package import pack
from flowc.pipeline.pipelines import BaseJob, BasePipeline, Pipeline
from flowc.pipeline.returns import pickled
from flowc.pipeline.steps import NotebookTask, PythonTask, UserTask, WrittenAt
from flowc_ir import Span, codes
from flowc_ir.diagnostic import Faults
from metaflow import FlowSpec

if TYPE_CHECKING:
    from collections.abc import Collection
    from types import ModuleType

RESULT: Final = "result"
"""The name of the value that a function returns which runs alone."""


def load_named(module: ModuleType, name: str | None, suffixes: Collection[str] = ()) -> Loaded | None:
    """Lower the pipeline or the function of a module; None if the name is that of a flow class, or of nothing.

    Args:
        module: the imported module.
        name: the name of the object in it; None for the only pipeline of a module without a flow class.
        suffixes: ends of the names of files that are packaged besides Python files.
    """
    values = vars(module)
    if name is not None:
        pipeline = as_pipeline(values.get(name))
        return None if pipeline is None else load_pipeline(pipeline, name=name, module=module, suffixes=suffixes)
    if any(
        isinstance(value, type) and issubclass(value, FlowSpec) and value is not FlowSpec for value in values.values()
    ):
        return None
    found = {name: value for name, value in values.items() if isinstance(value, BasePipeline)}
    found = {name: value for name, value in found.items() if not _is_part(value, found.values())}
    if not found:
        return None
    if len(found) > 1:
        return _several(module, found)
    ((name, pipeline),) = found.items()
    return load_pipeline(pipeline, name=name, module=module, suffixes=suffixes)


def load_notebook(path: Path, root: Path | None = None, suffixes: Collection[str] = ()) -> Loaded:
    """Lower a notebook that runs alone, as a flow of one step.

    Args:
        path: its file.
        root: the root of its code; None for its directory.
        suffixes: ends of the names of files that travel besides Python files.
    """
    path = Path(os.path.abspath(path))
    root = root.resolve() if root is not None else path.parent
    step = NotebookTask(notebook=path.name)
    pipeline = step.as_pipeline()
    step.place = pipeline.place = WrittenAt(str(path), 1)
    home = root, Path(os.path.relpath(path, root)).as_posix()
    return load_pipeline(pipeline, suffixes=suffixes, home=home)


def as_pipeline(value: object) -> BasePipeline | None:
    """Return a pipeline, or the pipeline of one task that a job, a task or a function stands for; None for others."""
    match value:
        case BasePipeline():
            return value
        case BaseJob():
            return value.as_pipeline()
        case UserTask():
            return value.as_pipeline()
        case FunctionType() | BuiltinFunctionType():
            step = PythonTask(name=value.__name__, function=value, returns=[pickled(RESULT)])
            return Pipeline(steps=[step], name=value.__name__, description=(value.__doc__ or "").strip())
    return None


def _is_part(pipeline: BasePipeline, others: Collection[BasePipeline]) -> bool:
    """Return whether a pipeline is a branch of another one."""
    return any(pipeline in other.inner() for other in others if other is not pipeline)


def _several(module: ModuleType, found: dict[str, BasePipeline]) -> Loaded:
    path = Path(module.__file__ or "pipeline.py")
    faults = Faults()
    first, second = [*found.values()][:2]
    faults.add(
        codes.MANY_FLOWS,
        Span(path.name, second.place.line or 1, 1),
        f"{path.name} defines several pipelines: {', '.join(found)}",
        hint=f"name one: {' or '.join(f'{path.name}:{name}' for name in found)}",
        also=[(Span(path.name, first.place.line or 1, 1), "the first pipeline")],
    )
    return Loaded(package=pack(path.parent, []), diagnostics=tuple(faults))
