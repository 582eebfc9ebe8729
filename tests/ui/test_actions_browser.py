"""Actions in a browser: its own headers reach the server, links lead from page to page, and the output follows live."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from project import passing, wait_until
from tools.chromium import Browser

from .acting_server import ActingServer, acting

if TYPE_CHECKING:
    from collections.abc import Iterator

    from project import Project

FLOW = f"""
    import fcntl
    from metaflow import FlowSpec, step

    class ClickFlow(FlowSpec):
        @step
        def start(self):
            print("<script>document.title = 'broken'</script>")
            {passing()}
            self.next(self.end)

        @step
        def end(self):
            pass
"""


@pytest.fixture(scope="module")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    browser = Browser(tmp_path_factory.mktemp("chromium"))
    yield browser
    browser.close()


@pytest.fixture
def server(project: Project) -> Iterator[ActingServer]:
    project.write("waits.py", FLOW)
    project.gate()
    with acting(project, "--allow-actions") as served:
        yield served


def test_start_and_stop_by_clicks(chromium: Browser, server: ActingServer, project: Project) -> None:
    page = chromium.open(f"{server.url}?token={server.token}")
    page.ask("document.querySelector('a[href$=actions]').click()")
    page.wait("document.querySelector('.files a')")
    page.ask("document.querySelector('.files a').click()")
    page.wait("document.querySelector('form.ask')")
    # a double click: the browser gives up the first answer for the second one
    page.ask(
        "(() => { const form = document.querySelector('form.ask'); form.submit(); setTimeout(() => form.submit(), 1); })()"
    )
    page.wait("document.body?.innerText.includes('asked for already') || location.pathname.startsWith('/action/')")
    page.ask("location.pathname.startsWith('/action/') || document.querySelector('main a[href*=action]').click()")
    page.wait("document.querySelector('.output')?.innerText.includes('<script>')")  # while the run is active
    assert "running" in page.text("#live_action .state")[0]
    assert page.ask("document.title") != "broken"
    page.wait("document.querySelector('a[href*=ClickFlow]')")
    assert len(project.store.runs("ClickFlow")) == 1
    page.ask("document.querySelector('a[href*=ClickFlow]').click()")
    page.wait("document.querySelector('.acts')")
    assert page.text(".acts a") == ["Stop…", "Add tags…", "Remove tags…"]
    page.ask("document.querySelector('.acts a').click()")
    page.wait("document.querySelector('button.danger')")
    page.ask("document.querySelector('button.danger').click()")
    page.wait("document.querySelector('.output')?.innerText.includes('interrupted')")
    page.wait("document.querySelector('#live_action .state').classList.contains('ok')")
    assert [text for text in page.problems() if "409" not in text] == []
    wait_until(lambda: "interrupted" in server.get("").text, "the list does not show that the run was stopped")
    page.close()


def test_a_foreign_page_starts_nothing(chromium: Browser, server: ActingServer, project: Project) -> None:
    """A page of another origin that sends a form with a token that it got somehow is refused."""
    form = server.form("start", "waits.py")
    fields = f'<input name="token" value="{form.token}">'
    page = chromium.open(f"data:text/html,<form method=post action='{server.url}{form.path}'>{fields}</form>")
    page.ask("document.forms[0].submit()")
    page.wait("document.body?.innerText.includes('does not come from the page itself')")
    page.close()
    assert project.store.flows() == []
