"""`flowc ui --export`: one file that shows a run without a server."""

from __future__ import annotations

import contextlib
import os
import re
from html import unescape
from typing import TYPE_CHECKING

import pytest

from flowc.ui import exporting
from flowc.ui.page_data import exported_tasks
from flowc.ui.static_html import policy, without_server
from flowc_runtime.run.views.run_view import RunView
from project import Project, passing, wait_until
from tools.chromium import Browser
from ui.measured_flow import MEASURED, fail, plain

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MANY = """
    import sys
    from metaflow import FlowSpec, step

    class Many(FlowSpec):
        @step
        def start(self):
            for number in range(250):
                print(f"line {number}")
            print("</style><script>alert(1)</script>", file=sys.stderr)
            self.items = [*range(205)]
            self.next(self.each, foreach="items")

        @step
        def each(self):
            if self.input == 203:
                raise ValueError("the last item but one")
            self.next(self.join)

        @step
        def join(self, inputs):
            self.next(self.end)

        @step
        def end(self):
            pass

    if __name__ == "__main__":
        Many()
    """


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """Return a directory with two runs of `Measured`: the first succeeded, and the second failed."""
    with contextlib.closing(Project(tmp_path_factory.mktemp("exported"))) as project:
        project.write("measured.py", MEASURED)
        project.run("measured.py")
        fail(project)
        yield project


def exported(project: Project, run: str) -> str:
    """Return the file of a run."""
    done = project.flowc("ui", "--export", run, "out.html")
    assert done.code == 0, done.err
    assert done.err == f"out.html: {(project.root / 'out.html').stat().st_size:,} bytes; open it in a browser\n"
    return (project.root / "out.html").read_text("utf-8")


def task_parts(html: str) -> dict[str, str]:
    """Return the HTML of each task of a file, by its id."""
    parts = html.split('<div class="inside" id="task-')[1:]
    return {unescape(part.partition('"')[0]): part for part in parts}


def test_a_file_has_the_page_of_the_run_and_every_task(place: Project) -> None:
    html = exported(place, "Measured/latest")
    for heading in ("Graph", "Steps", "Timeline", "Details", "Tasks"):
        assert f">{heading}</h2>" in html
    tasks = task_parts(html)
    assert [*tasks] == ["each-0.2", "each-0.0", "each-0.1", "start-0"]
    assert "item 3 &lt;i&gt;fails&lt;/i&gt; as asked" in tasks["each-0.2"]
    assert '<span class="a-f1">item 1</span> &lt;b&gt;bold&lt;/b&gt;' in tasks["each-0.0"]
    assert html.index('id="step-each"') < html.index('id="step-start"')
    opened = re.findall(r'<details class="task" open>.*?id="task-([^"]*)"', html, re.DOTALL)
    assert opened == ["each-0.2"]
    first = place.store.runs("Measured")[0]
    html = exported(place, f"Measured/{first}")
    assert "rate 0.5" in task_parts(html)["end-0"]
    assert "compare with" not in html
    assert " ago<" not in html
    assert re.search(r"<time [^>]*>\d{4}-\d\d-\d\d ", html)


def test_nothing_leaves_the_file(place: Project) -> None:
    html = exported(place, "Measured/latest")
    outside = re.sub(r'srcdoc="[^"]*"', "", html)
    ids = {unescape(name) for name in re.findall(r'\bid="([^"]*)"', outside)}
    links = [unescape(link) for link in re.findall(r'\bhref="([^"]*)"', outside)]
    assert {link for link in links if not link.startswith(("#", "data:"))} == set()
    assert {link[1:] for link in links if link.startswith("#")} <= ids
    assert "#task-each-0.2" in links
    assert "#step-start" in links
    assert not re.search(r"<(script|button|form|input|link[^>]*stylesheet)|\bsrc=|@import|url\((?!#)", outside)
    assert html.count("<iframe") == 1


def test_the_policy_allows_the_file_s_own_style_only(project: Project) -> None:
    project.write("flow.py", MANY.replace("205", "2"))
    project.run("flow.py")
    html = exported(project, "Many/latest")
    (rule,) = re.findall(r'http-equiv="Content-Security-Policy" content="([^"]*)"', html)
    assert re.search(r"default-src 'none'; style-src 'sha256-[\w+/]{43}='; ", unescape(rule))
    assert "script-src" not in rule
    assert "unsafe" not in rule


