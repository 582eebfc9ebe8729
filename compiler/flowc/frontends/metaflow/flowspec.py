"""Lower a file with a FlowSpec class to IR, and report all faults of the file together.

The flow's module is imported: this applies decorators and creates parameters. Transitions between steps are read from
the syntax trees of the steps. Steps and functions that compute defaults do not run here.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from flowc.diagnostics import in_order
from flowc.frontends.loaded import Loaded
from flowc.frontends.metaflow.configs import ConfigSources
from flowc.frontends.metaflow.decorators.project import ProjectBranch
from flowc.frontends.metaflow.lower_class import LoweringOptions, lower_class
from flowc.frontends.metaflow.structure.flow_class import choose_class
from flowc.frontends.source import Source, Sources
from flowc.frontends.source_locations import SourceLocation, place_of_class
from flowc.package import Package, collect_or_report, pack
from flowc_ir.diagnostic import Faults
from flowc_ir.late import LateFunction
from flowc_runtime.process.loader import load_module
from metaflow._program import FlowProgram

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence
    from pathlib import Path
    from types import ModuleType

    from flowc.frontends.metaflow.imports import check_extensions, check_imports, import_fault, syntax_fault
    from flowc.frontends.metaflow.load_options import ChooseClass, LoadOptions
    from metaflow.decorators import Applied
else:  # imported at first use: `python flow.py` needs these functions only to report a fault, or not at all
    check_extensions = LateFunction("flowc.frontends.metaflow.imports:check_extensions")
    check_imports = LateFunction("flowc.frontends.metaflow.imports:check_imports")
    import_fault = LateFunction("flowc.frontends.metaflow.imports:import_fault")
    syntax_fault = LateFunction("flowc.frontends.metaflow.imports:syntax_fault")


def load(
    path: Path,
    *,
    root: Path | None = None,
    name: str | None = None,
    class_name: str | ChooseClass | None = None,
    with_decorators: Sequence[Applied] = (),
    deployment: ProjectBranch = ProjectBranch(),  # noqa: B008  # frozen
    configs: ConfigSources | None = None,
    suffixes: Collection[str] = (),
    ask: Callable[[type], LoadOptions] | None = None,
    other: Callable[[ModuleType], Loaded | None] = lambda _: None,
) -> Loaded:
    """Import the flow's file and lower the flow to IR.

    Args:
        path: the flow's file.
        root: the directory that contains the outermost package of the file; None if the file is in no package.
        name: the path as the user wrote it, for hints.
        class_name: the name of the flow's class, if the file has several flows; or a function that returns the name.
            The function gets the class that would be chosen by default, or None.
        with_decorators: decorators of `--with`, which are added to the steps that do not have them.
        deployment: the user and the branch of the flow.
        configs: the sources from which configs get their values.
        suffixes: endings of file names; files with these endings are packaged in addition to Python files.
        ask: a function that gets the flow's class and returns options. The options replace `with_decorators`,
            `deployment`, `configs` and `suffixes`.
        other: a function that gets the imported module and may load something else, such as a pipeline. If it
            returns None, the flow class is loaded.

    Raises:
        OSError: the file cannot be read.
        DeploymentError: the options in `deployment` contradict the flow.
        WithError: a decorator of `with_decorators` is unknown.
    """
    place = SourceLocation.of(path, root)
    faults = Faults()
    package = _collect(place, faults)
    sources = Sources(package.root, dict(package.files))
    source = None if faults else _parsed(sources, place.file, package, faults)
    module = _imported(source, sources, place, package, faults) if source is not None else None
    if source is None or module is None:
        return Loaded(package=package, diagnostics=in_order(faults))
    if (loaded := other(module)) is not None:
        return loaded
    if callable(class_name):
        natural = choose_class(module, source, None, name or place.file, Faults())
        class_name = class_name(natural and natural[1])
    chosen = choose_class(module, source, class_name, name or place.file, faults)
    if chosen is None:
        return Loaded(package=package, diagnostics=in_order(faults))
    options = LoweringOptions(tuple(with_decorators), deployment, configs or ConfigSources(), suffixes)
    options = LoweringOptions.of_class(chosen[1], ask) if ask else options
    package = _with_data(place, package, options, faults)
    if faults:
        return Loaded(package=package, diagnostics=in_order(faults))
    return _lower(*chosen, source, sources, package, options)


def _lower(
    name: str, cls: type, source: Source, sources: Sources, package: Package, options: LoweringOptions
) -> Loaded:
    faults = Faults()
    program = FlowProgram(cls)
    flow = lower_class(name, program, source, sources, package, options, faults)
    if faults:
        return Loaded(package=package, program=program, diagnostics=in_order(faults))
    return Loaded(package=package, program=program, flow=flow)


def _parsed(sources: Sources, file: str, package: Package, faults: Faults) -> Source | None:
    try:
        return sources.parse(file, dict(package.files)[file])
    except (SyntaxError, ValueError) as error:
        syntax_fault(error, sources, file, faults)
        return None


def _imported(
    source: Source, sources: Sources, place: SourceLocation, package: Package, faults: Faults
) -> ModuleType | None:
    """Import and return the flow's module; None if the import fails or uses an unknown name, which is reported."""
    check_extensions(package.root, place.file, faults)
    if not faults:
        check_imports(source, faults)
    if faults:
        return None
    try:
        return load_module(package.root, place.file, guarded=True)
    except (Exception, SystemExit) as error:
        import_fault(error, sources, str(place.path), faults)
        return None


