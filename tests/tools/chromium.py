"""A browser without a window: Debian's Chromium, controlled by the DevTools protocol."""

from __future__ import annotations

import base64
import itertools
import json
import re
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from project import wait_until
from tools import apt

NAMES = ("chromium", "chromium-browser", "google-chrome")
_START = 60  # seconds for the start of the browser, which takes long on a busy machine
_FLAGS = (
    "--headless=new",
    "--no-sandbox",  # Chromium needs this option under root; the browser opens only pages of the tests
    "--disable-gpu",
    "--hide-scrollbars",
    "--force-color-profile=srgb",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-dev-shm-usage",
    "--remote-debugging-port=0",
    "--remote-allow-origins=*",
)


def install() -> str | None:
    """Return the path of the browser, which is installed if necessary; None if it cannot be installed."""
    return apt.program(*NAMES, packages=("chromium", "fonts-dejavu"))


def program() -> str:
    """Return the path of the browser, which is installed if necessary; skip the test if it cannot be installed."""
    if found := install():
        return found
    pytest.skip("NOT TESTED: pages in a browser, as there is no Chromium")


class Browser:
    """A running browser, which can open many pages."""

    def __init__(self, directory: Path) -> None:
        import websocket

        self._process = subprocess.Popen(
            [program(), *_FLAGS, f"--user-data-dir={directory}", "about:blank"],
            stderr=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            text=True,
            start_new_session=True,
        )
        assert self._process.stderr is not None
        address = next(
            found[1] for line in self._process.stderr if (found := re.search(r"DevTools listening on (\S+)", line))
        )
        self._socket = websocket.create_connection(address, timeout=_START)
        self._numbers = itertools.count(1)
        self.events: list[dict[str, Any]] = []

    def close(self) -> None:
        """End it."""
        self.call("Browser.close")
        self._socket.close()
        self._process.wait(_START)
        assert self._process.stderr is not None
        self._process.stderr.close()

    def call(self, method: str, session: str | None = None, **parameters: Any) -> Any:
        """Call a method of the protocol and return its result; store the events that arrive before it."""
        number = next(self._numbers)
        message = {"id": number, "method": method, "params": parameters}
        self._socket.send(json.dumps(message | ({"sessionId": session} if session else {})))
        while True:
            told = json.loads(self._socket.recv())
            if told.get("id") == number:
                assert "error" not in told, f"{method}: {told['error']}"
                return told["result"]
            self.events.append(told)

    def open(self, url: str, *, dark: bool = False, width: int = 1200, height: int = 900) -> Page:
        """Open a page and wait until it is loaded and its charts are drawn."""
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        page = Page(self, target, session)
        for domain in ("Page", "Runtime", "Log", "Network"):
            page.call(f"{domain}.enable")
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        page.call("Emulation.setEmulatedMedia", features=[scheme])
        page.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)
        page.call("Page.navigate", url=url)
        page.wait("document.readyState === 'complete' && location.href !== 'about:blank'")
        page.wait("[...document.querySelectorAll('.chart')].every((chart) => chart.dataset.drawn)")
        return page

    def frame(self, part: str) -> Page:
        """Return the frame whose URL contains `part`. A frame with another origin has a process of its own."""
        return self.frames(part)[0]

    def frames(self, part: str) -> list[Page]:
        """Return all frames whose URL contains `part`, at least one."""
        until = time.monotonic() + _START
        while time.monotonic() < until:
            targets = self.call("Target.getTargets")["targetInfos"]
            if found := [target for target in targets if target["type"] == "iframe" and part in target["url"]]:
                return [self._attached(target["targetId"]) for target in found]
        raise AssertionError(
            f"no frame with {part} in {_START} s, but {[(each['type'], each['url']) for each in targets]}"
        )

    def _attached(self, target: str) -> Page:
        found = self.call("Target.attachToTarget", targetId=target, flatten=True)
        return Page(self, target, found["sessionId"])


# Errors of the browser while a page loads or is replaced by another page; the call is then repeated.
_ON_ITS_WAY = ("Cannot find default execution context", "Inspected target navigated or closed")


class Page:
    """A page of the browser."""

    def __init__(self, browser: Browser, target: str, session: str) -> None:
        self._browser, self._target, self._session = browser, target, session

    def call(self, method: str, **parameters: Any) -> Any:
        """Call a method for this page."""
        return self._browser.call(method, self._session, **parameters)

    def ask(self, script: str) -> Any:
        """Return the value of an expression in the page."""
        answer = self.call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def wait(self, script: str, seconds: float = _START) -> None:
        """Wait until an expression is true."""
        wait_until(lambda: self._is_so(script), f"in {seconds} s it did not come to {script}", seconds)

    def _is_so(self, script: str) -> bool:
        try:
            return bool(self.ask(f"Boolean({script})"))
        except AssertionError as error:
            if any(text in str(error) for text in _ON_ITS_WAY):
                return False
            raise

    def text(self, selector: str) -> list[str]:
        """Return the texts of all elements that a selector finds."""
        found: list[str] = self.ask(
            f"[...document.querySelectorAll({json.dumps(selector)})].map((e) => e.innerText ?? e.textContent)"
        )
        return found

    def screenshot(self, file: Path) -> bytes:
        """Return a picture of the whole page, and write it to a file."""
        picture = base64.b64decode(self.call("Page.captureScreenshot", captureBeyondViewport=True)["data"])
        file.write_bytes(picture)
        return picture

    def pdf(self) -> bytes:
        """Return the page as a PDF file, as it would be printed."""
        return base64.b64decode(self.call("Page.printToPDF", printBackground=True)["data"])

    def problems(self) -> list[str]:
        """Return errors and warnings of the console, and uncaught exceptions."""
        found = []
        for event in self._events():
            told = event.get("params", {})
            if event["method"] == "Runtime.exceptionThrown":
                found.append(str(told["exceptionDetails"].get("exception", {}).get("description")))
            elif event["method"] == "Log.entryAdded" and told["entry"]["level"] in ("error", "warning"):
                found.append(told["entry"]["text"])
            elif event["method"] == "Runtime.consoleAPICalled" and told["type"] in ("error", "warning", "assert"):
                found.append(str([value.get("value") for value in told["args"]]))
        return found

    def requests(self) -> list[str]:
        """Return the URLs that the page has requested, without its own URL."""
        urls = [
            event["params"]["request"]["url"]
            for event in self._events()
            if event["method"] == "Network.requestWillBeSent"
        ]
        return [url for url in urls[1:] if not url.startswith("data:")]

    def close(self) -> None:
        """Close it."""
        self._browser.call("Target.closeTarget", targetId=self._target)

    def _events(self) -> list[dict[str, Any]]:
        self.ask("1")  # a call returns only after all earlier events have arrived
        return [event for event in self._browser.events if event.get("sessionId") == self._session]