def test_failed_tasks_come_first_and_logs_have_their_last_lines(project: Project) -> None:
    project.write("flow.py", MANY)
    assert project.flowc("run", "--local", "flow.py").code == 1
    html = exported(project, "Many/latest")
    tasks = task_parts(html)
    assert len(tasks) == exported_tasks.MOST_TASKS == 200
    assert next(iter(tasks)) == "each-0.203"
    run = project.latest()
    left = sum(len(run.paths(step)) for step in run.steps()) - 200
    assert f"{left} further tasks of this run are not in this file" in plain(html)
    assert 'href="#task-each-0.203"' in html
    log = plain(tasks["start-0"])
    assert "Log: the last 200 of 251 lines" in log
    assert " line 50 " not in log
    assert " line 51 " in log
    assert "&lt;/style&gt;&lt;script&gt;alert(1)&lt;/script&gt;" in html


def test_a_task_that_a_limit_leaves_out_has_no_link(place: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exported_tasks, "MOST_TASKS", 1)
    html = exporting.export_run(RunView.of(place.latest()))
    assert [*task_parts(html)] == ["each-0.2"]
    assert "3 further tasks" in html
    assert 'href="#task-start-0"' not in html
    assert '<a aria-label="start-0: ok' in html


def test_a_log_of_long_lines_is_cut(place: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exported_tasks, "MOST_CHARACTERS", 5)
    view = RunView.of(place.latest())
    page = exported_tasks.log_end(view, view.attempt("each", "0.0", 1))
    assert (len(page.lines), page.total) == (1, 1)


def test_cards_beyond_the_limit_are_left_out(place: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exported_tasks, "MOST_CARDS", 100)
    html = exporting.export_run(RunView.of(place.latest()))
    assert "<iframe" not in html
    assert f"flowc card view {place.latest().flow}/{place.latest().id}/start/start-0" in html
    assert "script-src" not in html


def test_a_file_of_an_active_run_says_so(project: Project) -> None:
    text = MANY.replace("import sys", "import fcntl, sys").replace(
        "for number in range(250):", f"{passing()}\n            for number in range(2):"
    )
    project.write("flow.py", text.replace("205", "2"))
    gate = project.gate()
    running = project.start("-m", "flowc", "run", "--local", "flow.py")

    def begun() -> bool:
        return any(project.store.run("Many", run).attempts("start") for run in project.store.run_ids("Many"))

    wait_until(begun, "the step start has not begun")
    html = exported(project, "Many/latest")
    assert "while it was running" in html
    assert [*task_parts(html)] == ["start-0"]
    gate.open()
    running.communicate(timeout=60)
    assert "while it was running" not in exported(project, "Many/latest")


# -- the file


def test_stdout_gets_the_same_bytes(place: Project) -> None:
    def without_times(html: str) -> str:
        return re.sub(r"exported at [\d: -]+", "", html)

    printed = place.flowc("ui", "--export", "Measured/latest", "-")
    assert (printed.code, printed.err) == (0, "")
    assert without_times(printed.out) == without_times(exported(place, "Measured/latest"))


def test_an_existing_file_is_replaced(place: Project) -> None:
    file = place.write("old.html", "old")
    link = place.root / "link.html"
    link.symlink_to(file)
    os.chmod(file, 0o640)
    with file.open() as before:
        done = place.flowc("ui", "--export", "Measured/latest", "link.html")
        assert done.code == 0
        assert before.read() == "old"
    assert file.read_text("utf-8").startswith("<!doctype html>")
    assert link.is_symlink()
    assert file.stat().st_mode & 0o777 == 0o640


def test_a_failure_keeps_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "out.html").write_bytes(b"old")

    def full(*_: str) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(OSError, match="No space"):
        exporting.write_file(str(tmp_path / "out.html"), b"new")
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("out.html", b"old")]


@pytest.mark.parametrize(
    "run", ["Measured/nothing", "Other/1", "Measured", "Measured/", "a/b/c/d/e", "Measured/latest/start/nothing"]
)
def test_a_wrong_name_has_the_error_of_other_commands(place: Project, run: str) -> None:
    done, same = place.flowc("ui", "--export", run, "new.html"), place.flowc("show", run)
    lines = [[line for line in each.err.splitlines() if not line.startswith(("Usage", "Try"))] for each in (done, same)]
    assert lines[0] == lines[1] != []
    assert done.code == same.code != 0
    assert not (place.root / "new.html").exists()


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("Measured/latest", "none/out.html"), 1, "cannot write none/out.html: No such file or directory"),
        (("Measured/latest", "."), 1, "cannot write .: Is a directory"),
        (
            ("Measured/latest/start", "new.html"),
            2,
            "--export writes a whole run: give FLOW/RUN, not 'Measured/latest/start'",
        ),
        (("Measured/latest", "new.html", "--port", "0"), 2, "starts no server: leave out --port"),
        (("Measured/latest", "new.html", "--no-open"), 2, "starts no server: leave out --no-open"),
    ],
)
def test_a_wrong_call_says_what_to_do(place: Project, arguments: tuple[str, ...], code: int, message: str) -> None:
    done = place.flowc("ui", "--export", *arguments)
    assert done.code == code
    assert message in done.err
    assert not (place.root / "new.html").exists()


