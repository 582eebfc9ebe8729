"""`NodesProgram`: runs steps that the IR describes completely, without a flow class."""

from __future__ import annotations

import inspect
from collections.abc import AsyncGenerator
from importlib import import_module
from typing import TYPE_CHECKING, NoReturn, final

from flowc_ir import Branch, End, Foreach, Function, Gang, Goto, Merge, Method, Notebook, Shell, Stub, Switch, targets
from flowc_ir.graphs.step_values import failure_of, returns_of
from flowc_ir.late import LateModule
from flowc_ir.model import assert_never
from flowc_runtime.base.ambient import set_variables
from flowc_runtime.base.errors import ProtocolError, StepTimeout
from flowc_runtime.base.index import Graph, parts
from flowc_runtime.run.nodes.binding import awaited, call, called, is_asynchronous
from flowc_runtime.run.nodes.event_stream import EventStream, end_of_events
from flowc_runtime.run.nodes.failing import FAILED
from flowc_runtime.run.nodes.merging import merge
from flowc_runtime.run.nodes.programs.json_values import json_values
from flowc_runtime.run.nodes.returned import named_values
from flowc_runtime.run.nodes.user_functions import functions_of, load_function
from flowc_runtime.run.nodes.variables import ItemNames, Variables, names_of
from flowc_runtime.run.state import STATE, Inputs, NextCall
from flowc_runtime.run.task.failures import Caught

_PROGRAMS: Mapping[type, str] = {
    Shell: "flowc_runtime.run.nodes.programs.shell",
    Notebook: "flowc_runtime.run.nodes.programs.notebook",
}

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from types import CodeType

    from flowc_ir import Flow, Node, Transition
    from flowc_ir.model import NodeId
    from flowc_runtime.run.metrics import recording
    from flowc_runtime.run.nodes import replacing
    from flowc_runtime.run.nodes.programs import notebook, shell
    from flowc_runtime.run.nodes.user_functions import UserFunction
    from flowc_runtime.run.patches import Replacement
    from flowc_runtime.run.program import Cards
    from flowc_runtime.run.state import TaskState
    from flowc_runtime.store.records.run_store import RunStore
else:  # only steps of these kinds, runs with patches, and returns that are metrics need them
    notebook = LateModule(_PROGRAMS[Notebook])
    shell = LateModule(_PROGRAMS[Shell])
    replacing = LateModule("flowc_runtime.run.nodes.replacing")
    recording = LateModule("flowc_runtime.run.metrics.recording")


class TransitionError(ValueError):
    """The value that decides where a run continues is missing, or is none of the known ones."""


