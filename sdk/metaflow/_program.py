"""The interface through which the runtime runs the steps of a flow's class."""

from __future__ import annotations

import sys
from types import ModuleType, SimpleNamespace
from typing import TYPE_CHECKING, Any, final

from flowc_ir.late import LateFunction, LateModule
from flowc_runtime.process.loader import code_root
from flowc_runtime.run.program import method_name
from flowc_runtime.run.state import PARAMETERS, STATE
from metaflow._conversions import ConversionError
from metaflow._hidden import bring_forward
from metaflow.decorators import COMMAND_LINE, USER_ATTRIBUTE, Applied, inline_secrets
from metaflow.flowspec import FlowSpec
from metaflow.transitions import imply
from metaflow.user_configs.binding import bind_configs

if TYPE_CHECKING:
    import inspect
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from types import CodeType

    from flowc_ir import Flow, Node, Transition
    from flowc_runtime.base.errors import StepTimeout
    from flowc_runtime.run.patches import Replacement
    from flowc_runtime.run.state import TaskState
    from flowc_runtime.store.records.run_store import RunStore
    from metaflow._legacy.hooks import FlowHooks, Parse
    from metaflow._replacing import replace_step
    from metaflow.client import Run
    from metaflow.plugins.cards import _task as cards_task
    from metaflow.plugins.cards._task import TaskCards
else:  # imported at first use, because only runs with patches or cards need these modules
    cards_task = LateModule("metaflow.plugins.cards._task")
    inspect = LateModule("inspect")
    replace_step = LateFunction("metaflow._replacing:replace_step")


