"""What the runtime needs of whatever a flow's tasks run: `Program`. A flow class is one kind of program.

The runtime knows no front end: an object that can be run gives its program by the method `OPENS`, which the front end
that defines the object implements (`metaflow.FlowSpec` does).
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from flowc_ir.model import Function, Method, Notebook, Shell, Stub, assert_never
from flowc_runtime.base.errors import ProtocolError
from flowc_runtime.process.loader import load_module
from flowc_runtime.store.values.parameters import config_values, own_decorators

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from types import CodeType

    from flowc_ir import Flow, Node, Transition
    from flowc_ir.model import Action
    from flowc_runtime.base.errors import StepTimeout
    from flowc_runtime.run.state import TaskState
    from flowc_runtime.store.records.record_types import OriginRecord
    from flowc_runtime.store.records.store import RunStore

OPENS = "_flowc_program"
"""The name of the method, without arguments, by which an object of the user's file gives its program."""


class Cards(Protocol):
    """The cards of one attempt. `current` is what the step's code knows them by."""

    current: Any

    def start(self) -> None:
        """Fork the processes that make the cards: before this process has used the store or started a thread."""
        ...

    def finish(self) -> None:
        """Make all cards for good, of an attempt whose record is written."""
        ...

    def leave_to(self, task: OriginRecord) -> bool:
        """Make no cards, because they are those of this task; False if that task has none."""
        ...


class Program(Protocol):
    """The user's code that the tasks of one flow run.

    It is prepared, then begun, once in each process that imports the code. `task` below is the object that `bind` makes
    for one task: the step's code gets it, and its attributes are the task's artifacts.
    """

    @property
    def directory(self) -> str:
        """The directory of the user's code: files below it are the user's in tracebacks. Empty if there is none."""
        ...

    # -- once in a process

    def prepare(
        self, configs: Mapping[str, Any], with_decorators: Sequence[tuple[str, Mapping[str, Any]]] = ()
    ) -> None:
        """Bring the code to its final form: give its configs their values by name (None: no value).

        `with_decorators` are decorators of the user's own that the command line adds: names and arguments.
        """
        ...

    def begin(self, flow: Flow, root: str) -> object:
        """Make the decorators that act before a run, and let them begin. `root` is where the code package is."""
        ...

    # -- once in a run, in the process that starts it

    def run_begins(self, run_id: str) -> None:
        """Tell the decorators that a run begins."""
        ...

    def run_ended(self, error: BaseException | None) -> None:
        """Tell the decorators how the run has ended."""
        ...

    # -- for a task

    def bind(self, state: TaskState, parameters: Mapping[str, Any]) -> Any:
        """Make the object of a task that has this state, or of one of the inputs of a join."""
        ...

    def start(self, task: Any) -> None:
        """Do what the code does when a task begins, before its step's code: a flow class has its own `__init__`.

        Also of each input of a join. What it raises is the user's.
        """
        ...

    def call_step(self, task: Any, node: Node, arguments: tuple[Any, ...]) -> None:
        """Run the node's code. In a debugger, frames that are called by a function of this name are the user's."""
        ...

    def imply(self, task: Any, transition: Transition, given: Mapping[str, Any]) -> None:
        """Let a task whose code was not run go where the flow says; `given` are arguments that a decorator gives."""
        ...

    def finished(self, task: Any, node: Node, *, ok: bool) -> None:
        """Tell the decorators that the attempt is over."""
        ...

    def lost(self, task: Any, node: Node, arguments: tuple[Any, ...]) -> None:
        """Tell the decorators, in an attempt that only catches, that the attempts before it were lost."""
        ...

    def timeout_error(self) -> type[StepTimeout]:
        """Return what is raised in a step whose time is up."""
        ...

    def inline_secrets(self, node: Node) -> list[Mapping[str, Any]]:
        """Return the options of the node's inline secrets, whose values are in the code only."""
        ...

    def cards(self, run: RunStore, flow: Flow, attempt: tuple[str, str, int]) -> Cards:
        """Return the cards of an attempt (step, path, number) of a node that has cards."""
        ...

    # -- what the code holds

    def constants(self, flow: Flow, parameters: Mapping[str, Any]) -> Iterable[tuple[str, Any]]:
        """Return the constants that readers of a run see as if each task had them, by name.

        What the code makes of the values of the run's `parameters` are such, where the flow says that they are
        `converted`.
        """
        ...

    def function(self, name: str) -> Callable[..., Any]:
        """Return a function of the flow's file, such as an exit hook."""
        ...

    def client_run(self, run: RunStore) -> Any:
        """Return the run as the user's code knows runs, for an exit hook."""
        ...

    def code_of(self, node: Node) -> CodeType | None:
        """Return the compiled code of the node, None where it is not Python's."""
        ...

    def undecorate(self, node: Node) -> None:
        """Let the node's code run without the decorators around it, in this process."""
        ...


CALL = Program.call_step.__name__


def open_program(flow: Flow, root: str) -> Program:
    """Import the user's code below `root`, prepare and begin it.

    Whatever the user's code raises comes through. Raises ProtocolError as `check_runnable` does.
    """
    program = load_program(flow, root)
    program.prepare(config_values(flow.configs), own_decorators(flow))
    program.begin(flow, root)
    return program


def load_program(flow: Flow, root: str) -> Program:
    """Import the user's code below `root`, and no more; as `open_program`."""
    check_runnable(flow)
    module = load_module(Path(root), flow.code.file)
    opens: Callable[[], Program] | None = getattr(getattr(module, flow.code.name, None), OPENS, None)
    if opens is None:
        raise ProtocolError(
            f"{flow.code.file} defines no flow '{flow.code.name}': give the task the package that was compiled"
        )
    return opens()


def check_runnable(flow: Flow) -> None:
    """Check that every node runs what this flowc can run. Raises ProtocolError, which names the first that does not."""
    for node in flow.nodes:
        if what := _unsupported(node.run):
            raise ProtocolError(
                f"this flowc runs methods of flow classes; step '{node.id}' is {what}: write it as a method with @step"
            )


def _unsupported(action: Action) -> str | None:
    match action:
        case Method():
            return None
        case Function():
            return "a function"
        case Notebook():
            return "a notebook"
        case Shell():
            return "a shell command"
        case Stub():
            return "a stub"
        case _:
            assert_never(action)


def method_name(node: Node) -> str:
    """Return the name of the method that a node of a flow class runs. Raises ProtocolError for another kind of node."""
    if not isinstance(node.run, Method):
        raise ProtocolError(f"step '{node.id}' of a flow class is {_unsupported(node.run)}, not a method")
    return node.run.name
