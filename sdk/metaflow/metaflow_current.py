"""`current`: facts about the running task, for the code of its step."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, SupportsFloat, SupportsIndex, cast

from flowc_ir.late import LateFunction
from flowc_runtime.base.ambient import ambient
from metaflow.exception import MetaflowNotFound

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flowc_runtime.base.ambient import Parallel, TaskContext
    from flowc_runtime.run.metrics.recording import record as record_metric
    from metaflow.client import Run, Task
else:  # imported late, because only tasks with metrics need the module
    record_metric = LateFunction("flowc_runtime.run.metrics.recording:record")

__all__ = ["Current", "current"]


class Current:
    """The running task.

    Outside of a run, the names of the run and the task are None, so that programs can test `if current.run_id`. Outside
    of a run, all other properties raise AttributeError, and `get` returns the default that is passed to it. In
    functions that compute defaults of parameters, the names of the flow and its project have values.
    """

    # -- properties of the run and the task

    @property
    def is_running_flow(self) -> bool:
        """Whether this code runs inside a task."""
        return ambient().task is not None

    @property
    def flow_name(self) -> str:
        """The flow's name. Outside of a run it is None, except in functions that compute defaults of parameters."""
        here = ambient()
        return here.starting.flow if here.task is None and here.starting is not None else self._name("flow")

    @property
    def run_id(self) -> str:
        """The run's id, or None outside of a run."""
        return self._name("run")

    @property
    def origin_run_id(self) -> str | None:
        """The id of the run that this run resumes, or None if this run does not resume another run."""
        origin: str | None = self._task_field("origin_run")
        return origin

    @property
    def step_name(self) -> str:
        """The step's name, or None outside of a run."""
        return self._name("step")

    @property
    def task_id(self) -> str:
        """The task's id, unique in the run: `train-0` outside of any foreach, `train-0.3` for item 3.

        The id is None outside of a run.
        """
        return self._name("task_id")

    @property
    def retry_count(self) -> int:
        """The number of attempts of this task before this attempt, from 0, or None outside of a run."""
        task = ambient().task
        return task.attempt - 1 if task is not None else cast("int", None)

    @property
    def pathspec(self) -> str:
        """The pathspec `FLOW/RUN/STEP/TASK` of the task, or None outside of a run."""
        task = ambient().task
        return f"{task.flow}/{task.run}/{task.step}/{task.task_id}" if task is not None else self._name("task_id")

    @property
    def username(self) -> str:
        """The name of the user who started the run, or None outside of a run."""
        return self._name("user")

    @property
    def namespace(self) -> str | None:
        """The client's default namespace: `user:NAME`, the value of `--namespace`, or None for all namespaces."""
        namespace: str | None = self._task_field("namespace")
        return namespace

    @property
    def tags(self) -> set[str]:
        """A copy of the tags that the user gave the run at its start.

        Raises:
            AttributeError: the code runs outside of a run.
        """
        return set(self._task("tags").tags)

    @property
    def parameter_names(self) -> list[str]:
        """The sorted names of the flow's parameters and configs; in a step, `getattr(self, name)` is the value.

        Raises:
            AttributeError: the code runs outside of a run.
        """
        return list(self._task("parameter_names").parameter_names)

    @property
    def parallel(self) -> Parallel:
        """The task's position in its gang: `main_ip`, `num_nodes`, `node_index` and `control_task_id`.

        Raises:
            AttributeError: the flow has no gang, or the code runs outside of a run.
        """
        parallel = self._task("parallel").parallel
        if parallel is None:
            raise AttributeError("current.parallel has a value only in flows with @parallel")
        return parallel

    @property
    def graph(self) -> dict[str, Any]:
        """The flow's graph: its steps with their types, decorators and successors.

        Raises:
            AttributeError: the code runs outside of a run.
        """
        ir = self._task("graph").ir
        if ir is None:
            raise AttributeError("current.graph has no value in this process")
        from flowc_runtime.run.graph_info import graph_info

        return graph_info(ir)

    @property
    def tempdir(self) -> str:
        """The directory for temporary files: METAFLOW_TEMPDIR, or the working directory.

        This property also has a value outside of runs.
        """
        from flowc_runtime.base.config import settings

        return settings.get("TEMPDIR") or "."

    # -- the project

    @property
    def project_name(self) -> str:
        """The name of the project, as set by @project.

        Raises:
            AttributeError: the flow has no @project. All other properties about the project raise AttributeError, too.
        """
        return str(self._project("project_name"))

    @property
    def project_flow_name(self) -> str:
        """The flow's name, prefixed with its project and branch."""
        return str(self._project("project_flow_name"))

    @property
    def branch_name(self) -> str:
        """The branch of the project, such as `user.ann` or `prod`."""
        return str(self._project("branch_name"))

    @property
    def is_user_branch(self) -> bool:
        """Whether the branch is a user's branch. Runs use the user's branch by default."""
        return bool(self._project("is_user_branch"))

    @property
    def is_production(self) -> bool:
        """Whether the branch is the production branch."""
        return bool(self._project("is_production"))

    # -- events that started the run, and cards of the step

    @property
    def trigger(self) -> Any:
        """The events that started the run, as a `Trigger`, or None if no event started the run.

        Raises:
            AttributeError: the code runs outside of a run.
        """
        self._task("trigger")
        if "trigger" in (extra := ambient().extra):
            return extra["trigger"]
        try:
            return self.run.trigger if self.run is not None else None
        except MetaflowNotFound:  # the store does not contain the run, for example in a test
            return None

    @property
    def card(self) -> Any:
        """The cards of the step: `current.card.append(…)`, `current.card["id"]`.

        Raises:
            AttributeError: the step has no @card, or the code runs outside of a run.
        """
        card = self._task("card").card
        if card is None:
            raise AttributeError("current.card: the step has no @card")
        return card

    # -- metrics of the task

    def metric(self, name: str, value: SupportsFloat, step: SupportsIndex | None = None) -> None:
        """Record a value of a metric of the task; further calls with the same name record a series of points.

        Outside of a task the method only checks its arguments, so that functions that call it can be tested.

        Args:
            name: the metric's name.
            value: a number of Python, NumPy or another library.
            step: the number of the epoch, iteration or batch; by default the number of the previous point plus 1.

        Raises:
            ValueError: an argument is invalid; the message names the metric.
        """
        record_metric(name, value, step)

    # -- the client's objects

    @property
    def run(self) -> Run | None:
        """The client's `Run` of the running task's run, or None outside of a run."""
        from metaflow.client import Run

        task = ambient().task
        return Run(f"{task.flow}/{task.run}", _namespace_check=False) if task is not None else None

    @property
    def task(self) -> Task | None:
        """The client's `Task` of the running task, or None outside of a task."""
        from metaflow.client import Task

        return Task(self.pathspec, _namespace_check=False) if ambient().task is not None else None

    # -- access to any property

    def get(self, key: str, default: object = None) -> Any:
        """Return the property with this name, or the default if it has no value.

        This method never raises AttributeError.
        """
        return getattr(self, key, default)

    def __contains__(self, key: str) -> bool:
        """Return whether the property with this name has a value."""
        return getattr(self, key, None) is not None

    def _update_env(self, env: Mapping[str, object]) -> None:
        """Add properties to `current` for the running task. Decorators call this method."""
        ambient().extra.update(env)

    def __getattr__(self, name: str) -> Any:
        # Called only if no property has this name, or if a property has raised AttributeError itself.
        if name in (extra := ambient().extra):
            return extra[name]
        if isinstance(asked := getattr(type(self), name, None), property):
            return asked.__get__(self)  # a second evaluation raises AttributeError with the reason
        where = "" if ambient().task is not None else " outside of a run"
        raise AttributeError(f"current.{name} has no value{where}")

    def _task_field(self, name: str) -> Any:
        """Return an attribute of the running task, or None outside of a task."""
        task = ambient().task
        return None if task is None else getattr(task, name)

    def _name(self, name: str) -> str:
        # Outside of a run, the returned value is None, as in Metaflow. The return type is nevertheless str, so that
        # type checkers do not demand a check for None in steps.
        return cast("str", self._task_field(name))

    def _project(self, name: str) -> object:
        here = ambient()
        of = here.starting if here.task is None and here.starting is not None else self._task(name)
        project = of.project
        if name not in project:
            raise AttributeError(f"current.{name} has a value only in a flow with @project")
        return project[name]

    def _task(self, attribute: str) -> TaskContext:
        task = ambient().task
        if task is None:
            raise AttributeError(f"current.{attribute} has a value only while a flow runs, inside a step")
        return task


current = Current()
