"""Pages that are open while a run goes on: the list, the run and the log change in place, at most one second later."""

from __future__ import annotations

import contextlib
import os
import statistics
import threading
from typing import TYPE_CHECKING, Any

import pytest

from project import Project, wait_until
from ui.flows import TALKING
from ui.served import Served, click, press, serving, type_text

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator

    from tools.chromium import Page
    from ui.conftest import Visit

LAG = 5.0  # seconds; about 0.5 on a machine that has nothing else to do

# Notes the time at which each text appears in the page, in seconds since the epoch.
WATCH = """
    window.seen = {};
    const note = () => {
        for (const [, text] of document.querySelector("main").textContent.matchAll(/(said [0-9]+|succeeded)/g)) {
            window.seen[text] ??= Date.now() / 1000;
        }
    };
    new MutationObserver(note).observe(document.querySelector("main"), { subtree: true, childList: true, characterData: true });
    note();
"""


class Talk:
    """A run of `TalkFlow`, which prints a line for each call of `say` and ends after `end`."""

    def __init__(self, project: Project) -> None:
        self._pipe = project.root / "words"
        self._pipe.unlink(missing_ok=True)
        os.mkfifo(self._pipe)
        self.project = project
        known = set(project.store.runs("TalkFlow")) if project.store.flows() else set()
        self.process: subprocess.Popen[str] = project.start("-m", "flowc", "run", "--local", "talk.py")
        # the run would wait if nobody read its output
        self._output = threading.Thread(target=self.process.communicate)
        self._output.start()
        self._words = self._pipe.open("w", buffering=1)  # waits until the step reads
        (self.id,) = set(project.store.runs("TalkFlow")) - known
        self._said = 0

    def say(self) -> str:
        """Let the step print one more line, `said N at TIME`; return `said N`."""
        self._said += 1
        self._words.write(f"{self._said}\n")
        return f"said {self._said}"

    def say_many(self, count: int) -> None:
        """Let the step print many lines."""
        self._words.write("".join(f"{self._said + number + 1}\n" for number in range(count)))
        self._said += count

    def end(self) -> None:
        """Let the run end well."""
        self._words.close()
        self._output.join(60)
        assert self.process.returncode == 0


@pytest.fixture
def talk(talking: Served) -> Iterator[Talk]:
    """Return a run of `TalkFlow` that has begun; it ends after the test at the latest."""
    talk = Talk(talking.project)
    yield talk
    talk.end()


