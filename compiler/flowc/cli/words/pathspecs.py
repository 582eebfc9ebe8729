"""FLOW/RUN/STEP/TASK on a command line: what of it the store has."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from flowc.cli.options.common import fail, open_store
from flowc.cli.words.run_names import hint_for, no_flow, no_pathspec, parts_of
from flowc_runtime.base.errors import ProtocolError
from flowc_runtime.base.index import path_of, task_id
from flowc_runtime.run.views.run_records import RunRecords

if TYPE_CHECKING:
    import click

    from flowc_runtime.store.records.store import RunStore, Store


class Pathspec(NamedTuple):
    """FLOW/RUN/STEP/TASK as far as it was given; `path` is the task's index path."""

    run: RunStore
    step: str | None
    path: str | None


def find_run(store: Store, pathspec: str, *, least: int = 2, to_read: bool = False) -> Pathspec:
    """The run (and perhaps step and task) of a pathspec. What does not exist ends the program.

    RUN may be `latest`, TASK the task's id or its index path alone; see `parts_of`. `to_read` finds tasks too that have
    no process of their own (`flowc_runtime.run.views.run_records`).
    """
    parts = parts_of(store, pathspec)
    if not least <= len(parts) <= 4 or not all(parts):
        raise no_pathspec(store, pathspec, least)
    flow, run_id, step, task = [*parts, None, None][:4]
    assert flow and run_id
    runs = store.runs(flow)
    if not runs:
        no_flow(store, flow, pathspec)
    if run_id == "latest":
        run_id = runs[-1]
    run = store.run(flow, run_id)
    if not run.exists():
        fail(f"flow '{flow}' has no run '{run_id}'", hint_for(run_id, runs[-5:], "newest runs", also=["latest"]))
    if step is None:
        return Pathspec(run, None, None)
    view = RunRecords(run)
    if step not in run.steps() and not (to_read and view.has_step(step)):
        fail(f"run '{run_id}' has no tasks of a step '{step}'", hint_for(step, run.steps(), "steps"))
    return Pathspec(run, step, None if task is None else find_path(view if to_read else run, step, task))


def find_path(run: RunStore | RunRecords, step: str, task: str) -> str:
    """Return the index path of a task of a step, named by its id or that path. Without such a task the program ends."""
    known = run.attempts(step)
    try:
        path = path_of(step, task)
    except ProtocolError:
        path = ""
    if path not in known:
        ids = [task_id(step, each) for each in known]
        fail(f"step '{step}' has no task '{task}'", hint_for(task, ids[:5], "tasks"))
    return path


# -- in a flow's own file


def flow_name(ctx: click.Context) -> str:
    """The name of the flow whose command line this is."""
    cls = ctx.find_object(type)
    assert cls is not None
    return cls.__name__


def find_task(ctx: click.Context, path: str) -> Pathspec:
    """The run, step and perhaps task to read of a path `RUN/STEP[/TASK]`; the flow's name may come first."""
    return find_run(open_store(None), f"{flow_name(ctx)}/{inner_path(ctx, path)}", least=3, to_read=True)


def inner_path(ctx: click.Context, path: str) -> str:
    """`RUN/STEP` or `RUN/STEP/TASK` of a path that the flow's name may begin; anything else ends the program."""
    inner = path.strip("/").removeprefix(f"{flow_name(ctx)}/")
    if inner.count("/") not in (1, 2) or not all(inner.split("/")):
        fail(f"not a path: {path!r}", "give RUN/STEP or RUN/STEP/TASK")
    return inner
