"""The option `--trigger FLOW/RUN`: runs a flow with @trigger_on_finish as if the end of the run RUN had triggered
it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from flowc.cli.options.common import fail, top
from flowc_ir import End
from flowc_ir.late import LateFunction
from flowc_runtime.base.errors import NotFound
from flowc_runtime.base.index import ROOT, task_pathspec

if TYPE_CHECKING:
    from flowc.cli.words.pathspecs import find_run
    from flowc_ir import Flow
    from flowc_runtime.store.records.record_types import TriggerRecord
    from flowc_runtime.store.records.store import Store
else:  # imported at first use, because the import costs start-up time
    find_run = LateFunction("flowc.cli.words.pathspecs:find_run")


def trigger_events(store: Store, flow: Flow) -> list[TriggerRecord]:
    """Return, for each run that `--trigger` names, the record that makes the run a trigger of the new run.

    Args:
        store: the store with the runs that `--trigger` names.
        flow: the flow to run.

    Raises:
        click.UsageError: the flow has no @trigger_on_finish, or a value names a step.
        SystemExit: a run does not exist or has not succeeded; the error is printed.
    """
    names = top().triggers
    if names and not any(trigger.kind == "finish" for trigger in flow.triggers):
        raise click.UsageError(f"--trigger: flow '{flow.name}' has no @trigger_on_finish")
    return [_end_of(store, name) for name in names]


def _end_of(store: Store, name: str) -> TriggerRecord:
    run, step, _ = find_run(store, name)
    if step is not None:
        raise click.UsageError(f"--trigger takes a run, FLOW/RUN, not {name!r}")
    end = next(node.id for node in run.executes().nodes if isinstance(node.next, End))
    try:
        ended = run.task(end, ROOT)["ended"]
    except NotFound:
        fail(f"{run.flow}/{run.id} has not succeeded", "name a run that succeeded: only its end triggers a flow")
    return {
        "type": "run",
        "name": f"metaflow.{run.flow}.{end}",
        "id": task_pathspec(run.flow, run.id, end, path=ROOT),
        "timestamp": ended,
    }