@pytest.fixture(scope="module")
def talking(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with contextlib.closing(Project(tmp_path_factory.mktemp("talking"))) as project:
        project.write("talk.py", TALKING)
        with serving(project) as served:
            yield served


def when(page: Page, text: str) -> float:
    """Wait until a text has appeared; return the time of its appearance."""
    page.wait(f"window.seen['{text}']")
    found: float = page.ask(f"window.seen['{text}']")
    return found


def mark(page: Page) -> None:
    """Set a mark that is lost if the page is loaded again."""
    page.ask("window.mark = 'the same page'")


def test_the_log_follows_within_a_second(talking: Served, talk: Talk, visit: Visit) -> None:
    page = visit(f"{talking.url}run/TalkFlow/{talk.id}/start/0")
    mark(page)
    page.ask(WATCH)
    lags = []
    for _ in range(7):
        said = talk.say()
        appeared = when(page, said)
        printed = float(page.ask(f"/{said} at ([0-9.]+)/.exec(document.querySelector('#log').textContent)[1]"))
        lags.append(appeared - printed)
    assert statistics.median(lags) <= LAG, lags
    assert min(lags) > -0.1, lags
    talk.say_many(3000)
    page.wait("document.getElementById('L3007')")
    page.wait(
        "(() => { const box = document.querySelector('#log'); return box.scrollHeight - box.scrollTop - box.clientHeight < 40; })()"
    )
    numbers = page.ask("[...document.querySelectorAll('#log .line')].map((line) => Number(line.id.slice(1)))")
    assert numbers == [*range(numbers[0], 3008)]
    assert page.text("#log-count") == ["3,007 lines"]
    # without `follow`, the reader's place stays
    page.ask("document.querySelector('#log-follow').click()")
    top = page.ask("document.querySelector('#log').scrollTop")
    said = talk.say()
    page.wait("document.querySelector('#log-count').innerText === '3,008 lines'")
    when(page, said)
    assert page.ask("document.querySelector('#log').scrollTop") == top
    # the page shows the end of the task, and then asks for no more changes
    talk.end()
    page.wait("document.querySelector('h1 + .state').innerText === 'ok'")
    page.wait("document.querySelector('#link').textContent === ''")
    assert page.ask("window.mark") == "the same page"
    assert page.problems() == []


def test_a_line_that_grows_is_shown(talking: Served, visit: Visit) -> None:
    """A progress bar writes no end of line."""
    talking.project.write(
        "bar.py", TALKING.replace("TalkFlow", "BarFlow").replace(", flush=True", ', end="", flush=True')
    )
    os.mkfifo(talking.project.root / "bars")
    source = (talking.project.root / "bar.py").read_text().replace('"words"', '"bars"')
    (talking.project.root / "bar.py").write_text(source)
    process = talking.project.start("-m", "flowc", "run", "--local", "bar.py")
    with (talking.project.root / "bars").open("w", buffering=1) as bars:
        (run,) = talking.project.store.runs("BarFlow")
        page = visit(f"{talking.url}run/BarFlow/{run}/start/0")
        for number in (1, 2, 3):
            bars.write(f"{number}\n")
            page.wait(f"document.querySelector('#log').textContent.includes('said {number}')")
        assert page.ask("document.querySelectorAll('#log .line').length") == 1
    assert process.wait(60) == 0


def test_the_list_and_the_run_change_within_a_second(talking: Served, visit: Visit) -> None:
    pages = [visit(talking.url)]
    for page in pages:
        mark(page)
        page.ask("""window.rows = {};
            const look = () => document.querySelectorAll("tr[data-key]").forEach(
                (row) => { window.rows[row.dataset.key] ??= Date.now() / 1000; });
            new MutationObserver(look).observe(document.querySelector("main"), { subtree: true, childList: true });
            look();""")
    talk = Talk(talking.project)
    key = f"TalkFlow/{talk.id}"
    run = talking.project.store.run("TalkFlow", talk.id)
    pages[0].wait(f"window.rows['{key}']")
    assert pages[0].ask(f"window.rows['{key}']") - run.record()["created"] <= LAG
    row = f"document.querySelector('tr[data-key=\"{key}\"]')"
    assert pages[0].ask(f"{row}.querySelector('.state').innerText") == "running"
    page = visit(f"{talking.url}run/TalkFlow/{talk.id}")
    mark(page)
    assert page.text(".graph .running .name") == ["start"]
    assert page.text("#live_steps .state") == ["running", "waiting"]
    page.ask("document.querySelector('.graph a').focus()")
    page.ask(WATCH)
    pages[0].ask(f"""new MutationObserver(() => {{
        if ({row}.textContent.includes("succeeded")) window.ended ??= Date.now() / 1000;
    }}).observe(document.querySelector("main"), {{ subtree: true, childList: true, characterData: true, attributes: true }})""")
    talk.end()
    appeared = when(page, "succeeded")
    ended = run.status()["changed"]
    assert appeared - ended <= LAG
    page.wait("document.querySelectorAll('.gantt a').length === 2")
    assert page.text("#live_steps .state") == ["ok", "ok"]
    assert page.ask("document.activeElement.getAttribute('aria-label')").startswith("step start, ok")  # the focus stays
    pages[0].wait("window.ended")
    assert pages[0].ask("window.ended") - ended <= LAG
    for each in (page, pages[0]):
        assert each.ask("window.mark") == "the same page"
        assert each.problems() == []


def test_the_list_with_a_filter_forgets_runs_that_no_longer_match(talking: Served, visit: Visit) -> None:
    page = visit(f"{talking.url}?status=running")
    talk = Talk(talking.project)
    page.wait(f"document.querySelector('tr[data-key=\"TalkFlow/{talk.id}\"]')")
    talk.end()
    page.wait("document.querySelector('.empty')?.innerText === 'No run matches these filters.'")


def test_times_pass_without_messages_of_the_server(talking: Served, talk: Talk, visit: Visit) -> None:
    """A list that does not change is not sent again, although its runs become older."""
    page = visit(talking.url)
    page.ask(
        "window.changes = 0; document.querySelector('#live_rows').addEventListener('changed', () => { changes += 1; })"
    )
    for changes in (None, 0):
        before = page.text("tr[data-key] time[data-since]")
        page.ask("window.before = changes")
        page.wait(f"document.querySelector('tr[data-key] time[data-since]').textContent !== {before[0]!r}")
        assert changes is None or page.ask("changes - before") == changes


def test_a_page_that_is_not_visible_needs_no_connection(mixed: Served, visit: Visit) -> None:
    """A browser opens six connections to a server. Hidden pages leave them to the others."""
    hide = """
        Object.defineProperty(document, "hidden", { get: () => window.hides, configurable: true });
        window.hides = true;
        document.dispatchEvent(new Event("visibilitychange"));
    """
    pages = []
    for _ in range(8):
        page = visit(mixed.url)
        page.wait("document.querySelector('#link').textContent === 'live'", 10)
        page.ask(hide)
        pages.append(page)
    page = pages[0]
    before = streams(page)
    page.ask("window.hides = false; document.dispatchEvent(new Event('visibilitychange'))")
    page.wait("document.querySelector('#link').textContent === 'live'")
    assert streams(page) == before + 1


def streams(page: Page) -> int:
    """Return how many streams of changes a page has opened."""
    return sum("/live?" in url for url in page.requests())


def test_a_page_finds_a_server_that_has_started_again(place: Project, visit: Visit) -> None:
    with serving(place) as served:
        page = visit(served.url)
        page.wait("document.querySelector('#link').textContent === 'live'")
        assert page.text(".empty")[0].startswith("There is no run in this store yet.")
        port = served.port
    page.wait("document.querySelector('#link').textContent.startsWith('no connection')")
    place.write("talk.py", TALKING.replace('open("words")', 'open("/dev/null")'))
    place.run("talk.py")
    process: Any = place.start("-m", "flowc", "ui", "--no-open", "--port", str(port))
    try:
        page.wait("document.querySelector('tr[data-key]')")
    finally:
        process.kill()
        process.communicate()


def test_what_the_reader_is_writing_stays(talking: Served, talk: Talk, visit: Visit) -> None:
    page = visit(f"{talking.url}run/TalkFlow/{talk.id}/start/0")
    press(page, "/")
    type_text(page, "sa")
    talk.say()
    talk.end()
    page.wait("document.querySelector('h1 + .state').innerText === 'ok'")
    assert page.ask("[document.activeElement.id, document.activeElement.value]") == ["log-search", "sa"]
    click(page, "#theme")
    assert page.problems() == []


CARDS = """
    import fcntl
    from metaflow import FlowSpec, card, current, step
    from metaflow.cards import Markdown, MetaflowCard

    def wait(name):
        with open(name) as gate: fcntl.flock(gate, fcntl.LOCK_SH)

    class Waits(MetaflowCard):
        type = "waits"

        def render(self, task):
            wait("late")
            return "<html><body>rendered after the record</body></html>"

    class CardFlow(FlowSpec):
        @card(type="waits")
        @card(type="blank", id="seen", refresh_interval=0)
        @step
        def start(self):
            for number in (1, 2):
                current.card["seen"].append(Markdown(f"state {number}"))
                current.card["seen"].refresh(force=True)
                wait(f"gate{number}")
            self.next(self.end)

        @step
        def end(self):
            pass
    """


def test_cards_change_and_appear_while_the_page_is_open(project: Project, visit: Visit) -> None:
    """A card that is refreshed is loaded again; a card that is rendered after the task has ended appears."""
    project.write("cards.py", CARDS)
    first, second, late = (project.gate(name) for name in ("gate1", "gate2", "late"))
    process = project.start("-m", "flowc", "run", "--local", "cards.py")
    output = threading.Thread(target=process.communicate)
    output.start()
    wait_until(lambda: bool(project.store.flows() and project.store.runs("CardFlow")), "the run did not begin")
    wait_until(lambda: project.latest().attempts("start") != {}, "the step did not begin")
    frame = "document.querySelector('#live_cards iframe')"
    with serving(project) as served:
        page = visit(f"{served.url}run/CardFlow/{project.latest().id}/start/0")
        page.wait(frame)
        page._browser.frame("/card/").wait("document.body.innerText.includes('state 1')")
        before = page.ask(f"{frame}.src")
        first.open()
        page.wait(f"{frame}.src !== {before!r}")
        second.open()
        page.wait("document.querySelector('#live_head .state').textContent === 'ok'")
        assert page.ask("document.querySelectorAll('#live_cards iframe').length") == 1
        late.open()
        page.wait("document.querySelectorAll('#live_cards iframe').length === 2")
    output.join()
    assert process.returncode == 0
