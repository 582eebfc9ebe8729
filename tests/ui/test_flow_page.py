"""The page of a flow: the trend of its runs, its failures by step, and its metrics."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

import pytest

from flowc.ui.drawing.trend import TrendRun, durations, metric_line
from flowc.ui.page_data.flow_facts import LAST, OUTSIDE, flow_facts
from flowc.ui.page_data.run_rows import PAGE, RunIndex
from flowc_runtime.store.backends.local import LocalObjects
from project import Project, run_record
from ui.measured_flow import measured, plain, rows_of
from ui.served import serving

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ui.served import Served


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with measured(tmp_path_factory.mktemp("trend")) as served:
        yield served


def store_run(project: Project, number: int, state: str | None = "succeeded", **status: object) -> None:
    """Store the records of a run that began at second `number`; without a state the run has not ended."""
    run = project.store.run("Stored", f"20261101-{number // 3600:02}{number // 60 % 60:02}{number % 60:02}-aaaaaa")
    began = 1_790_000_000.0 + number
    # the ended process has a number that no process has
    process = {"host": "elsewhere", "pid": 1, "start": 0}
    assert run.create(run_record(run, created=began, process=process), "{}")
    if state is not None:
        run.set_status({"version": 1, "state": state, "changed": began + 5, **status})  # type: ignore[typeddict-item]


def page_of(project: Project, flow: str = "Stored") -> str:
    """Return the page of a flow."""
    with serving(project) as served:
        answer = served.get(f"flow/{flow}")
    assert answer.status == 200, answer.body.decode()
    return answer.body.decode()


def columns(html: str) -> list[tuple[str, str, str]]:
    """Return the link, the title and the classes of each column of the durations."""
    picture = html.partition(">Durations</h2>")[2].partition("</svg>")[0]
    found = re.findall(r'<a href="([^"]*)"><title>(.*?)</title>.*?class="column ([^"]*)"/></a>', picture)
    return [(href, title, kinds) for href, title, kinds in found]


def test_durations_have_the_states_and_links_of_the_runs(served: Served) -> None:
    ids = served.project.store.runs("Measured")
    found = columns(served.get("flow/Measured").body.decode())
    assert [kinds for _, _, kinds in found] == ["succeeded", "succeeded", "succeeded", "failed"]
    assert [href for href, _, _ in found] == [f"../run/Measured/{run}" for run in ids]
    assert re.fullmatch(rf"{ids[3]} \(\d{{4}}-.*\): failed, (\d+ ms|[\d.]+ s)", found[3][1])
    assert served.get(found[0][0].removeprefix("../")).status == 200


def test_failures_are_counted_by_step_with_the_latest_run(served: Served) -> None:
    rows = rows_of(served.get("flow/Measured").body.decode(), "Failures by step")
    latest = served.project.store.runs("Measured")[3]
    assert rows == {"each": ["1", "", f"{latest} ValueError: item 3 <i>fails</i> as asked"]}


def test_each_metric_is_a_line_over_runs(served: Served) -> None:
    html = served.get("flow/Measured").body.decode()
    figures = dict(re.findall(r"<figcaption>(.*?)</figcaption>(.*?)</figure>", html, re.DOTALL))
    assert [*figures] == ["loss", "accuracy", "odd"]
    assert figures["loss"].count("<circle") == 4
    assert figures["accuracy"].count("<circle") == 3
    assert 'class="point failed"' in figures["loss"]
    assert 'class="point failed"' not in figures["accuracy"]
    assert figures["odd"].count('class="point succeeded unknown"') == 3
    assert "<path" not in figures["odd"]


def test_a_flow_with_one_run(project: Project) -> None:
    store_run(project, 1, metrics={"loss": 0.5})
    html = page_of(project)
    ((_, title, kinds),) = columns(html)
    assert kinds == "succeeded"
    assert title.endswith("succeeded, 5 s")
    assert "<circle" in html
    assert "1 run<" in html
    assert plain(html.partition(">Failures by step</h2>")[2].partition("<h2>")[0]) == "none"


def test_a_flow_without_an_ended_run(project: Project) -> None:
    for number in (1, 2):
        store_run(project, number, None)
    html = page_of(project)
    assert len(columns(html)) == 2
    assert "2 runs" in html
    assert ">Metrics</h2>" not in html
    assert "nan" not in html.partition(">Durations</h2>")[2].partition("</svg>")[0]


def test_a_failure_outside_of_steps_has_its_own_row(project: Project) -> None:
    store_run(project, 1, "failed", message="no package")
    store_run(project, 2, "failed", failed="train/0", message="x")
    store_run(project, 3, "failed", failed="train/0.7", message="y")
    rows = rows_of(page_of(project), "Failures by step")
    assert [(name, cells[0]) for name, cells in rows.items()] == [("train", "2"), (OUTSIDE, "1")]
    assert rows["train"][2].endswith("000003-aaaaaa y")


def test_only_the_last_runs_of_many_are_read(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """10,000 runs: the directory has their names, and only the records of the last 100 are read."""
    project.store.run("Stored", "x")
    for number in range(9_900):
        (project.root / ".flowc" / "flows" / "Stored" / "runs" / f"20261031-{number:06}-aaaaaa").mkdir(parents=True)
    for number in range(LAST):
        store_run(project, number)
    read: list[str] = []
    get = LocalObjects.get
    monkeypatch.setattr(LocalObjects, "get", lambda self, key: read.append(key) or get(self, key))
    facts = flow_facts(RunIndex(project.store), "Stored")
    assert facts is not None
    assert (facts.total, len(facts.rows)) == (10_000, LAST)
    runs = {key.split("/")[3] for key in read}
    assert len(runs) == LAST
    assert all(run.startswith("20261101") for run in runs)
    html = page_of(project)
    assert len(columns(html)) == LAST
    assert "10,000 runs" in html
    assert html.count('type="checkbox"') == PAGE
    assert f'flow=Stored&amp;start={PAGE}">Older runs' in html


def test_a_flow_that_does_not_exist(served: Served) -> None:
    answer = served.get("flow/Nothing")
    assert answer.status == 404
    assert "there is no flow Nothing" in answer.body.decode()


# -- pictures


def test_pictures_of_no_values_and_of_extreme_ones() -> None:
    runs = [TrendRun("one", "beginning", "one", None), TrendRun("two", "failed", "two", 0.0)]
    svg = durations(runs, "label")
    assert "column beginning unknown" in svg
    assert "column failed" in svg
    huge = [TrendRun("a", "succeeded", "a", -1.7e308), TrendRun("b", "succeeded", "b", 1.7e308)]
    heights = [float(y) for y in re.findall(r'cy="([\d.]+)"', metric_line(huge, "label"))]
    assert heights == [120, 10]
    gaps = metric_line([runs[0], TrendRun("c", "succeeded", "c", math.inf), *huge], "label")
    assert len(re.findall("<circle", gaps)) == 3
    assert "inf" not in re.sub('<title>.*?</title>|aria-label="[^"]*"', "", gaps)


def test_names_of_runs_are_escaped() -> None:
    svg = durations([TrendRun('"><script>', "succeeded", 'javascript"', 1.0)], "label")
    assert "<script>" not in svg
    assert 'href="javascript&#34;"' in svg
