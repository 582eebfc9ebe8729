"""Functions for tests of flows: they run one step in this process with chosen artifacts, or a pipeline with patches for
its steps.

    from flowc.testing import run_step

    def test_train():
        done = run_step(TrainFlow, "train", artifacts={"rows": [1, 2, 3]}, parameters={"alpha": 0.5})
        assert done.artifacts == {"model": 3.0}
        assert done.next == ("score",)

The step runs like in a task of a run: with the same code, the same checks, and pickled artifacts. Nothing is stored on
disk, no process is started, and exceptions of the step propagate; @retry and @catch have no effect.
"""

from __future__ import annotations

import os
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict, cast, final

from flowc.diagnostics import render
from flowc.frontends.metaflow.configs import ConfigSources
from flowc.frontends.metaflow.decorators.project import ProjectBranch
from flowc.frontends.metaflow.flowspec import load_class
from flowc.testing.parameter_values import check_names, parameter_values
from flowc.testing.pipeline_runs import PipelineResult, run_pipeline
from flowc.testing.surroundings import Surroundings
from flowc_ir.late.dataclass import dataclass, field, replace
from flowc_runtime.base.ambient import ambient, apart
from metaflow.user_configs.config_parameters import configs_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from flowc_ir import Flow
    from flowc_runtime.base.ambient import Parallel
    from flowc_runtime.run.program import Program
    from flowc_runtime.run.task.task import Attempt
    from flowc_runtime.store.values.codecs import UserValue

    class _Changes(TypedDict, total=False):
        flow: str
        run: str
        step: str
        task_id: str
        attempt: int
        user: str
        parameter_names: tuple[str, ...]
        namespace: str | None
        origin_run: str | None
        tags: frozenset[str]
        card: object
        parallel: Parallel | None


__all__ = ["FaultyFlowError", "PipelineResult", "StepResult", "run_pipeline", "run_step"]

# Maps names in `metaflow.current` to fields of the context that have another name.
_CURRENT = {
    "flow_name": "flow",
    "run_id": "run",
    "step_name": "step",
    "username": "user",
    "origin_run_id": "origin_run",
}


class FaultyFlowError(Exception):
    """The flow has faults and cannot run; the message is the output of `flowc check`."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class StepResult:
    """The result of a step that `run_step` has run.

    Attributes:
        artifacts: the artifacts that the step set or changed, with the values that the next step would read.
        next: the names of the next steps; after a switch, only the chosen step; empty after `end`.
        foreach: the items, if the step starts a foreach; otherwise None.
        num_parallel: the number of tasks, if the step starts a gang; otherwise None.
        metrics: the last value of each metric that the step has recorded, by name.
    """

    artifacts: Mapping[str, UserValue]
    next: tuple[str, ...]
    foreach: tuple[UserValue, ...] | None = None
    num_parallel: int | None = None
    metrics: Mapping[str, float] = field(default_factory=dict)

    def __getitem__(self, name: str) -> UserValue:
        """Return an artifact that the step set or changed."""
        return self.artifacts[name]


def run_step(
    flow: type,
    step: str | Callable[..., object],
    *,
    artifacts: Mapping[str, object] | None = None,
    parameters: Mapping[str, object] | None = None,
    configs: Mapping[str, object] | None = None,
    input: object = None,
    index: int | None = None,
    outer: Sequence[tuple[int, object]] = (),
    inputs: Sequence[Mapping[str, object]] | Mapping[str, Mapping[str, object]] | None = None,
    current: Mapping[str, object] | None = None,
    pickled: bool = True,
) -> StepResult:
    """Run one step of a flow class in this process and return its results.

    Args:
        flow: the flow class.
        step: the step's name, or the method `Flow.step`.
        artifacts: the artifacts that the step reads from `self`.
        parameters: values by parameter name; other parameters have their defaults. The value of an IncludeFile is its
            content, as text or bytes, or the `Path` of a file.
        configs: values by config name, or strings like for `--config-value`; other configs have their defaults.
        input: the item of the innermost foreach.
        index: the index of the innermost foreach's item; the default is 0.
        outer: the pair (index, item) of each foreach around the innermost foreach, outermost first.
        inputs: for a join, the artifacts of each input: a mapping by the names of the inputs' steps, or a list in
            order.
        current: values that replace those of `metaflow.current`: `{"retry_count": 1, "run_id": "7", "tags": ["a"]}`.
        pickled: whether artifacts are pickled and unpickled, like in a run. If False, the step gets the objects
            themselves, which may be mocks. The result then has only artifacts that the step assigned, not objects that
            the step changed.

    Raises:
        FaultyFlowError: the flow has faults.
        TypeError: the arguments do not fit the flow.
        ArtifactError: an artifact of the step cannot be pickled.
    """
    name = step if isinstance(step, str) else step.__name__
    with apart(), _environment_restored():
        lowered, program = _lower(flow, configs or {})
        values = parameter_values(lowered, flow, parameters or {})
        around = Surroundings(program, lowered, name, values, pickled=pickled)
        around.place(input, index, outer)
        if around.node.joins is None:
            if inputs is not None:
                raise TypeError(f"step '{name}' is not a join: give its artifacts, not inputs")
            around.precede(artifacts or {})
        else:
            if inputs is None or artifacts:
                raise TypeError(f"step '{name}' is a join: give it inputs=[…], the artifacts of each")
            around.join(inputs)
        attempt = around.attempt()
        attempt.enter()
        attempt.state.inherited.update(around.inherited)
        if current:
            _override(current)
        attempt.run_code()
        return _result(attempt, around)


def _lower(cls: type, configs: Mapping[str, object]) -> tuple[Flow, Program]:
    check_names(cls.__name__, "config", configs, [str(config._flowc.name) for config in configs_of(cls).values()])
    given = ConfigSources(values=configs, user_name="test")
    loaded = load_class(cls, alone=True, configs=given, deployment=ProjectBranch(user="test"))
    if loaded.flow is None or loaded.program is None:
        raise FaultyFlowError("\n" + render(loaded.diagnostics, loaded.package.root, cwd=Path.cwd(), color=False))
    return loaded.flow, loaded.program


@contextmanager
def _environment_restored() -> Iterator[None]:
    environment = dict(os.environ)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(environment)


def _override(given: Mapping[str, object]) -> None:
    here = ambient()
    assert here.task is not None
    known = {each.name for each in fields(here.task)} - {"project", "ir", "store"}
    changes: dict[str, object] = {}
    project = dict(here.task.project)
    for name, value in given.items():
        meant = _CURRENT.get(name, name)
        if name == "retry_count":
            changes["attempt"] = cast("int", value) + 1
        elif name == "tags":
            changes["tags"] = frozenset(cast("Iterable[str]", value))
        elif name == "trigger":
            here.extra["trigger"] = value
        elif name in project:
            project[name] = value
        elif meant in known:
            changes[meant] = value
        else:
            raise TypeError(f"current.{name} cannot be given: it follows from the step or the flow")
    here.task = replace(here.task, project=project, **cast("_Changes", changes))


def _result(attempt: Attempt, around: Surroundings) -> StepResult:
    call, recorded = attempt.state.transition, ambient().metrics
    metrics = {name: points[-1][1] for name, points in recorded.points.items()} if recorded is not None else {}
    if call is None:
        return StepResult(artifacts=around.left(attempt), next=(), metrics=metrics)
    return StepResult(
        artifacts=around.left(attempt),
        next=(call.choice,) if call.condition is not None else call.steps,
        foreach=None if call.foreach is None else tuple(getattr(attempt.flow, call.foreach)),
        num_parallel=call.gang,
        metrics=metrics,
    )
