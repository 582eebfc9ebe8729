"""The tasks of a run that an exported file contains: at most 200, failed ones first, with the ends of their logs."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final

from flowc.ui.page_data.log_pages import LogPage, all_lines
from flowc.ui.page_data.task_facts import stored_artifacts
from flowc.ui.page_data.times import urgency
from flowc_ir.late.namedtuple import NamedTuple
from flowc_runtime.base.errors import FlowcError
from flowc_runtime.base.index import task_id
from metaflow.plugins.cards._store import find, read

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from flowc.ui.page_data.run_facts import RunFacts
    from flowc.ui.page_data.task_facts import StoredArtifact
    from flowc_runtime.run.views.run_view import RunView
    from flowc_runtime.run.views.task_view import AttemptView

MOST_TASKS: Final = 200
"""The number of tasks of a file."""
MOST_LINES: Final = 200
"""The number of lines of a log: the last ones."""
MOST_CHARACTERS: Final = 60_000
"""The number of characters of the lines of a log."""
MOST_CARDS: Final = 2_000_000
"""The number of bytes of all cards of a file."""


class ExportedCard(NamedTuple):
    """A card: its type, its id, and its HTML; None if the card is left out."""

    type: str
    id: str | None
    html: str | None


class ExportedTask(NamedTuple):
    """A task of a file: its step, path and id, its attempts, the state of the last one, the end of its log, its
    artifacts and its cards."""

    step: str
    path: str
    id: str
    state: str
    attempts: Sequence[AttemptView]
    log: LogPage
    artifacts: Sequence[StoredArtifact]
    cards: Sequence[ExportedCard]

    @property
    def last(self) -> AttemptView:
        """The last attempt."""
        return self.attempts[-1]


def chosen_tasks(view: RunView, facts: RunFacts) -> Sequence[tuple[str, str]]:
    """Return the steps and paths of at most MOST_TASKS tasks: failed and active ones first, then the tasks with caught
    failures, then the others in the order of the flow.

    The listings of the steps contain the tasks that have not succeeded, so these are found among any number of tasks.
    """
    states = {bar.task: bar.state for bar in facts.timeline.bars()}
    ranked: list[tuple[int, str, str]] = []
    for step in view.steps:
        for path in step.paths:
            state = states.get((step.name, path), "ok" if path in step.done else "failed")
            first = f"{step.name}/{path}" == view.status.failed
            ranked.append((-1 if first else urgency(state), step.name, path))
    ranked.sort(key=lambda each: each[0])
    return [(step, path) for _, step, path in ranked[:MOST_TASKS]]


def exported_tasks(view: RunView, chosen: Sequence[tuple[str, str]]) -> Iterator[ExportedTask]:
    """Read the chosen tasks, in their order.

    Args:
        view: the run.
        chosen: the steps and the paths of the tasks.
    """
    left = MOST_CARDS
    for step, path in chosen:
        task = view.step(step).task(path) if path in view.step(step).attempts else None
        if task is None or not task.attempts:
            continue
        last = task.attempts[-1]
        cards, left = _cards(view, last, left)
        yield ExportedTask(
            step, path, task_id(step, path), view.attempt_state(last), task.attempts,
            log_end(view, last), stored_artifacts(last), cards,
        )  # fmt: skip


def log_end(view: RunView, attempt: AttemptView) -> LogPage:
    """Return the last lines of an attempt's log: at most MOST_LINES lines, and about MOST_CHARACTERS characters."""
    kept = deque(all_lines(view.records.store, attempt.step, attempt.path, attempt.number), MOST_LINES)
    total = kept[-1].number + 1 if kept else 0
    size = sum(len(line.text) for line in kept)
    while len(kept) > 1 and size > MOST_CHARACTERS:
        size -= len(kept.popleft().text)
    return LogPage([*kept], total)


def _cards(view: RunView, attempt: AttemptView, left: int) -> tuple[Sequence[ExportedCard], int]:
    """Return the cards of an attempt, and the number of bytes that are left for the cards of other tasks."""
    try:
        if not view.records.graph.nodes[attempt.step].cards:
            return (), left
        found = find(view.records.store, attempt.step, attempt.path, attempt.number, attempt.record, follow=True)
        cards = []
        for file in found.files:
            html = read(found.run.objects, file.key)
            size = len(html.encode())
            cards.append(ExportedCard(file.type, file.id, html if size <= left else None))
            left -= size if size <= left else 0
    except (FlowcError, KeyError):  # the graph or a card cannot be read
        return (), left
    return cards, left
