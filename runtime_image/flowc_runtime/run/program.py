"""The interface between the runtime and the user's code: `Program`. A flow class is one kind of program.

The runtime imports no front end. An object in the user's file that can run has a method named `OPENS`, which returns
its program; the front end implements it (`metaflow.FlowSpec` does).
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from flowc_ir.late import LateModule
from flowc_ir.model import Function, Merge, Method, Notebook, Shell, Stub, assert_never
from flowc_runtime.base.errors import ProtocolError
from flowc_runtime.process.loader import load_module
from flowc_runtime.store.values.parameters import config_values, own_decorators

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from types import CodeType

    from flowc_ir import Flow, Node, Transition
    from flowc_ir.model import Action
    from flowc_runtime.base.errors import StepTimeout
    from flowc_runtime.run.nodes import nodes_program
    from flowc_runtime.run.patches import Replacement
    from flowc_runtime.run.state import TaskState
    from flowc_runtime.store.records.record_types import OriginRecord
    from flowc_runtime.store.records.run_store import RunStore
else:  # tasks of flow classes do not need it
    nodes_program = LateModule("flowc_runtime.run.nodes.nodes_program")

OPENS = "_flowc_program"
"""The name of the method without arguments that returns the program of an object in the user's file."""


BoundTask: TypeAlias = Any
"""The object that `Program.bind` makes for a task. Its type is the program's own, and the runtime does not know it."""


class Cards(Protocol):
    """The cards of one attempt. `current` is the object behind `current.card` in the step's code."""

    @property
    def current(self) -> object:
        """The object behind `current.card`."""
        ...

    def start(self) -> None:
        """Fork the processes that make the cards.

        Hazard: call it before this process uses the store or starts a thread, since a fork copies neither safely.
        """
        ...

    def finish(self) -> None:
        """Make the final version of all cards; the attempt's record is already written."""
        ...

    def leave_to(self, task: OriginRecord) -> bool:
        """Use the cards of another task instead of making any; return False if that task has none."""
        ...


class Program(Protocol):
    """The user's code that the tasks of one flow run.

    Each process that imports the code calls `prepare` and then `begin`, once. `task` in the methods below is the object
    that `bind` makes for one task: the step's code receives it, and its attributes are the task's artifacts.
    """

    @property
    def directory(self) -> str:
        """The directory of the user's code; tracebacks show files below it as the user's. Empty if there is none."""
        ...

    # -- once in a process

    def prepare(
        self, configs: Mapping[str, object], with_decorators: Sequence[tuple[str, Mapping[str, object]]] = ()
    ) -> None:
        """Bring the code to its final form.

        Args:
            configs: the values of the flow's configs, by name; None is no value.
            with_decorators: the user-defined decorators that the command line adds: names and arguments.

        Raises:
            BaseException: any exception of the user's code.
        """
        ...

    def begin(self, flow: Flow, root: str) -> object:
        """Make the decorators that act before a run, and start them.

        Args:
            flow: the flow.
            root: the directory of the code package.

        Raises:
            BaseException: any exception of the decorators.
        """
        ...

    # -- once in a run, in the process that starts it

    def run_begins(self, run_id: str) -> None:
        """Tell the decorators that a run begins."""
        ...

    def run_ended(self, error: BaseException | None) -> None:
        """Tell the decorators how the run has ended."""
        ...

    # -- for a task

    def bind(self, state: TaskState, parameters: Mapping[str, object]) -> BoundTask:
        """Make the object of a task with this state, or of an input of a join."""
        ...

    def start(self, task: BoundTask) -> None:
        """Run the code that precedes a step's code, such as the `__init__` of a flow class.

        It also runs for each input of a join. Its exceptions are failures of the user's code.
        """
        ...

    def call_step(self, task: BoundTask, node: Node, arguments: tuple[object, ...]) -> None:
        """Run the node's code. Debuggers show the frames that a function of this name calls as the user's."""
        ...

    def replace_step(self, task: BoundTask, node: Node, arguments: tuple[object, ...], new: Replacement) -> str:
        """Apply a patch in place of the node's code, and set the task's transition.

        Args:
            task: the task.
            node: the node.
            arguments: those of `call_step`.
            new: what replaces the code.

        Returns:
            A remark for the task's record about values that the patch lacks and that were supplied; or an empty text.
        """
        ...

    def imply(self, task: BoundTask, transition: Transition, arguments: Mapping[str, object]) -> None:
        """Set the transition of a task whose code did not run.

        Args:
            task: the task.
            transition: the transition of its node.
            arguments: the arguments of self.next that a decorator sets, such as `foreach`.
        """
        ...

    def finished(self, task: BoundTask, node: Node, *, ok: bool) -> None:
        """Tell the decorators that the attempt is over."""
        ...

    def lost(self, task: BoundTask, node: Node, arguments: tuple[object, ...]) -> None:
        """Tell the decorators that the earlier attempts were lost, in an attempt that only applies @catch."""
        ...

    def timeout_error(self) -> type[StepTimeout]:
        """Return the exception class that is raised in a step that exceeds its timeout."""
        ...

    def inline_secrets(self, node: Node) -> list[Mapping[str, object]]:
        """Return the options of the node's inline secrets, whose values are only in the code."""
        ...

    def cards(self, run: RunStore, flow: Flow, attempt: tuple[str, str, int]) -> Cards:
        """Return the cards of an attempt (step, path, number) of a node that has cards."""
        ...

    # -- contents of the code

    def constants(self, flow: Flow, parameters: Mapping[str, object]) -> Iterable[tuple[str, object]]:
        """Return the names and values of constants, which readers of a run see as artifacts of every task.

        They include the values that the code makes of `parameters`, if the flow marks a parameter as `converted`.
        """
        ...

    def function(self, name: str) -> Callable[..., object]:
        """Return a function of the flow's file, such as an exit hook."""
        ...

    def client_run(self, run: RunStore) -> object:
        """Return the client's object of the run, for an exit hook."""
        ...

    def code_of(self, node: Node) -> CodeType | None:
        """Return the compiled code of the node; None if it is not Python."""
        ...

    def undecorate(self, node: Node) -> None:
        """Remove the decorators around the node's code, in this process."""
        ...


