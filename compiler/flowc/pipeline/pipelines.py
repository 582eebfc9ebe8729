"""Pipelines and jobs; a job is a single task that runs without a pipeline."""

from __future__ import annotations

import os
from collections.abc import Mapping
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias

from flowc.pipeline.errors import PipelineError
from flowc.pipeline.results import ExecuteOptions
from flowc.pipeline.steps import (
    NOTHING,
    Fail,
    Fields,
    NotebookTask,
    PythonTask,
    ShellTask,
    Step,
    Success,
    caller,
    check_value_name,
)
from flowc_ir import json_text
from flowc_ir.late import LateFunction
from flowc_runtime.process.loader import refuse_call_at

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Sequence
    from datetime import timedelta

    from flowc.pipeline.results import Execution
    from flowc.pipeline.returns import TaskReturn
    from flowc.pipeline.steps import Catalog, UserTask

    AnyPipeline: TypeAlias = "Pipeline | AsyncPipeline"

# Imported at the first call, because most programs only define a pipeline.
_execute: Callable[..., Execution] = LateFunction("flowc.pipeline.execution:execute")
_stream: Callable[..., AsyncGenerator[dict[str, Any], None]] = LateFunction("flowc.pipeline.streaming:stream")


class BasePipeline(Fields):
    """The base class of all pipelines: steps, a name, a description and parameters.

    Args:
        steps: the steps, in the order in which they run.
        name: the name of the pipeline, by which its runs are stored; if it is empty, the pipeline gets the name of the
            variable that holds it, or of its file.
        description: a string about the pipeline.
        parameters: the parameters of runs, with their defaults; None makes a parameter required. A parameter that no
            function takes, such as a variable of a shell command, must be listed here. For an argument of a function,
            the value replaces the function's default.
        add_terminal_nodes, internal_branch_name: not used; accepted because existing pipelines of the package runnable
            may set these arguments.
    """

    _required: ClassVar[tuple[str, ...]] = ("steps",)
    _flowc_is_pipeline: ClassVar[bool] = True

    steps: Sequence[Step] = ()
    name: str = ""
    description: str = ""
    parameters: Mapping[str, Any] = NOTHING
    add_terminal_nodes: bool = True
    internal_branch_name: str = ""

    def check(self) -> None:  # noqa: D102  # has the docstring of the base class
        if not isinstance(self.steps, (list, tuple)) or not self.steps:
            raise PipelineError(f"Pipeline: steps is {self.steps!r:.60}, not a list of steps with at least one")
        if isinstance(self.steps[-1], (Success, Fail)):
            self.steps, end = self.steps[:-1], self.steps[-1]
            if isinstance(end, Fail) and self.steps:
                self.steps[-1].terminate_with_failure = True
            if not self.steps:
                raise PipelineError(f"Pipeline: it has only {end!r}, and no step before it")
        for number, step in enumerate(self.steps):
            if not isinstance(step, Step):
                hint = "write PythonTask(name=…, function=…)" if callable(step) else "write a task, Map, Parallel, …"
                raise PipelineError(f"Pipeline: item {number} of steps is {step!r:.60}, not a step: {hint}")
        self._check_names()
        check_parameters(self.parameters)

    def check_all(self, around: tuple[BasePipeline, ...] = ()) -> None:
        """Check this pipeline and all steps and pipelines in it again: their attributes may have changed.

        Args:
            around: the pipelines that contain this one.

        Raises:
            PipelineError: an attribute has a wrong value, or a pipeline contains itself.
        """
        if self in around:
            raise PipelineError(f"Pipeline {self.name!r}: it contains itself: use a Loop to run steps several times")
        self.check()
        for step in self.steps:
            step.check()
            if (catalog := getattr(step, "catalog", None)) is not None:
                catalog.check()
            for each in _pipelines_of(step):
                each.check_all((*around, self))

    def _check_names(self) -> None:
        """Raise PipelineError if the author gives two steps of the list the same name; equal default names are
        allowed."""
        given = [step.name for step in self.steps if step.has_own_name]
        for name in given:
            if given.count(name) > 1:
                raise PipelineError(
                    f"Pipeline: two steps have the name {name!r}: give each its own name, by which configuration and "
                    "patches choose it"
                )

    def inner(self) -> list[BasePipeline]:
        """Return all pipelines inside this one, at every depth: branches of steps, and handlers of failures."""
        found: list[BasePipeline] = []
        for step in self.steps:
            for each in _pipelines_of(step):
                found += [each, *each.inner()]
        return found

    def execute(
        self,
        parameters: Mapping[str, object] | None = None,
        *,
        parameters_file: str | os.PathLike[str] | None = None,
        run_id: str | None = None,
        tag: str = "",
        configuration_file: str | os.PathLike[str] | None = None,
        log_level: str = "",
        patches: Mapping[str, object] | None = None,
        mock: bool = False,
        store: str | os.PathLike[str] | None = None,
        check: bool = True,
    ) -> Execution:
        """Run the pipeline with the executor of the configuration, by default on this machine, and wait for its end.

        Args:
            parameters: the values of the run's parameters, by name.
            parameters_file: a YAML, JSON or TOML file with further values; `parameters` take precedence.
            run_id: not supported, because flowc chooses the ids of runs.
            tag: a tag of the run.
            configuration_file: a TOML file to read in place of the `flowc.toml` of the working directory.
            log_level: accepted and not used.
            patches: values or functions that replace the code of steps in tests, by the steps' names. The value for a
                step with several returns is a dict. A function gets the values that its arguments name.
            mock: whether to run no step's code; returned values that no patch gives are None.
            store: the directory or the address of the store of runs; None for the working directory's store.
            check: whether a run that fails raises RunFailed.

        Returns:
            The result: the run's id, its status, parameters and returned values.

        Raises:
            PipelineError: the pipeline or a parameter is wrong; nothing has run.
            RunFailed: the run has failed, or was interrupted.
        """
        options = _options("execute", parameters, parameters_file, run_id, tag, configuration_file)
        place = None if store is None else os.fspath(store)
        options = options._replace(patches={**(patches or {})}, mock=mock, store=place)
        return _execute(self, options, check=check)

    def execute_streaming(
        self,
        parameters: Mapping[str, object] | None = None,
        *,
        parameters_file: str | os.PathLike[str] | None = None,
        run_id: str | None = None,
        tag: str = "",
        configuration_file: str | os.PathLike[str] | None = None,
        log_level: str = "",
        check: bool = True,
    ) -> AsyncGenerator[dict[str, Any], None]:
        """Run the pipeline on this machine, and yield the events of its tasks while they run.

        The events are dicts with a `type`. A task sends `task_started`, then the events that the user's generator
        yields, then `task_completed` (with `outputs`) or `task_failed` (with `error`). The last event is
        `run_completed` (with `run` and `status`). If the consumer closes the generator, the run is interrupted.

        Args:
            parameters: the values of the run's parameters, by name.
            parameters_file: a YAML, JSON or TOML file with further values; `parameters` take precedence.
            run_id: not supported, because flowc chooses the ids of runs.
            tag: a tag of the run.
            configuration_file: a TOML file to read in place of the `flowc.toml` of the working directory.
            log_level: accepted and not used.
            check: whether a run that fails raises RunFailed.

        Raises:
            PipelineError: the pipeline or a parameter is wrong; nothing has run.
            RunFailed: the run has failed; the generator raises it after the last event.
        """
        options = _options("execute_streaming", parameters, parameters_file, run_id, tag, configuration_file)
        return _stream(self, options, check=check)

    def run(self, parameters: Mapping[str, object] | None = None, **options: Any) -> Execution:
        """Run the pipeline, like `execute`."""
        return self.execute(parameters, **options)


