"""Lower a file with a FlowSpec to IR, and report all its faults together.

The user's module is imported, which applies its decorators and creates its parameters; transitions are read from the
syntax trees of the steps. No step and no default function runs here.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from flowc.diagnostics import in_order
from flowc.frontends.loaded import Loaded
from flowc.frontends.metaflow.configs import ConfigSources
from flowc.frontends.metaflow.decorators.project import ProjectBranch
from flowc.frontends.metaflow.imports import check_extensions, check_imports, import_fault, syntax_fault
from flowc.frontends.metaflow.lower_class import LoweringOptions, lower_class
from flowc.frontends.metaflow.structure.flow_class import choose_class
from flowc.frontends.source import Source, Sources
from flowc.frontends.source_locations import SourceLocation, place_of_class
from flowc.package import Package, collect_or_report, pack
from flowc_ir.diagnostic import Faults
from flowc_runtime.process.loader import load_module
from metaflow._program import FlowProgram

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence
    from pathlib import Path
    from types import ModuleType

    from flowc.frontends.metaflow.load_options import ChooseClass, LoadOptions
    from metaflow.decorators import Applied


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
    """Import the file `path` and lower its flow.

    Args:
        path: the flow's file.
        root: the directory from which the file's package is imported; None for a file in no package.
        name: the file as the user named it, for hints.
        class_name: the flow's class, if the file has several. A function is called with the class that would be chosen
            without it, or None, and returns the name.
        with_decorators: decorators for the steps that do not have them.
        deployment: the user and the branch of the flow.
        configs: the sources of the configs' values.
        suffixes: ends of the names of files that are packaged besides Python files.
        ask: called with the flow's class, returns the four options before, which it replaces.
        other: called with the imported module, loads what is named if it is no flow class; None if it is one.

    Raises:
        OSError: the file cannot be read.
        DeploymentError: `deployment` does not fit the flow.
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
    """Import and return the flow's module; None if it imports an unknown name or fails, which is reported."""
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
    """Lower a class that exists already, as in `python flow.py run`, whose file is `__main__`.

    Args:
        cls: the flow's class.
        with_decorators: as for `load`.
        deployment: as for `load`.
        configs: as for `load`.
        suffixes: as for `load`.
        ask: as for `load`.
        alone: whether the package contains only the flow's file, without the files beside it.

    Raises:
        TypeError: the class was defined in no file, or its file is no longer Python.
        DeploymentError: `deployment` does not fit the flow.
        WithError: a decorator of `with_decorators` is unknown.
    """
    place = place_of_class(cls)
    faults = Faults()
    package = _pack_alone(place) if alone else _collect(place, faults)
    if faults:
        return Loaded(package=package, program=FlowProgram(cls), diagnostics=in_order(faults))
    sources = Sources(package.root, dict(package.files))
    source = sources.of(str(place.path))
    if source is None:  # the file was imported, so it was Python then
        raise TypeError(f"{place.file} has changed while it ran and is no longer Python")
    # The import succeeded, but the file may use names that can be imported and are not supported.
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
    """Return the package with the files whose suffixes the options ask for; the options are known with the class."""
    return _collect(place, faults, options.suffixes) if options.suffixes else package


def _pack_alone(place: SourceLocation) -> Package:
    return pack(place.root, [(place.file, place.path.read_bytes())])
