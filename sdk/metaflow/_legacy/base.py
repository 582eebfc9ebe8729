"""`StepDecorator` and `FlowDecorator`: what decorators of extensions derive from. Every hook does nothing here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from metaflow.exception import InvalidDecoratorAttribute

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

__all__ = ["Decorator", "FlowDecorator", "StepDecorator"]


class Decorator:
    """Base of both: `attributes` are the `defaults` with what the decorator was given.

    `statically_defined` says that it is written in the flow's source, `inserted_by` which mutators added it.
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
        """Raises InvalidDecoratorAttribute for an attribute that is not among `defaults`."""
        self.attributes: dict[str, Any] = dict(self.defaults)
        self.statically_defined = statically_defined
        self.inserted_by = [*(inserted_by or ())]
        for attribute, value in (attributes or {}).items():
            if attribute not in self.defaults:
                raise InvalidDecoratorAttribute(self.name, attribute, self.defaults)
            self.attributes[attribute] = value
        self._initialised = False

    def init(self) -> None:
        """Called once, before every other hook; the attributes are there."""

    def external_init(self) -> None:
        """Call `init`, once."""
        if not self._initialised:
            self._initialised = True
            self.init()

    def get_args_kwargs(self) -> tuple[list[Any], dict[str, Any]]:
        """The arguments: none by position, all attributes by name."""
        return [], dict(self.attributes)

    def make_decorator_spec(self) -> str:
        """As `--with` has it: `name:attribute=value`; attributes that are None are left out."""
        from flowc_ir import json_text

        given = {name: value for name, value in self.attributes.items() if value is not None}
        written = [
            f"{name}={value if isinstance(value, str) else json_text.typed(value)}" for name, value in given.items()
        ]
        return f"{self.name}:{','.join(written)}" if written else self.name

    def __str__(self) -> str:
        how = "static" if self.statically_defined else "dynamic"
        return f"{self.name}<{' '.join([how, *(f'{name}={value}' for name, value in self.attributes.items())])}>"


class StepDecorator(Decorator):
    """A decorator of steps.

    `step_init` and `step_task_retry_count` are called where a flow is checked, compiled or started; `runtime_init` and
    `runtime_finished` around a run on this machine; the others in a task's process. Of several decorators the one next
    to the step comes first.
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
        """Look at the step and its decorators; what is raised is a fault of the flow."""

    def step_task_retry_count(self) -> tuple[int, int]:
        """How often a task is tried again, and 0. The largest number of all decorators counts."""
        return 0, 0

    def runtime_init(self, flow: Any, graph: Any, package: Any, run_id: str) -> None:
        """Called before the first task of a run on this machine."""

    def runtime_finished(self, exception: BaseException | None) -> None:
        """Called after the last task of a run on this machine; `exception` if the run has failed."""

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
        """Called before the step's code; `inputs` are what the tasks before it have left."""

    def task_decorate(
        self,
        step_func: Callable[..., Any],
        flow: Any,
        graph: Any,
        retry_count: int,
        max_user_code_retries: int,
        ubf_context: str | None,
    ) -> Callable[..., Any]:
        """The function to call in place of the step's, which is bound: a join's takes its inputs, others nothing."""
        return step_func

    def task_post_step(
        self, step_name: str, flow: Any, graph: Any, retry_count: int, max_user_code_retries: int
    ) -> None:
        """Called when the step's code has returned."""

    def task_exception(
        self,
        exception: Exception,
        step_name: str,
        flow: Any,
        graph: Any,
        retry_count: int,
        max_user_code_retries: int,
    ) -> bool | None:
        """Called when the step's code, or a hook before or after it, has raised; True says that all is well now."""

    def task_finished(
        self,
        step_name: str,
        flow: Any,
        graph: Any,
        is_task_ok: bool | None,
        retry_count: int,
        max_user_code_retries: int,
    ) -> None:
        """Called at the end of the attempt, when its artifacts are stored."""


class FlowDecorator(Decorator):
    """A decorator of a flow's class. `options` maps the name of an option to what `click.option` takes for it.

    The options stand before the command of the flow's file, as in `python flow.py --colour red run`, and are read from
    METAFLOW_<OPTION> too.
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
        """Called before the steps' `step_init`, with the values of the options."""

    def get_top_level_options(self) -> list[tuple[str, Any]]:
        """Options, and the values that they have in the tasks where these are others."""
        return []
