"""`NodesProgram`: runs flows without a flow class, whose steps are described completely by the IR."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import suppress
from importlib import import_module
from typing import TYPE_CHECKING, NoReturn, final

from flowc_ir import Branch, End, Foreach, Function, Gang, Goto, Merge, Method, Notebook, Shell, Stub, Switch, targets
from flowc_ir.graphs.step_values import failure_of, returns_of
from flowc_ir.late import LateModule
from flowc_ir.model import assert_never
from flowc_runtime.base.ambient import set_variables
from flowc_runtime.base.errors import ProtocolError, StepTimeout
from flowc_runtime.base.index import Graph, parts
from flowc_runtime.run.nodes.binding import awaited, call, called
from flowc_runtime.run.nodes.event_stream import EventStream, end_of_events
from flowc_runtime.run.nodes.failing import FAILED, check_branch, is_check, unmatched
from flowc_runtime.run.nodes.merging import merge
from flowc_runtime.run.nodes.programs.json_values import json_values
from flowc_runtime.run.nodes.returned import named_values
from flowc_runtime.run.nodes.signatures import callee_of, is_asynchronous, unwrapped
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
    from flowc_runtime.run.nodes.signatures import Callee
    from flowc_runtime.run.nodes.user_functions import UserFunction
    from flowc_runtime.run.patches import Replacement
    from flowc_runtime.run.program import Cards
    from flowc_runtime.run.state import TaskState
    from flowc_runtime.store.records.run_store import RunStore
else:  # imported at first use: only notebooks, shell commands, patches and metrics need these modules
    notebook = LateModule(_PROGRAMS[Notebook])
    shell = LateModule(_PROGRAMS[Shell])
    replacing = LateModule("flowc_runtime.run.nodes.replacing")
    recording = LateModule("flowc_runtime.run.metrics.recording")


class TransitionError(ValueError):
    """The value that determines a transition is missing or invalid: a foreach's list, or the value of a switch."""


