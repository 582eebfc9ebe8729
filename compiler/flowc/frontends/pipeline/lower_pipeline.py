"""Lower a pipeline to IR, and report all its faults together. No user function runs here."""

from __future__ import annotations

import os
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from flowc.diagnostics import InternalError, in_order
from flowc.frontends.loaded import Loaded
from flowc.frontends.pipeline.dataflow import USES, free_names, parameters_of
from flowc.frontends.pipeline.file_flow import check_files
from flowc.frontends.pipeline.function_references import FunctionReferences, main_file
from flowc.frontends.pipeline.given_names import check_given, check_notebooks, takes_any_name
from flowc.frontends.pipeline.graph_builder import GraphBuilder
from flowc.frontends.pipeline.node_names import flow_name
from flowc.frontends.pipeline.notebook_references import NotebookReferences
from flowc.package import collect_or_report, pack
from flowc.pipeline.errors import PipelineError
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

    from flowc.frontends.pipeline.dataflow import NameUse
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
    offered: Collection[str] = (),
    suffixes: Collection[str] = (),
    home: tuple[Path, str] | None = None,
) -> Loaded:
    """Lower a pipeline to IR. No step runs.

    Args:
        pipeline: the pipeline.
        name: the name of the flow; not used if the pipeline has a name.
        module: the module that defines the pipeline; None for the running program.
        parameters: the values that are passed to the run, by name.
        offered: the names of further values; they become parameters only if a step takes values of any name.
        suffixes: endings of file names; files with these endings are packaged in addition to Python files.
        home: for a pipeline in a file that is not Python, the root of its code and its file relative to the root.

    Returns:
        The flow, or its faults.

    Raises:
        PipelineError: the program has assigned a wrong value to an attribute, or a value is passed that no step uses.
    """
    faults = Faults()
    root, file = home or _home(module)
    references = FunctionReferences()

    def span(place: WrittenAt) -> Span:
        return Span(_relative(place.file, root), max(place.line, 1), place.column, place.width)

    package = package_of(root, file, suffixes, faults)
    where = span(pipeline.place)
    try:
        pipeline.check_all()
    except PipelineError as error:
        if module is None:
            raise
        faults.add(
            codes.IMPORT_FAILED, where, str(error), hint="the attribute was assigned after its object was created"
        )
        return Loaded(package=package, diagnostics=in_order(faults))
    notebooks = NotebookReferences(root)
    start, nodes = GraphBuilder(references, faults, span, notebooks).build(pipeline)
    check_files(nodes, faults)
    if faults:
        return Loaded(package=package, diagnostics=in_order(faults))
    package = with_files(package, [*references.files(), *notebooks.files()])
    flow = Flow(
        name=flow_name(pipeline.name or name or os.path.splitext(os.path.basename(file))[0]),
        code=Code(file=file, name="", digest=package.digest),
        where=where,
        start=start,
        nodes=nodes,
        doc=pipeline.description,
    )
    analysis = Analysis(flow)
    if missed := verify(flow, analysis):
        raise InternalError(f"the pipeline became a flow with the fault {missed[0].code}: {missed[0].message}")
    names = free_names(analysis, references.known, notebooks.sources)
    given = dict(parameters or {})
    check_notebooks(given, flow, notebooks.sources)
    if takes_any_name(flow, references.known):
        given = {**dict.fromkeys(offered), **given}
    else:
        check_given(given, names, pipeline.parameters, flow)
    flow = replace(flow, parameters=parameters_of(names, pipeline.parameters, given, where))
    own = module.__name__ if module is not None else "__main__" if home is None else __name__
    program = NodesProgram(flow, str(root), references.known, declarations(flow, own, names.uses))
    return Loaded(package=package, flow=flow, program=program)


def _home(module: ModuleType | None) -> tuple[Path, str]:
    """Return the root directory of the pipeline's code, and the pipeline's file relative to the root.

    If no file defines the pipeline, as in an interactive session, the root is the working directory.
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


def package_of(root: Path, file: str, suffixes: Collection[str], faults: Faults) -> Package:
    """Return the code package of a pipeline's directory, to which pickled functions and notebooks are added later.

    Args:
        root: the root of the pipeline's code.
        file: the pipeline's file, relative to the root. In an interactive session, the file does not exist.
        suffixes: endings of file names; files with these endings are packaged in addition to Python files.
        faults: collects the fault of a file that cannot be read.
    """
    if not os.path.isfile(root / file):
        return pack(root, [])
    return collect_or_report(root, file, suffixes, faults, packaged="/" in file, what="pipeline")


def with_files(package: Package, more: Sequence[tuple[str, bytes]]) -> Package:
    """Return a copy of the code package with these files added."""
    if not more:
        return package
    packed = pack(package.root, {**dict(package.files), **dict(more)}.items())
    every = package.every
    return replace(packed, excess=package.excess, every=every and (lambda: with_files(every(), more)))


def declarations(flow: Flow, module: str, uses: Mapping[str, Sequence[NameUse]] = MappingProxyType({})) -> type:
    """Return a class that has each parameter of the flow as an attribute, a `Parameter`, like the class of a
    `FlowSpec`.

    The command line reads the names, the types and the uses of parameters from this class.
    """
    declared: dict[str, object] = {"__module__": module, USES: uses}
    for each in flow.parameters:
        if (kind := _TYPES.get(each.type)) is None:
            declared[each.name] = Parameter(each.name, type=JSONType, required=each.required, help=each.help)
        else:
            declared[each.name] = Parameter(each.name, type=kind, required=each.required, help=each.help)
    return type(flow.name, (), declared)