# -- HTML without a server


def test_what_needs_a_server_is_removed() -> None:
    html = (
        '<a href="1/s">x</a> <a href="1/t?q" class="y">t</a> <form action="x"><b>in</b></form><button>b</button>'
        '<img src="/x.png"><img src="data:,"><script>1</script><svg><a href="1/s/0?attempt=2"/><path d="M0"/></svg>&amp;&#39;<input>'
        '<p title="&quot;&lt;">p</p><linearGradient viewBox="0"/>'
    )
    assert without_server(html, {"1/s": "#step-s", "1/s/0": "#task-s-0"}) == (
        '<a href="#step-s">x</a> <a class="y">t</a> <img src="data:,"><svg><a href="#task-s-0"/><path d="M0"/></svg>&amp;&#39;'
        '<p title="&quot;&lt;">p</p><linearGradient viewBox="0"/>'
    )


def test_the_policy_has_the_digests_of_the_scripts_of_cards() -> None:
    one, two = "<script>let a = '<b>';\r\nb</script>", "<script>c</script><meta content=\"script-src 'unsafe-eval'\">"
    rule = policy("", [one])
    assert len(re.findall(r"script-src 'sha256-[^']*'$", rule)) == 1
    assert rule == policy("", [one.replace("\r\n", "\n")])
    assert "'unsafe-eval'" not in rule
    rule = policy("", [one, two, two])
    assert len(re.findall(r"'sha256-", rule)) == 2
    assert rule.endswith(" 'unsafe-eval'")


def test_a_browser_opens_the_file(place: Project, tmp_path: Path) -> None:
    """From `file://`, without a request, with styles, links that open tasks, and the card with its script."""
    exported(place, "Measured/latest")
    with contextlib.closing(Browser(tmp_path)) as browser:
        page = browser.open((place.root / "out.html").as_uri())
        assert page.problems() == []
        assert page.requests() == []
        assert page.ask("getComputedStyle(document.querySelector('.task')).borderRadius") == "8px"
        assert page.ask("document.querySelector('#task-each-0\\\\.2').checkVisibility()")
        task = "document.querySelector('#task-start-0')"
        assert page.ask(f"{task}.checkVisibility()") is False
        page.ask(
            "document.querySelector('.gantt a[href=\"#task-start-0\"]').dispatchEvent(new MouseEvent('click', { bubbles: true }))"
        )
        page.wait(f"{task}.checkVisibility()")
        assert page.ask("location.hash") == "#task-start-0"
        page.ask(f"{task}.querySelector('iframe').closest('details').open = true")
        card = browser.frame("about:srcdoc")
        card.wait("document.querySelector('section h1')?.innerText === 'The card of start'", 20)
        assert card.ask("METAFLOW_RELOAD_TOKEN") is not None
        assert "card" in card.ask("document.querySelector('#card').id")
        assert card.ask("try { parent.document.title } catch (error) { error.name }") == "SecurityError"
        assert page.problems() == []
        assert page.requests() == []


def test_a_chart_of_a_card_is_drawn_in_the_file(project: Project, tmp_path: Path) -> None:
    """The library of charts compiles expressions, which the policy of the file allows for such cards."""
    chart = """VegaChart({"data": {"values": [{"x": 1, "y": 2}, {"x": 2, "y": 5}]}, "mark": "line", "encoding": {
                "x": {"field": "x", "type": "quantitative"}, "y": {"field": "y", "type": "quantitative"}}})"""
    text = MEASURED.replace('Markdown("# The card of start")', chart).replace("import Markdown", "import VegaChart")
    project.write("measured.py", text)
    project.run("measured.py")
    exported(project, "Measured/latest")
    with contextlib.closing(Browser(tmp_path / "browser")) as browser:
        page = browser.open((project.root / "out.html").as_uri())
        page.ask("document.querySelectorAll('details').forEach((each) => { each.open = true; })")
        card = browser.frame("about:srcdoc")
        card.wait("document.querySelector('.chart')?.dataset.drawn && document.querySelector('.chart svg')", 30)
        assert page.requests() == []
