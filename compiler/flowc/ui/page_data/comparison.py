"""Two to eight runs side by side: their facts, parameters, metrics, durations by step, and results."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from flowc.ui.page_data.run_rows import row_of, shown_value
from flowc.ui.page_data.task_facts import stored_artifacts
from flowc.ui.page_data.times import timeline_of
from flowc_ir import End, json_text
from flowc_ir.late.namedtuple import NamedTuple
from flowc_runtime.base.errors import FlowcError
from flowc_runtime.base.index import ROOT
from flowc_runtime.run.metrics.recorded import key_of, points_of
from flowc_runtime.run.views.metrics_view import measured
from flowc_runtime.store.records import revision

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from flowc.ui.page_data.run_rows import ListedRun
    from flowc.ui.page_data.task_facts import StoredArtifact
    from flowc_runtime.run.metrics.recorded import MetricPoint
    from flowc_runtime.run.views.run_view import RunView

LETTERS: Final = "ABCDEFGH"
"""The letters that stand for the compared runs."""
MOST_RUNS: Final = len(LETTERS)
"""The number of runs that can be compared."""
MOST_ATTEMPTS: Final = 1000
"""The number of attempts of one step whose times are read; a larger step is compared in part."""
LARGEST_SERIES: Final = 8_000_000
"""The number of bytes of a task's series of points that are read; longer series are left out, with a remark."""
_DIGEST: Final = len("sha256:") + 16  # the shown part of a digest


class ComparedRun(NamedTuple):
    """A compared run: the letter that stands for it, its view, and its row in the list of runs."""

    letter: str
    view: RunView
    row: ListedRun

    @property
    def pathspec(self) -> str:
        """The pathspec of the run, FLOW/RUN."""
        return self.view.pathspec


class ComparedText(NamedTuple):
    """A row of texts: its name, the text of each run (None if the run has none), and whether they differ."""

    name: str
    texts: Sequence[str | None]
    differs: bool


class ComparedMetric(NamedTuple):
    """A metric: its name, the last value of each run (None if the run has none), and the points of each run."""

    name: str
    values: Sequence[float | None]
    points: Sequence[Sequence[MetricPoint]]

    @property
    def differs(self) -> bool:
        """Whether the last values of the runs differ. Two NaN are equal."""
        return len({repr(value) for value in self.values}) > 1

    @property
    def has_series(self) -> bool:
        """Whether a run has more than one point."""
        return any(len(points) > 1 for points in self.points)


class ComparedStep(NamedTuple):
    """A step: its name, its elapsed time in each run in seconds (None if it has not begun there, or if all of its tasks
    were reused), and a remark on each run."""

    name: str
    seconds: Sequence[float | None]
    remarks: Sequence[str]


class ComparedArtifact(NamedTuple):
    """An artifact of the end step: its name, the artifact in each run (None if the run has none), and its relation:
    `equal`, `different`, or `only in` some of the runs."""

    name: str
    each: Sequence[StoredArtifact | None]
    relation: str

    @property
    def kind(self) -> str:
        """The first word of the relation, for the class of the row."""
        return self.relation.partition(" ")[0]


def compared_runs(views: Sequence[RunView]) -> Sequence[ComparedRun]:
    """Give each run its letter, and read its status."""
    return [ComparedRun(letter, view, row_of(view)) for letter, view in zip(LETTERS, views, strict=False)]


def fact_rows(runs: Sequence[ComparedRun], tags: Mapping[tuple[str, str], Collection[str]]) -> Sequence[ComparedText]:
    """Return what the records of the runs say about who ran which code where.

    Args:
        runs: the compared runs.
        tags: the user tags of tagged runs, by flow and run id.
    """

    def each(name: str, texts: Sequence[str | None]) -> ComparedText:
        return ComparedText(name, texts, len(set(texts)) > 1)

    views = [run.view for run in runs]
    rows = [
        each("by", [view.user for view in views]),
        each("where", ["this machine" if view.target == "local" else view.target for view in views]),
        each("code", [view.record["code"][:_DIGEST] if view.record is not None else None for view in views]),
        each("git", [revision.shown(view.revision) if view.revision is not None else None for view in views]),
        each("resumed from", [view.origin for view in views]),
        each("tags", [", ".join(sorted(tags.get((run.row.flow, run.row.run), ()))) or None for run in runs]),
        each("system tags", [", ".join(view.system_tags) or None for view in views]),
    ]
    return [row for row in rows if any(row.texts)]


def parameter_rows(runs: Sequence[ComparedRun]) -> Sequence[ComparedText]:
    """Return the parameters: those that differ first, then the others, each in the order of the flow."""
    given: Sequence[Mapping[str, object]] = [run.view.parameters or {} for run in runs]
    rows = []
    for name in dict.fromkeys(name for values in given for name in values):
        # as JSON, because 1 and true are different values, although they are equal in Python
        exact = [json_text.dumps(values[name], sort_keys=True) if name in values else None for values in given]
        texts = [shown_value(values[name], 400) if name in values else None for values in given]
        rows.append(ComparedText(name, texts, len(set(exact)) > 1))
    return sorted(rows, key=lambda row: not row.differs)


