"""The built-in cards: the default card, the blank card, the error card, and a card that shows only the task's
pathspec."""

from __future__ import annotations

import time
from html import escape
from typing import TYPE_CHECKING, Any, ClassVar

from flowc_runtime.run.metrics.recorded import points_of
from metaflow.plugins.cards._dag import dag_svg
from metaflow.plugins.cards._draw import draw, draw_all, needs_vega
from metaflow.plugins.cards._line import line_svg
from metaflow.plugins.cards._page import page
from metaflow.plugins.cards.card_modules.card import MetaflowCard
from metaflow.plugins.cards.card_modules.layout import (
    ArtifactsComponent,
    DagComponent,
    DefaultComponent,
    ErrorComponent,
    HTMLComponent,
    ImageComponent,
    LogComponent,
    MarkdownComponent,
    PageComponent,
    PythonCodeComponent,
    SectionComponent,
    SubTitleComponent,
    TableComponent,
    TextComponent,
    TitleComponent,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from flowc_runtime.run.metrics.recorded import MetricPoint
    from metaflow.client.core import Task

__all__ = [
    "ArtifactsComponent",
    "BlankCard",
    "DagComponent",
    "DefaultCard",
    "DefaultComponent",
    "ErrorCard",
    "ErrorComponent",
    "HTMLComponent",
    "ImageComponent",
    "LogComponent",
    "MarkdownComponent",
    "PageComponent",
    "PythonCodeComponent",
    "SectionComponent",
    "SubTitleComponent",
    "TableComponent",
    "TaskSpecCard",
    "TextComponent",
    "TitleComponent",
    "read_file",
]


def read_file(path: str) -> str:
    """Return the text of a UTF-8 file, such as a template beside a card's module.

    Raises:
        OSError: the file cannot be read.
        UnicodeDecodeError: the file is not UTF-8.
    """
    with open(path, encoding="utf-8") as file:
        return file.read()


class BlankCard(MetaflowCard):
    """A card that shows only the components that the step appends."""

    type: ClassVar[str | None] = "blank"
    ALLOW_USER_COMPONENTS = True
    RUNTIME_UPDATABLE = True
    RELOAD_POLICY = MetaflowCard.RELOAD_POLICY_ONCHANGE

    def __init__(
        self,
        options: Mapping[str, object] = {},
        components: Sequence[object] = [],
        graph: Mapping[str, Mapping[str, object]] | None = None,
        flow: object = None,
    ) -> None:
        self._title = options.get("title")
        self._components, self._graph = list(components), graph

    def render(self, task: Task) -> str:
        """Return the page of a task that has ended."""
        return self._page(task, self._ended(task))

    def render_runtime(self, task: Task, data: object) -> str:
        """Return the page of a running task."""
        return self._page(task, "")

    def refresh(self, task: Task, data: Any) -> Any:
        """Return the components by their ids."""
        return data["components"]

    def reload_content_token(self, task: Task, data: Any) -> str:
        """Return a string that differs for each refresh, so that every refresh renders the page again."""
        return f"{data['render_seq']}"

    def _ended(self, task: Task) -> str:
        return ""

    def _page(self, task: Task, more: str) -> str:
        title = f"<header><h1>{escape(str(self._title))}</h1></header>\n" if self._title else ""
        body = title + (_section(None, draw_all(self._components)) if self._components else "") + more
        return page(str(self._title or task.pathspec), body, vega=needs_vega(body))


class DefaultCard(BlankCard):
    """The default card. It shows the components that the step has added, data about the task, and a picture of the
    flow's steps. When the task has ended, the card also shows the failure, the metrics, the parameters and the
    artifacts."""

    type: ClassVar[str | None] = "default"

    def _page(self, task: Task, more: str) -> str:
        shown = _section(None, draw_all(self._components)) if self._components else ""
        body = _header(task, self._graph or {}, self._title) + shown + (more or _facts(task) + self._dag(task))
        return page(f"{task.pathspec}", body, vega=needs_vega(body))

    def _ended(self, task: Task) -> str:
        metrics = _metrics(task)
        return _failure(task) + metrics + _facts(task) + _parameters(task) + _artifacts(task) + self._dag(task)

    def _dag(self, task: Task) -> str:
        if not self._graph:
            return ""
        drawn = dag_svg(self._graph, task.path_components[2])
        return _section("Steps", f'<div class="scroll" tabindex="0" role="region" aria-label="Steps">{drawn}</div>')


class ErrorCard(MetaflowCard):
    """The card that shows the reason why another card could not be made."""

    type = "error"
    RELOAD_POLICY = MetaflowCard.RELOAD_POLICY_ONCHANGE

    def __init__(
        self,
        options: Mapping[str, object] = {},
        components: Sequence[object] = [],
        graph: Mapping[str, Mapping[str, object]] | None = None,
        flow: object = None,
    ) -> None:
        self._title = options.get("title", "This card could not be made")

    def render(self, task: Any, stack_trace: str | None = None) -> str:
        """Return the HTML of the page; `task` is a task or its pathspec."""
        where = task if isinstance(task, str) else task.pathspec
        log = draw({"type": "log", "title": self._title, "data": stack_trace or "No error was recorded", "error": True})
        return page(where, f'<header><p class="way">{_way(where)}</p></header>{_section(None, log)}')


class TaskSpecCard(MetaflowCard):
    """A card that shows only the task's pathspec."""

    type = "taskspec_card"

    def render(self, task: Task) -> str:
        """Return the pathspec."""
        return f"{task.pathspec}"


# -- sections of the page


def _section(title: str | None, body: str) -> str:
    heading = f"<h2>{escape(title)}</h2>" if title else ""
    return f"<section>{heading}{body}</section>\n"


def _way(pathspec: str) -> str:
    return " › ".join(map(escape, pathspec.split("/")))


def _header(task: Task, graph: Mapping[str, Any], title: Any) -> str:
    flow, run, step, _ = task.path_components
    doc = (graph.get(step) or {}).get("doc")
    below = f'<p class="doc">{escape(doc.strip())}</p>' if doc else ""
    kind, word = _state(task)
    return (
        f'<header><p class="way">{_way(f"{flow}/{run}")}</p><h1>{escape(str(title or task.id))}</h1>'
        f'<span class="badge {kind}">{word}</span>{below}</header>\n'
    )


def _state(task: Task) -> tuple[str, str]:
    outcome = task._view.outcome
    if outcome is None:
        # the attempt is active; the text names the current time, because the page stays unchanged if the attempt is
        # killed later
        return "", f"running at {time.strftime('%H:%M:%S')}"
    return {"ok": ("good", "succeeded"), "caught": ("careful", "failure caught"), "failed": ("bad", "failed")}[outcome]


def _facts(task: Task) -> str:
    rows = [("Task", task.pathspec), ("Attempt", str(task.current_attempt + 1)), ("Began", _moment(task.created_at))]
    view = task._view
    if view.finished is not None:
        rows += [("Ended", _moment(task.finished_at)), ("Took", f"{view.seconds:.2f} s")]
        if view.peak_rss:
            rows.append(("Peak memory", f"{view.peak_rss / 2**20:,.0f} MiB"))
        rows.append(("Machine", view.machine or ""))
    rows.append(("User", task._reader.record["user"]))
    rows.append(("Tags", ", ".join(sorted(task.user_tags)) or "none"))
    lines = "".join(f"<div><dt>{name}</dt><dd>{escape(value)}</dd></div>" for name, value in rows)
    return _section("Task", f'<dl class="facts">{lines}</dl>')


def _moment(when: object) -> str:
    return str(when)[:19]


def _parameters(task: Task) -> str:
    given = task._reader.record["parameters"]
    return _section("Parameters", _values((name, repr(value), ()) for name, value in given.items())) if given else ""


def _metrics(task: Task) -> str:
    """Return the metrics of the task as HTML: the last value of each metric, and a line chart for metrics with several
    points."""
    if (record := task._record) is None or not task.metrics:
        return ""
    series = points_of(record, task._reader.store.objects)
    boxes = "".join(_metric(name, points) for name, points in series.items())
    return _section("Metrics", f'<div class="boxes">{boxes}</div>')


def _metric(name: str, points: Sequence[MetricPoint]) -> str:
    last, line = points[-1], line_svg([(point.step, point.value) for point in points], f"{name} by step")
    below = f"{len(points):,} points, the last of step {last.step:,}" if len(points) > 1 else None
    shown = f"{last.value:,}" if isinstance(last.value, int) else f"{last.value:.6g}"
    box = draw({"type": "valueBox", "title": name, "value": shown, "subtitle": below})
    return f"{box.removesuffix('</div></div>')}{line}</div></div>"


def _artifacts(task: Task) -> str:
    given = task._reader.record["parameters"]
    rows = [
        (artifact.id, artifact._short, (artifact.type.removeprefix("builtins."), _size(artifact.size)))
        for artifact in task.artifacts
        if artifact.id not in given and artifact.id != "name"
    ]
    return _section("Artifacts", _values(rows) if rows else "<p>This task has no artifacts.</p>")


def _size(count: int) -> str:
    for unit, size in (("GiB", 2**30), ("MiB", 2**20), ("KiB", 2**10)):
        if count >= size:
            return f"{count / size:.1f} {unit}"
    return f"{count} B"


def _values(rows: Iterable[tuple[str, str, tuple[str, ...]]]) -> str:
    """Return a table of names, short texts and further columns.

    All data is from the task's record: no value is loaded.
    """
    lines = "".join(
        f'<tr><td class="name">{escape(name)}</td><td class="value">{escape(text)}</td>'
        + "".join(f'<td class="type">{escape(each)}</td>' for each in more)
        + "</tr>"
        for name, text, more in rows
    )
    table = f'<table class="wide"><tbody>{lines}</tbody></table>'
    return f'<div class="scroll" tabindex="0" role="region" aria-label="Values">{table}</div>'


def _failure(task: Task) -> str:
    record = task._record
    error = record.get("error") if record is not None else None
    if error is None:
        return ""
    text = error.get("traceback") or error.get("message", "")
    title = f"{error.get('type', 'Failure')}: {error.get('message', '')}"
    return _section("Failure", draw({"type": "log", "title": title, "data": text, "error": True}))


CARDS = (DefaultCard, BlankCard, ErrorCard, TaskSpecCard)
