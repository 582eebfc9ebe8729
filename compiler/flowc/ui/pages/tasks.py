"""The page of a step with its tasks, and the page of a task."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from flowc.ui.page_data.lineage import MOST
from flowc.ui.page_data.log_pages import log_page
from flowc.ui.page_data.task_facts import artifacts_of, task_rows
from flowc.ui.pages.addressed import number_of
from flowc.ui.site import SitePage, missing
from flowc_ir.late.digest import sha256
from flowc_runtime.base.errors import NotFound
from flowc_runtime.base.index import task_id
from flowc_runtime.process.process import is_alive
from flowc_runtime.run.nodes.programs.notebook import EXECUTED
from metaflow.plugins.cards._store import find

if TYPE_CHECKING:
    from starlette.requests import Request

    from flowc.ui.site import Site
    from flowc_runtime.run.views.task_view import TaskView
    from flowc_runtime.store.records.run_store import RunStore
    from metaflow.plugins.cards._store import CardFile

TASKS: Final = 200
"""The number of tasks of one page of a step."""
REMOTE_MOST: Final = 12
"""The number of records that are read to find where artifacts were made, if each record needs a request."""


def step_page(site: Site, request: Request) -> SitePage:
    """Return the page of a step: its tasks, failed ones first."""
    flow, run, step = (request.path_params[name] for name in ("flow", "run", "step"))
    view = site.run(flow, run)
    start = number_of(request, "start")
    rows = task_rows(view, view.step(step))
    if not rows and step not in view.records.graph.nodes:
        missing(f"run {flow}/{run} has no step {step}")
    values = {
        "view": view,
        "step": step,
        "rows": rows[start : start + TASKS],
        "total": len(rows),
        "start": start,
        "next": start + TASKS,
        "size": TASKS,
    }
    return SitePage("step.html", values, f"{step} · {flow}/{run}", lasting=not view.own_status.is_running)


def task_page(site: Site, request: Request) -> SitePage:
    """Return the page of a task: its attempts, log, artifacts and cards."""
    flow, run, step, path = (request.path_params[name] for name in ("flow", "run", "step", "path"))
    view = site.run(flow, run)
    if path not in view.step(step).attempts:
        missing(f"run {flow}/{run} has no task {step}/{path}")
    task: TaskView = view.step(step).task(path)
    number = number_of(request, "attempt", task.attempts[-1].number)
    if number not in task.numbers:
        missing(f"task {step}/{path} has no attempt {number}")
    attempt = view.attempt(step, path, number)
    store = view.records.store
    # each record of an active run in a bucket needs a request of its own
    slow = site.store.objects.ended_listing is not None and view.own_status.is_running
    searches = not slow or request.query_params.get("readers") == "1"
    artifacts = artifacts_of(view, attempt, most=REMOTE_MOST if slow else MOST, searches=searches)
    notebook = [row for row in artifacts.rows if row.name == EXECUTED and row.here and row.ref["type"] == "str"]
    active = attempt.record is None or is_alive(attempt.record["process"]) is True  # cards follow after the record
    cards = find(store, step, path, number, attempt.record, follow=True)
    versions = {card.name: _version(cards.run, card) for card in cards.files} if active else {}
    values = {
        "view": view,
        "task": task,
        "step": step,
        "path": path,
        "attempt": attempt,
        "state_name": view.attempt_state(attempt),
        "log": log_page(store, step, path, number, None),
        "artifacts": artifacts,
        "has_notebook": bool(notebook),
        "cards": cards,
        "versions": versions,
        "pathspec": f"{flow}/{run}/{step}/{task_id(step, path)}",
    }
    title = f"{task_id(step, path)} · {flow}/{run}"
    return SitePage("task.html", values, title, lasting=not active)


def _version(run: RunStore, card: CardFile) -> str:
    """Return a text that changes with a card, for its URL: the frame then loads the card again."""
    try:
        return sha256([run.objects.get(card.key)])[:12]
    except NotFound:
        return ""
