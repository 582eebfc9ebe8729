"""Names, logs, values and cards that try to do harm: the pages show them as text."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import pytest

from flowc_ir.model import Code, End, Flow, Goto, Method, Node, Span
from flowc_ir.schema import dumps
from project import Project, done_record, run_record
from ui.flows import HOSTILE
from ui.served import Served, press, serving, type_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tools.chromium import Page
    from ui.conftest import Visit

BAD = "<script>document.title = 'taken over'</script>"
NAMES = (
    BAD,
    "<img src=x onerror=\"document.title='taken over'\">",
    "../../etc/passwd",
    "a?b=c#d&e",
    "100% %2F %00",
    "javascript:alert(1)",
    "{{ 7 * 7 }} {% raw %}",
    "\u202egnp.exe \u0000 \x1b[31m",
    "'\"><svg onload=alert(1)>",
    "x" * 200,
)


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Served, str]]:
    """Return a served store with a run of `HostileFlow`, and the path of the run's page."""
    with contextlib.closing(Project(tmp_path_factory.mktemp("hostile"))) as project:
        project.write("hostile.py", HOSTILE)
        assert project.flowc("run", "--local", "hostile.py", "--tag", BAD).code == 1
        run = project.latest()
        with serving(project) as served:
            yield served, f"run/HostileFlow/{run.id}"


def harmless(page: Page) -> None:
    """Check that no foreign code has run, and that the page has no element that only foreign HTML would make."""
    assert page.ask("document.title") != "taken over"
    assert (
        page.ask("document.querySelectorAll('main script, main img[src=x], svg[onload], [onerror], [onload]').length")
        == 0
    )
    assert page.ask("document.querySelectorAll('a[href^=\"javascript:\"]').length") == 0
    assert page.problems() == []


def test_texts_of_a_run_are_shown_as_texts(hostile: tuple[Served, str], visit: Visit) -> None:
    served, run = hostile
    page = visit(served.url)
    assert BAD in page.text(".tag")
    assert any("<script>document" in text for text in page.text(".value"))
    assert BAD in page.text(".why")[0]
    harmless(page)
    page = visit(f"{served.url}{run}")
    assert BAD in page.text(".failure .message")[0]
    assert BAD in page.ask("document.querySelector('.graph a title').textContent")
    harmless(page)
    page = visit(f"{served.url}{run}/start/0")
    assert "<script>document.title" in page.text("#live_artifacts")[0]
    harmless(page)
    page = visit(f"{served.url}flow/HostileFlow")
    harmless(page)


def test_a_log_with_garbage(hostile: tuple[Served, str], visit: Visit) -> None:
    served, run = hostile
    page = visit(f"{served.url}{run}/start/0")
    lines = page.text("#log .line > span")
    assert lines[0].startswith(BAD)
    assert lines[1] == "../../../etc/passwd"
    assert "link" in lines[2]
    assert "end of garbage" in lines[2]
    assert "\x1b" not in lines[2]
    assert "\x00" not in lines[2]
    assert lines[3] == "\ufffd\ufffd broken bytes"
    assert lines[4].endswith("more characters")
    assert len(lines[4]) < 2_100
    assert lines[5] == "the last line"
    harmless(page)
    press(page, "/")
    type_text(page, "<img")
    page.wait("document.querySelector('#log-count').innerText === '1 line found'")
    harmless(page)


def test_a_line_of_ten_megabytes_is_sent_in_part(hostile: tuple[Served, str]) -> None:
    served, run = hostile
    assert len(served.get(f"{run}/start/0").body) < 50_000
    assert len(served.get(f"{run}/start/0/1/log?start=0").body) < 50_000
    assert len(served.get(f"{run}/start/0/1/log.txt").body) > 10_000_000


