"""Builds the nodes of a pipeline: each step becomes one or more nodes of the IR. Steps are built from the last to the
first, because each step's node refers to the node that follows it.

A task becomes one node. A map becomes a node with a foreach and a join, both without code; parallel branches become a
split and a join. A condition, and the end of a loop, become a node with a switch. Finally, a node without code is
merged into the preceding task, if this task leads only to the node and no other task leads to the node.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, final

from flowc.frontends.pipeline.function_references import FunctionError
from flowc.frontends.pipeline.levels import ERROR, Level, goto, leaving, needs_end
from flowc.frontends.pipeline.node_names import NodeNames
from flowc.frontends.pipeline.step_names import BRANCH, DEFAULT, HANDLER, names_of_steps
from flowc.frontends.pipeline.task_policies import files_of, secrets_of
from flowc.pipeline.composites import Conditional, Loop, Map, Parallel
from flowc.pipeline.steps import AsyncPythonTask, NotebookTask, PythonTask, ShellTask, UserTask
from flowc_ir import (
    Branch,
    Catch,
    End,
    Foreach,
    Function,
    Goto,
    LoopLimit,
    Merge,
    Node,
    Notebook,
    Reducer,
    Return,
    Shell,
    Span,
    Switch,
    codes,
    targets,
)
from flowc_ir import Stub as NoCode
from flowc_ir.graphs.dominance import postorder
from flowc_ir.graphs.step_values import set_between
from flowc_ir.late.dataclass import replace
from flowc_ir.suggestion import suggest
from flowc_runtime.base.config.task_limits import NO_LIMITS
from flowc_runtime.run.nodes.failing import CHECK_VALUE, FAILED, FAILS, NO_BRANCH

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from flowc.frontends.pipeline.function_references import FunctionReferences
    from flowc.frontends.pipeline.notebook_references import NotebookReferences
    from flowc.frontends.pipeline.step_names import Position
    from flowc.pipeline.pipelines import BasePipeline
    from flowc.pipeline.steps import Step, WrittenAt
    from flowc_ir import Secret, StepFiles, Transition
    from flowc_ir.diagnostic import Faults
    from flowc_ir.model import Action, Choice, NodeId
    from flowc_runtime.base.config.task_limits import TaskLimits


@final
class GraphBuilder:
    """Builds the IR's nodes of one pipeline."""

    def __init__(
        self,
        references: FunctionReferences,
        faults: Faults,
        span: Callable[[WrittenAt], Span],
        notebooks: NotebookReferences,
    ) -> None:
        self._references = references
        self._notebooks = notebooks
        self._faults = faults
        self._span = span
        self._names = NodeNames()
        self._of_steps: dict[Position, NodeId] = {}
        self._nodes: dict[NodeId, Node] = {}
        self._generated: set[NodeId] = set()

    def build(self, pipeline: BasePipeline) -> tuple[NodeId, tuple[Node, ...]]:
        """Return the first node and all nodes of a pipeline, in the order of their steps."""
        self._of_steps = names_of_steps(pipeline, self._names)
        end = None
        if needs_end(pipeline):
            end = self._names.take("end")
            self._add(end, pipeline.place, NoCode(), End())
        first = self._sequence(pipeline, Level(end, end))
        assert first is not None
        if any(first in targets(node.next) for node in self._nodes.values()):
            # A loop leads back to the first node: put an empty node before it.
            start = self._names.take("start")
            self._add(start, pipeline.place, NoCode(), Goto(target=first))
            first = start
        self._fuse(first)
        return first, self._ordered(first)

    # -- sequences -----------------------------------------------------------------------------------------------------

    def _sequence(self, pipeline: BasePipeline, level: Level) -> NodeId | None:
        """Convert the steps of a pipeline to nodes, which are added to the graph; return the first node. `level` is the
        position of the steps in the whole pipeline."""
        then = level.then
        for number, step in reversed([*enumerate(pipeline.steps)]):
            last = step is pipeline.steps[-1]
            if (step.terminate_with_success or step.terminate_with_failure) and not last:
                self._faults.add(
                    codes.UNREACHABLE_STEP,
                    self._span(step.place),
                    f"{step.what} ends its pipeline, but steps follow it",
                    hint="put it last, or move the steps after it into a branch of a Conditional",
                )
            if step.terminate_with_failure:
                then = self._failing_end(step, level)
            then = self._step(step, replace(level, then=then, at=(*level.at, number)))
        return then

    def _failing_end(self, step: Step, level: Level, code: tuple[str, str] = FAILS) -> NodeId:
        name = self._names.take(*level.around, f"{step.name} fails")
        module, function = code
        self._add(name, step.place, Function(module=module, name=function), goto(level.then))
        return name

    def _step(self, step: Step, level: Level) -> NodeId:
        """Convert one step to one or more nodes, which are added to the graph; return the first of them."""
        handled = level
        if step.on_failure is not None:
            inner = replace(level, then=level.exit, around=(*level.around, step.name), at=(*level.at, HANDLER))
            handler = self._sequence(step.on_failure, inner)
            handled = replace(level, failure=handler)
        match step:
            case Map():
                return self._map(step, handled)
            case Parallel():
                return self._parallel(step, handled)
            case Loop():
                return self._loop(step, handled)
            case Conditional():
                return self._conditional(step, handled)
            case _:
                return self._task(step, handled)

    # -- tasks ---------------------------------------------------------------------------------------------------------

    def _task(self, step: Step, level: Level) -> NodeId:
        name = self._of_steps[level.at]
        catch = Catch(var=ERROR) if level.failure is not None else None
        limits = step.limits if isinstance(step, UserTask) else NO_LIMITS
        self._add(
            name, step.place, self._action(step), leaving(level),
            catch=catch, limits=limits, secrets=secrets_of(step), files=files_of(step),
            override=step.override if isinstance(step, UserTask) else "",
        )  # fmt: skip
        return name

    def _action(self, step: Step) -> Action:
        match step:
            case PythonTask():
                ends = step.end_event if isinstance(step, AsyncPythonTask) else ""
                with self._reported(step, "function"):
                    return self._references.find(step.function, _returns(step), ends).function
            case NotebookTask():
                with self._reported(step, "notebook"):
                    return Notebook(file=self._notebooks.find(step), returns=_returns(step))
            case ShellTask():
                return Shell(command=step.command, returns=_returns(step))
        return NoCode()

    @contextmanager
    def _reported(self, step: Step, argument: str, what: str = "") -> Iterator[None]:
        """A context manager: if the `with` block raises a FunctionError, report a fault at the place of the step's
        `argument`."""
        try:
            yield
        except FunctionError as error:
            at = self._span(step.place_of(argument))
            self._faults.add(codes.BAD_ACTION, at, f"{step.what}: {what}{error.message}", hint=error.hint)

    # -- composites ----------------------------------------------------------------------------------------------------

    def _map(self, step: Map, level: Level) -> NodeId:
        name = self._of_steps[level.at]
        join = self._names.take(*level.around, f"{step.name}_join")
        body = self._sequence(step.branch, self._inside(join, step, level, BRANCH))
        assert body is not None
        following = Foreach(over=step.iterate_on, body=body, item=step.iterate_as)
        self._add(name, step.place, NoCode(), following, generated=True)
        reducers = self._reducers(step, set_between(self._nodes, body, join))
        catch = Catch(var=ERROR) if reducers and level.failure is not None else None
        self._add(join, step.place, Merge(reducers=reducers), leaving(level), joins=name, catch=catch)
        return self._guarded(step, level, name)

    def _reducers(self, step: Map, returned: Sequence[str]) -> tuple[Reducer, ...]:
        given = step.reducer
        if given is None:
            return ()
        by_name: Mapping[str, object] = (
            given if isinstance(given, Mapping) else dict.fromkeys((n for n in returned if n != ERROR), given)
        )
        reducers: list[Reducer] = []
        for name, reducer in by_name.items():
            if name not in returned:
                self._faults.add(
                    codes.BAD_POLICY,
                    self._span(step.place_of("reducer")),
                    f"{step.what}: a reducer is for '{name}', which its branch does not return",
                    hint=f"the branch returns {', '.join(returned) or 'nothing'}",
                )
                continue
            with self._reported(step, "reducer", "reducer: "):
                reducers.append(Reducer(name=name, function=self._references.find_reducer(reducer).function))
        return tuple(reducers)

    def _parallel(self, step: Parallel, level: Level) -> NodeId:
        if len(step.branches) == 1:  # a single branch needs no join
            ((key, only),) = step.branches.items()
            inner = replace(level, exit=level.then, around=(*level.around, step.name), at=(*level.at, key))
            first = self._sequence(only, inner)
            assert first is not None
            return first
        name = self._of_steps[level.at]
        join = self._names.take(*level.around, f"{step.name}_join")
        arms: list[NodeId | None] = []
        for key, branch in step.branches.items():
            inner = self._inside(join, step, level, key)
            arms.append(self._sequence(branch, replace(inner, around=(*inner.around, str(key)))))
        self._add(name, step.place, NoCode(), Branch(targets=tuple(arm for arm in arms if arm)), generated=True)
        self._add(join, step.place, Merge(reducers=()), leaving(level), joins=name)
        return name

    def _conditional(self, step: Conditional, level: Level) -> NodeId:
        name = self._of_steps[level.at]
        inner = replace(level, exit=level.then, around=(*level.around, step.name))
        arms: list[tuple[Choice, NodeId]] = []
        for choice, branch in step.branches.items():
            first = self._sequence(branch, replace(inner, at=(*level.at, choice)))
            assert first is not None
            arms.append((choice, first))
        default = None
        if step.default is not None:
            default = self._sequence(step.default, replace(inner, at=(*level.at, DEFAULT)))
        if len(arms) == 1 and default is None:  # a switch needs at least two targets
            default = self._failing_end(step, inner, NO_BRANCH)
        following = Switch(condition=step.parameter, arms=tuple(arms), default=default)
        self._add(name, step.place, NoCode(), following, generated=True)
        return self._guarded(step, level, name)

    def _guarded(self, step: Step, level: Level, first: NodeId) -> NodeId:
        """Add a node before a composite step that checks the value on which the step depends, such as the list of a
        map. The step's handler of failures therefore also handles a wrong value. Return the first node."""
        if level.failure is None:
            return first
        name = self._names.take(*level.around, f"{step.name}_check")
        module, function = CHECK_VALUE
        following = Switch(condition=ERROR, arms=((FAILED, level.failure),), default=first)
        self._add(name, step.place, Function(module=module, name=function), following, catch=Catch(var=ERROR))
        return name

    def _loop(self, step: Loop, level: Level) -> NodeId:
        check = self._of_steps[level.at]
        inner = replace(level, then=check, exit=check, around=(*level.around, step.name), at=(*level.at, BRANCH))
        first = self._sequence(step.branch, inner)
        assert first is not None
        assert level.then is not None  # a pipeline that ends with a loop gets a last node (`needs_end`)
        self._check_break(step, set_between(self._nodes, first, check))
        limit = LoopLimit(iterations=step.max_iterations, index=step.index_as)
        following = Switch(condition=step.break_on, arms=((False, first), (True, level.then)), loop=limit)
        self._add(check, step.place, NoCode(), following, generated=True)
        return first

    def _check_break(self, step: Loop, returned: Sequence[str]) -> None:
        """Report a loop with a `break_on` that names no value that the loop's branch returns."""
        if step.break_on in returned:
            return
        self._faults.add(
            codes.BAD_POLICY,
            self._span(step.place_of("break_on")),
            f"{step.what}: break_on is '{step.break_on}', which its branch does not return",
            hint=suggest(step.break_on, returned, f"the branch returns {', '.join(returned) or 'nothing'}"),
        )

    def _inside(self, join: NodeId, step: Step, level: Level, key: object) -> Level:
        """Return the `Level` (the following nodes) for branches that end in the node `join`. If failures are handled,
        this node also runs after a failed step of a branch."""
        failure = join if level.failure is not None else None
        return Level(join, join, failure, (*level.around, step.name), (*level.at, key))

    # -- nodes ---------------------------------------------------------------------------------------------------------

    def _add(
        self,
        name: NodeId,
        place: WrittenAt,
        action: Action,
        following: Transition,
        *,
        joins: NodeId | None = None,
        catch: Catch | None = None,
        limits: TaskLimits = NO_LIMITS,
        generated: bool = False,
        secrets: tuple[Secret, ...] = (),
        files: StepFiles | None = None,
        override: str = "",
    ) -> None:
        self._nodes[name] = Node(
            id=name,
            where=self._span(place),
            run=action,
            next=following,
            joins=joins,
            catch=catch,
            retry=limits.retry,
            timeout=limits.timeout,
            resources=limits.resources,
            environment=limits.environment,
            secrets=secrets,
            files=files,
            override=override,
        )
        if generated:
            self._generated.add(name)

    def _fuse(self, first: NodeId) -> None:
        """Merge each generated node without code into the task before it; the task gets the node's transition."""
        before: dict[NodeId, list[NodeId]] = {}
        for node in self._nodes.values():
            for target in targets(node.next):
                before.setdefault(target, []).append(node.id)
        for name in self._generated:
            parents = before.get(name, [])
            if name == first or len(parents) != 1:
                continue
            parent, node = self._nodes[parents[0]], self._nodes[name]
            if not isinstance(parent.next, Goto):
                continue
            self._nodes[parent.id] = replace(parent, next=node.next)
            del self._nodes[name]
            for target in targets(node.next):
                before[target] = [parent.id if each == name else each for each in before[target]]
            for other in list(self._nodes.values()):
                if other.joins == name:
                    self._nodes[other.id] = replace(other, joins=parent.id)

    def _ordered(self, first: NodeId) -> tuple[Node, ...]:
        """Return the nodes in topological order: each node comes after its predecessors, apart from edges that close
        loops.
        """
        order = postorder(first, lambda at: reversed(targets(self._nodes[at].next)))
        return tuple(self._nodes[at] for at in reversed(order))


def _returns(step: UserTask) -> tuple[Return, ...]:
    """Convert the declared return values of a task to the IR's `Return`s."""
    return tuple(Return(name=each.name, kind=each.kind) for each in step.named_returns)
