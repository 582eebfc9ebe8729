"""The attempts of a run as bars on a time axis, the waits before them, and the critical path."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from flowc_ir.late.namedtuple import NamedTuple
from flowc_runtime.base.errors import FlowcError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from flowc_runtime.run.views.run_view import RunView
    from flowc_runtime.run.views.step_view import StepView
    from flowc_runtime.run.views.task_view import AttemptView
    from flowc_runtime.store.records.record_types import ParentsRecord

MOST_READ: Final = 2000
"""The number of attempts of one step whose records are read for a page; a larger step is shown in part."""


_URGENT: Final = ("failed", "vanished", "unreadable", "running", "caught", "ok")


def urgency(state: str) -> int:
    """Return the position of an attempt's state in lists of tasks: failed ones first, then active ones, then the
    others."""
    return _URGENT.index(state) if state in _URGENT else len(_URGENT)


class Bar(NamedTuple):
    """One attempt. Times are seconds since the epoch.

    Attributes:
        step: the step.
        path: the index path of the task.
        number: the number of the attempt, from 1.
        state: `ok`, `caught`, `failed`, `running`, `vanished` or `unreadable`.
        queued: the time at which the attempt could have begun: the end of its last parent, or of the attempt before it.
            None if it is not known.
        began: the start.
        ended: the end; None for an attempt that has not ended.
        flags: what the page marks: `reused`, `cached`, `mocked`.
        critical: whether the attempt is on the critical path.
    """

    step: str
    path: str
    number: int
    state: str
    queued: float | None
    began: float
    ended: float | None
    flags: tuple[str, ...] = ()
    critical: bool = False

    @property
    def task(self) -> tuple[str, str]:
        """The step and the index path of the task."""
        return self.step, self.path

    @property
    def seconds(self) -> float | None:
        """The duration; never negative."""
        return None if self.ended is None else max(0.0, self.ended - self.began)


class Timeline(NamedTuple):
    """The bars of a run, by step in the order of the flow, and the steps that are only shown in part."""

    steps: Mapping[str, Sequence[Bar]]
    partial: frozenset[str]
    began: float
    ended: float

    def bars(self) -> Iterator[Bar]:
        """Yield all bars."""
        for bars in self.steps.values():
            yield from bars


def timeline_of(view: RunView, now: float, most: int = MOST_READ) -> Timeline:
    """Return the timeline of a run.

    Args:
        view: the run.
        now: the current time in seconds since the epoch, which is the end of the axis while the run is active.
        most: the number of attempts of one step that are read.
    """
    steps: dict[str, list[Bar]] = {}
    parents: dict[tuple[str, str], Sequence[ParentsRecord]] = {}
    partial = set[str]()
    for step in view.steps:
        steps[step.name] = [*_bars(view, step, most, parents)]
        if step.attempts_begun > most:
            partial.add(step.name)
    ends = {bar.task: bar.ended for bars in steps.values() for bar in bars if bar.ended is not None}
    waits = {name: [*_with_waits(bars, parents, ends)] for name, bars in steps.items()}
    path = _critical(ends, parents)
    marked = {
        name: [bar._replace(critical=bar.task in path and bar.ended == ends.get(bar.task)) for bar in bars]
        for name, bars in waits.items()
    }
    every = [bar for bars in marked.values() for bar in bars]
    began = min([bar.began for bar in every] + ([view.created] if view.created is not None else []), default=now)
    last = max([bar.ended or now for bar in every] + ([view.ended] if view.ended is not None else []), default=now)
    return Timeline(marked, frozenset(partial), began, max(last, began + 0.001))


def _bars(
    view: RunView, step: StepView, most: int, parents: dict[tuple[str, str], Sequence[ParentsRecord]]
) -> Iterator[Bar]:
    """Yield the bars of a step in the order of its tasks, and note the parents of its tasks."""
    left = most
    for task in step.tasks:
        for attempt in task.attempts:
            if left == 0:
                return
            left -= 1
            if (bar := bar_of(view, attempt)) is not None:
                yield bar
            if attempt.record is not None:
                parents[attempt.step, attempt.path] = attempt.record["parents"]


def bar_of(view: RunView, attempt: AttemptView) -> Bar | None:
    """Return the bar of an attempt, or None if the time of its start cannot be read."""
    try:
        began = attempt.began
    except FlowcError:
        return None
    if began is None:
        return None
    ended = attempt.finished
    flags = [
        name
        for name, is_set in (
            ("reused", attempt.origin is not None),
            ("cached", attempt.record is not None and "cached" in attempt.record),
            ("mocked", attempt.is_mocked),
        )
        if is_set
    ]
    return Bar(
        step=attempt.step,
        path=attempt.path,
        number=attempt.number,
        state=view.attempt_state(attempt),
        queued=None,
        began=began,
        ended=None if ended is None else max(began, ended),
        flags=tuple(flags),
    )


def _with_waits(
    bars: Sequence[Bar],
    parents: Mapping[tuple[str, str], Sequence[ParentsRecord]],
    ends: Mapping[tuple[str, str], float],
) -> Iterator[Bar]:
    """Yield the bars of a step with the times since which the attempts waited. Reused attempts have not waited."""
    attempts = {(bar.path, bar.number): bar.ended for bar in bars}
    for bar in bars:
        since = attempts.get((bar.path, bar.number - 1))
        if bar.number == 1:
            found = [ends[task] for task in _tasks(parents.get(bar.task, ())) if task in ends]
            since = max(found, default=None)
        yield bar if since is None or "reused" in bar.flags else bar._replace(queued=min(since, bar.began))


def _tasks(parents: Sequence[ParentsRecord]) -> Iterator[tuple[str, str]]:
    """Yield the tasks that a record names as parents."""
    for parent in parents:
        if parent["count"] is None:
            yield parent["step"], parent["path"]
        else:
            yield from ((parent["step"], f"{parent['path']}.{index}") for index in range(parent["count"]))


def _critical(
    ends: Mapping[tuple[str, str], float], parents: Mapping[tuple[str, str], Sequence[ParentsRecord]]
) -> frozenset[tuple[str, str]]:
    """Return the tasks of the critical path: from the task that ended last, back through the parent that ended last."""
    path = set[tuple[str, str]]()
    task = max(ends, key=lambda each: ends[each], default=None)
    while task is not None and task not in path:
        path.add(task)
        before = [each for each in _tasks(parents.get(task, ())) if each in ends]
        task = max(before, key=lambda each: ends[each], default=None)
    return frozenset(path)