@final
class NodesProgram:
    """Runs the functions, notebooks and commands of a flow. It implements `flowc_runtime.run.program.Program`.

    Args:
        functions: a map from the IR's `Function` to the Python function, for functions that are already loaded; other
            functions are imported.
        cls: a class with the flow's parameters as attributes, which the command line reads.
    """

    def __init__(
        self, flow: Flow, root: str, functions: Mapping[Function, UserFunction] | None = None, cls: type = object
    ) -> None:
        self._flow = flow
        self._root = root
        self._graph = Graph(flow)
        self._around = ItemNames(self._graph)
        self._functions = dict(functions or {})
        self._callees: dict[Function, Callee] = {}
        self._optional = frozenset(p.name for p in flow.parameters if p.default is None and not p.required)
        self.cls = cls

    @property
    def directory(self) -> str:
        """The directory that contains the user's code."""
        return self._root

    # -- methods that are called once in a process

    def prepare(
        self, configs: Mapping[str, object], with_decorators: Sequence[tuple[str, Mapping[str, object]]] = ()
    ) -> None:
        """Do nothing: the IR already contains everything that the program needs."""

    def begin(self, flow: Flow, root: str) -> None:
        """Import the functions and modules that the steps need, since tasks are forked from this process. Also read the
        functions' signatures here: if each forked task read them, each task would copy more pages of memory."""
        self._root = root
        for function in functions_of(flow):
            self.load(function)
        for node in flow.nodes:
            if isinstance(node.run, Function):
                with suppress(TypeError, ValueError):  # a builtin without a signature: its task reports the error
                    self._callee(node.run)
        kinds = {type(node.run) for node in flow.nodes}
        for kind, module in _PROGRAMS.items():
            if kind in kinds:
                import_module(module)
        if any(is_asynchronous(each) for each in self._functions.values()):
            import_module("asyncio")

    def load(self, function: Function) -> UserFunction:
        """Import the Python function of an IR's `Function`. Raises ProtocolError, or any exception of the import."""
        if function not in self._functions:
            self._functions[function] = load_function(function, self._root, self._flow.code.file)
        return self._functions[function]

    def _callee(self, function: Function) -> Callee:
        """Return the Python function and its arguments. Raises TypeError and ValueError for builtins without a
        signature."""
        if function not in self._callees:
            self._callees[function] = callee_of(self.load(function))
        return self._callees[function]

    # -- methods that are called once in a run

    def run_begins(self, run_id: str) -> None:
        """Do nothing: flows without a class have no decorators with hooks."""

    def run_ended(self, error: BaseException | None) -> None:
        """Do nothing: flows without a class have no decorators with hooks."""

    # -- methods that are called for each task

    def bind(self, state: TaskState, parameters: Mapping[str, object]) -> Variables:
        """Return an object with the artifacts and parameters that a task can read, or that an input of a join has.

        An optional parameter that was not set is missing in this object, so that each function uses its own default.
        """
        absent = frozenset(name for name in self._optional if parameters.get(name) is None)
        return Variables(state, parameters, self._around, absent)

    def start(self, task: Variables) -> None:
        """For each loop that contains the task, set an environment variable to the number of the current iteration."""
        set_variables((name, str(number)) for name, number in self._around.counters(_state(task)).items())

    def call_step(self, task: Variables, node: Node, arguments: tuple[object, ...]) -> None:
        """Run a node's code, set the values that it returns, and set the transition."""
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
        self._set_no_failure(task, node)
        self.imply(task, node.next, {})

    def _set_no_failure(self, task: Variables, node: Node) -> None:
        """After a success, set the artifact for the step's failure to None, since the switch after the step reads this
        artifact. A join without code keeps its artifact, which it has merged from the failures of its inputs."""
        if (failure := failure_of(node)) is not None and not isinstance(node.run, Merge):
            setattr(task, failure, None)

    def _run_user_code(self, task: Variables, node: Node) -> None:
        """Run the function, command or notebook of a node; set the values that it returns, and send events."""
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
        check_branch(task, node, self._flow)
        if is_check(node):
            self._check_value(task, node)
        callee = self._callee(node.run)
        code = callee.function
        result = call(callee, task, lambda: names_of(task))
        if isinstance(result, AsyncGenerator):
            result = end_of_events(result, node.run, stream, called(code))
        return dict(named_values(awaited(result), node.run.returns, called(code)))

    def replace_step(self, task: Variables, node: Node, arguments: tuple[object, ...], new: Replacement) -> str:
        """Do not run a node's code: a patch gives the values that the node returns, and thereby the node that
        follows."""
        if replacing.is_ours(node) and not is_check(node):
            self.call_step(task, node, arguments)
            return ""
        if isinstance(node.run, Merge):
            (inputs,) = arguments
            assert isinstance(inputs, Inputs)
            merge(task, node, inputs, self._graph, self.load, mocked=True)
        else:
            _record_metrics(node, replacing.set_results(task, node, new))
        self._set_no_failure(task, node)
        note = replacing.fill(task, node, self._graph.nodes) if new.mock else ""
        if _state(task).transition is None:
            self.imply(task, node.next, {})
        return note

    def imply(self, task: Variables, transition: Transition, arguments: Mapping[str, object]) -> None:
        """Set the transition of a task from its artifacts, such as the list of a foreach or the value of a switch."""
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

    def _check_value(self, task: Variables, node: Node) -> None:
        """Check the value of the map or condition that follows a node. Raises TransitionError and NoBranchError."""
        assert isinstance(node.next, Switch)
        assert node.next.default is not None
        match self._graph.nodes[node.next.default].next:
            case Foreach(over=over):
                _check_items(getattr(task, over, None), over)
            case Switch() as switch:
                chosen = self._graph.nodes[self._choose(task, _state(task), switch)]
                check_branch(task, chosen, self._flow)

    def _choose(self, task: Variables, state: TaskState, switch: Switch) -> NodeId:
        """Choose the target of a switch by its value. Raises TransitionError."""
        try:
            value: object = getattr(task, switch.condition)
        except AttributeError as error:
            if switch.loop is None:
                raise TransitionError(f"cannot choose a branch by '{switch.condition}': {error}") from None
            value = False  # a failure ended the iteration before a step set the value
        if switch.loop is not None:
            done = bool(value) or _iteration(state) + 1 >= switch.loop.iterations
            return dict(switch.arms)[done]
        if isinstance(value, Caught):
            value = FAILED
        for choice, target in switch.arms:
            if type(choice) is type(value) and choice == value:
                return target
        for choice, target in switch.arms:  # without an exact match, compare across types and as text
            if choice == value or (isinstance(choice, str) and choice == str(value)):
                return target
        if switch.default is not None:
            return switch.default
        raise TransitionError(unmatched(switch, value))

    def finished(self, task: Variables, node: Node, *, ok: bool) -> None:
        """Do nothing: flows without a class have no decorators with hooks."""

    def lost(self, task: Variables, node: Node, arguments: tuple[object, ...]) -> None:
        """Do nothing: flows without a class have no decorators with hooks."""

    def timeout_error(self) -> type[StepTimeout]:
        """Return the exception class for a step that exceeds its timeout."""
        return StepTimeout

    def inline_secrets(self, node: Node) -> list[Mapping[str, object]]:
        """Return an empty list: only flow classes have inline secrets."""
        return []

    def cards(self, run: RunStore, flow: Flow, attempt: tuple[str, str, int]) -> Cards:
        """Raise an error: only steps of flow classes have cards. Raises ProtocolError."""
        raise ProtocolError(f"step '{attempt[0]}' has a card, but only steps of flow classes can have cards")

    def warm_up_cards(self, flow: Flow, step: str) -> None:
        """Do nothing: only steps of flow classes have cards."""

    # -- methods that return parts of the user code

    def constants(self, flow: Flow, parameters: Mapping[str, object]) -> Iterable[tuple[str, object]]:
        """Return an empty sequence: only flow classes have constants."""
        return ()

    def function(self, name: str) -> NoReturn:
        """Raise an error: only flow classes have exit hooks. Raises ProtocolError."""
        raise ProtocolError(f"the flow has the exit hook '{name}', but only flow classes can have exit hooks")

    def client_run(self, run: RunStore) -> NoReturn:
        """Raise an error: only exit hooks need a client object, and only flow classes have exit hooks. Raises
        ProtocolError."""
        raise ProtocolError(f"run {run.id} is not the run of a flow class")

    def code_of(self, node: Node) -> CodeType | None:
        """Return the code object of a node's function, without wrappers, or None if the node runs no function."""
        if not isinstance(node.run, Function):
            return None
        code: CodeType | None = getattr(unwrapped(self.load(node.run)), "__code__", None)
        return code

    def undecorate(self, node: Node) -> None:
        """Do nothing: decorators of a function are part of the user code."""


def _record_metrics(node: Node, values: Mapping[str, object]) -> None:
    """Record the return values of a node whose kind is `metric`. Raises MetricError if a value is not a number."""
    returns = returns_of(node.run)
    if any(each.kind == "metric" for each in returns):
        recording.record_returns(returns, values)


def _check_items(value: object, name: str) -> None:
    if value is None:
        raise TransitionError(f"cannot map over '{name}': it has no value")
    if hasattr(value, "keys"):  # a dict or a data frame: iterating over it would only give its keys
        raise TransitionError(
            f"cannot map over '{name}': it is a {type(value).__name__}, not a list: return list({name}) for its keys, "
            f"or [*{name}.items()] for pairs"
        )
    if isinstance(value, (str, bytes)) or not hasattr(value, "__iter__"):
        raise TransitionError(f"cannot map over '{name}': it is {value!r:.60} ({type(value).__name__}), not a list")


def _state(task: Variables) -> TaskState:
    state: TaskState = task.__dict__[STATE]
    return state


def _iteration(state: TaskState) -> int:
    """Return the number of the current iteration, counted from 0, of the loop that directly contains the task."""
    return int(next(part[1:] for part in reversed(parts(state.path)) if part[0] == "~"))
