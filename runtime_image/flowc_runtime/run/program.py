"""`Program`, the interface between the runtime and user code. A flow class is one kind of program.

The runtime does not import front ends. Instead, a flow object in the user's file, such as a `metaflow.FlowSpec`, has a
method that returns the flow's program. The constant `OPENS` contains the method's name.
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
else:  # imported at first use: only flows without a flow class need it
    nodes_program = LateModule("flowc_runtime.run.nodes.nodes_program")

OPENS = "_flowc_program"
"""The name of a flow object's method that returns the object's program. The method has no arguments."""


BoundTask: TypeAlias = Any
"""The object that `Program.bind` creates for a task. Each program has its own type, unknown to the runtime."""


class Cards(Protocol):
    """The cards of one attempt of a task."""

    @property
    def current(self) -> object:
        """The object that the step's code gets as `current.card`."""
        ...

    def start(self) -> None:
        """Fork the processes that render the cards.

        Hazard: call this before the process uses the store or starts a thread; afterwards a fork is unsafe.
        """
        ...

    def collect(self) -> None:
        """Render the components that the step has appended; called when the attempt is recorded, but not yet
        reported."""
        ...

    def finish(self) -> None:
        """Render the final version of all cards; called when the attempt is recorded and reported."""
        ...

    def leave_to(self, task: OriginRecord) -> bool:
        """This task reuses the results of `task`. Show the cards of `task` instead of making cards; return False if
        `task` has none."""
        ...


class Program(Protocol):
    """The user code of one flow, which tasks run.

    Each process that imports the code calls first `prepare` and then `begin`, each once. In the methods below, `task`
    is the object that `bind` creates for one task: the step's code gets this object; its attributes are the artifacts.
    """

    @property
    def directory(self) -> str:
        """The directory of the user code; empty if there is none. Only files below this directory are shown as user
        code in tracebacks."""
        ...

    # -- methods that are called once in a process

    def prepare(
        self, configs: Mapping[str, object], with_decorators: Sequence[tuple[str, Mapping[str, object]]] = ()
    ) -> None:
        """Complete the imported code: set the values of configs, and run mutators of user-defined decorators.

        Args:
            configs: config name → value, or None for a config without a value.
            with_decorators: the decorators that `--with` adds to the class: names and arguments.

        Raises:
            BaseException: any exception of the user's code.
        """
        ...

    def begin(self, flow: Flow, root: str) -> object:
        """Create the decorators of extensions, and call their hooks that run before a run starts.

        Args:
            flow: the flow.
            root: the directory of the code package.

        Raises:
            BaseException: any exception of the decorators.
        """
        ...

    # -- methods that are called once in a run, in the process that starts the run

    def run_begins(self, run_id: str) -> None:
        """Call the decorators' hooks for the start of a run."""
        ...

    def run_ended(self, error: BaseException | None) -> None:
        """Call the decorators' hooks for the end of a run; `error` is None if the run succeeded."""
        ...

    # -- methods that are called for each task

    def bind(self, state: TaskState, parameters: Mapping[str, object]) -> BoundTask:
        """Create the object of a task with this state. The method is also called for each input of a join."""
        ...

    def start(self, task: BoundTask) -> None:
        """Run the code that precedes a step's code, such as the `__init__` of a flow class.

        The method is also called for each input of a join. An exception is a failure of the user code.
        """
        ...

    def call_step(self, task: BoundTask, node: Node, arguments: tuple[object, ...]) -> None:
        """Run the node's code. The debugger finds the frames of user code by the name of this method."""
        ...

    def replace_step(self, task: BoundTask, node: Node, arguments: tuple[object, ...], new: Replacement) -> str:
        """Do not run the node's code: take its results from a patch, and determine the step that follows (the task's
        transition).

        Args:
            task: the object of the task.
            node: the node.
            arguments: the arguments that `call_step` would get.
            new: the patch.

        Returns:
            A remark for the task's record about missing values that were supplied; empty if no value was missing.
        """
        ...

    def imply(self, task: BoundTask, transition: Transition, arguments: Mapping[str, object]) -> None:
        """Determine which step follows a task (its transition), if the task's code did not run or did not reach its
        end.

        Args:
            task: the object of the task.
            transition: the transition of the node.
            arguments: arguments of `self.next` that a decorator sets, such as `foreach`.
        """
        ...

    def finished(self, task: BoundTask, node: Node, *, ok: bool) -> None:
        """Call the decorators' hooks for an attempt's end; `ok` is true if the attempt succeeded or its failure was
        caught."""
        ...

    def lost(self, task: BoundTask, node: Node, arguments: tuple[object, ...]) -> None:
        """In an attempt that only applies @catch, call the decorators' hooks for earlier attempts whose processes
        died."""
        ...

    def timeout_error(self) -> type[StepTimeout]:
        """Return the exception class to raise in a step that exceeds its timeout."""
        ...

    def inline_secrets(self, node: Node) -> list[Mapping[str, object]]:
        """Return the options of the node's inline secrets. These options contain the values of the secrets; the IR does
        not."""
        ...

    def cards(self, run: RunStore, flow: Flow, attempt: tuple[str, str, int]) -> Cards:
        """Return the cards of an attempt (step, index path, number) of a node with cards."""
        ...

    def warm_up_cards(self, flow: Flow, step: str) -> None:
        """Before tasks of a step with cards are forked, do once the work that each task would otherwise repeat."""
        ...

    # -- methods that return parts of the user code

    def constants(self, flow: Flow, parameters: Mapping[str, object]) -> Iterable[tuple[str, object]]:
        """Return the names and values of constants, such as class attributes: readers of runs show them as artifacts.

        For each parameter that the IR marks as `converted`, the constants include the converted value.
        """
        ...

    def function(self, name: str) -> Callable[..., object]:
        """Return a function of the flow's file, such as an exit hook."""
        ...

    def client_run(self, run: RunStore) -> object:
        """Return the client object (`metaflow.Run`) of a run, which an exit hook gets."""
        ...

    def code_of(self, node: Node) -> CodeType | None:
        """Return the code object of the node's function, or None if the node runs no Python function."""
        ...

    def undecorate(self, node: Node) -> None:
        """Remove the decorators of the node's code in this process."""
        ...


