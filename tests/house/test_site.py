"""The documentation site: `make docs` builds it and reports broken links; its pages load nothing from other hosts."""

from __future__ import annotations

import contextlib
import functools
import http.server
import os
import re
import shutil
import subprocess
import sys
import threading
from html.parser import HTMLParser
from pathlib import Path

import pytest

from project import ROOT
from tools.chromium import Browser

pytest.importorskip("material", reason="the site is built by mkdocs-material")

# Attributes of HTML tags whose URL a browser loads by itself. `a` is not in the table, because its URL is loaded only
# when the reader clicks.
LOADS = {
    "audio": "src", "embed": "src", "iframe": "src", "img": "src", "input": "src", "link": "href", "object": "data",
    "script": "src", "source": "src", "track": "src", "video": "src",
}  # fmt: skip
ABROAD = re.compile(r"(?:https?:)?//")


class Reader(HTMLParser):
    """A parser that collects the text of a page outside of code, and the URLs that the page loads."""

    def __init__(self) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.text = ""
        self._unread = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._unread += tag in ("pre", "code", "script", "style")
        values = dict(attrs)
        address = values.get(LOADS.get(tag, ""))
        if address and not (tag == "link" and values.get("rel") == "canonical"):
            self.loads.append(address)

    def handle_endtag(self, tag: str) -> None:
        self._unread -= tag in ("pre", "code", "script", "style")

    def handle_data(self, data: str) -> None:
        if not self._unread:
            self.text += data


def read(page: Path) -> Reader:
    """Return the parsed page of the site."""
    reader = Reader()
    reader.feed(page.read_text(encoding="utf-8"))
    return reader


def build(root: Path, site: Path) -> subprocess.CompletedProcess[str]:
    """Build a site from the documents below `root`, as `make docs` does."""
    command = [
        "-m",
        "mkdocs",
        "build",
        "--strict",
        "--config-file",
        root / "docs" / "site" / "mkdocs.yml",
        "--site-dir",
        site,
    ]
    return subprocess.run(
        [sys.executable, *command],
        env=os.environ | {"NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the site of this project's documentation, and return its directory."""
    site = tmp_path_factory.mktemp("site")
    done = build(ROOT, site)
    assert done.returncode == 0, done.stderr
    return site


def test_pages_load_nothing_from_other_hosts(site: Path) -> None:
    pages = {path: read(path).loads for path in site.rglob("*.html")}
    assert len(pages) > 40
    assert all(addresses for addresses in pages.values()), "each page loads a style sheet"
    assert {(path, address) for path, found in pages.items() for address in found if ABROAD.match(address)} == set()


def test_styles_load_nothing_from_other_hosts(site: Path) -> None:
    styles = [path.read_text(encoding="utf-8") for path in site.rglob("*.css")]
    assert styles
    for style in styles:
        assert [
            found for found in re.findall(r"(?:url\(|@import)\s*[\"']?([^\"')\s]*)", style) if ABROAD.match(found)
        ] == []


def test_a_browser_asks_only_the_site_s_own_host(site: Path, tmp_path: Path) -> None:
    """A browser that loads the page and uses its search requests nothing from another host."""
    pytest.importorskip("websocket")

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:
            """Print nothing."""

    with contextlib.ExitStack() as stack:
        handler = functools.partial(Quiet, directory=str(site))
        server = stack.enter_context(http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler))
        threading.Thread(target=server.serve_forever, daemon=True).start()
        stack.callback(server.shutdown)
        browser = Browser(tmp_path / "browser")
        stack.callback(browser.close)
        home = f"http://127.0.0.1:{server.server_port}/"
        page = browser.open(f"{home}guide/foreach/")
        page.ask("document.querySelector('.md-search__input').focus()")
        page.ask(
            "const field = document.querySelector('.md-search__input'); field.value = 'schedule';"
            " field.dispatchEvent(new Event('input', {bubbles: true})); field.dispatchEvent(new Event('keyup', {bubbles: true}))"
        )
        page.wait("document.querySelectorAll('.md-search-result__item').length > 0")
        asked = page.requests()
        assert any(url.endswith(".css") for url in asked)
        assert [url for url in asked if not url.startswith((home, "blob:"))] == []
        assert page.problems() == []


def test_pages_show_no_markup(site: Path) -> None:
    """Every list, table and fence is rendered: no page shows Markdown that Python-Markdown has read as text."""
    raw = re.compile(r"^\s*(?:- |\||```)|\*\*|`|\]\(|<!--", re.MULTILINE)
    for path in site.rglob("*.html"):
        body = read(path).text
        assert [line for line in body.splitlines() if raw.search(line)] == [], path


def test_marks_of_checked_blocks_are_no_part_of_a_page(site: Path) -> None:
    marks = re.compile(r"<!-- (?:file|checked|cell|output)")
    assert [path for path in site.rglob("*.html") if marks.search(path.read_text(encoding="utf-8"))] == []


def test_a_broken_link_and_a_broken_anchor_are_errors(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "docs", tmp_path / "docs", ignore=shutil.ignore_patterns("__pycache__"))
    for pattern in ("*.md", "bench/*.md", "examples/*", "helm/flowc/*.md", "compiler", "tests/errors"):
        for path in ROOT.glob(pattern):
            target = tmp_path / path.relative_to(ROOT)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.symlink_to(path)
    page = tmp_path / "docs" / "shell.md"
    page.write_text(
        page.read_text() + "\n[a](nowhere.md) [b](store.md#no-such-heading) [c](../helm/flowc/README.md#nor-this)\n"
    )
    (tmp_path / "docs" / "forgotten.md").write_text("# A page that is not in `nav`\n")
    done = build(tmp_path, tmp_path / "site")
    assert done.returncode == 1
    for word in ("'nowhere.md'", "'store.md#no-such-heading'", "'chart.md#nor-this'", "forgotten.md"):
        assert word in done.stderr, done.stderr
