"""A server of `flowc ui` for tests of forms: a browser's requests without a browser."""

from __future__ import annotations

import contextlib
import html
import re
import urllib.error
import urllib.request
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import quote, urlencode, urljoin

from project import read_until, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from subprocess import Popen

    from project import Project


class Reply(NamedTuple):
    """The answer to a request, after redirects."""

    status: int
    text: str
    url: str


class ActingServer:
    """A running server."""

    def __init__(self, url: str, token: str, process: Popen[str]) -> None:
        """Create it; `url` is the page's address, and `token` its token, or empty."""
        self.url, self.token, self.process = url, token, process
        self._opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())
        if token:
            assert self.get(f"?token={token}").status == 200

    def get(self, path: str) -> Reply:
        """Return a page."""
        return self._send(urllib.request.Request(urljoin(self.url, path)))

    def post(self, path: str, fields: dict[str, str], origin: str | None = "") -> Reply:
        """Send a form, from the page itself or from another origin; None sends no origin."""
        sent = urllib.request.Request(urljoin(self.url, path), urlencode(fields).encode())
        if origin is not None:
            sent.add_header("Origin", origin or self.url.rstrip("/"))
        return self._send(sent)

    def form(self, name: str, subject: str) -> Form:
        """Open the form of an action."""
        path = f"do/{name}?of={quote(subject, safe='')}"
        page = self.get(path)
        token = re.search(r'name="token" value="([^"]+)"', page.text)
        assert page.status == 200, page.text
        assert token is not None, page.text
        return Form(self, path, token[1], page.text)

    def finished(self, page: Reply) -> str:
        """Wait until the action of a page has ended, and return the text of its page."""
        assert "/action/" in page.url, page.text
        wait_until(lambda: "state running" not in self.get(page.url).text, "the action does not end")
        return html.unescape(self.get(page.url).text)

    def _send(self, request: urllib.request.Request) -> Reply:
        try:
            with self._opener.open(request, timeout=30) as answer:
                return Reply(answer.status, answer.read().decode(), answer.url)
        except urllib.error.HTTPError as error:
            with error:
                return Reply(error.code, error.read().decode(), error.url or "")


class Form(NamedTuple):
    """An open form."""

    server: ActingServer
    path: str
    token: str
    text: str

    def send(self, **fields: str) -> Reply:
        """Send it; it may be sent again."""
        return self.server.post(self.path, {"token": self.token, **fields})


@contextlib.contextmanager
def acting(project: Project, *options: str, **environment: str) -> Iterator[ActingServer]:
    """Serve the page of a project's store until the block ends."""
    process = project.start("-m", "flowc", "ui", "--no-open", "--port", "0", *options, **environment)
    line = read_until(process.stderr, "The runs of")
    found = re.search(r" at (http://[^\s?]+)(?:\?token=([\w-]+)$)?", line.strip())
    assert found is not None, line
    try:
        yield ActingServer(found[1], found[2] or "", process)
    finally:
        process.terminate()
        process.communicate(timeout=30)