def compared_metrics(runs: Sequence[ComparedRun]) -> tuple[Sequence[ComparedMetric], Sequence[str]]:
    """Return the metrics of tasks outside of a foreach, and messages about points that are left out."""
    problems: list[str] = []
    points = [_points(run, problems) for run in runs]
    values = [run.view.metrics for run in runs]
    names = dict.fromkeys(name for each in (*values, *points) for name in each)
    return [
        ComparedMetric(name, [each.get(name) for each in values], [each.get(name, ()) for each in points])
        for name in names
    ], problems


def _points(run: ComparedRun, problems: list[str]) -> Mapping[str, Sequence[MetricPoint]]:
    """Return the points of each metric of a run; of tasks with the same metric, the points of the task that ended last,
    whose last value the run has."""
    found: dict[str, tuple[float, Sequence[MetricPoint]]] = {}
    for record in measured(run.view.records, items=False):
        size = record["series"]["size"] if "series" in record else 0
        if size > LARGEST_SERIES:
            problems.append(
                f"{run.letter}: the points of step {record['step']} are not shown, because they have {size:,} bytes"
            )
            continue
        try:
            points = points_of(record, run.view.records.store.objects)
        except FlowcError as error:
            problems.append(f"{run.letter}: the points of step {record['step']} cannot be read: {error}")
            continue
        for name, series in points.items():
            key = key_of(name, record["step"], record["path"])
            if key not in found or record["ended"] >= found[key][0]:
                found[key] = record["ended"], series
    return {name: series for name, (_, series) in found.items()}


def compared_steps(runs: Sequence[ComparedRun]) -> Sequence[ComparedStep]:
    """Return the elapsed time of each step, from the start of its first attempt to the end of its last one."""
    now = time.time()
    each = [_elapsed(run.view, now) for run in runs]
    return [
        ComparedStep(
            name,
            [times[name][0] if name in times else None for times in each],
            [times[name][1] if name in times else "" for times in each],
        )
        for name in dict.fromkeys(name for times in each for name in times)
    ]


def _elapsed(view: RunView, now: float) -> Mapping[str, tuple[float | None, str]]:
    timeline = timeline_of(view, now, MOST_ATTEMPTS)
    found: dict[str, tuple[float | None, str]] = {}
    for step, bars in timeline.steps.items():
        own = [bar for bar in bars if "reused" not in bar.flags]
        tasks = len({bar.path for bar in bars})
        parts = [f"{tasks:,} tasks" if tasks > 1 else "", "" if own else "reused"]
        parts.append("in part" if step in timeline.partial else "")
        parts.append("failed" if any(bar.state == "failed" for bar in {bar.path: bar for bar in bars}.values()) else "")
        parts.append("running" if any(bar.ended is None and bar.state == "running" for bar in own) else "")
        ends = [bar.ended or (now if bar.state == "running" else bar.began) for bar in own]
        seconds = max(0.0, max(ends) - min(bar.began for bar in own)) if own else None
        found[step] = seconds, ", ".join(filter(None, parts))
    return found


def compared_results(runs: Sequence[ComparedRun]) -> tuple[Sequence[ComparedArtifact], Sequence[str]]:
    """Return the artifacts of the runs' end steps, different ones first, and the letters of the runs without results,
    whose end step has not succeeded."""
    results = [_results(run.view) for run in runs]
    letters = [run.letter for run, each in zip(runs, results, strict=True) if each is not None]
    rows = []
    for name in sorted({name for each in results for name in each or {}}):
        refs = [(each or {}).get(name) for each in results]
        rows.append(ComparedArtifact(name, refs, _relation(refs, [run.letter for run in runs], letters)))
    order = {"different": 0, "only": 1, "equal": 2}
    rows.sort(key=lambda row: order.get(row.kind, 3))
    return rows, [run.letter for run in runs if run.letter not in letters]


def _results(view: RunView) -> Mapping[str, StoredArtifact] | None:
    """Return the artifacts of the end step's task by name, or None if the task has not succeeded or cannot be read."""
    try:
        end = next((node.id for node in view.records.flow.nodes if isinstance(node.next, End)), None)
        record = view.records.done(end, ROOT) if end is not None else None
    except FlowcError:
        return None
    if end is None or record is None:
        return None
    return {each.name: each for each in stored_artifacts(view.attempt(end, ROOT, record["attempt"]))}


def _relation(refs: Sequence[StoredArtifact | None], letters: Sequence[str], ended: Sequence[str]) -> str:
    """Return the relation of an artifact's digests; empty if fewer than two runs have results."""
    if len(ended) < 2:
        return ""
    having = [letter for letter, ref in zip(letters, refs, strict=True) if ref is not None]
    digests = {ref.digest for ref in refs if ref is not None}
    if len(having) == len(ended):
        return "equal" if len(digests) == 1 else "different"
    return f"only in {', '.join(having)}" + ("" if len(digests) == 1 else ", different")