def _pipelines_of(step: Step) -> list[BasePipeline]:
    """Return the pipelines that are attributes of a step: its branches, and its handler of failures."""
    found: list[BasePipeline] = []
    for value in vars(step).values():
        several = value.values() if isinstance(value, dict) else (value,)
        found += [each for each in several if isinstance(each, BasePipeline)]
    return found


def _options(
    method: str,
    parameters: Mapping[str, object] | None,
    parameters_file: str | os.PathLike[str] | None,
    run_id: str | None,
    tag: str,
    configuration_file: str | os.PathLike[str] | None,
) -> ExecuteOptions:
    """Check the arguments of an execution and return an `ExecuteOptions` with these arguments. Raises PipelineError."""
    refuse_call_at(caller().file, method)
    if find_spec("flowc.cli") is None:
        raise PipelineError(
            f"{method}() needs all of flowc, and a pod's image has only what tasks need: run the pipeline outside, "
            "or use an image with `pip install flowc`"
        )
    if parameters is not None and not isinstance(parameters, Mapping):
        raise PipelineError(
            f"{method}({parameters!r:.60}): the first argument is a dict of the run's values; "
            "give a file of parameters by parameters_file="
        )
    if run_id:
        raise PipelineError(f"{method}(run_id={run_id!r}) is not supported: flowc makes the ids of runs; use tag=")
    return ExecuteOptions(
        parameters={**(parameters or {})},
        parameters_file=os.fspath(parameters_file) if parameters_file else None,
        tag=tag,
        configuration=os.path.abspath(configuration_file) if configuration_file else None,
    )