def load_class(
    cls: type,
    *,
    with_decorators: Sequence[Applied] = (),
    deployment: ProjectBranch = ProjectBranch(),  # noqa: B008  # frozen
    configs: ConfigSources | None = None,
    suffixes: Collection[str] = (),
    ask: Callable[[type], LoadOptions] | None = None,
    alone: bool = False,
) -> Loaded:
    """Lower a flow class that was imported before, such as the class in `__main__` in `python flow.py run`.

    Args:
        cls: the flow's class.
        with_decorators: as for `load`.
        deployment: as for `load`.
        configs: as for `load`.
        suffixes: as for `load`.
        ask: as for `load`.
        alone: whether only the flow's file is packaged, without the other files of its directory.

    Raises:
        TypeError: the class was not defined in a file, or the file has changed and is no longer valid Python.
        DeploymentError: the options in `deployment` contradict the flow.
        WithError: a decorator of `with_decorators` is unknown.
    """
    place = place_of_class(cls)
    faults = Faults()
    package = _pack_alone(place) if alone else _collect(place, faults)
    if faults:
        return Loaded(package=package, program=FlowProgram(cls), diagnostics=in_order(faults))
    sources = Sources(package.root, dict(package.files))
    source = sources.of(str(place.path))
    if source is None:  # the file was valid Python at its import, and has changed since
        raise TypeError(f"{place.file} has changed while it ran and is no longer Python")
    # The import succeeded, but the file may use names that can be imported although flowc does not support them.
    if "metaflow._unsupported" in sys.modules:
        check_imports(source, faults)
    if faults:
        return Loaded(package=package, program=FlowProgram(cls), diagnostics=in_order(faults))
    options = LoweringOptions(tuple(with_decorators), deployment, configs or ConfigSources(), suffixes)
    options = LoweringOptions.of_class(cls, ask) if ask else options
    package = package if alone else _with_data(place, package, options, faults)
    if faults:
        return Loaded(package=package, program=FlowProgram(cls), diagnostics=in_order(faults))
    return _lower(cls.__qualname__, cls, source, sources, package, options)


def _collect(place: SourceLocation, faults: Faults, suffixes: Collection[str] = ()) -> Package:
    return collect_or_report(place.root, place.file, suffixes, faults, packaged=place.packaged, what="flow")


def _with_data(place: SourceLocation, package: Package, options: LoweringOptions, faults: Faults) -> Package:
    """Collect the package again if the options add file suffixes. The options are known only after the class was
    imported; `package` was collected before, without these suffixes."""
    return _collect(place, faults, options.suffixes) if options.suffixes else package


def _pack_alone(place: SourceLocation) -> Package:
    return pack(place.root, [(place.file, place.path.read_bytes())])