@final
class FlowProgram:
    """The program of a flow's class; it holds the initialised decorators from extensions.

    The class implements `flowc_runtime.Program`.

    Most methods import modules only when they are called, because every task of every flow waits for `import metaflow`.
    """

    __slots__ = ("_hooks", "cls")

    def __init__(self, cls: type[FlowSpec]) -> None:
        self.cls = cls
        self._hooks: FlowHooks | None = None

    @property
    def directory(self) -> str:
        """The directory from which the class's module was imported."""
        return code_root(self.cls)

    # -- called once in a process

    def prepare(
        self, configs: Mapping[str, object], with_decorators: Sequence[tuple[str, Mapping[str, object]]] = ()
    ) -> None:
        """Prepare the class: set the values of its configs, then apply its mutators.

        The front end calls this method once before it lowers the class, and a pod calls it once before it runs a step.

        Args:
            configs: the configs' values by name; the value of a config without a value is None.
            with_decorators: the names and arguments of the user-written decorators that the command line adds.

        Raises:
            ConfigError: an expression of a config fails.
            PreparationError: a mutator, or the `init` of a decorator, fails.
            UnknownStepDecoratorException: the command line names an unknown decorator.
        """
        # These modules are loaded only if the program uses configs, user-written decorators or mutators.
        mutates = bool(with_decorators) or "metaflow.user_decorators.common" in sys.modules
        if mutates:
            from metaflow.user_decorators._preparation import restore

            # first restore the decorators' arguments as written; `bind_configs` then replaces the configs in them
            restore(self.cls)
        # a class with configs has imported the module of `Config`
        if configs or "metaflow.user_configs.config_parameters" in sys.modules:
            bind_configs(self.cls, configs)
        if mutates:
            from metaflow.user_decorators._mutate import mutate

            added = [Applied(name, (), dict(given), COMMAND_LINE, 0) for name, given in with_decorators]
            mutate(self.cls, added)

    def begin(self, flow: Flow, root: str, parse: Parse | None = None) -> FlowHooks | None:
        """Create the flow's decorators from extensions and call their hooks `flow_init` and `step_init`.

        This method is called after `prepare`: when a flow is compiled or started, and again in every pod.

        Args:
            flow: the intermediate representation.
            root: the directory of the flow's code, for the file paths in errors.
            parse: parses decorators that hooks add to steps; given only while the front end lowers the flow.

        Returns:
            The hooks, or None if the flow has no decorators of extensions.

        Raises:
            PreparationError: a hook fails.
        """
        self._hooks = None
        if not flow.plugins and not any(node.plugins for node in flow.nodes):
            return None
        from metaflow._legacy.hooks import FlowHooks

        hooks = FlowHooks(self.cls, flow, root, parse)
        hooks.begin()
        self._hooks = hooks
        return hooks

    # -- called once in a run

    def run_begins(self, run_id: str) -> None:
        """Call the hook `runtime_init` of decorators from extensions."""
        if self._hooks is not None:
            self._hooks.run_begins(run_id)

    def run_ended(self, error: BaseException | None) -> None:
        """Call the hook `runtime_finished` of decorators from extensions."""
        if self._hooks is not None:
            self._hooks.run_ended(error)

    # -- called for a task

    def bind(self, state: TaskState, parameters: Mapping[str, object]) -> FlowSpec:
        """Return a new flow object: the object of a running task, or an input of a join."""
        flow = self.cls.__new__(self.cls)
        flow.__dict__[PARAMETERS] = parameters
        flow.__dict__[STATE] = state
        return flow

    def start(self, task: FlowSpec) -> None:
        """Call the `__init__` of the flow's class. Attributes that `__init__` sets override inherited artifacts with
        the same name.

        An exception of `__init__` fails the task.
        """
        if has_own_init(self.cls):
            # inside `__init__`, all attributes may be assigned, including class attributes
            state = task.__dict__.pop(STATE)
            try:
                own: Any = inspect.getattr_static(self.cls, "__init__")
                own(task, **({"use_cli": False} if _takes_use_cli(self.cls) else {}))
            finally:
                task.__dict__[STATE] = state
        bring_forward(task)

    def call_step(self, task: FlowSpec, node: Node, arguments: tuple[object, ...]) -> None:
        """Run a step's code inside its wrappers: decorators from extensions and user-written decorators.

        Exceptions of the code or of a wrapper are not caught. If a wrapper skips or replaces the code, the task's state
        contains the arguments for `self.next`.

        Args:
            task: the flow object of the task.
            node: the step.
            arguments: the `inputs` of a join, otherwise nothing.
        """
        step = method_name(node)
        if self._hooks is not None and step in self._hooks.of_step:
            from metaflow._legacy.tasks import call_hooked

            _state(task).implied = call_hooked(task, self._hooks, step, arguments)
            return
        method = getattr(self.cls, step)
        if not getattr(method, USER_ATTRIBUTE, ()):
            method(task, *arguments)
            return
        from metaflow.user_decorators._call import call_wrapped

        _state(task).implied = call_wrapped(task, step, arguments)

    def replace_step(self, task: FlowSpec, node: Node, arguments: tuple[Any, ...], new: Replacement) -> str:
        """Do not run the step's code: the patch that replaces it (`--patch`, `--mock`) gives the artifacts and
        determines the step that follows.

        No decorator of the step runs.
        """
        return replace_step(task, node, arguments, new)

    def imply(self, task: FlowSpec, transition: Transition, arguments: Mapping[str, Any]) -> None:
        """Determine which step follows (the transition), because the step's code did not run. It results from
        `self.next` in the step's source and from these arguments."""
        _state(task).transition = imply(task, transition, arguments)

    def finished(self, task: FlowSpec, node: Node, *, ok: bool) -> None:
        """Call the hooks of decorators from extensions after the attempt."""
        if self._hooks is not None:
            from metaflow._legacy.tasks import tell_finished

            tell_finished(task, self._hooks, method_name(node), ok=ok)

    def lost(self, task: FlowSpec, node: Node, arguments: tuple[object, ...]) -> None:
        """Call the hooks of extensions' decorators in an attempt that runs no code because all earlier attempts were
        killed."""
        step = method_name(node)
        if self._hooks is not None and step in self._hooks.of_step:
            from metaflow._legacy.tasks import tell_lost

            tell_lost(task, self._hooks, step, arguments)

    def timeout_error(self) -> type[StepTimeout]:
        """Return the class of the exception that is raised in a step that exceeds its time limit.

        The method is called before the time limit starts, since it imports a module.
        """
        from metaflow.plugins.timeout_decorator import TimeoutException

        return TimeoutException

    def inline_secrets(self, node: Node) -> list[Mapping[str, Any]]:
        """Return the options of the `inline` sources of a step's `@secrets`.

        The values of inline secrets are only in the flow's code, not in the intermediate representation.
        """
        return inline_secrets(self.cls, method_name(node))

    def cards(self, run: RunStore, flow: Flow, attempt: tuple[str, str, int]) -> TaskCards:
        """Return the cards of an attempt (step, path, number) of a step with @card."""
        return cards_task.TaskCards(run, flow, attempt, self.cls)

    def warm_up_cards(self, flow: Flow, step: str) -> None:
        """Render a step's built-in cards before tasks are forked, so that the forks inherit the modules and files that
        rendering loads."""
        cards_task.warm_up(flow, step, self.cls)

    # -- values and functions in the flow's code

    def constants(self, flow: Flow, parameters: Mapping[str, object]) -> Iterator[tuple[str, Any]]:
        """Yield (attribute, value) for each constant of the class and its bases and for each converted parameter.

        Args:
            flow: the intermediate representation.
            parameters: the recorded values of parameters, by name. A value that the parameter's type rejects is left
                out: the step that reads the parameter raises the error.
        """
        for parameter in flow.parameters:
            if parameter.converted:
                attribute = parameter.attribute or parameter.name
                try:
                    yield (
                        attribute,
                        getattr(self.cls, attribute)._flowc_seen(SimpleNamespace(), parameters[parameter.name]),
                    )
                except ConversionError:  # the step that reads the parameter raises the error
                    continue
        for name in dir(self.cls):
            value = _static(self.cls, name)
            is_code = isinstance(value, (type, ModuleType)) or hasattr(type(value), "__get__")
            if not name.startswith("_") and not is_code:
                yield name, value

    def function(self, name: str) -> Callable[..., Any]:
        """Return a function of the module that defines the class.

        Raises:
            KeyError: the module has no such name.
        """
        found: Callable[..., object] = vars(sys.modules[self.cls.__module__])[name]
        return found

    def client_run(self, run: RunStore) -> Run:
        """Return the client's `Run` of a run, whichever namespace the run belongs to."""
        from metaflow.client import Run

        return Run(f"{run.flow}/{run.id}", _namespace_check=False, _current_metadata=f"local@{run.objects.url}")

    def code_of(self, node: Node) -> CodeType | None:
        """Return the code object of the step's unwrapped method, or None if the method has no code object."""
        method = getattr(self.cls, method_name(node), None)
        code: CodeType | None = getattr(inspect.unwrap(method) if callable(method) else None, "__code__", None)
        return code

    def undecorate(self, node: Node) -> None:
        """Remove the step's decorators from extensions and its user-written decorators."""
        step = method_name(node)
        vars(getattr(self.cls, step)).pop(USER_ATTRIBUTE, None)
        if self._hooks is not None:
            self._hooks.of_step.pop(step, None)


