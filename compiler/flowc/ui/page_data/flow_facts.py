"""The data of a flow's page: its last runs, and where they failed."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

from flowc_ir.late.namedtuple import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from flowc.ui.page_data.run_rows import ListedRun, RunIndex

LAST: Final = 100
"""The number of runs that the page of a flow reads."""
OUTSIDE: Final = "outside of steps"
"""The place of a failure that no step caused, such as a killed run."""


class StepFailures(NamedTuple):
    """A step with failed runs: its name, their number, and the latest of them."""

    step: str
    runs: int
    latest: ListedRun


class FlowFacts(NamedTuple):
    """The data of a flow's page.

    Attributes:
        rows: the last runs, oldest first, at most LAST.
        total: the number of all runs of the flow.
        states: the number of these runs in each state.
        failures: the steps in which these runs failed, the most frequent one first.
        metrics: the names of the metrics of these runs.
        tags: the user tags of these runs, by flow and run id.
    """

    rows: Sequence[ListedRun]
    total: int
    states: Mapping[str, int]
    failures: Sequence[StepFailures]
    metrics: Sequence[str]
    tags: Mapping[tuple[str, str], set[str]]


def flow_facts(index: RunIndex, flow: str) -> FlowFacts | None:
    """Read the data of a flow's page, or return None if the flow has no runs. At most LAST runs are read."""
    listed = index.listed(flow)
    if not listed:
        return None
    rows = [index.row(run) for run in listed[-LAST:]]
    return FlowFacts(
        rows=rows,
        total=len(listed),
        states=Counter(row.state for row in rows),
        failures=_failures(rows),
        metrics=[*dict.fromkeys(name for row in rows for name in row.metrics)],
        tags=index.tags_of(rows),
    )


def _failures(rows: Sequence[ListedRun]) -> Sequence[StepFailures]:
    counts: dict[str, StepFailures] = {}
    for row in rows:
        if row.failed or row.state in ("failed", "killed"):
            step = row.failed.partition("/")[0] or OUTSIDE
            before = counts[step].runs if step in counts else 0
            counts[step] = StepFailures(step, before + 1, row)
    return sorted(counts.values(), key=lambda each: -each.runs)