def check_parameters(given: object) -> None:
    """Raise PipelineError unless the value maps names of parameters to values of JSON's types."""
    if not isinstance(given, Mapping):
        raise PipelineError(f'Pipeline: parameters is {given!r:.60}, not names and defaults such as {{"rows": 10}}')
    for name, value in given.items():
        check_value_name(name, "Pipeline: a name of parameters")
        try:
            json_text.dumps(value)
        except (TypeError, ValueError) as error:
            raise PipelineError(
                f"Pipeline: the default of the parameter '{name}' cannot be written as JSON: {error}"
            ) from None


class Pipeline(BasePipeline):
    """Steps that run one after the other."""


class AsyncPipeline(BasePipeline):
    """A pipeline whose steps may be asynchronous functions. Its parallel branches run at the same time, like in a
    `Pipeline`."""


class BaseJob(Fields):
    """A single task that runs without a pipeline.

    Args:
        returns: the names of the values that the job returns, in order.
        catalog: the files that the job reads and writes.
        secrets: the names of secrets that the job gets as environment variables.
        overrides, retry, timeout, resources, environment: see `UserTask`.
        name: the name of the job, by which its runs are stored; if it is empty, the name of the function, notebook or
            command.
    """

    returns: Sequence[str | TaskReturn] = ()
    catalog: Catalog | None = None
    secrets: Sequence[str] = ()
    overrides: str | Mapping[str, str] = ""
    retry: int | Mapping[str, int | str | timedelta] | None = None
    timeout: int | str | timedelta | None = None
    resources: Mapping[str, int | float | str | None] | None = None
    environment: Mapping[str, str | int | float] = NOTHING
    name: str = ""

    _task: ClassVar[type[UserTask]]
    _work: ClassVar[str]
    _more: ClassVar[tuple[str, ...]] = ()

    def check(self) -> None:  # noqa: D102  # has the docstring of the base class
        work = getattr(self, self._work)
        name = self.name or getattr(work, "__name__", "") or (title_of(work) if isinstance(work, str) else "job")
        passed = ("catalog", "secrets", "overrides", "retry", "timeout", "resources", "environment", *self._more)
        given = {self._work: work, **{each: getattr(self, each) for each in passed}}
        step = self._task(name=name, returns=self.returns, **given)
        self._pipeline = Pipeline(steps=[step], name=name)

    def as_pipeline(self) -> Pipeline:
        """Return the pipeline that consists of the job's task."""
        return self._pipeline

    def execute(self, parameters: Mapping[str, object] | None = None, *, job_id: str = "", **options: Any) -> Execution:
        """Run the task on this machine and wait for its end: see `Pipeline.execute`.

        Args:
            parameters: the values of the run's parameters, by name.
            job_id: not supported, because flowc chooses the ids of runs.
            options: the other arguments of `Pipeline.execute`.

        Raises:
            PipelineError: the job or a parameter is wrong; nothing has run.
            RunFailed: the run has failed, or was interrupted.
        """
        if job_id:
            raise PipelineError(f"execute(job_id={job_id!r}) is not supported: flowc makes the ids of runs; use tag=")
        return self._pipeline.execute(parameters, **options)


class PythonJob(BaseJob):
    """A job that runs a Python function."""

    _required: ClassVar[tuple[str, ...]] = ("function",)
    _task = PythonTask
    _work = "function"

    function: Callable[..., Any] | str = ""


class NotebookJob(BaseJob):
    """A job that runs a Jupyter notebook."""

    _required: ClassVar[tuple[str, ...]] = ("notebook",)
    _task = NotebookTask
    _work = "notebook"
    _more = ("optional_ploomber_args",)

    notebook: str = ""
    optional_ploomber_args: Mapping[str, Any] | None = None


class ShellJob(BaseJob):
    """A job that runs a shell command."""

    _required: ClassVar[tuple[str, ...]] = ("command",)
    _task = ShellTask
    _work = "command"

    command: str = ""


def title_of(work: str) -> str:
    """Return a short name for a notebook or a command: the file name of the notebook or of the command's first word,
    without its suffix."""
    first = (work.split() or ["job"])[0]
    return os.path.splitext(os.path.basename(first))[0] or "job"