def test_a_card_reaches_nothing(hostile: tuple[Served, str], visit: Visit) -> None:
    """The card's script runs in its frame, where it reaches neither the page nor the server nor the browser's storage."""
    served, run = hostile
    page = visit(f"{served.url}{run}/start/0")
    page.ask("document.querySelector('.card iframe').scrollIntoView()")
    frame = page._browser.frame("/card/")
    frame.wait("document.querySelectorAll('.told').length === 5")
    assert sorted(frame.text(".told")) == [
        "cookie: refused", "document: refused", "fetch: refused", "location: refused", "storage: refused",
    ]  # fmt: skip
    assert page.ask("location.href") == f"{served.url}{run}/start/0"
    assert page.ask("document.title").startswith("start-0")
    assert page.ask("localStorage.getItem('flowc-theme')") is None
    # opened by itself, the card has no more rights
    source = page.ask("document.querySelector('.card iframe').src")
    alone = visit(source)
    alone.wait("document.querySelectorAll('.told').length === 5")
    assert "storage: refused" in alone.text(".told")
    assert "fetch: refused" in alone.text(".told")
    assert "sandbox" in served.get(source.removeprefix(served.url)).headers["content-security-policy"]
    assert "allow-same-origin" not in served.get(source.removeprefix(served.url)).headers["content-security-policy"]


@pytest.fixture(scope="module")
def named(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Return a served store with a run of a flow of each name in NAMES; the flow's second step has the same name."""
    where = Span("f.py", 1, 1)
    with contextlib.closing(Project(tmp_path_factory.mktemp("named"))) as project:
        for number, name in enumerate(NAMES):
            nodes = (
                Node(id="start", where=where, run=Method(name="start"), next=Goto(target=name), doc=BAD),
                Node(id=name, where=where, run=Method(name="x"), next=End()),
            )
            code = Code(file="f.py", name="F", digest="sha256:0")
            flow = Flow(name=name, code=code, where=where, start="start", nodes=nodes, doc=BAD)
            run = project.store.run(name, f"20261130-120000-{number:03d}abc")
            assert run.create(run_record(run, created=1_000.0, user=name, parameters={name: name}), dumps(flow))
            for step in ("start", name):
                assert run.begin(step, "0", 1, {"version": 1, "began": 1_000.0, "process": {}})  # type: ignore[arg-type]
                run.finish(done_record(run, step, began=1_000.0, ended=1_001.0))
            run.set_status({"state": "succeeded", "changed": 1_002.0, "ended": 1_002.0})
        with serving(project) as served:
            yield served


def follow(page: Page, selector: str, arrived: str) -> None:
    """Follow a link, and wait until the next page has the element `arrived`."""
    page.ask(f"""document.querySelector({selector!r}).dispatchEvent(
        new MouseEvent("click", {{ bubbles: true, cancelable: true, view: window }}))""")
    page.wait(f"document.readyState === 'complete' && document.querySelector({arrived!r})", 20)
    harmless(page)


@pytest.mark.parametrize("number", range(len(NAMES)))
def test_hostile_names_lead_to_their_pages(named: Served, visit: Visit, number: int) -> None:
    """Each link leads to the page of its name; the page of the flow is updated by its name."""
    page = visit(named.url)
    assert len(page.text("tr[data-key]")) == len(NAMES)
    harmless(page)
    follow(page, f"a.row[href$='{number:03d}abc']", ".graph")
    assert page.ask("document.querySelectorAll('#live_steps tbody tr').length") == 2
    follow(page, "#live_steps tbody tr:nth-child(2) a.row", "#live_tasks")
    follow(page, "#live_tasks tbody a.row", "#log")
    assert page.text("h1 + .state") == ["ok"]
    follow(page, ".crumbs a", "#live_trend")
    assert page.ask("document.querySelector('h1').textContent") == NAMES[number].replace("\0", "")  # HTML has no NUL
    page.ask("""document.querySelector("#live_trend").addEventListener("changed", () => { window.changed = true; })""")
    page.wait("window.changed || document.querySelector('#link').textContent === 'live'", 20)
    harmless(page)
