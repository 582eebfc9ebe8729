"""The page that shows runs side by side, and the ways to it."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING
from urllib.parse import urlencode

import pytest

from flowc.ui.drawing.comparing import MOST_POINTS, BarGroup, bars, lines, thinned
from flowc.ui.page_data.code_changes import MOST_LINES
from ui.measured_flow import MEASURED, fail, measured, plain, rows_of
from ui.served import serving

if TYPE_CHECKING:
    from collections.abc import Iterator

    from project import Project
    from ui.served import Served


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with measured(tmp_path_factory.mktemp("compared")) as served:
        yield served


@pytest.fixture
def ids(served: Served) -> list[str]:
    """Return the ids of the runs, oldest first."""
    return served.project.store.runs("Measured")


def compared(served: Served, *runs: str) -> str:
    """Return the page that compares runs of `Measured`."""
    answer = served.get(f"compare?{urlencode([('run', f'Measured/{run}') for run in runs])}")
    assert answer.status == 200, answer.body.decode()
    return answer.body.decode()


def section(html: str, heading: str) -> str:
    """Return the HTML of a section."""
    return html.partition(f">{heading}</h2>")[2].partition("</section>")[0]


def test_parameters_that_differ_come_first_and_are_marked(served: Served, ids: list[str]) -> None:
    rows = rows_of(compared(served, *ids[:2]), "Parameters")
    assert rows == {
        "rate differs": ["0.5", "0.25"],
        "note differs": ["plain", "special"],
        "fail": ["false", "false"],
    }

    rows = rows_of(compared(served, ids[2], ids[3]), "Parameters")
    assert [*rows] == ["fail differs", "rate", "note"]


def test_reused_tasks_have_no_duration(project: Project) -> None:
    project.write("measured.py", MEASURED)
    fail(project)
    assert project.flowc("retry", "Measured/latest", "--fail", "False").code == 0
    with serving(project) as served:
        durations = section(compared(served, *project.store.runs("Measured")), "Durations by step")
    assert "none · reused" in durations
    assert durations.count("<rect") == 2 + 3


def test_facts_of_the_runs_stand_side_by_side(served: Served, ids: list[str]) -> None:
    rows = rows_of(compared(served, ids[0], ids[1], ids[3]), "Runs")
    assert [text.split()[0] for text in rows["status"]] == ["succeeded", "succeeded", "failed"]
    assert "item 3 <i>fails</i> as asked" in rows["status"][2]
    assert rows["by"] == ["ann", "ann", "ann"]
    tags = rows["tags differs"]
    assert "second" in tags[1]
    assert "second" not in tags[0]
    code = rows["code differs"]
    assert code[0] == code[1] != code[2]


def test_metrics_are_a_table_with_bars_and_lines(served: Served, ids: list[str]) -> None:
    html = compared(served, *ids[:2])
    rows = rows_of(html, "Metrics")
    assert rows["accuracy differs"] == ["0.5", "0.75"]
    assert rows["loss differs"] == ["0.125", "0.0625"]
    assert rows["odd"] == ["nan", "nan"]
    figures = dict(re.findall(r"<figcaption>(.*?)</figcaption>(.*?)</figure>", html, re.DOTALL))
    assert figures["accuracy"].count("<rect") == 2
    assert 'class="plot lines"' not in figures["accuracy"]
    assert figures["loss"].count("<rect") == 2
    assert figures["loss"].count("<circle") == 8
    assert "A: 0.25 at 1" in figures["loss"]
    assert "B: 0.125 at 1" in figures["loss"]
    assert "<rect" not in figures["odd"]


def test_steps_have_a_bar_for_each_run(served: Served, ids: list[str]) -> None:
    durations = section(compared(served, ids[0], ids[3]), "Durations by step")
    assert re.findall(r'class="label">(\w+)<', durations) == ["start", "each", "join", "end"]
    assert durations.count('class="run-1"') == 4
    assert durations.count('class="run-2"') == 2
    assert "3 tasks, failed" in durations
    assert durations.count(">none<") == 2


def test_artifacts_are_compared_by_digest(served: Served, ids: list[str]) -> None:
    rows = rows_of(compared(served, *ids[:2]), "Artifacts of the end step")
    names = {name.split()[0]: name.partition(" ")[2] for name in rows}
    assert names["result"] == "different"
    assert names["same"] == "equal"
    assert names["extra"] == "only in B"
    assert rows["extra only in B"][0] == "none"
    assert [*names].index("result") < [*names].index("extra") < [*names].index("same")
    assert "rate 0.5" in rows["result different"][0]


def test_a_run_without_results_is_named(served: Served, ids: list[str]) -> None:
    part = section(compared(served, ids[0], ids[1], ids[3]), "Artifacts of the end step")
    assert "The end step has not succeeded in C." in part
    assert "only in B" in part
    part = section(compared(served, ids[0], ids[3]), "Artifacts of the end step")
    assert "only in" not in part
    assert 'class="flag"' not in part
    assert ">result" in part


def test_the_code_of_two_runs_is_compared(served: Served, ids: list[str]) -> None:
    part = section(compared(served, ids[0], ids[2]), "Code")
    texts = {kind: plain(text) for kind, text in re.findall(r'<span class="(\w+)">(.*?)</span>', part)}
    assert texts["removed"] == '- current.metric("accuracy", 1 - self.rate)'
    assert texts["added"] == '+ current.metric("accuracy", 2 - self.rate)'
    assert texts["file"] == f"+++ Measured/{ids[2]}/measured.py"
    assert "The code of both runs is equal." in section(compared(served, *ids[:2]), "Code")
    assert ">Code</h2>" not in compared(served, *ids[:3])
    printed = served.project.flowc("show", f"Measured/{ids[0]}", "--diff", ids[2]).out
    shown = re.findall(r"<span class=\"\w*\">(.*?)</span>", part)
    assert len(shown) == len(printed.splitlines()) < MOST_LINES


def test_runs_of_a_comparison_can_be_removed(served: Served, ids: list[str]) -> None:
    html = compared(served, *ids[:3])
    links = re.findall(r'class="remove" href="([^"]*)"', html)
    assert len(links) == 3
    page = served.get("compare" + links[0].replace("&amp;", "&")).body.decode()
    assert ids[0] not in section(page, "Runs")
    assert "Compare 2 runs" in page
    assert 'class="remove"' not in page


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("", "0 runs are chosen: check two to 8 runs"),
        ("run=Measured/1", "1 run is chosen"),
        ("run=Measured/1&run=Measured/1", "1 run is chosen"),
        ("&".join(f"run=Measured/{number}" for number in range(9)), "9 runs are chosen"),
        ("run=Measured&run=Measured/1", "run=Measured is not a run"),
        ("run=Measured/1/start&run=Measured/1", "run=Measured/1/start is not a run"),
        ("run=<b>&run=a/b", "run=&lt;b&gt; is not a run"),
    ],
)
def test_a_wrong_address_says_what_to_do(served: Served, query: str, message: str) -> None:
    answer = served.get(f"compare?{query}".replace("<", "%3C").replace(">", "%3E"))
    assert answer.status == 400
    assert message in answer.body.decode()


def test_a_run_that_does_not_exist_is_named(served: Served, ids: list[str]) -> None:
    answer = served.get(f"compare?run=Measured/{ids[0]}&run=Measured/nothing")
    assert answer.status == 404
    assert "there is no run Measured/nothing" in answer.body.decode()


@pytest.mark.parametrize("path", ["", "flow/Measured"])
def test_checkboxes_of_a_list_lead_to_the_comparison(served: Served, ids: list[str], path: str) -> None:
    """The form sends its fields by GET, so a browser without scripts can send it."""
    html = served.get(path).body.decode()
    form = next(form for form in re.findall(r"<form.*?</form>", html, re.DOTALL) if 'type="checkbox"' in form)
    assert re.match(rf'<form method="get" action="{"../" if path else "./"}compare"', form)
    assert '<button type="submit">' in form
    values = re.findall(r'<input type="checkbox" name="run" value="([^"]*)"', form)
    assert sorted(values) == [f"Measured/{run}" for run in ids]
    assert "Compare 4 runs" in served.get(f"compare?{urlencode([('run', value) for value in values])}").body.decode()


def test_a_run_leads_to_the_comparison_with_the_run_before(served: Served, ids: list[str]) -> None:
    def link(run: str) -> list[str]:
        html = served.get(f"run/Measured/{run}").body.decode()
        return re.findall(r'href="\.\./\.\./([^"]*)">compare with the run before<', html)

    assert link(ids[0]) == []
    (address,) = link(ids[2])
    html = served.get(address.replace("&amp;", "&")).body.decode()
    columns = re.findall(r'<a href="\./run/Measured/([^"]*)">', html)
    assert columns == [ids[1], ids[2]]


def test_a_run_that_cannot_be_read_is_shown_as_such(project: Project) -> None:
    project.write("measured.py", MEASURED)
    first, second = project.run("measured.py"), project.run("measured.py")
    (project.root / ".flowc" / second.prefix / "run.json").write_text("{")
    with serving(project) as served:
        html = compared(served, first.id, second.id)
        rows = rows_of(html, "Runs")
        assert rows["status"][0] == "succeeded"
        assert rows["status"][1].startswith("unreadable")
        assert rows["by differs"][1] == "none"
        assert f"The code of Measured/{second.id} cannot be read" in section(html, "Code")
        (project.root / ".flowc" / second.prefix / "ir.json").write_text("{")
        assert "The end step has not succeeded in B." in compared(served, first.id, second.id)
    assert project.flowc("ui", "--export", f"Measured/{second.id}", "out.html").code == 0
    file = (project.root / "out.html").read_text("utf-8")
    assert "unreadable" in file
    assert 'id="task-each-0.1"' in file


# -- pictures


def test_bars_of_negative_missing_and_infinite_values() -> None:
    svg = bars([BarGroup("x", [-2.0, None, math.inf, 2.0])], "ABCD", "label", str)
    boxes = re.findall(r'<rect x="([\d.]+)" y="[\d.]+" width="([\d.]+)"', svg)
    (left, width), (middle, other) = [(float(x), float(w)) for x, w in boxes]
    assert left + width == middle
    assert width == other
    assert ">none<" in svg
    assert ">inf<" in svg
    huge = bars([BarGroup("", [-1.7e308, 1.7e308])], "AB", "label", str)
    assert "nan" not in huge
    assert 'width="inf"' not in huge


def test_a_value_that_is_not_finite_interrupts_a_line() -> None:
    svg = lines([[(0, 1.0), (1, 2.0), (2, math.nan), (3, 3.0), (4, 1.0)], []], "AB", "label")
    (path,) = re.findall(r'<path d="([^"]*)"', svg)
    assert path.count("M") == 2
    assert "nan" not in path
    assert "no finite values" in lines([[(0, math.nan)]], "A", "label")
    assert "nan" not in lines([[(0, -1.7e308), (1, 1.7e308)]], "A", "label")


def test_a_long_line_keeps_its_extremes_and_gaps() -> None:
    points = [(float(step), math.nan if step == 50 else float(step == 77_777)) for step in range(100_000)]
    kept = thinned(points)
    assert len(kept) <= MOST_POINTS
    assert (77_777.0, 1.0) in kept
    assert any(math.isnan(value) for _, value in kept)
    assert [step for step, _ in kept] == sorted(step for step, _ in kept)