def has_own_init(cls: Any) -> bool:
    """Return whether a flow's class or one of its bases defines `__init__`."""
    return bool(cls.__init__ is not FlowSpec.__init__)


def required_by_init(cls: Any) -> list[str]:
    """Return the required arguments of a class's own `__init__`. Each is an error, since tasks call it without
    arguments."""
    if not has_own_init(cls):
        return []
    own = list(inspect.signature(cls.__init__).parameters.values())[1:]
    several = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return [it.name for it in own if it.default is it.empty and it.kind not in several and it.name != "use_cli"]


def _takes_use_cli(cls: Any) -> bool:
    parameters = inspect.signature(cls.__init__).parameters
    named = parameters.get("use_cli")
    if named is not None:
        return named.kind is not named.POSITIONAL_ONLY
    return any(it.kind is it.VAR_KEYWORD for it in parameters.values())


def _static(cls: Any, name: str) -> Any:
    """Return a class's attribute without calling descriptors, like the slower `inspect.getattr_static`."""
    for base in cls.__mro__:
        if name in vars(base):
            return vars(base)[name]
    # no class has the name in its own dict, so it is an attribute of the metaclass
    return inspect.getattr_static(cls, name)


def _state(task: FlowSpec) -> TaskState:
    state: TaskState = task.__dict__[STATE]
    return state
