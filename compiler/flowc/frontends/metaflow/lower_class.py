"""Lower a flow's class to IR: configs, graph, steps, parameters and decorators. All faults are reported together."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, final

from flowc.diagnostics import InternalError
from flowc.frontends.metaflow.assignments import check_shadowed
from flowc.frontends.metaflow.configs import ConfigSources, read_configs
from flowc.frontends.metaflow.decorators.attached import begin_plugins
from flowc.frontends.metaflow.decorators.cards import check_card_types
from flowc.frontends.metaflow.decorators.environments import read_base, step_packages
from flowc.frontends.metaflow.decorators.flow_decorators import read_flow
from flowc.frontends.metaflow.decorators.plugins import plugin_class
from flowc.frontends.metaflow.decorators.policies import STEP_DECORATORS, check_misplaced, policies
from flowc.frontends.metaflow.decorators.project import ProjectBranch
from flowc.frontends.metaflow.decorators.reader import canonical
from flowc.frontends.metaflow.decorators.with_decorators import WithError, seen_by_mutators, unknown
from flowc.frontends.metaflow.parameters import read_parameters
from flowc.frontends.metaflow.structure.artifacts import check_artifacts
from flowc.frontends.metaflow.structure.gangs import check_gangs
from flowc.frontends.metaflow.structure.graph import Candidates, connect
from flowc.frontends.metaflow.structure.steps import check_duplicates, check_step, clean_doc, find_methods, members_of
from flowc.frontends.source import Source, Sources
from flowc.frontends.source_locations import written_at
from flowc.package import Package
from flowc_ir import Code, Flow, Node, Span, codes
from flowc_ir import Method as RunMethod
from flowc_ir.diagnostic import Faults
from flowc_ir.late import LateFunction, LateModule
from flowc_ir.late.dataclass import dataclass
from flowc_ir.verify import verify
from flowc_runtime.store.values.parameters import config_values
from metaflow import FlowSpec
from metaflow._program import FlowProgram, required_by_init
from metaflow.decorators import ADDED
from metaflow.exception import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from flowc.frontends.metaflow.decorators.caching import cached_code
    from flowc.frontends.metaflow.load_options import LoadOptions
    from flowc.frontends.metaflow.mutators import mutator_fault
    from flowc.frontends.metaflow.structure.graph import DeclaredGraph
    from flowc.frontends.metaflow.structure.steps import StepMethod
    from flowc_ir import Packages
    from metaflow.decorators import Applied
    from metaflow.user_decorators import _errors as decorator_errors
else:  # imported at first use, because the import costs start-up time
    decorator_errors = LateModule("metaflow.user_decorators._errors")
    mutator_fault = LateFunction("flowc.frontends.metaflow.mutators:mutator_fault")
    cached_code = LateFunction("flowc.frontends.metaflow.decorators.caching:cached_code")


@final
@dataclass(frozen=True, slots=True)
class LoweringOptions:
    """The options that apply to one flow, with defaults filled in.

    Attributes:
        with_decorators: decorators of `--with`, which are added to the steps that do not have them.
        deployment: the user and the branch of the flow.
        configs: the sources from which configs get their values.
        suffixes: endings of file names; files with these endings are packaged in addition to Python files.
    """

    with_decorators: tuple[Applied, ...]
    deployment: ProjectBranch
    configs: ConfigSources
    suffixes: Collection[str]

    @classmethod
    def of_class(cls, flow: type, ask: Callable[[type], LoadOptions]) -> LoweringOptions:
        """Call `ask` with the flow's class, and return its options with defaults filled in."""
        options = ask(flow)
        deployment, configs = options.deployment or ProjectBranch(), options.configs or ConfigSources()
        return cls(tuple(options.with_decorators), deployment, configs, options.suffixes)


