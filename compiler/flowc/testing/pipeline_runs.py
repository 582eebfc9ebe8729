"""Functions for tests of pipelines: they run a pipeline in its own store, with patches that replace the code of
steps."""

from __future__ import annotations

from typing import TYPE_CHECKING, final

from flowc.pipeline.execution import execute
from flowc.pipeline.pipelines import BaseJob
from flowc.pipeline.results import ExecuteOptions
from flowc_ir import End
from flowc_ir.late.dataclass import dataclass
from flowc_runtime.process.scratch import ScratchDirectory
from flowc_runtime.run.views.run_view import RunView
from flowc_runtime.store.records.store import Store
from flowc_runtime.store.values import codecs

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping, Sequence

    from flowc.pipeline.pipelines import BasePipeline
    from flowc.pipeline.results import Execution
    from flowc_runtime.run.views.step_view import StepView
    from flowc_runtime.store.records.record_types import AttemptRecord
    from flowc_runtime.store.values.codecs import UserValue


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class PipelineResult:
    """The result of a pipeline's run.

    Attributes:
        status: `succeeded`, `failed` or `interrupted`.
        outputs: the values at the end of the run, by name; empty if it did not succeed.
        steps: for each step's name, the values at the end of each of its tasks, in order. Outside of maps and loops, a
            step has one task; otherwise it has one for each item or iteration.
        mocked: the names of the steps whose code a patch replaced.
        message: why the run failed; empty if it did not.
    """

    status: str
    outputs: Mapping[str, UserValue]
    steps: Mapping[str, Sequence[Mapping[str, UserValue]]]
    mocked: frozenset[str]
    message: str = ""

    @property
    def ok(self) -> bool:
        """Whether the run succeeded."""
        return self.status == "succeeded"

    def __getitem__(self, name: str) -> UserValue:
        """Return one value of `outputs` by its name. Raises KeyError."""
        return self.outputs[name]


def run_pipeline(
    pipeline: BasePipeline | BaseJob,
    parameters: Mapping[str, object] | None = None,
    *,
    patches: Mapping[str, object] | None = None,
    mock: bool = False,
    store: str | os.PathLike[str] | None = None,
    check: bool = True,
) -> PipelineResult:
    """Run a pipeline or a job to its end and return its results. The project's store is not used.

    Args:
        pipeline: the pipeline or job.
        parameters: the values of the run's parameters, by name.
        patches: values or functions that replace the code of steps, by the steps' names. The value for a step with
            several returns is a dict. A function gets the values that its arguments name.
        mock: whether to run no step's code; returned values that no patch gives are None.
        store: a directory in which the run is kept; None keeps nothing.
        check: whether a run that fails raises AssertionError.

    Raises:
        PipelineError: the pipeline, a parameter or a patch is wrong; nothing has run.
        AssertionError: the run has failed, and `check` is true; the message contains the message of the failed task.
    """
    scratch = ScratchDirectory("test") if store is None else None
    place = scratch.name if scratch is not None else str(store)
    options = ExecuteOptions(
        parameters={**(parameters or {})},
        parameters_file=None,
        tag="",
        patches={**(patches or {})},
        mock=mock,
        store=place,
        local=True,
    )
    try:
        done = execute(pipeline.as_pipeline() if isinstance(pipeline, BaseJob) else pipeline, options, check=False)
        result = _read(done, Store.open(place))
    finally:
        if scratch is not None:
            scratch.close()
    if check and not result.ok:
        raise AssertionError(f"the pipeline {result.status}: {result.message}")
    return result


def _read(done: Execution, store: Store) -> PipelineResult:
    """Return the results of a run. Everything is read at once, so that the store may be deleted afterwards."""
    if not done.run_id:
        return PipelineResult(status=done.status, outputs={}, steps={}, mocked=frozenset(), message="it has not begun")
    view = RunView.of(store.run(done.flow, done.run_id))
    steps: dict[str, list[Mapping[str, UserValue]]] = {}
    mocked: set[str] = set()
    for step in view.steps:
        records = _records(step)
        steps[step.name] = [_values(record, store, done.names) for record in records]
        if any(record.get("mocked") for record in records):
            mocked.add(step.name)
    ends = [node.id for node in view.records.graph.flow.nodes if isinstance(node.next, End)]
    outputs = next((steps[end][-1] for end in ends if steps.get(end)), {}) if done.ok else {}
    status = view.status
    where = f"step '{status.failed.partition('/')[0]}': " if status.failed else ""
    return PipelineResult(
        status=done.status,
        outputs=outputs,
        steps=steps,
        mocked=frozenset(mocked),
        message=f"{where}{status.message or ''}",
    )


def _records(step: StepView) -> list[AttemptRecord]:
    return [record for task in step.tasks if (record := task.record) is not None]


def _values(record: AttemptRecord, store: Store, names: frozenset[str]) -> dict[str, UserValue]:
    return {name: codecs.load_value(store.objects, ref) for name, ref in record["artifacts"].items() if name in names}
