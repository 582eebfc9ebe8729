"""The data of a run's page: its steps with counts, its graph, and the facts of its record."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final, final

from flowc.targets.pictures.picture import FlowPicture, picture_of
from flowc.ui.page_data.times import MOST_READ, timeline_of
from flowc_ir.graphs.analysis import Analysis
from flowc_ir.late.dataclass import dataclass
from flowc_ir.late.namedtuple import NamedTuple
from flowc_runtime.base.errors import FlowcError
from flowc_runtime.base.index import task_id

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from flowc.ui.page_data.times import Bar, Timeline
    from flowc_runtime.run.views.run_view import RunView

HISTOGRAM: Final = 24
"""The number of columns of a histogram of durations."""
FIRST_TASKS: Final = 200
"""The number of tasks of a step that the page of the step shows at first."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class StepFacts:
    """A step of a run, begun or not.

    Attributes:
        name: the step.
        total: the expected number of tasks, at least the number of tasks that have begun; 0 before the step begins.
        done: the number of tasks that have ended well.
        failed: the number of tasks whose latest attempt failed.
        running: the number of tasks with an active attempt.
        caught: the number of tasks whose failure was caught; these are also `done`.
        retried: the number of attempts after the first one of each task.
        flags: what the page marks, with the number of tasks: `reused`, `cached`, `mocked`.
        durations: the durations of ended attempts in seconds, sorted.
        partial: whether only a part of the attempts was read; `failed`, `running`, `caught`, `flags` and `durations`
            are those of this part.
    """

    name: str
    total: int = 0
    done: int = 0
    failed: int = 0
    running: int = 0
    caught: int = 0
    retried: int = 0
    flags: Mapping[str, int]
    durations: Sequence[float] = ()
    partial: bool = False

    @property
    def state(self) -> str:
        """The state that the page shows: waiting, running, failed, caught or ok."""
        if self.failed:
            return "failed"
        if self.running or (self.total and self.done < self.total):
            return "running"
        if not self.total:
            return "waiting"
        return "caught" if self.caught else "ok"

    @property
    def counts(self) -> str:
        """How many tasks have ended, such as `37/50`."""
        return f"{self.done:,}/{self.total:,}"

    @property
    def median(self) -> float | None:
        """The median of `durations`, in seconds."""
        return self.durations[len(self.durations) // 2] if self.durations else None

    def histogram(self) -> Sequence[int]:
        """Return the numbers of attempts in HISTOGRAM ranges of equal width from 0 to the longest duration."""
        counts = [0] * HISTOGRAM
        longest = self.durations[-1] if self.durations else 0.0
        for seconds in self.durations:
            counts[min(HISTOGRAM - 1, int(seconds / longest * HISTOGRAM) if longest else 0)] += 1
        return counts


class FailedTask(NamedTuple):
    """A task that failed: its step, index path and id, the number of its last attempt, and the error's text."""

    step: str
    path: str
    id: str
    attempt: int
    message: str
    traceback: str


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class RunFacts:
    """The data of a run's page.

    Attributes:
        view: the run.
        picture: the graph of the flow; None if the flow's IR cannot be read.
        steps: the steps in the order of the flow, by name.
        timeline: the attempts.
        failed: the failed tasks, at most ten, the task that failed the run first.
        problem: why the graph cannot be shown; else empty.
    """

    view: RunView
    picture: FlowPicture | None
    steps: Mapping[str, StepFacts]
    timeline: Timeline
    failed: Sequence[FailedTask]
    problem: str


def facts_of(view: RunView, now: float, most: int = MOST_READ) -> RunFacts:
    """Read the data of a run's page.

    Args:
        view: the run.
        now: the current time in seconds since the epoch.
        most: the number of attempts of one step that are read.
    """
    timeline = timeline_of(view, now, most)
    picture, problem, names = None, "", list(timeline.steps)
    try:
        picture = picture_of(Analysis(view.records.flow))
        names = [*(box.id for box in picture.boxes), *(name for name in names if name not in view.records.graph.nodes)]
    except FlowcError as error:
        problem = str(error)
    steps = {name: _step(view, name, timeline) for name in names}
    return RunFacts(
        view=view,
        picture=picture,
        steps=steps,
        timeline=timeline,
        failed=_failed(view, timeline),
        problem=problem,
    )


def _step(view: RunView, name: str, timeline: Timeline) -> StepFacts:
    bars = timeline.steps.get(name)
    if not bars:
        return StepFacts(name=name, flags={})
    step = view.step(name)
    latest = {bar.path: bar for bar in bars}  # attempts are sorted, so the last one of each task remains
    states = Counter(bar.state for bar in latest.values())
    return StepFacts(
        name=name,
        total=step.total,
        done=len(step.done),
        failed=states["failed"] + states["vanished"] + states["unreadable"],
        running=states["running"],
        caught=states["caught"],
        retried=step.attempts_begun - step.begun,
        flags=Counter(flag for bar in latest.values() for flag in bar.flags),
        durations=sorted(bar.seconds for bar in bars if bar.seconds is not None),
        partial=name in timeline.partial,
    )


def _failed(view: RunView, timeline: Timeline, most: int = 10) -> Sequence[FailedTask]:
    """Return the failed tasks: the task that failed the run first, then the others in the order of their ends."""
    latest = {bar.task: bar for bar in timeline.bars()}
    bars = sorted((bar for bar in latest.values() if bar.state == "failed"), key=lambda bar: bar.ended or 0.0)
    first = view.status.failed
    bars.sort(key=lambda bar: f"{bar.step}/{bar.path}" != first)
    return [failed_task(view, bar) for bar in bars[:most]]


def failed_task(view: RunView, bar: Bar) -> FailedTask:
    """Return a failed task with the error of its last attempt."""
    attempt = view.attempt(bar.step, bar.path, bar.number)
    failure = attempt.failure
    return FailedTask(
        bar.step,
        bar.path,
        task_id(bar.step, bar.path),
        bar.number,
        attempt.message or "",
        failure.get("traceback", "") if failure is not None else "",
    )