CALL = Program.call_step.__name__


def open_program(flow: Flow, root: str) -> Program:
    """Import the user's code below `root`, prepare it and begin it; return the program.

    Raises:
        ProtocolError: see `load_program`.
        BaseException: any exception of the user's code.
    """
    program = load_program(flow, root)
    program.prepare(config_values(flow.configs), own_decorators(flow))
    program.begin(flow, root)
    return program


def load_program(flow: Flow, root: str) -> Program:
    """Import the user's code below `root` and return the program, neither prepared nor begun.

    Raises:
        ProtocolError: a step does not run a method, or the file does not define the flow.
        BaseException: any exception of the user's code.
    """
    check_runnable(flow)
    if not any(isinstance(node.run, Method) for node in flow.nodes):
        return nodes_program.NodesProgram(flow, root)
    module = load_module(Path(root), flow.code.file)
    opens: Callable[[], Program] | None = getattr(getattr(module, flow.code.name, None), OPENS, None)
    if opens is None:
        raise ProtocolError(
            f"{flow.code.file} defines no flow '{flow.code.name}': give the task the package that was compiled"
        )
    return opens()


def check_runnable(flow: Flow) -> None:
    """Check that this flowc can run every node.

    Raises:
        ProtocolError: this flowc cannot run a node; the message names the first one.
    """
    of_class = [node for node in flow.nodes if isinstance(node.run, Method)]
    for node in flow.nodes:
        if of_class and not isinstance(node.run, Method):
            raise ProtocolError(
                f"step '{node.id}' is {_kind(node.run)} beside methods of a flow class: "
                "write it as a method with @step, or write all steps without a class"
            )


def _kind(action: Action) -> str:
    match action:
        case Method():
            return "a method"
        case Function():
            return "a function"
        case Notebook():
            return "a notebook"
        case Shell():
            return "a shell command"
        case Merge():
            return "a join without code"
        case Stub():
            return "a stub"
        case _:
            assert_never(action)


def method_name(node: Node) -> str:
    """Return the name of the method that a node of a flow class runs.

    Raises:
        ProtocolError: the node runs something else.
    """
    if not isinstance(node.run, Method):
        raise ProtocolError(f"step '{node.id}' of a flow class is {_kind(node.run)}, not a method")
    return node.run.name
