"""Finds the run, step or task that a pathspec FLOW/RUN/STEP/TASK on a command line names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowc.cli.options.common import fail, open_store
from flowc_ir.late import LateFunction
from flowc_ir.late.namedtuple import NamedTuple
from flowc_runtime.base.errors import ProtocolError
from flowc_runtime.base.index import path_of, task_id
from flowc_runtime.run.views.run_records import RunRecords

if TYPE_CHECKING:
    import click

    from flowc.cli.words.run_names import hint_for, no_flow, no_pathspec, parts_of
    from flowc_runtime.store.records.run_store import RunStore
    from flowc_runtime.store.records.store import Store
else:  # imported at first use, because the import costs start-up time
    hint_for = LateFunction("flowc.cli.words.run_names:hint_for")
    no_flow = LateFunction("flowc.cli.words.run_names:no_flow")
    no_pathspec = LateFunction("flowc.cli.words.run_names:no_pathspec")
    parts_of = LateFunction("flowc.cli.words.run_names:parts_of")


class Pathspec(NamedTuple):
    """The run that a pathspec names. If the pathspec also names a step or a task, the result has the step, and the
    task's index path (its foreach indexes and loop iterations)."""

    run: RunStore
    step: str | None
    path: str | None


def find_run(store: Store, pathspec: str, *, least: int = 2, to_read: bool = False) -> Pathspec:
    """Return the run that a pathspec names, with the step and the task if the pathspec names them.

    Args:
        store: the store to search.
        pathspec: FLOW/RUN/STEP/TASK, or fewer parts. RUN may be `latest`; TASK is a task's id or index path. `parts_of`
            has further rules.
        least: the minimum number of parts.
        to_read: whether to also find tasks that had no process of their own (`flowc_runtime.run.views.run_records`).

    Raises:
        click.UsageError: the pathspec has fewer than `least` parts, more than four parts, or an empty part.
        SystemExit: the object does not exist; the error is printed.
    """
    parts = parts_of(store, pathspec)
    if not least <= len(parts) <= 4 or not all(parts):
        raise no_pathspec(store, pathspec, least)
    flow, run_id, step, task = [*parts, None, None][:4]
    assert flow and run_id
    if run_id == "latest":
        run_id = (store.runs(flow) or no_flow(store, flow, pathspec))[-1]
    run = store.run(flow, run_id)
    if not run.exists():
        runs = store.runs(flow) or no_flow(store, flow, pathspec)
        fail(f"flow '{flow}' has no run '{run_id}'", hint_for(run_id, runs[-5:], "newest runs", also=["latest"]))
    if step is None:
        return Pathspec(run, None, None)
    view = RunRecords(run)
    if step not in run.steps() and not (to_read and view.has_step(step)):
        fail(f"run '{run_id}' has no tasks of a step '{step}'", hint_for(step, run.steps(), "steps"))
    return Pathspec(run, step, None if task is None else find_path(view if to_read else run, step, task))


def find_path(run: RunStore | RunRecords, step: str, task: str) -> str:
    """Return the index path (the foreach indexes and loop iterations) of a task of a step.

    Args:
        run: the run.
        step: the step.
        task: the task's id or index path.

    Raises:
        SystemExit: the step has no such task; the error is printed.
    """
    known = run.attempts(step)
    try:
        path = path_of(step, task)
    except ProtocolError:
        path = ""
    if path not in known:
        ids = [task_id(step, each) for each in known]
        fail(f"step '{step}' has no task '{task}'", hint_for(task, ids[:5], "tasks"))
    return path


# -- python flow.py


def flow_name(ctx: click.Context) -> str:
    """Return the name of the flow of the current command, which must be a command of `python flow.py`."""
    cls = ctx.find_object(type)
    assert cls is not None
    return cls.__name__


def find_task(ctx: click.Context, path: str) -> Pathspec:
    """Return the run, the step and the task (or None) that a path names, for a command that only reads the store.

    Args:
        ctx: the context of a command of `python flow.py`.
        path: `RUN/STEP` or `RUN/STEP/TASK`; the flow's name may precede it.

    Raises:
        SystemExit: the path has another form, or the object does not exist; the error is printed.
    """
    return find_run(open_store(None), f"{flow_name(ctx)}/{inner_path(ctx, path)}", least=3, to_read=True)


def inner_path(ctx: click.Context, path: str) -> str:
    """Return a path `RUN/STEP` or `RUN/STEP/TASK`; if the flow's name precedes the path, remove the name.

    Raises:
        SystemExit: the path has another form; the error is printed.
    """
    inner = path.strip("/").removeprefix(f"{flow_name(ctx)}/")
    if inner.count("/") not in (1, 2) or not all(inner.split("/")):
        fail(f"not a path: {path!r}", "give RUN/STEP or RUN/STEP/TASK")
    return inner
