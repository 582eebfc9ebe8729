"""`StepDecorator` and `FlowDecorator`: the base classes of extensions' decorators.

The hooks of the base classes do nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from flowc_ir import json_text
from metaflow.exception import InvalidDecoratorAttribute

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

__all__ = ["Decorator", "FlowDecorator", "StepDecorator"]


class Decorator:
    """The common base of step decorators and flow decorators.

    Attributes:
        attributes: the `defaults` of the class, updated by the given arguments.
        statically_defined: whether the decorator is written in the flow's source.
        inserted_by: the mutators that added the decorator.
    """

    name: ClassVar[str] = "NONAME"
    defaults: ClassVar[Mapping[str, Any]] = {}
    allow_multiple: ClassVar[bool] = False

    def __init__(
        self,
        attributes: Mapping[str, Any] | None = None,
        statically_defined: bool = False,
        inserted_by: Sequence[str] | None = None,
    ) -> None:
        """Create the decorator from its arguments.

        Raises:
            InvalidDecoratorAttribute: the class has no attribute with the name of an argument.
        """
        self.attributes: dict[str, object] = dict(self.defaults)
        self.statically_defined = statically_defined
        self.inserted_by = [*(inserted_by or ())]
        for attribute, value in (attributes or {}).items():
            if attribute not in self.defaults:
                raise InvalidDecoratorAttribute(self.name, attribute, self.defaults)
            self.attributes[attribute] = value
        self._initialised = False

    def init(self) -> None:
        """Override this hook; it is called once, after the attributes are set and before all other hooks."""

    def external_init(self) -> None:
        """Call `init`, once."""
        if not self._initialised:
            self._initialised = True
            self.init()

    def get_args_kwargs(self) -> tuple[list[Any], dict[str, Any]]:
        """Return the positional arguments, which are always an empty list, and all attributes by name."""
        return [], dict(self.attributes)

    def make_decorator_spec(self) -> str:
        """Return the decorator in the syntax of the option `--with`: `name:attribute=value`, without attributes that
        are None."""
        given = {name: value for name, value in self.attributes.items() if value is not None}
        written = [
            f"{name}={value if isinstance(value, str) else json_text.typed(value)}" for name, value in given.items()
        ]
        return f"{self.name}:{','.join(written)}" if written else self.name

    def __str__(self) -> str:
        how = "static" if self.statically_defined else "dynamic"
        return f"{self.name}<{' '.join([how, *(f'{name}={value}' for name, value in self.attributes.items())])}>"


class StepDecorator(Decorator):
    """The base class of an extension's step decorators.

    `step_init` and `step_task_retry_count` are called when a flow is checked, compiled or started. `runtime_init` and
    `runtime_finished` are called before and after a local run, and all other hooks are called in a task's process. If a
    step has several decorators, their hooks are called from the innermost decorator to the outermost.
    """

    _flowc_kind = "step"

    def step_init(
        self,
        flow: Any,
        graph: Any,
        step_name: str,
        decorators: Sequence[Any],
        environment: Any,
        flow_datastore: Any,
        logger: Callable[..., None],
    ) -> None:
        """Override this hook to check the step and its decorators before a run.

        An exception becomes an error of the flow.

        Args:
            flow: the flow object, without artifacts.
            graph: the flow's graph, `metaflow.graph.FlowGraph`.
            step_name: the step.
            decorators: all decorators of the step, the innermost first; built-in ones are read-only.
            environment: an object that replaces Metaflow's environment.
            flow_datastore: the type and the root of the store.
            logger: prints a string on stderr.
        """

    def step_task_retry_count(self) -> tuple[int, int]:
        """Return two numbers: the retries of the step's tasks, and 0.

        If several decorators request retries, the largest number is used. The second number counts retries after the
        step's last attempt. flowc does not support such retries, so every value except 0 is an error.
        """
        return 0, 0

    def runtime_init(self, flow: Any, graph: Any, package: Any, run_id: str) -> None:
        """Override this hook; it is called before the first task of a local run."""

    def runtime_finished(self, exception: BaseException | None) -> None:
        """Override this hook; it is called after the last task of a local run.

        `exception` is the error of a failed run, or None if the run succeeded.
        """

    def task_pre_step(
        self,
        step_name: str,
        task_datastore: Any,
        metadata: Any,
        run_id: str,
        task_id: str,
        flow: Any,
        graph: Any,
        retry_count: int,
        max_user_code_retries: int,
        ubf_context: str | None,
        inputs: Sequence[Any],
    ) -> None:
        """Override this hook; it is called before the step's code. An exception fails the attempt.

        Args:
            step_name: the step.
            task_datastore: the task, and its artifacts by name.
            metadata: records facts about the task by `register_metadata`.
            run_id: the run.
            task_id: the task.
            flow: the flow object of the task.
            graph: the flow's graph.
            retry_count: the number of attempts before this one.
            max_user_code_retries: the number of attempts that may follow the first.
            ubf_context: `ubf_control` in the first task of a gang, `ubf_task` in its other tasks, otherwise None.
            inputs: the parent tasks, each with its artifacts by name.
        """

    def task_decorate(
        self,
        step_func: Callable[..., Any],
        flow: Any,
        graph: Any,
        retry_count: int,
        max_user_code_retries: int,
        ubf_context: str | None,
    ) -> Callable[..., Any]:
        """Return the function to call instead of the bound step method; for a join, the function takes the inputs.

        Args:
            step_func: the step's method, or the function that an inner decorator returned.
            flow: the flow object of the task.
            graph: the flow's graph.
            retry_count: the number of attempts before this one.
            max_user_code_retries: the number of attempts that may follow the first.
            ubf_context: as for `task_pre_step`.
        """
        return step_func

    def task_post_step(
        self, step_name: str, flow: Any, graph: Any, retry_count: int, max_user_code_retries: int
    ) -> None:
        """Override this hook; it is called when the step's code has returned."""

    def task_exception(
        self,
        exception: Exception,
        step_name: str,
        flow: Any,
        graph: Any,
        retry_count: int,
        max_user_code_retries: int,
    ) -> bool | None:
        """Override this hook; it is called when the step's code or a hook has raised an exception.

        Args:
            exception: the error.
            step_name: the step.
            flow: the flow object of the task.
            graph: the flow's graph.
            retry_count: the number of attempts before this one.
            max_user_code_retries: the number of attempts that may follow the first.

        Returns:
            True if the step counts as successful in spite of the error.
        """

    def task_finished(
        self,
        step_name: str,
        flow: Any,
        graph: Any,
        is_task_ok: bool | None,
        retry_count: int,
        max_user_code_retries: int,
    ) -> None:
        """Override this hook; it is called at the end of the attempt, after its artifacts are stored.

        Args:
            step_name: the step.
            flow: the flow object of the task.
            graph: the flow's graph.
            is_task_ok: whether the attempt has succeeded.
            retry_count: the number of attempts before this one.
            max_user_code_retries: the number of attempts that may follow the first.
        """


