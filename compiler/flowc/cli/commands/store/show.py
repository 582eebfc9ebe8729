"""`flowc show`: what a run, a step of it or a task is."""

from __future__ import annotations

import time
from typing import Any

import click

from flowc.cli.commands.store.dump import of_every_task
from flowc.cli.commands.store.read import in_order, json_option, status_or_unreadable, unreadable_tasks
from flowc.cli.options.common import FAULTY, find_run, open_store, store_option, table
from flowc.cli.options.run_filters import UNREADABLE
from flowc_ir import json_text
from flowc_ir.counting import count
from flowc_runtime.base.errors import RecordError
from flowc_runtime.base.index import task_id, task_pathspec
from flowc_runtime.run.run_view import RunView
from flowc_runtime.run.task import failures
from flowc_runtime.store.records import revision, unreadable

_MANY = 100  # records that are read to know how wide a foreach is


@click.command(
    "show",
    help="Show a run's status, parameters, tags and steps (FLOW/RUN), a step's tasks (FLOW/RUN/STEP), or a task's "
    "attempts and artifacts (FLOW/RUN/STEP/TASK). RUN may be `latest`.",
)
@click.argument("pathspec")
@click.option(
    "--diff", "other", metavar="RUN", help="Compare the run's code with that of RUN, or with the files here: `.`."
)
@json_option
@store_option
def show_command(pathspec: str, other: str | None, as_json: bool, store_url: str | None) -> None:
    """Describe a run, a step or a task."""
    store = open_store(store_url)
    run, step, path = find_run(store, pathspec, to_read=True)
    if other is not None:
        if step is not None or as_json:
            raise click.UsageError("--diff compares the code of two runs: give FLOW/RUN, and no --json")
        from flowc.cli.running.code_diff import show_difference

        show_difference(store, run, other)
        return
    view = RunView(run)
    if step is None:
        told, rows = _run(view), "steps"
    elif path is None:
        told, rows = {"pathspec": f"{run.flow}/{run.id}/{step}", "tasks": _tasks(view, step)}, "tasks"
    else:
        told, rows = _task(view, step, path), "attempts"
    if as_json:
        click.echo(json_text.shown(told, indent=2, ensure_ascii=False))
    else:
        _print({name: value for name, value in told.items() if name != rows})
        _print_rows(rows, told[rows])
    if told.get("state") == UNREADABLE or (path is not None and told[rows][-1]["outcome"] == UNREADABLE):
        raise SystemExit(FAULTY)  # of what was asked for itself, some is missing


# -- what there is to tell ---------------------------------------------------------------------------------------------


def _run(view: RunView) -> dict[str, Any]:
    """A run, and of each step how many tasks there are and are done."""
    run = view.store
    record: Any = {}
    with unreadable.going_on():
        record = view.record
    status = status_or_unreadable(run) if record else {"state": UNREADABLE}
    ended = None if status["state"] in ("running", UNREADABLE) else status["changed"]
    return {
        "pathspec": f"{run.flow}/{run.id}",
        "state": status["state"],
        "failed": status.get("failed"),
        "message": status.get("message"),
        "created": record.get("created"),
        "ended": ended,
        "user": record.get("user"),
        "target": record.get("target"),
        "process": record.get("process"),
        "origin": record.get("origin"),
        "revision": record.get("revision"),
        "parameters": record.get("parameters"),
        "tags": sorted(run.user_tags()),
        "system_tags": sorted(record.get("system_tags", ())),
        "steps": [_step(view, step) for step in in_order(run)],
    }


def _step(view: RunView, step: str) -> dict[str, Any]:
    attempts, done = view.attempts(step), view.done_paths(step)
    done -= unreadable_tasks(view.store, step)
    total = max(len(attempts), _width(view, step))
    numbers = {"tasks": len(attempts), "total": total, "done": len(done), "attempts": sum(map(len, attempts.values()))}
    return {"step": step, **numbers}


def _width(view: RunView, step: str) -> int:
    """The number of tasks that the foreach or gang of a step opens; 0 where that would take many reads."""
    with unreadable.going_on():
        return _fanned_out(view, step)
    return 0


