"""Writes a run as one HTML file that needs neither a server nor a network: `flowc ui --export`."""

from __future__ import annotations

import base64
import os
import stat
import time
from contextlib import suppress
from itertools import groupby
from typing import TYPE_CHECKING
from urllib.parse import quote

from markupsafe import Markup

from flowc.ui.page_data.exported_tasks import chosen_tasks, exported_tasks
from flowc.ui.page_data.run_facts import facts_of
from flowc.ui.rendering import HERE, Renderer
from flowc.ui.run_values import run_values
from flowc.ui.site import SitePage
from flowc.ui.static_html import policy, without_server

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flowc.ui.page_data.exported_tasks import ExportedTask
    from flowc_runtime.run.views.run_view import RunView


def export_run(view: RunView) -> str:
    """Return the page of a run as one HTML file, with the log tails, the artifacts and the cards of its tasks."""
    now = time.time()
    facts = facts_of(view, now)
    tasks = [*exported_tasks(view, chosen_tasks(view, facts))]
    run = view.records.store.id
    style = (HERE / "static" / "ui.css").read_text("utf-8")
    icon = base64.b64encode((HERE / "static" / "icon.svg").read_bytes()).decode()
    cards = [card.html for task in tasks for card in task.cards if card.html is not None]
    values = {
        **run_values(facts, now),
        "trend": (),
        "before": "",
        "steps": _by_step(tasks),
        "left_out": sum(step.begun for step in view.steps) - len(tasks),
        "exported": now,
        "style": Markup(style),
        "icon": icon,
        "policy": policy(style, cards),
    }
    page = SitePage("export.html", values, view.pathspec, lasting=True)
    places = {f"{run}/{task.step}": f"#step-{quote(task.step)}" for task in tasks}
    places |= {f"{run}/{task.step}/{task.path}": f"#task-{quote(task.id)}" for task in tasks}
    return without_server(Renderer(static=True).text(page, "./", ""), places)


def _by_step(tasks: Sequence[ExportedTask]) -> Sequence[tuple[str, Sequence[ExportedTask]]]:
    """Return the tasks by their steps, the steps in the order of their first tasks."""
    order = {name: at for at, name in enumerate(dict.fromkeys(task.step for task in tasks))}
    ordered = sorted(tasks, key=lambda task: order[task.step])
    return [(name, [*group]) for name, group in groupby(ordered, key=lambda task: task.step)]


def write_file(path: str, content: bytes) -> None:
    """Write a file such that other programs see its earlier content or the whole new content.

    A symbolic link stays, and the file that it names is written. A device or a pipe is written directly.

    Raises:
        OSError: the file cannot be written.
    """
    target = os.path.realpath(path)
    mode = None
    with suppress(FileNotFoundError):
        mode = os.stat(target).st_mode
    if mode is not None and not stat.S_ISREG(mode):
        with open(target, "wb") as file:
            file.write(content)
        return
    part = f"{target}.{os.getpid()}-{os.urandom(6).hex()}"
    try:
        with open(part, "xb") as file:
            file.write(content)
        if mode is not None:
            os.chmod(part, stat.S_IMODE(mode))
        os.replace(part, target)
    finally:
        with suppress(FileNotFoundError):  # it was renamed, or could not be created
            os.unlink(part)
