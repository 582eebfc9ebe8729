"""The implementation of `merge_artifacts` in a join."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from metaflow._hidden import bring_forward
from metaflow.exception import (
    MetaflowException,
    MissingInMergeArtifactsException,
    UnhandledInMergeArtifactsException,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from flowc_runtime.run.state import TaskState
    from flowc_runtime.store.records.record_types import ArtifactRef


def merge(flow: Any, state: TaskState, inputs: Iterable[Any], exclude: Sequence[str], include: Sequence[str]) -> None:
    """Do the work of `FlowSpec.merge_artifacts`, where the behaviour and the errors are documented.

    Args:
        flow: the flow object of the join.
        state: the state of the join's task.
        inputs: the flow objects of the inputs.
        exclude: artifacts to leave out.
        include: the only artifacts to copy.

    Raises:
        UnhandledInMergeArtifactsException, MissingInMergeArtifactsException, MetaflowException: as documented for
            `FlowSpec.merge_artifacts`.
    """
    if state.inputs is None:
        raise MetaflowException(
            f"merge_artifacts can be called only in a join, a step with inputs, and step '{state.step}' is not"
        )
    if exclude and include:
        raise MetaflowException("merge_artifacts takes `exclude` or `include`, not both")
    by_name: dict[str, dict[str, ArtifactRef]] = {}
    for parent in inputs:
        task = parent._flowc_task("merge_artifacts")
        task.seen.update(include or "*")
        for name, ref in task.inherited.items():
            by_name.setdefault(name, {})[ref["digest"]] = ref
    own = {*flow.__dict__, *(name for name in include if hasattr(type(flow), name))}  # also parameters
    if missing := [name for name in include if name not in by_name and name not in own]:
        raise MissingInMergeArtifactsException(
            f"merge_artifacts(include=…) names artifacts that no input has: {', '.join(missing)}", missing
        )
    names = include or [name for name in by_name if name not in exclude]
    merging = {name: by_name[name] for name in names if name in by_name and name not in flow.__dict__}
    if conflicts := sorted(name for name, values in merging.items() if len(values) > 1):
        raise UnhandledInMergeArtifactsException(
            f"these artifacts have different values in the inputs: {', '.join(conflicts)}; "
            "set them in the join before merge_artifacts, or exclude them",
            conflicts,
        )
    state.inherited.update({name: next(iter(values.values())) for name, values in merging.items()})
    bring_forward(flow)