def lower_class(
    name: str,
    program: FlowProgram,
    source: Source,
    sources: Sources,
    package: Package,
    options: LoweringOptions,
    faults: Faults,
) -> Flow | None:
    """Lower a flow's class to IR; return None if the class has faults.

    Args:
        name: the qualified name of the class in the flow's file.
        program: the program with the class. Lowering sets the values of the class's configs and runs the class's
            mutators.
        source: the flow's file.
        sources: the files of the package.
        package: the code package, whose digest the IR records.
        options: the options that apply to the flow.
        faults: collects the faults.

    Raises:
        InternalError: the resulting IR is invalid although no fault was found: a bug in flowc.
        WithError: a decorator of `--with` is unknown or cannot be imported.
        DeploymentError: the branch options contradict the flow.
    """
    cls = program.cls
    added, attached = _attach(cls, options.with_decorators)
    where, tree, home = written_at(cls, source, sources)
    configs = read_configs(cls, where, sources, options.configs, faults)
    if not faults:
        _prepare(program, config_values(configs), attached, sources, faults)
    if faults:  # stop here: the rest of the class may depend on the configs' values
        return None
    members = members_of(cls, FlowSpec)
    methods, lost = find_methods(members, sources, where, faults)
    graph = connect(cls.__name__, where, Candidates(methods, lost, members, sources), faults)
    base = read_base(cls, home, tree, faults) if tree is not None else None
    nodes = _nodes(graph, base, package, added, faults)
    _check_methods(graph, methods, faults)
    parameters = read_parameters(members, sources, faults)
    check_artifacts(graph.steps, members, sources, faults, added)
    _check_init(cls, where, faults)
    if tree is not None:
        check_shadowed(tree, home, faults)

    def place(owner: type) -> tuple[Source, ast.ClassDef] | None:
        _, written, file = written_at(owner, source, sources)
        return (file, written) if written else None

    fields = read_flow(cls, place, options.deployment, faults)
    if faults:
        return None
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
    return _begin(flow, program, graph, sources, faults)


def _attach(cls: type, with_decorators: Sequence[Applied]) -> tuple[list[Applied], list[Applied]]:
    """Return the decorators of `--with` in two groups: the decorators to add to the IR's nodes, and the decorators to
    add to the class before mutators run.

    Raises:
        WithError: a decorator is unknown or cannot be imported.
    """
    added = [one for one in with_decorators if one.name in STEP_DECORATORS or plugin_class(one.name, "step")]
    own = [one for one in with_decorators if one not in added]
    setattr(cls, ADDED, tuple(added))  # tasks read inline secrets from the class: the IR does not contain their values
    attached = seen_by_mutators(cls, with_decorators, own)
    return [one for one in added if one not in attached], attached


def _check_methods(graph: DeclaredGraph, methods: Mapping[str, StepMethod], faults: Faults) -> None:
    for method in methods.values():
        if method.name not in graph.steps:
            check_misplaced(method, faults)
    check_gangs(graph, faults)
    check_duplicates(methods, faults)


def _begin(flow: Flow, program: FlowProgram, graph: DeclaredGraph, sources: Sources, faults: Faults) -> Flow:
    """Call the hooks of extensions' decorators, and return the flow with the changes that the hooks made.

    Raises:
        InternalError: the flow was invalid before the hooks: a bug in flowc.
    """
    missed = verify(flow)
    if missed:
        raise InternalError(f"the front end let {missed[0].code} pass: {missed[0].message}")
    flow_after = begin_plugins(program, flow, graph.steps, sources, faults)
    if flow_after is not flow:  # a hook changed the flow, and may have made it invalid
        faults.extend(verify(flow_after))
    return flow_after


def _check_init(cls: type[FlowSpec], where: Span, faults: Faults) -> None:
    """Report an `__init__` that requires arguments: tasks create the flow's object without arguments."""
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
    """Evaluate expressions that use configs, and run the mutators of the class; report failures."""
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
    except decorator_errors.PreparationError as error:
        mutator_fault(error, sources, faults)
    except decorator_errors.UnknownStepDecoratorException as error:
        raise unknown(error.name) from error
    except decorator_errors.DecoratorImportError as error:
        raise WithError(f"--with: {error}") from error


def _nodes(
    graph: DeclaredGraph, base: Packages | None, package: Package, added: Sequence[Applied], faults: Faults
) -> tuple[Node, ...]:
    """Return the IR's node of each step, except of steps whose transition could not be read."""
    nodes = []
    for method in graph.steps.values():
        transition = graph.next_of[method.name]
        check_step(method, faults)
        fields = policies(method, transition, faults, added)
        fields["packages"] = step_packages(method, base, faults)
        check_card_types(method, added, fields, faults)
        if "cache" in fields:
            fields["cache"] = cached_code(method, graph, package, faults)
        if transition is not None:
            nodes.append(
                Node(
                    id=method.name,
                    where=method.where,
                    run=RunMethod(name=method.name),
                    next=transition,
                    joins=graph.closes.get(method.name),
                    doc=method.doc,
                    **fields,
                )
            )
    return tuple(nodes)
