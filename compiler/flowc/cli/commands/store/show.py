"""`flowc show`: describes a run, a step or a task."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import click

from flowc.cli.commands.store.dump import of_every_task
from flowc.cli.commands.store.read import json_option, tell_unreadable
from flowc.cli.options.common import FAULTY, open_store, store_option, table
from flowc.cli.words.pathspecs import find_run
from flowc_ir import json_text
from flowc_ir.counting import count
from flowc_runtime.base.index import task_pathspec
from flowc_runtime.base.late import LateModule
from flowc_runtime.run.views.run_view import RunView
from flowc_runtime.run.views.status_view import UNREADABLE
from flowc_runtime.store.records import revision

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flowc.cli.running import code_diff
    from flowc_runtime.run.views.step_view import StepView
    from flowc_runtime.run.views.task_view import AttemptView, TaskView
else:
    code_diff = LateModule("flowc.cli.running.code_diff")  # only --diff needs it


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
    view = RunView.of(run)
    if step is None:
        fields, rows = _run(view.begun()), "steps"
    elif path is None:
        fields, rows = {"pathspec": f"{view.pathspec}/{step}", "tasks": _tasks(view, view.step(step))}, "tasks"
    else:
        fields, rows = _task(view, view.step(step).task(path)), "attempts"
    if as_json:
        click.echo(json_text.shown(fields, indent=2, ensure_ascii=False))
    else:
        _print({name: value for name, value in fields.items() if name != rows})
        _print_rows(rows, fields[rows])
    if fields.get("state") == UNREADABLE or (path is not None and fields[rows][-1]["outcome"] == UNREADABLE):
        raise SystemExit(FAULTY)  # the requested object itself is unreadable


# -- the description --------------------------------------------------------------------------------------------


def _run(view: RunView) -> dict[str, Any]:
    """Describe a run, with the numbers of tasks of each step."""
    status = view.status
    tell_unreadable(status.error)
    return {
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
        "tags": view.tags,
        "system_tags": view.system_tags,
        "steps": [_step(step) for step in view.steps],
    }


def _step(step: StepView) -> dict[str, Any]:
    tasks, done, total = step.begun, len(step.done), step.total
    for error in step.errors:
        tell_unreadable(error)
    return {"step": step.name, "tasks": tasks, "total": total, "done": done, "attempts": step.attempts_begun}


def _tasks(view: RunView, step: StepView) -> list[dict[str, Any]]:
    """Describe the tasks of a step by their last attempts."""
    return [{"task": task.id, "path": task.path, **_attempt(view, task.attempts[-1])} for task in step.tasks]


def _task(view: RunView, task: TaskView) -> dict[str, Any]:
    """Describe a task: its origin, parents, artifacts and attempts."""
    tell_unreadable(task.error)
    artifacts: Mapping[str, Mapping[str, Any]] = task.artifacts
    if view.records.is_beside(task.step):
        artifacts = {name: value.record for name, value in of_every_task(view.records)}
    return {
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
        "attempts": [_attempt(view, attempt) for attempt in task.attempts],
    }


def _attempt(view: RunView, attempt: AttemptView) -> dict[str, Any]:
    """Describe an attempt. One without a record is active, or its process vanished with the run."""
    tell_unreadable(attempt.error)
    outcome = {"outcome": view.attempt_state(attempt)}
    if attempt.state is None:
        tell_unreadable(view.own_status.error)
    rest = {
        "began": attempt.began,
        "ended": attempt.finished,
        "type": attempt.failure_type,
        "message": attempt.message,
        "note": attempt.note,
        "ended_by_run": attempt.ended_by_run,
    }
    number = {"attempt": attempt.number}
    return {**number, **outcome, **rest} if attempt.record is not None else {**number, **rest, **outcome}


# -- output ------------------------------------------------------------------------------------------------


def _print(fields: dict[str, Any]) -> None:
    """Print each field that has a value on a line."""
    rows = []
    for name, value in fields.items():
        if name in ("created", "ended") and value is not None:
            after = name == "ended" and fields["created"] is not None
            shown = _clock(value) + (f", after {value - fields['created']:.1f} s" if after else "")
        elif name == "revision" and value is not None:
            shown = revision.shown(value)
        elif name == "artifacts" and value is not None:
            shown = ", ".join(f"{key} ({ref['type']}, {ref['size']:,} bytes)" for key, ref in value.items())
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


def _print_rows(title: str, rows: list[dict[str, Any]]) -> None:
    click.echo(f"{title}:" if rows else f"{title}: none yet")
    if title == "steps":
        cells = [["", row["step"], f"{row['done']} of {count(row['total'], 'task')} done", _more(row)] for row in rows]
    else:
        cells = [["", *([row["task"]] if "task" in row else []), f"#{row['attempt']}", _outcome(row), _times(row),
                  _why(row)] for row in rows]  # fmt: skip
    if cells:
        table(cells)


def _outcome(row: dict[str, Any]) -> str:
    return "ended" if row["ended_by_run"] else str(row["outcome"])


def _why(row: dict[str, Any]) -> str:
    """Return the error and the note of an attempt, in one line."""
    kind = "" if row["ended_by_run"] else str(row["type"] or "").rpartition(".")[2]
    error = f"{kind}: {row['message']}" if kind else (row["message"] or "")
    return "; ".join(text.partition("\n")[0] for text in (error, row["note"]) if text)


def _more(row: dict[str, Any]) -> str:
    """Return the numbers of started tasks and of attempts, where they differ from the total."""
    attempts = count(row["attempts"], "attempt") if row["attempts"] > row["tasks"] else ""
    begun = f"{row['tasks']:,} begun" if row["tasks"] < row["total"] else ""
    return ", ".join(filter(None, (begun, attempts)))


def _times(row: dict[str, Any]) -> str:
    if row["began"] is None:
        return ""
    return _clock(row["began"]) + (f", {row['ended'] - row['began']:.1f} s" if row["ended"] is not None else "")


def _clock(when: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(when))