CALL = Program.call_step.__name__


def open_program(flow: Flow, root: str) -> Program:
    """Import the user code below `root`, and call `prepare` and `begin`; return the program.

    Raises:
        ProtocolError: as in `load_program`.
        BaseException: any exception of the user's code.
    """
    program = load_program(flow, root)
    program.prepare(config_values(flow.configs), own_decorators(flow))
    program.begin(flow, root)
    return program


def load_program(flow: Flow, root: str) -> Program:
    """Import the user code below `root` and return the program, without calling `prepare` and `begin`.

    Raises:
        ProtocolError: this flowc cannot run a step, or the file does not define the flow.
        BaseException: any exception of the user's code.
    """
    check_runnable(flow)
    if not any(isinstance(node.run, Method) for node in flow.nodes):
        return nodes_program.NodesProgram(flow, root)
    module = load_module(Path(root), flow.code.file)
    opens: Callable[[], Program] | None = getattr(getattr(module, flow.code.name, None), OPENS, None)
    if opens is None:
        raise ProtocolError(
            f"{flow.code.file} defines no flow '{flow.code.name}': run the task with the code package that was compiled"
        )
    return opens()


def check_runnable(flow: Flow) -> None:
    """Check that this flowc can run every node.

    Raises:
        ProtocolError: this flowc cannot run a node; the message names the first such node.
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
    """Return the name of the flow class's method that a node runs.

    Raises:
        ProtocolError: the node does not run a method.
    """
    if not isinstance(node.run, Method):
        raise ProtocolError(f"step '{node.id}' of a flow class is {_kind(node.run)}, not a method")
    return node.run.name
