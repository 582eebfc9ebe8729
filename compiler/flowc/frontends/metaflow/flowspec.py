"""Lower a file with a FlowSpec to IR, and report all its faults together.

The user's module is imported, which applies its decorators and creates its parameters; transitions are read from the
syntax trees of the steps. No step and no default function runs here.
"""

from __future__ import annotations

import ast
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, final

from flowc.diagnostics import InternalError, in_order
from flowc.frontends.metaflow.artifacts import check_artifacts
from flowc.frontends.metaflow.assignments import check_shadowed
from flowc.frontends.metaflow.configs import ConfigSources, read_configs
from flowc.frontends.metaflow.decorators.attached import begin_plugins
from flowc.frontends.metaflow.decorators.caching import cached_code
from flowc.frontends.metaflow.decorators.cards import check_card_types
from flowc.frontends.metaflow.decorators.environments import read_base, step_packages
from flowc.frontends.metaflow.decorators.flow_decorators import read_flow
from flowc.frontends.metaflow.decorators.plugins import plugin_class
from flowc.frontends.metaflow.decorators.policies import STEP_DECORATORS, check_misplaced, policies
from flowc.frontends.metaflow.decorators.project import ProjectBranch
from flowc.frontends.metaflow.decorators.reader import canonical
from flowc.frontends.metaflow.decorators.with_decorators import WithError, seen_by_mutators, unknown
from flowc.frontends.metaflow.imports import check_extensions, check_imports, import_fault, syntax_fault
from flowc.frontends.metaflow.mutators import mutator_fault
from flowc.frontends.metaflow.parameters import read_parameters
from flowc.frontends.metaflow.structure.gangs import check_gangs
from flowc.frontends.metaflow.structure.graph import Candidates, connect
from flowc.frontends.metaflow.structure.steps import check_duplicates, check_step, clean_doc, find_methods, members_of
from flowc.frontends.reserved_names import listed
from flowc.frontends.source import Source, Sources
from flowc.frontends.source_locations import SourceLocation, place_of_class, written_at
from flowc.package import Package, UnreadableFileError, collect, pack
from flowc_ir import Code, Flow, Node, Span, codes
from flowc_ir import Method as RunMethod
from flowc_ir.diagnostic import Diagnostic, Faults
from flowc_ir.suggestion import suggest
from flowc_ir.verify import verify
from flowc_runtime.process.loader import load_module
from flowc_runtime.store.values.parameters import config_values
from metaflow._program import FlowProgram, required_by_init
from metaflow.decorators import ADDED
from metaflow.exception import ConfigError
from metaflow.user_decorators._errors import (
    DecoratorImportError,
    PreparationError,
    UnknownStepDecoratorException,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence
    from pathlib import Path
    from types import ModuleType

    from flowc.frontends.metaflow.asked import Asked, ChooseClass
    from flowc.frontends.metaflow.structure.graph import DeclaredGraph
    from flowc_ir import Packages
    from metaflow import FlowSpec
    from metaflow.decorators import Applied


_NAMED = 5  # a hint names at most this number of flows


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """The result of loading a file: a `flow`, or `diagnostics`, whose spans are relative to the package's root."""

    package: Package
    flow: Flow | None = None
    program: FlowProgram | None = None
    diagnostics: tuple[Diagnostic, ...] = ()

    @property
    def cls(self) -> type | None:
        """The flow's class; None if the file has a fault that hides it."""
        return self.program.cls if self.program is not None else None


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
    ask: Callable[[type], Asked] | None = None,
) -> Loaded:
    """Import the file `path` and lower its flow.

    Args:
        root: the directory from which the file's package is imported; None for a file in no package.
        name: the file as the user named it, for hints.
        class_name: the flow's class, if the file has several. A function is called with the class that would be chosen
            without it, or None, and returns the name.
        with_decorators: decorators for the steps that do not have them.
        deployment: the user and the branch of the flow.
        configs: the sources of the configs' values.
        suffixes: ends of the names of files that travel besides Python files.
        ask: called with the flow's class, returns the four options before, which it replaces.

    Raises:
        OSError: the file cannot be read.
        DeploymentError: `deployment` does not fit the flow.
    """
    place = SourceLocation.of(path, root)
    faults = Faults()
    package = _collect(place, faults)
    sources = Sources(package.root, dict(package.files))
    source = None if faults else _parsed(sources, place.file, package, faults)
    module = _imported(source, sources, place, package, faults) if source is not None else None
    if source is None or module is None:
        return Loaded(package=package, diagnostics=in_order(faults))
    if callable(class_name):
        natural = _choose(module, source, None, name or place.file, Faults())
        class_name = class_name(natural and natural[1])
    chosen = _choose(module, source, class_name, name or place.file, faults)
    if chosen is None:
        return Loaded(package=package, diagnostics=in_order(faults))
    given = _Asked(tuple(with_decorators), deployment, configs or ConfigSources(), suffixes)
    asked = _Asked.of(chosen[1], ask) if ask else given
    package = _with_data(place, package, asked, faults)
    if faults:
        return Loaded(package=package, diagnostics=in_order(faults))
    return _lower(*chosen, source, sources, package, asked)


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
    ask: Callable[[type], Asked] | None = None,
    alone: bool = False,
) -> Loaded:
    """Lower a class that exists already, as in `python flow.py run`, whose file is `__main__`.

    Args:
        alone: whether the package contains only the flow's file, without the files beside it.

    The other arguments are those of `load`.
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
    given = _Asked(tuple(with_decorators), deployment, configs or ConfigSources(), suffixes)
    asked = _Asked.of(cls, ask) if ask else given
    package = package if alone else _with_data(place, package, asked, faults)
    if faults:
        return Loaded(package=package, program=FlowProgram(cls), diagnostics=in_order(faults))
    return _lower(cls.__qualname__, cls, source, sources, package, asked)


def _collect(place: SourceLocation, faults: Faults, suffixes: Collection[str] = ()) -> Package:
    try:
        return collect(place.path, place.root if place.packaged else None, suffixes)
    except UnreadableFileError as error:
        message = f"cannot read {error.file}, which would travel with the flow: {error.why}"
        hint = "make it readable, or move it out of the flow's directory"
        faults.add(codes.UNREADABLE_FILE, Span(place.file, 1, 1), message, hint=hint)
        return pack(place.root, [])


def _with_data(place: SourceLocation, package: Package, asked: _Asked, faults: Faults) -> Package:
    """Return the package with the files whose suffixes the options ask for; the options are known with the class."""
    return _collect(place, faults, asked.suffixes) if asked.suffixes else package


def _pack_alone(place: SourceLocation) -> Package:
    return pack(place.root, [(place.file, place.path.read_bytes())])


# -- which class -------------------------------------------------------------------------------------------------------


def _choose(
    module: ModuleType, source: Source, class_name: str | None, called: str, faults: Faults
) -> tuple[str, type] | None:
    """Return the name and the class of the flow in the module; None, with a fault, if none can be chosen.

    Args:
        called: the module's file as the user named it.
    """
    from metaflow import FlowSpec

    everything = {
        name: value
        for name, value in vars(module).items()
        if isinstance(value, type) and issubclass(value, FlowSpec) and value is not FlowSpec
    }
    top = Span(source.file, 1, 1)
    if class_name is not None:
        if class_name in everything:
            return class_name, everything[class_name]
        hint = suggest(class_name, everything, f"it has {', '.join(everything) or 'no flow'}")
        faults.add(codes.NO_FLOW, top, f"{source.file} has no flow '{class_name}'", hint=hint)
        return None
    defined = {n: cls for n, cls in everything.items() if cls.__module__ == module.__name__ and cls.__name__ == n}
    # `if __name__ == "__main__": TrainFlow()` tells which flow `python flow.py` runs.
    main = [name for name in _called_in_main(source.tree) if name in everything]
    bases = {base for cls in defined.values() for base in cls.__mro__[1:]}
    leaves = [name for name, cls in defined.items() if cls not in bases]
    for names in (main, leaves):
        if len(names) == 1:
            return names[0], everything[names[0]]
    if not leaves:
        hint = "write a class that derives from FlowSpec"
        faults.add(codes.NO_FLOW, top, f"{source.file} defines no flow", hint=hint)
        return None
    first, second = (source.class_of(defined[name]) for name in leaves[:2])
    faults.add(
        codes.MANY_FLOWS,
        source.header(second) if second else top,
        f"{source.file} defines several flows: {listed(leaves)}",
        hint=f"name one: {' or '.join(f'{called}:{name}' for name in leaves[:_NAMED])}",
        also=[(source.header(first), "the first flow")] if first else (),
    )
    return None


def _called_in_main(tree: ast.Module) -> list[str]:
    names: list[str] = []
    for statement in tree.body:
        match statement:
            case ast.If(test=ast.Compare(left=ast.Name(id="__name__")), body=body):
                for node in (node for inner in body for node in ast.walk(inner)):
                    match node:
                        case ast.Call(func=ast.Name(id=name)):
                            names.append(name)
    return list(dict.fromkeys(names))


# -- lowering ----------------------------------------------------------------------------------------------------------


@final
@dataclass(frozen=True, slots=True)
class _Asked:
    """The options of the flow; fields that `Asked` leaves out have their defaults."""

    with_decorators: tuple[Applied, ...]
    deployment: ProjectBranch
    configs: ConfigSources
    suffixes: Collection[str]

    @classmethod
    def of(cls, flow: type, ask: Callable[[type], Asked]) -> _Asked:
        """Return the options for this class, with defaults for missing ones."""
        said = ask(flow)
        deployment, configs = said.deployment or ProjectBranch(), said.configs or ConfigSources()
        return cls(tuple(said.with_decorators), deployment, configs, said.suffixes)


def _lower(name: str, cls: type[FlowSpec], source: Source, sources: Sources, package: Package, asked: _Asked) -> Loaded:
    from metaflow import FlowSpec

    faults = Faults()
    program = FlowProgram(cls)
    added = [one for one in asked.with_decorators if one.name in STEP_DECORATORS or plugin_class(one.name, "step")]
    own = [one for one in asked.with_decorators if one not in added]
    setattr(cls, ADDED, tuple(added))  # tasks read inline secrets from the class: the IR does not contain their values
    attached = seen_by_mutators(cls, asked.with_decorators, own)
    added = [one for one in added if one not in attached]
    where, tree, home = written_at(cls, source, sources)
    configs = read_configs(cls, where, sources, asked.configs, faults)
    if not faults:
        _prepare(program, config_values(configs), attached, sources, faults)
    if faults:  # without the configs' values the rest cannot be read
        return Loaded(package=package, program=program, diagnostics=in_order(faults))
    members = members_of(cls, FlowSpec)
    methods, lost = find_methods(members, sources, where, faults)
    graph = connect(cls.__name__, where, Candidates(methods, lost, members, sources), faults)
    base = read_base(cls, home, tree, faults) if tree is not None else None
    nodes = _nodes(graph, base, package, added, faults)
    for method in methods.values():
        if method.name not in graph.steps:
            check_misplaced(method, faults)
    check_gangs(graph, faults)
    check_duplicates(methods, faults)
    parameters = read_parameters(members, sources, faults)
    check_artifacts(graph.steps, members, sources, faults, added)
    _check_init(cls, where, faults)
    if tree is not None:
        check_shadowed(tree, home, faults)

    def place(owner: type) -> tuple[Source, ast.ClassDef] | None:
        _, written, file = written_at(owner, source, sources)
        return (file, written) if written else None

    fields = read_flow(cls, place, asked.deployment, faults)
    if faults:
        return Loaded(package=package, program=program, diagnostics=in_order(faults))
    flow = Flow(
        name=cls.__name__,
        code=Code(file=source.file, name=name, digest=package.digest),
        where=where,
        start=graph.start,
        nodes=nodes,
        parameters=parameters,
        configs=configs,
        with_decorators=tuple(
            (applied.name, canonical(applied.kwargs)) for applied in attached if applied.name != "secrets"
        ),
        **fields,
        doc=clean_doc(cls.__dict__.get("__doc__")),
    )
    missed = verify(flow)
    if missed:
        raise InternalError(f"the front end let {missed[0].code} pass: {missed[0].message}")
    begun = begin_plugins(program, flow, graph.steps, sources, faults)
    if begun is not flow:  # extensions' hooks changed the flow: new faults come from them
        faults.extend(verify(begun))
    if faults:
        return Loaded(package=package, program=program, diagnostics=in_order(faults))
    return Loaded(package=package, program=program, flow=begun)


def _check_init(cls: type[FlowSpec], where: Span, faults: Faults) -> None:
    """Report a flow whose `__init__` needs arguments: tasks create the object without arguments."""
    if lacking := required_by_init(cls):
        faults.add(
            codes.UNSUPPORTED_FEATURE,
            where,
            f"the __init__ of flow '{cls.__name__}' needs arguments: {', '.join(lacking)}",
            hint="give them defaults: each task creates the flow's object without arguments",
        )


def _prepare(
    program: FlowProgram, values: Mapping[str, object], added: Sequence[Applied], sources: Sources, faults: Faults
) -> None:
    """Evaluate the configs' expressions and run the mutators of the class; report those that fail."""
    try:
        program.prepare(values, [(applied.name, applied.kwargs) for applied in added])
    except ConfigError as error:
        for message, file, line in error.faults:
            source = sources.of(file)
            span = source.whole_line(line) if source else Span(sources.relative(file), line, 1)
            faults.add(
                codes.CONFIG_EXPRESSION,
                span,
                message,
                hint="the expression is evaluated with the configs' values before a run starts",
            )
    except PreparationError as error:
        mutator_fault(error, sources, faults)
    except UnknownStepDecoratorException as error:
        raise unknown(error.name) from error
    except DecoratorImportError as error:
        raise WithError(f"--with: {error}") from error


def _nodes(
    graph: DeclaredGraph, base: Packages | None, package: Package, added: Sequence[Applied], faults: Faults
) -> tuple[Node, ...]:
    """Return the nodes of the steps; a step whose transition has a fault has no node."""
    nodes = []
    for method in graph.steps.values():
        transition = graph.next_of[method.name]
        check_step(method, faults)
        given = policies(method, transition, faults, added)
        given["packages"] = step_packages(method, base, faults)
        check_card_types(method, added, given, faults)
        if "cache" in given:
            given["cache"] = cached_code(method, graph, package, faults)
        if transition is not None:
            nodes.append(
                Node(
                    id=method.name,
                    where=method.where,
                    run=RunMethod(name=method.name),
                    next=transition,
                    joins=graph.closes.get(method.name),
                    doc=method.doc,
                    **given,
                )
            )
    return tuple(nodes)
