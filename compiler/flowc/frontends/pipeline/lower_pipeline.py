"""Lower a pipeline to IR, and report all its faults together. No function of the user's runs here."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from flowc.diagnostics import InternalError, in_order
from flowc.frontends.loaded import Loaded
from flowc.frontends.pipeline.dataflow import free_names, parameters_of
from flowc.frontends.pipeline.file_flow import check_files
from flowc.frontends.pipeline.function_references import FunctionReferences, main_file
from flowc.frontends.pipeline.given_names import check_given
from flowc.frontends.pipeline.graph_builder import GraphBuilder
from flowc.frontends.pipeline.node_names import flow_name
from flowc.frontends.pipeline.notebook_references import NotebookReferences
from flowc.package import UnreadableFileError, collect, pack
from flowc_ir import Code, Flow, Span, codes
from flowc_ir.diagnostic import Faults
from flowc_ir.graphs.analysis import Analysis
from flowc_ir.late.dataclass import replace
from flowc_ir.verify import verify
from flowc_runtime.process.loader import package_place
from flowc_runtime.run.nodes.nodes_program import NodesProgram
from metaflow.parameters import JSONType, Parameter

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from types import ModuleType

    from flowc.package import Package
    from flowc.pipeline.pipelines import BasePipeline
    from flowc.pipeline.steps import WrittenAt

_TYPES: Mapping[str, type[str | float]] = {"str": str, "int": int, "float": float, "bool": bool}


def load_pipeline(
    pipeline: BasePipeline,
    *,
    name: str = "",
    module: ModuleType | None = None,
    parameters: Mapping[str, object] | None = None,
    suffixes: Collection[str] = (),
    home: tuple[Path, str] | None = None,
) -> Loaded:
    """Lower a pipeline.

    Args:
        pipeline: the pipeline.
        name: the name of the flow, if the pipeline has none.
        module: the module that defines it; None for the program that runs.
        parameters: the values that the run gets, which may have names that no step declares.
        suffixes: ends of the names of files that are packaged besides Python files.
        home: the root of its code, and its file there, if it is no Python file.

    Returns:
        The flow, or its faults.

    Raises:
        PipelineError: no step can take one of the values.
    """
    faults = Faults()
    root, file = home or _home(module)
    references = FunctionReferences()

    def span(place: WrittenAt) -> Span:
        return Span(_relative(place.file, root), max(place.line, 1), place.column, place.width)

    package = _collect(root, file, suffixes, faults)
    where = span(pipeline.place)
    notebooks = NotebookReferences(root)
    start, nodes = GraphBuilder(references, faults, span, notebooks).build(pipeline)
    check_files(nodes, faults)
    if faults:
        return Loaded(package=package, diagnostics=in_order(faults))
    package = _with(package, [*references.files(), *notebooks.files()])
    flow = Flow(
        name=flow_name(pipeline.name or name or os.path.splitext(os.path.basename(file))[0]),
        code=Code(file=file, name="", digest=package.digest),
        where=where,
        start=start,
        nodes=nodes,
        doc=pipeline.description,
    )
    if missed := verify(flow):
        raise InternalError(f"the pipeline became a flow with the fault {missed[0].code}: {missed[0].message}")
    names = free_names(Analysis(flow), references.known, notebooks.sources)
    check_given(parameters or (), names, pipeline.parameters, flow, references.known)
    flow = replace(flow, parameters=parameters_of(names, pipeline.parameters, parameters or {}, where))
    own = module.__name__ if module is not None else "__main__" if home is None else __name__
    program = NodesProgram(flow, str(root), references.known, declarations(flow, own))
    return Loaded(package=package, flow=flow, program=program)


def _home(module: ModuleType | None) -> tuple[Path, str]:
    """Return the root of the pipeline's code and its file, relative to the root.

    A pipeline that no file defines, such as one of an interactive session, has its code in the working directory.
    """
    if module is not None and module.__name__ != "__main__" and (path := getattr(module, "__file__", None)):
        packaged = package_place(module.__name__, os.path.abspath(path))
        root, file = packaged or os.path.split(os.path.abspath(path))
    elif (main := main_file()) is not None:
        root, file = main
    else:
        root, file = os.getcwd(), "pipeline"
    return Path(root), file


def _relative(file: str, root: Path) -> str:
    path = os.path.abspath(file)
    inside = f"{os.path.abspath(root)}{os.sep}"
    return path[len(inside) :].replace(os.sep, "/") if path.startswith(inside) else file


def _collect(root: Path, file: str, suffixes: Collection[str], faults: Faults) -> Package:
    if not os.path.isfile(root / file):
        return pack(root, [])
    try:
        return collect(root / file, root if "/" in file else None, suffixes)
    except UnreadableFileError as error:
        faults.add(
            codes.UNREADABLE_FILE,
            Span(file, 1, 1),
            f"cannot read {error.file}, which would be packaged with the pipeline: {error.why}",
            hint="make it readable, or move it out of the pipeline's directory",
        )
        return pack(root, [])


def package_of(root: Path, file: str, more: Sequence[tuple[str, bytes]]) -> Package:
    """Return the code package of a pipeline whose files were read before. Raises UnreadableFileError.

    Args:
        root: the root of its code.
        file: its own file, relative to the root.
        more: files that are not in the directory.
    """
    package = collect(root / file, root if "/" in file else None) if os.path.isfile(root / file) else pack(root, [])
    return _with(package, more)


def _with(package: Package, more: Sequence[tuple[str, bytes]]) -> Package:
    if not more:
        return package
    packed = pack(package.root, {**dict(package.files), **dict(more)}.items())
    every = package.every
    return replace(packed, excess=package.excess, every=every and (lambda: _with(every(), more)))


def declarations(flow: Flow, module: str) -> type:
    """Return a class with the flow's parameters, in the form in which a flow class declares them.

    Command lines read the names and the types of parameters from a class, before they read their values.
    """
    declared: dict[str, object] = {"__module__": module}
    for each in flow.parameters:
        if (kind := _TYPES.get(each.type)) is None:
            declared[each.name] = Parameter(each.name, type=JSONType, required=each.required, help=each.help)
        else:
            declared[each.name] = Parameter(each.name, type=kind, required=each.required, help=each.help)
    return type(flow.name, (), declared)