@final
class NodesProgram:
    """The functions, notebooks and commands of a flow. It implements `flowc_runtime.run.program.Program`.

    Args:
        functions: functions that this process has already, by their names in the IR; others are imported.
        cls: a class with the flow's parameters, for command lines.
    """

    def __init__(
        self, flow: Flow, root: str, functions: Mapping[Function, UserFunction] | None = None, cls: type = object
    ) -> None:
        self._flow = flow
        self._root = root
        self._graph = Graph(flow)
        self._around = ItemNames(self._graph)
        self._functions = dict(functions or {})
        self._optional = frozenset(p.name for p in flow.parameters if p.default is None and not p.required)
        self.cls = cls

    @property
    def directory(self) -> str:
        """The directory of the user's code."""
        return self._root

    # -- once in a process

    def prepare(
        self, configs: Mapping[str, object], with_decorators: Sequence[tuple[str, Mapping[str, object]]] = ()
    ) -> None:
        """Do nothing: the IR is complete."""

    def begin(self, flow: Flow, root: str) -> None:
        """Import what the steps run, so that tasks which are forked from this process have it."""
        self._root = root
        for function in functions_of(flow):
            self.load(function)
        kinds = {type(node.run) for node in flow.nodes}
        for kind, module in _PROGRAMS.items():
            if kind in kinds:
                import_module(module)
        if any(is_asynchronous(each) for each in self._functions.values()):
            import_module("asyncio")

    def load(self, function: Function) -> UserFunction:
        """Return a function of the IR. Raises ProtocolError, or an exception of the user's module."""
        if function not in self._functions:
            self._functions[function] = load_function(function, self._root, self._flow.code.file)
        return self._functions[function]

    # -- once in a run

    def run_begins(self, run_id: str) -> None:
        """Do nothing: no decorator has hooks."""

    def run_ended(self, error: BaseException | None) -> None:
        """Do nothing: no decorator has hooks."""

    # -- for a task

    def bind(self, state: TaskState, parameters: Mapping[str, object]) -> Variables:
        """Return the values of a task, or of an input of a join.

        A parameter that is optional and not given has no value, so that each function has its own default.
        """
        absent = frozenset(name for name in self._optional if parameters.get(name) is None)
        return Variables(state, parameters, self._around, absent)

    def start(self, task: Variables) -> None:
        """Set the environment variables of the loops around the task: the numbers of their iterations."""
        set_variables((name, str(number)) for name, number in self._around.counters(_state(task)).items())

    def call_step(self, task: Variables, node: Node, arguments: tuple[object, ...]) -> None:
        """Run a node's code, set its returns, and choose its transition."""
        match node.run:
            case Function() | Shell() | Notebook():
                self._run_user_code(task, node)
            case Merge():
                (inputs,) = arguments
                assert isinstance(inputs, Inputs)
                merge(task, node, inputs, self._graph, self.load)
            case Stub():
                pass
            case Method():
                raise ProtocolError(f"step '{node.id}' is a method, which this flowc cannot run")
            case _:
                assert_never(node.run)
        if (failure := failure_of(node)) is not None:
            setattr(task, failure, None)  # a switch may choose by it
        self.imply(task, node.next, {})

    def _run_user_code(self, task: Variables, node: Node) -> None:
        """Call the function, or run the command or notebook, of a node; set its returns, and send its events."""
        stream = EventStream({"name": node.id, "task": _state(task).path})
        stream.tell("task_started")
        try:
            outputs = self._outputs(task, node, stream)
            for name, value in outputs.items():
                setattr(task, name, value)
            _record_metrics(node, outputs)
        except BaseException as error:
            stream.tell("task_failed", error=f"{type(error).__name__}: {error}")
            raise
        else:
            pickled = {each.name for each in returns_of(node.run) if each.kind == "pickled"}
            stream.tell("task_completed", outputs={name: outputs[name] for name in outputs if name not in pickled})
        finally:
            stream.close()

    def _outputs(self, task: Variables, node: Node, stream: EventStream) -> Mapping[str, object]:
        if isinstance(node.run, Shell):
            return shell.run_command(node, node.run, json_values(task, self._flow), self._root)
        if isinstance(node.run, Notebook):
            return notebook.run_notebook(task, node, node.run, self._flow, self._root)
        assert isinstance(node.run, Function)
        code = self.load(node.run)
        result = call(code, task, lambda: names_of(task))
        if isinstance(result, AsyncGenerator):
            result = end_of_events(result, node.run, stream, called(code))
        return dict(named_values(awaited(result), node.run.returns, called(code)))

    def replace_step(self, task: Variables, node: Node, arguments: tuple[object, ...], new: Replacement) -> str:
        """Set the returns of a node as its replacement says, and its transition."""
        if replacing.is_ours(node):
            self.call_step(task, node, arguments)
            return ""
        if isinstance(node.run, Merge):
            (inputs,) = arguments
            assert isinstance(inputs, Inputs)
            merge(task, node, inputs, self._graph, self.load, mocked=True)
        else:
            _record_metrics(node, replacing.set_results(task, node, new))
        if (failure := failure_of(node)) is not None:
            setattr(task, failure, None)
        note = replacing.fill(task, node) if new.mock else ""
        if _state(task).transition is None:
            self.imply(task, node.next, {})
        return note

    def imply(self, task: Variables, transition: Transition, arguments: Mapping[str, object]) -> None:
        """Set the transition of a task, from the artifacts that it has."""
        state = _state(task)
        match transition:
            case End():
                return
            case Goto() | Branch():
                state.transition = NextCall(targets(transition))
            case Foreach(over=over, body=body):
                _check_items(getattr(task, over, None), over)
                state.transition = NextCall((body,), over)
            case Switch():
                choice = self._choose(task, state, transition)
                state.transition = NextCall(targets(transition), None, transition.condition, choice)
            case Gang():
                raise ProtocolError("only a step of a flow class can open a gang")
            case _:
                assert_never(transition)

    def _choose(self, task: Variables, state: TaskState, switch: Switch) -> NodeId:
        """Return the step that a switch leads to. Raises TransitionError."""
        try:
            value: object = getattr(task, switch.condition)
        except AttributeError as error:
            if switch.loop is None:
                raise TransitionError(f"cannot choose by '{switch.condition}': {error}") from None
            value = False  # a handler of failures has ended the iteration before a step could set it
        if switch.loop is not None:
            done = bool(value) or _iteration(state) + 1 >= switch.loop.iterations
            return dict(switch.arms)[done]
        if isinstance(value, Caught):
            value = FAILED
        for choice, target in switch.arms:
            if type(choice) is type(value) and choice == value:
                return target
        for choice, target in switch.arms:  # a branch may be named by the text of a number or a truth value
            if choice == value or (isinstance(choice, str) and choice == str(value)):
                return target
        if switch.default is not None:
            return switch.default
        known = ", ".join(repr(choice) for choice, _ in switch.arms)
        raise TransitionError(f"'{switch.condition}' is {value!r:.200}, but the branches are {known}")

    def finished(self, task: Variables, node: Node, *, ok: bool) -> None:
        """Do nothing: no decorator has hooks."""

    def lost(self, task: Variables, node: Node, arguments: tuple[object, ...]) -> None:
        """Do nothing: no decorator has hooks."""

    def timeout_error(self) -> type[StepTimeout]:
        """Return the exception of a step whose time is up."""
        return StepTimeout

    def inline_secrets(self, node: Node) -> list[Mapping[str, object]]:
        """Return an empty list: only flow classes have inline secrets."""
        return []

    def cards(self, run: RunStore, flow: Flow, attempt: tuple[str, str, int]) -> Cards:
        """Refuse: only steps of flow classes have cards. Raises ProtocolError."""
        raise ProtocolError(f"step '{attempt[0]}' has a card, but only steps of flow classes can")

    # -- contents of the code

    def constants(self, flow: Flow, parameters: Mapping[str, object]) -> Iterable[tuple[str, object]]:
        """Return nothing: only flow classes have constants."""
        return ()

    def function(self, name: str) -> NoReturn:
        """Refuse: only flow classes have exit hooks. Raises ProtocolError."""
        raise ProtocolError(f"the flow has the exit hook '{name}', but only flow classes can")

    def client_run(self, run: RunStore) -> NoReturn:
        """Refuse: only exit hooks of flow classes use it. Raises ProtocolError."""
        raise ProtocolError(f"run {run.id} is not the run of a flow class")

    def code_of(self, node: Node) -> CodeType | None:
        """Return the code of a node's function, inside its wrappers; None for another node."""
        if not isinstance(node.run, Function):
            return None
        code: CodeType | None = getattr(inspect.unwrap(self.load(node.run)), "__code__", None)
        return code

    def undecorate(self, node: Node) -> None:
        """Do nothing: a function's decorators are its own."""


def _record_metrics(node: Node, values: Mapping[str, object]) -> None:
    """Record the returns of a node that are metrics. Raises MetricError if one is not a number."""
    returns = returns_of(node.run)
    if any(each.kind == "metric" for each in returns):
        recording.record_returns(returns, values)


def _check_items(value: object, name: str) -> None:
    if value is None:
        raise TransitionError(f"cannot map over '{name}': it has no value")
    if isinstance(value, (str, bytes)) or not hasattr(value, "__iter__"):
        raise TransitionError(f"cannot map over '{name}': it is {value!r:.60} ({type(value).__name__}), not a list")


def _state(task: Variables) -> TaskState:
    state: TaskState = task.__dict__[STATE]
    return state


def _iteration(state: TaskState) -> int:
    """Return the number of the innermost loop's iteration, from 0."""
    return int(next(part[1:] for part in reversed(parts(state.path)) if part[0] == "~"))