class FlowDecorator(Decorator):
    """The base class of an extension's decorators of flow classes.

    The class attribute `options` maps the name of a command-line option to the arguments of `click.option`.

    Users write the options before the command, as in `python flow.py --colour red run`, or set METAFLOW_<OPTION>.
    """

    _flowc_kind = "flow"
    options: ClassVar[Mapping[str, Mapping[str, Any]]] = {}

    def flow_init(
        self,
        flow: Any,
        graph: Any,
        environment: Any,
        flow_datastore: Any,
        metadata: Any,
        logger: Callable[..., None],
        echo: Callable[..., None],
        options: Mapping[str, Any],
    ) -> None:
        """Override this hook; it is called before the `step_init` hooks of the steps' decorators.

        An exception becomes an error of the flow.

        Args:
            flow: the flow object, without artifacts.
            graph: the flow's graph.
            environment: an object that replaces Metaflow's environment.
            flow_datastore: the type and the root of the store.
            metadata: an object that replaces Metaflow's metadata provider.
            logger: prints a string on stderr.
            echo: prints a string on stderr.
            options: the values of the decorator's own options, by name.
        """

    def get_top_level_options(self) -> list[tuple[str, Any]]:
        """Override this hook to return (option, value) for each option whose value in tasks differs from the command
        line."""
        return []