def _fanned_out(view: RunView, step: str) -> int:
    from flowc_ir import Foreach, Gang

    before = view.graph.predecessors.get(step, [])
    if len(before) != 1 or not isinstance(before[0].next, Foreach | Gang):
        return 0
    split = before[0].id
    paths = view.done_paths(split)
    if len(paths) > _MANY:
        return 0
    records = [record for path in paths if (record := view.done(split, path)) is not None]
    return sum(record["fanout"]["count"] for record in records if "fanout" in record)


def _tasks(view: RunView, step: str) -> list[dict[str, Any]]:
    """The tasks of a step, each by its last attempt."""
    attempts = view.attempts(step)
    return [
        {"task": task_id(step, path), "path": path, **_attempt(view, step, path, numbers[-1])}
        for path, numbers in attempts.items()
    ]


def _task(view: RunView, step: str, path: str) -> dict[str, Any]:
    """A task: where it comes from, what it left, and its attempts."""
    run, numbers = view.store, view.attempts(step)[path]
    record: Any = {}
    with unreadable.going_on():
        record = next((found for number in numbers[::-1] if (found := view.attempt(step, path, number))), {})
    artifacts = record.get("artifacts", {})
    if view.is_beside(step):
        artifacts = {name: value.record for name, value in of_every_task(view)}
    return {
        "pathspec": task_pathspec(run.flow, run.id, step, path=path),
        "origin": record.get("origin"),
        "parents": [
            task_pathspec(before["step"], path=before["path"])
            + (f".0 to .{before['count'] - 1}" if before["count"] else "")
            for before in record.get("parents", ())
        ],
        "artifacts": {
            name: {key: ref[key] for key in ("type", "size", "digest") if key in ref} for name, ref in artifacts.items()
        },
        "attempts": [_attempt(view, step, path, number) for number in numbers],
    }


def _attempt(view: RunView, step: str, path: str, number: int) -> dict[str, Any]:
    """An attempt; one without a record still runs, or its process vanished with the run."""
    nothing = {
        "attempt": number,
        "began": None,
        "ended": None,
        "type": None,
        "message": None,
        "note": None,
        "ended_by_run": False,
    }
    try:
        record: Any = view.attempt(step, path, number)
        begun = view.began(step, path, number) if record is None else None
    except RecordError as error:
        unreadable.tell(error)
        return nothing | {"outcome": UNREADABLE}
    if record is None:
        going_on = status_or_unreadable(view.store)["state"] == "running"
        outcome = "running" if going_on else "vanished"
        return nothing | {"outcome": outcome, "began": begun["began"] if begun else None}
    return {
        "attempt": number,
        "outcome": record["outcome"],
        "began": record["began"],
        "ended": record["ended"],
        "type": record["error"]["type"] if "error" in record else None,
        "message": failures.told(record["error"]) if "error" in record else None,
        "note": record.get("note"),
        "ended_by_run": record.get("error", {}).get("ended_by_run", False),
    }


# -- how it is printed -------------------------------------------------------------------------------------------------


def _print(told: dict[str, Any]) -> None:
    """What there is, a line each."""
    rows = []
    for name, value in told.items():
        if name in ("created", "ended") and value is not None:
            after = name == "ended" and told["created"] is not None
            shown = _clock(value) + (f", after {value - told['created']:.1f} s" if after else "")
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
    """Why an attempt failed, and what else is to be told of it."""
    kind = "" if row["ended_by_run"] else str(row["type"] or "").rpartition(".")[2]
    error = f"{kind}: {row['message']}" if kind else (row["message"] or "")
    return "; ".join(text.partition("\n")[0] for text in (error, row["note"]) if text)


def _more(row: dict[str, Any]) -> str:
    """What else there is to tell of a step's tasks."""
    attempts = count(row["attempts"], "attempt") if row["attempts"] > row["tasks"] else ""
    begun = f"{row['tasks']:,} begun" if row["tasks"] < row["total"] else ""
    return ", ".join(filter(None, (begun, attempts)))


def _times(row: dict[str, Any]) -> str:
    if row["began"] is None:
        return ""
    return _clock(row["began"]) + (f", {row['ended'] - row['began']:.1f} s" if row["ended"] is not None else "")


def _clock(when: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(when))
