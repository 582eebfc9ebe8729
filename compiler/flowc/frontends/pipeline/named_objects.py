"""Load the pipeline or function that a user names as `FILE.py:NAME` or `module:NAME`, or a notebook."""

from __future__ import annotations

import os
from inspect import unwrap
from pathlib import Path
from types import BuiltinFunctionType, FunctionType
from typing import TYPE_CHECKING, Final

from flowc.frontends.loaded import Loaded
from flowc.frontends.pipeline.lower_pipeline import load_pipeline
from flowc.frontends.pipeline.node_names import flow_name
from flowc.frontends.reserved_names import public_functions
from flowc.package import pack
from flowc.pipeline.pipelines import BaseJob, BasePipeline, Pipeline
from flowc.pipeline.returns import pickled
from flowc.pipeline.steps import NotebookTask, PythonTask, UserTask, WrittenAt
from flowc_ir import Span, codes
from flowc_ir.diagnostic import Faults
from flowc_ir.suggestion import suggest
from flowc_runtime.base.contract import RETRY_RUN
from metaflow import FlowSpec

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from types import ModuleType

RESULT: Final = "result"
"""The name of the value that a function returns, if the function is run as a flow of one step."""


def load_named(module: ModuleType, name: str | None, suffixes: Collection[str] = ()) -> Loaded | None:
    """Lower a pipeline or function of a module. Return None if the flow is a class, which another front end loads.

    Args:
        module: the imported module.
        name: the name of a variable of the module, or the name of a pipeline in the module; None for the only pipeline
            of the module.
        suffixes: endings of file names; files with these endings are packaged in addition to Python files.
    """
    values = vars(module)
    if name is not None:
        pipeline = as_pipeline(values[name]) if name in values else _called(name, values)
        if pipeline is not None:
            return load_pipeline(pipeline, name=name, module=module, suffixes=suffixes)
        return None if name in values or _has_classes(values) else _unknown(module, name, _pipelines(values))
    found = _pipelines(values)
    if _has_classes(values) or not found:
        return None
    if len(found) > 1:
        return _several(module, found)
    ((name, pipeline),) = found.items()
    return load_pipeline(pipeline, name=name, module=module, suffixes=suffixes)


def load_notebook(path: Path, root: Path | None = None, suffixes: Collection[str] = ()) -> Loaded:
    """Lower a notebook as a flow whose only step runs the notebook.

    Args:
        path: the notebook's file.
        root: the root of its code; None for the directory of the file.
        suffixes: endings of file names; files with these endings are packaged in addition to Python files.
    """
    path = Path(os.path.abspath(path))
    root = root.resolve() if root is not None else path.parent
    step = NotebookTask(notebook=path.name)
    pipeline = step.as_pipeline()
    step.place = pipeline.place = WrittenAt(str(path), 1)
    home = root, Path(os.path.relpath(path, root)).as_posix()
    return load_pipeline(pipeline, suffixes=suffixes, home=home)


def as_pipeline(value: object) -> BasePipeline | None:
    """Return a pipeline as it is, and a job, task or function as a pipeline of one task; None for other objects."""
    match value:
        case BasePipeline():
            return value
        case BaseJob():
            return value.as_pipeline()
        case UserTask():
            return value.as_pipeline()
        case FunctionType() | BuiltinFunctionType():
            step = PythonTask(name=value.__name__, function=value, returns=[pickled(RESULT)])
            pipeline = Pipeline(steps=[step], name=value.__name__, description=(value.__doc__ or "").strip())
            if isinstance(value, FunctionType):  # errors about this step show the line of the function
                code = getattr(unwrap(value), "__code__", value.__code__)
                step.place = pipeline.place = WrittenAt(code.co_filename, code.co_firstlineno)
            return pipeline
    return None


def _has_classes(values: Mapping[str, object]) -> bool:
    """Return whether a module has flow classes."""
    return any(
        isinstance(value, type) and issubclass(value, FlowSpec) and value is not FlowSpec for value in values.values()
    )


def _pipelines(values: Mapping[str, object]) -> dict[str, BasePipeline]:
    """Return the pipelines of a module by variable name, without pipelines that are inside another pipeline."""
    found = {name: value for name, value in values.items() if isinstance(value, BasePipeline)}
    return {name: value for name, value in found.items() if not _is_part(value, found.values())}


def _called(name: str, values: Mapping[str, object]) -> BasePipeline | None:
    """Return the pipeline whose flow is called `name`; None if no pipeline has this name."""
    for value in values.values():
        if isinstance(value, (BasePipeline, BaseJob, UserTask)):
            pipeline = as_pipeline(value)
            if pipeline is not None and pipeline.name and flow_name(pipeline.name) == name:
                return pipeline
    return None


def _is_part(pipeline: BasePipeline, others: Collection[BasePipeline]) -> bool:
    """Return whether a pipeline is inside another pipeline, as a branch or as a handler of failures."""
    return any(pipeline in other.inner() for other in others if other is not pipeline)


def _unknown(module: ModuleType, name: str, found: Collection[str]) -> Loaded:
    path = Path(module.__file__ or "pipeline.py")
    has = f"its pipelines are {', '.join(found)}; " if found else ""
    faults = Faults()
    faults.add(
        codes.NO_FLOW,
        Span(path.name, 1, 1),
        f"{path.name} has no flow '{name}'",
        hint=suggest(
            name, [*found, *public_functions(module)],
            f"{has}a pipeline that the program itself makes is run by the program: python {path.name}, with "
            f"{RETRY_RUN}=RUN to retry a run",
        ),
    )  # fmt: skip
    return Loaded(package=pack(path.parent, []), diagnostics=tuple(faults))


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
