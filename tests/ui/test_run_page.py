"""The pages of a run, a step and a flow in a browser: graph, steps, timeline, facts; and a graph of 1,000 steps."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ui.many import large_flow, write_run
from ui.served import Served, click, serving

if TYPE_CHECKING:
    from project import Project
    from ui.conftest import Visit

STEPS = ("start", "each", "join", "risky", "end")


def test_each_step_of_the_graph_is_a_link(mixed: Served, runs: tuple[str, str], visit: Visit) -> None:
    page = visit(f"{mixed.url}run/MixFlow/{runs[1]}")
    links = page.ask(
        "[...document.querySelectorAll('.graph a')].map((a) => [a.getAttribute('aria-label'), a.href.baseVal])"
    )
    assert {label.split(",")[0].split()[1]: href for label, href in links} == {
        name: f"{runs[1]}/{name}" for name in STEPS
    }
    assert "step end, failed, 0/1 tasks done, 1 failed" in dict(links)
    assert [text.strip() for text in page.text(".graph .count")] == ["5/5"]
    click(page, ".graph a[aria-label^='step each'] .box")
    page.wait("document.readyState === 'complete' && document.querySelector('h1').innerText === 'each'")
    assert page.text("tbody a.row") == [f"each-0.{number}" for number in range(5)]
    assert page.text("tbody .number:nth-child(3)") == ["1", "2", "1", "1", "1"]
    click(page, "tbody tr:nth-child(2) a.row")
    page.wait("document.readyState === 'complete' && document.querySelector('h1').innerText === 'each-0.1'")
    assert page.problems() == []


def test_a_failed_task_comes_first(mixed: Served, runs: tuple[str, str], visit: Visit) -> None:
    page = visit(f"{mixed.url}run/MixFlow/{runs[1]}")
    assert page.text("h1 + .state") == ["failed"]
    assert page.text(".failure h2") == ["end-0 failed"]
    assert "end failed as asked" in page.text(".failure .message")[0]
    assert page.ask("""document.querySelector(".failure").compareDocumentPosition(document.querySelector(".graph")) &
        Node.DOCUMENT_POSITION_FOLLOWING""")
    click(page, ".failure summary")
    page.wait("document.querySelector('.failure details').open")
    assert "raise ValueError" in page.text(".failure pre")[0]


def test_steps_and_timeline(mixed: Served, runs: tuple[str, str], visit: Visit) -> None:
    page = visit(f"{mixed.url}run/MixFlow/{runs[0]}")
    rows = page.ask("""[...document.querySelectorAll("#live_steps tbody tr")].map(
        (row) => [...row.cells].map((cell) => cell.innerText.trim()).filter((text, at) => at !== 5))""")
    assert [row[:5] for row in rows] == [
        ["ok", "start", "1/1", "", ""], ["ok", "each", "5/5", "", "1"], ["ok", "join", "1/1", "", ""],
        ["caught", "risky", "1/1", "", ""], ["ok", "end", "1/1", "", ""],
    ]  # fmt: skip
    bars = page.ask(
        "[...document.querySelectorAll('.gantt a')].map((a) => [a.getAttribute('aria-label'), a.href.baseVal])"
    )
    assert [label.partition(":")[0] for label, _ in bars] == [
        "start-0", "each-0.0", "each-0.1", "each-0.1 #2", "each-0.2", "each-0.3", "each-0.4", "join-0", "risky-0", "end-0",
    ]  # fmt: skip
    assert bars[2][0].startswith("each-0.1: failed")
    assert bars[3][1].endswith("/each/0.1?attempt=2")
    assert "on the critical path" in bars[-1][0]
    assert page.ask("[...document.querySelectorAll('.gantt rect')].every((bar) => bar.width.baseVal.value > 0)")
    click(page, ".gantt a:nth-of-type(3) .bar")
    page.wait("document.readyState === 'complete' && document.querySelector('h1').innerText === 'each-0.1'")
    assert page.text(".tabs [aria-current]") == ["attempt 1 failed"]
    assert "the first attempt of item 1" in page.text(".failure .message")[0]
    assert page.problems() == []


def test_an_unknown_page_is_explained(mixed: Served, runs: tuple[str, str], visit: Visit) -> None:
    for path in ("run/MixFlow/none", f"run/MixFlow/{runs[0]}/none", "flow/None", "none/at/all/of/it"):
        page = visit(f"{mixed.url}{path}")
        assert page.text("h1") == ["Not found"]
        assert page.text(".problem")[0]
        assert page.ask("document.querySelector('main a').href") == mixed.url
        assert page.ask("getComputedStyle(document.querySelector('header')).display") == "flex"  # the style was found
        assert [text for text in page.problems() if "404" not in text] == []


def test_an_unreadable_record_is_shown(project: Project, visit: Visit) -> None:
    run = write_run(project.store, large_flow(2, 2), 2)
    (record,) = (project.root / ".flowc").rglob("run.json")
    record.write_text("{ broken")
    with serving(project) as served:
        page = visit(served.url)
        assert page.text("tr[data-key] .state") == ["unreadable"]
        page = visit(f"{served.url}run/{run.flow}/{run.id}")
        assert page.text("h1 + .state") == ["unreadable"]
        assert page.text(".problem")[0]
        assert page.problems() == []


def test_a_graph_of_a_thousand_steps_has_few_elements(project: Project, visit: Visit) -> None:
    flow = large_flow(90, 10)
    assert len(flow.nodes) == 991
    run = write_run(project.store, flow, 500)
    with serving(project) as served:
        page = visit(f"{served.url}run/{run.flow}/{run.id}")
        assert page.ask("document.querySelectorAll('.graph a').length") == 991
        assert page.ask("document.querySelectorAll('.graph .ok').length") == 500
        # what the browser has to lay out and to show: the times of a test would depend on the machine
        assert page.ask("document.querySelectorAll('.graph *').length") < 11 * 991
        page.ask("document.querySelector('#palette-button').click()")
        assert page.ask("document.querySelectorAll('#palette li').length") <= 42
        assert page.problems() == []
