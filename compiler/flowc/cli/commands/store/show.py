"""`flowc show`: describes a run, a step or a task."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import click

from flowc.cli.commands.store.read import json_option, tell_unreadable
from flowc.cli.options.common import FAULTY, open_store, store_option, table
from flowc.cli.words.pathspecs import find_run
from flowc_ir import json_text
from flowc_ir.counting import count
from flowc_ir.late import LateFunction, LateModule
from flowc_ir.late.namedtuple import NamedTuple
from flowc_ir.late.typeddict import TypedDict
from flowc_runtime.base.index import task_pathspec
from flowc_runtime.run.views.run_view import RunView
from flowc_runtime.run.views.status_view import UNREADABLE
from flowc_runtime.store.records import revision

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from flowc.cli.commands.store.dump import of_every_task
    from flowc.cli.running import code_diff
    from flowc_runtime.run.views.step_view import StepView
    from flowc_runtime.run.views.task_view import AttemptView, TaskView
    from flowc_runtime.store.ended.ended_runs import with_pack
else:  # imported at first use
    of_every_task = LateFunction("flowc.cli.commands.store.dump:of_every_task")
    code_diff = LateModule("flowc.cli.running.code_diff")  # only --diff needs it
    with_pack = LateFunction("flowc_runtime.store.ended.ended_runs:with_pack")  # only a store in a bucket needs it


@click.command(
    "show",
    help="Show a run's status, parameters, tags and steps (FLOW/RUN), a step's tasks (FLOW/RUN/STEP), or a task's "
    "attempts and artifacts (FLOW/RUN/STEP/TASK). RUN may be `latest`.",
)
@click.argument("pathspec")
@click.option(
    "--diff", "other", metavar="RUN", help="Compare the run's code with that of RUN, or with the local files: `.`."
)
@json_option
@store_option
def show_command(pathspec: str, other: str | None, as_json: bool, store_url: str | None) -> None:
    """Describe a run, a step or a task."""
    store = open_store(store_url)
    run, step, path = find_run(store, pathspec, to_read=True)
    if other is not None:
        if step is not None or as_json:
            raise click.UsageError("--diff compares the code of two runs: give FLOW/RUN, without --json")
        code_diff.show_difference(store, run, other)
        return
    view = RunView.of(with_pack(run) if store.objects.ended_listing is not None else run)
    if step is None:
        shown = _run(view.begun())
    elif path is None:
        shown = _step(view, view.step(step))
    else:
        shown = _task(view, view.step(step).task(path))
    if as_json:
        click.echo(json_text.shown({**shown.fields, shown.title: shown.rows}, indent=2, ensure_ascii=False))
    else:
        _print({**shown.fields, **shown.texts})
        click.echo(f"{shown.title}:" if shown.cells else f"{shown.title}: none yet")
        if shown.cells:
            table(shown.cells)
    if shown.unreadable:
        raise SystemExit(FAULTY)


# -- the description ---------------------------------------------------------------------------------------------------


class Description(NamedTuple):
    """The description of a run, a step or a task that `flowc show` prints.

    Attributes:
        fields: the values for JSON, by name.
        texts: texts that replace fields of the same name in the output without `--json`.
        title: the heading of the rows: steps, tasks or attempts.
        rows: the steps of a run, the tasks of a step, or the attempts of a task, for JSON.
        cells: the same rows for the output without `--json`, as columns.
        unreadable: whether the run, step or task itself, and not only a part of it, cannot be read.
    """

    fields: Mapping[str, object]
    texts: Mapping[str, object]
    title: str
    rows: Sequence[object]
    cells: list[list[str]]
    unreadable: bool


class StepRow(TypedDict):
    """The row of a step in the output of `flowc show FLOW/RUN`, with the numbers of its tasks and attempts."""

    step: str
    tasks: int
    total: int
    done: int
    attempts: int


class _Times(TypedDict):
    began: float | None
    ended: float | None
    type: str | None
    message: str | None
    note: str | None
    ended_by_run: bool
    mocked: bool


class AttemptRow(_Times):
    """The row of an attempt in the output of `flowc show FLOW/RUN/STEP/TASK`."""

    attempt: int
    outcome: str


def _run(view: RunView) -> Description:
    """Describe a run, with the numbers of tasks of each step."""
    status = view.status
    tell_unreadable(status.error)
    fields = {
        "pathspec": view.pathspec,
        "state": status.state,
        "failed": status.failed,
        "message": status.message,
        "created": view.created,
        "ended": view.ended,
        "user": view.user,
        "target": view.target,
        "process": view.process,
        "origin": view.origin,
        "revision": view.revision,
        "parameters": view.parameters,
        "metrics": view.metrics,
        "tags": view.tags,
        "system_tags": view.system_tags,
    }
    rows = [_step_row(step) for step in view.steps]
    cells = [["", row["step"], f"{row['done']} of {count(row['total'], 'task')} done", _more(row)] for row in rows]
    texts = {"revision": revision.shown(view.revision)} if view.revision is not None else {}
    return Description(fields, texts, "steps", rows, cells, status.state == UNREADABLE)


def _step_row(step: StepView) -> StepRow:
    tasks, done, total = step.begun, len(step.done), step.total
    for error in step.errors:
        tell_unreadable(error)
    return {"step": step.name, "tasks": tasks, "total": total, "done": done, "attempts": step.attempts_begun}


def _step(view: RunView, step: StepView) -> Description:
    """Describe a step with its tasks, and with the last attempt of each task."""
    attempts = [_attempt(view, task.attempts[-1]) for task in step.tasks]
    rows = [{"task": task.id, "path": task.path, **row} for task, row in zip(step.tasks, attempts, strict=True)]
    cells = [["", task.id, *_cells(row)] for task, row in zip(step.tasks, attempts, strict=True)]
    return Description({"pathspec": f"{view.pathspec}/{step.name}"}, {}, "tasks", rows, cells, unreadable=False)


def _task(view: RunView, task: TaskView) -> Description:
    """Describe a task: its origin, parents, artifacts, files and attempts."""
    tell_unreadable(task.error)
    artifacts: Mapping[str, Mapping[str, object]] = task.artifacts
    if view.records.is_beside(task.step):
        artifacts = {name: value.record for name, value in of_every_task(view.records)}
    fields: dict[str, object] = {
        "pathspec": task.pathspec,
        "origin": task.origin,
        "parents": [
            task_pathspec(before["step"], path=before["path"])
            + (f".0 to .{before['count'] - 1}" if before["count"] else "")
            for before in task.parents
        ],
        "artifacts": {
            name: {key: ref[key] for key in ("type", "size", "digest") if key in ref} for name, ref in artifacts.items()
        },
    }
    texts = {"artifacts": [f"{name} ({ref['type']}, {ref['size']:,} bytes)" for name, ref in artifacts.items()]}
    if task.files:
        fields["files"] = task.files
        texts["files"] = [f"{each['stage']} {each['name']} ({each['size']:,} bytes)" for each in task.files]
    if task.metrics:
        fields["metrics"] = {name: metric["value"] for name, metric in task.metrics.items()}
    rows = [_attempt(view, attempt) for attempt in task.attempts]
    cells = [["", *_cells(row)] for row in rows]
    return Description(fields, texts, "attempts", rows, cells, rows[-1]["outcome"] == UNREADABLE)


def _attempt(view: RunView, attempt: AttemptView) -> AttemptRow:
    """Describe an attempt.

    If an attempt has no record, the attempt is still active, or its process ended without writing a record.
    """
    tell_unreadable(attempt.error)
    number, outcome = attempt.number, view.attempt_state(attempt)
    if attempt.state is None:
        tell_unreadable(view.own_status.error)
    rest: _Times = {
        "began": attempt.began,
        "ended": attempt.finished,
        "type": attempt.failure_type,
        "message": attempt.message,
        "note": attempt.note,
        "ended_by_run": attempt.ended_by_run,
        "mocked": attempt.is_mocked,
    }
    if attempt.record is None:
        return {"attempt": number, **rest, "outcome": outcome}
    return {"attempt": number, "outcome": outcome, **rest}


# -- output ------------------------------------------------------------------------------------------------------------


def _print(fields: Mapping[str, object]) -> None:
    """Print a line for each field that has a value."""
    rows = []
    for name, value in fields.items():
        if name in ("created", "ended") and isinstance(value, (int, float)):
            created = fields["created"]
            since = value - created if name == "ended" and isinstance(created, (int, float)) else None
            shown = _clock(value) + (f", after {since:.1f} s" if since is not None else "")
        elif isinstance(value, dict):
            shown = ", ".join(f"{key} = {_short(each)}" for key, each in value.items())
        elif isinstance(value, list):
            shown = ", ".join(value)
        else:
            shown = str(value).partition("\n")[0] if value is not None else ""
        if shown:
            rows.append([f"{name.replace('_', ' ')}:", shown])
    table(rows)


def _short(value: object) -> str:
    text = value if isinstance(value, str) else json_text.shown(value, ensure_ascii=False)
    return text if len(text) <= 60 else f"{text[:60]}…"


def _cells(row: AttemptRow) -> list[str]:
    return [f"#{row['attempt']}", _outcome(row), _times(row), _why(row)]


def _outcome(row: AttemptRow) -> str:
    return "ended" if row["ended_by_run"] else "mocked" if _is_only_mocked(row) else str(row["outcome"])


def _is_only_mocked(row: AttemptRow) -> bool:
    return row["mocked"] and row["outcome"] == "ok"


def _why(row: AttemptRow) -> str:
    """Return the error and the note of an attempt as one line of text."""
    kind = "" if row["ended_by_run"] else str(row["type"] or "").rpartition(".")[2]
    error = f"{kind}: {row['message']}" if kind else (row["message"] or "")
    return "; ".join(text.partition("\n")[0] for text in (error, row["note"]) if text)


def _more(row: StepRow) -> str:
    """Return the numbers of started tasks and of attempts as text.

    The number of tasks is left out if all tasks have started. The number of attempts is left out if no task was
    retried.
    """
    attempts = count(row["attempts"], "attempt") if row["attempts"] > row["tasks"] else ""
    begun = f"{row['tasks']:,} begun" if row["tasks"] < row["total"] else ""
    return ", ".join(filter(None, (begun, attempts)))


def _times(row: AttemptRow) -> str:
    if row["began"] is None:
        return ""
    return _clock(row["began"]) + (f", {row['ended'] - row['began']:.1f} s" if row["ended"] is not None else "")


def _clock(when: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(when))
