"""Find the faults of a flow's IR, and return them as diagnostics without raising an exception. Passes and back ends may
assume that the IR has no faults.
"""

from __future__ import annotations

from flowc_ir import codes
from flowc_ir.diagnostic import Diagnostic, Faults
from flowc_ir.generated.limits import check_limits_of_flow
from flowc_ir.graphs.analysis import Analysis
from flowc_ir.graphs.structure import Vertex, analyse
from flowc_ir.model import (
    Action,
    Branch,
    Code,
    Flow,
    Function,
    Gang,
    Goto,
    Merge,
    Method,
    Notebook,
    Shell,
    Span,
    Stub,
    Switch,
    assert_never,
    targets,
)


def verify(flow: Flow, analysis: Analysis | None = None) -> list[Diagnostic]:
    """Check an IR from any front end: unique names, existing targets, structure, limits.

    Args:
        flow: the flow.
        analysis: the analysis of the flow, if the caller has already made it.

    Returns:
        All faults that the first failing group of checks finds. Later groups do not run, because they assume that
        earlier groups found no faults. The groups are: names and targets; the graph's structure; joins, actions, limits
        and gangs. The list is empty for a flow without faults.
    """
    analysis = analysis or Analysis(flow)
    faults = Faults()
    _duplicates(flow, faults)
    _edges(flow, analysis, faults)
    if faults:  # the checks below need a flow in which every referenced step exists
        return [*faults]
    vertices = [Vertex(id=n.id, where=n.where, takes_inputs=n.joins is not None, next=n.next) for n in flow.nodes]
    shape = analyse(flow.start, vertices)
    if shape.faults:
        return [*shape.faults]
    _joins(flow, dict(shape.closes), faults)
    _actions(flow, faults)
    _files(flow, faults)
    check_limits_of_flow(flow, "flow", faults)
    _gangs(analysis, faults)
    return [*faults]


def _duplicates(flow: Flow, faults: Faults) -> None:
    seen: dict[str, Span] = {}
    for node in flow.nodes:
        if node.id in seen:
            faults.add(
                codes.DUPLICATE_STEP,
                node.where,
                f"step '{node.id}' is defined twice",
                hint="give one of them another name",
                also=[(seen[node.id], "first defined here")],
            )
        seen[node.id] = node.where
    names: dict[str, Span] = {}
    for parameter in flow.parameters:
        if parameter.name in names:
            faults.add(
                codes.PARAMETER_CLASH,
                parameter.where,
                f"parameter '{parameter.name}' is defined twice",
                hint="give one of them another name",
                also=[(names[parameter.name], "first defined here")],
            )
        names[parameter.name] = parameter.where


def _edges(flow: Flow, analysis: Analysis, faults: Faults) -> None:
    known = analysis.nodes
    if flow.start not in known:
        faults.add(
            codes.NO_START,
            flow.where,
            f"flow '{flow.name}' has no step '{flow.start}'",
            hint=f"add a step named '{flow.start}'",
        )
    for node in flow.nodes:
        for target in targets(node.next):
            if target not in known:
                faults.add(
                    codes.UNKNOWN_STEP,
                    node.where,
                    f"step '{node.id}' leads to '{target}', which is not a step",
                    hint="name a step of this flow",
                )
        if isinstance(node.next, Branch) and len(set(node.next.targets)) < len(node.next.targets):
            faults.add(
                codes.DUPLICATE_BRANCH,
                node.where,
                f"step '{node.id}' names one branch twice",
                hint="name each branch once, or use a foreach",
            )
        if isinstance(node.next, Switch) and (what := _bad_arms(node.next)):
            faults.add(
                codes.SWITCH_ARMS,
                node.where,
                f"the switch of step '{node.id}' {what}",
                hint="give it two or more different choices",
            )


def _bad_arms(switch: Switch) -> str | None:
    if len(switch.arms) < 2 and switch.default is None and switch.loop is None:
        return "has fewer than two choices"
    return "has one choice twice" if len({choice for choice, _ in switch.arms}) < len(switch.arms) else None


def _gangs(analysis: Analysis, faults: Faults) -> None:
    by_id = analysis.nodes
    for node in analysis.flow.nodes:
        if not isinstance(node.next, Gang):
            continue
        body = by_id[node.next.body]
        if not (isinstance(body.next, Goto) and by_id[body.next.target].joins == node.id):
            faults.add(
                codes.PARALLEL_STEP,
                body.where,
                f"the tasks of step '{body.id}' run all at once, but this step does not lead straight to their join",
                hint="keep the parallel work in that one step, and let it lead to a step `def join(self, inputs):`",
            )


def _joins(flow: Flow, closes: dict[str, str], faults: Faults) -> None:
    for node in flow.nodes:
        if node.joins is not None and closes.get(node.id) != node.joins:
            faults.add(
                codes.WRONG_JOIN,
                node.where,
                f"step '{node.id}' says that it joins '{node.joins}', but it closes '{closes.get(node.id)}'",
                hint=f"write joins: {closes.get(node.id)!r}",
            )


def _actions(flow: Flow, faults: Faults) -> None:
    for node in flow.nodes:
        if what := _bad_action(node.run, flow.code, joins=node.joins is not None):
            faults.add(
                codes.BAD_ACTION, node.where, f"step '{node.id}' {what}", hint="name an object of the code package"
            )


def _files(flow: Flow, faults: Faults) -> None:
    for node in flow.nodes:
        if node.files is None:
            continue
        for path in (*node.files.get, *node.files.put, node.files.folder):
            if not path or path.startswith(("/", "~")) or ".." in path.split("/"):
                faults.add(
                    codes.BAD_POLICY,
                    node.where,
                    f"step '{node.id}' has files with the pattern {path!r}, which is not below a folder",
                    hint="write patterns relative to the data folder, such as 'data/*.csv'",
                )


def _bad_action(action: Action, code: Code, *, joins: bool = False) -> str | None:
    match action:
        case Method(name=name):
            if not code.name:
                return f"runs a method, but the flow is the whole file {code.file}, not a class in it"
            return None if name.isidentifier() else f"runs the method {name!r}, which is not a valid Python identifier"
        case Function(module="", name=name):
            text = f"runs the pickled function {name!r}, which is not a valid Python identifier"
            return None if name.isidentifier() else text
        case Function(module=module, name=name):
            wrong = next((text for text in (module, name) if not all(map(str.isidentifier, text.split(".")))), None)
            return None if wrong is None else f"runs a function, but {wrong!r} is not a valid dotted Python name"
        case Notebook(file=file):
            inside = file.endswith(".ipynb") and not file.startswith("/") and ".." not in file.split("/")
            return None if inside else f"runs the notebook {file!r}, which is not an .ipynb file in the code package"
        case Shell(command=command):
            return None if command.strip() else "runs a shell command that is empty"
        case Merge(reducers=reducers):
            if not joins:
                return "merges inputs, but it joins no branches and no foreach"
            faults = (_bad_action(reducer.function, code) for reducer in reducers)
            return next((what for what in faults if what), None)
        case Stub():
            return None
        case _:
            assert_never(action)
