"""A running `flowc ui`, and the actions of a person at one of its pages: keys, pointer, scrolling."""

from __future__ import annotations

import contextlib
import json
import signal
import urllib.error
import urllib.request
from typing import TYPE_CHECKING, Any, NamedTuple

from project import read_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from project import Project
    from tools.chromium import Page

CTRL = 2  # the modifier of the DevTools protocol
_CODES = {"Tab": 9, "Enter": 13, "Escape": 27, "ArrowUp": 38, "ArrowDown": 40}


class Answer(NamedTuple):
    """The answer to a request over plain HTTP."""

    status: int
    headers: dict[str, str]
    body: bytes


class Served:
    """A running `flowc ui`: its project, its process, its URL on this machine, the printed URL, and the token in it."""

    def __init__(self, project: Project, *options: str) -> None:
        self.project = project
        self.process = project.start("-m", "flowc", "ui", "--no-open", "--port", "0", *options)
        last = "The server itself" if "--public-url" in options else "The runs of"
        lines = [line for line in read_until(self.process.stderr, last).splitlines() if "http" in line]
        self.printed = lines[0].split()[-1]
        self.token = self.printed.partition("?token=")[2]
        port = int(lines[-1].split()[-1].split(":")[2].partition("/")[0])
        self.url = f"http://127.0.0.1:{port}/"
        self.newest = ""  # a run that tests show although they add runs to the store later; empty for none

    @property
    def port(self) -> int:
        """The port at which the server listens."""
        return int(self.url.rpartition(":")[2].strip("/"))

    def get(self, path: str = "", method: str = "GET", **headers: str) -> Answer:
        """Send a request and return the answer; a redirection is not followed."""
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        request = urllib.request.Request(f"{self.url}{path}", method=method, headers=names)
        try:
            with contextlib.closing(_direct.open(request, timeout=60)) as answer:
                return Answer(answer.status, {k.lower(): v for k, v in answer.headers.items()}, answer.read())
        except urllib.error.HTTPError as error:
            with error:
                return Answer(error.code, {k.lower(): v for k, v in error.headers.items()}, error.read())

    def end(self) -> int:
        """End the server as Ctrl-C does, and return its exit code."""
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(20)


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        """Follow no redirection, so that the test sees it."""


_direct = urllib.request.build_opener(urllib.request.ProxyHandler({}), _NoRedirects())


@contextlib.contextmanager
def serving(project: Project, *options: str) -> Iterator[Served]:
    """Start `flowc ui` on the store of a project; kill it at the end."""
    served = Served(project, *options)
    try:
        yield served
    finally:
        served.process.kill()
        served.process.communicate()


def press(page: Page, key: str, *, ctrl: bool = False) -> None:
    """Press a key and release it."""
    code = _CODES.get(key) or ord(key.upper())
    text = {} if len(key) > 1 or ctrl else {"text": key}
    if key == "Enter":
        text = {"text": "\r"}
    event = {"key": key, "windowsVirtualKeyCode": code, "modifiers": CTRL if ctrl else 0}
    page.call("Input.dispatchKeyEvent", type="keyDown", **event, **text)
    page.call("Input.dispatchKeyEvent", type="keyUp", **event)


def type_text(page: Page, text: str) -> None:
    """Type a text into the element that has the focus."""
    page.call("Input.insertText", text=text)


def click(page: Page, selector: str) -> None:
    """Click at the middle of the first element that a selector finds, after it is scrolled into view."""
    x, y = page.ask(f"""(() => {{
        const element = document.querySelector({json.dumps(selector)});
        element.scrollIntoView({{ block: "center" }});
        const box = element.getBoundingClientRect();
        return [box.x + box.width / 2, box.y + box.height / 2];
    }})()""")
    for kind in ("mousePressed", "mouseReleased"):
        page.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)


def focused(page: Page) -> str:
    """Return a name of the element that has the focus: its id, or its label or text."""
    name: str = page.ask("""(() => {
        const element = document.activeElement;
        return element.id || element.getAttribute("aria-label") || element.name || element.innerText.trim();
    })()""")
    return name
