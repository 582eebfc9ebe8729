"""A line on the terminal while a command works longer than a second: what it does, how far it is, for how long.

It is wiped before anything else is written, and where stderr is no terminal there is none. A thread draws it, since
what takes long may be one call; so it must not be there while a process forks that goes on with this one's memory.
"""

from __future__ import annotations

import os
import shutil
import sys
import threading
import time
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, final

import click

from flowc_runtime.base.ambient import ambient

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

FIRST, NEXT = 1.0, 0.2  # seconds until the line is there, and between two looks at how far the work is


@contextmanager
def working(what: str) -> Iterator[Callable[[str], None]]:
    """Around work that may take long; loops in it (`flowc_runtime.base.progress`) say how far they are.

    It writes nothing on the terminal but by the function that this gives, which writes a line on stderr.
    """
    if not _shows():
        yield partial(click.echo, err=True)
        return
    line = _Line(what)
    here = ambient()
    before, here.report_progress = here.report_progress, line.tell
    line.start()
    try:
        yield line.say
    finally:
        here.report_progress = before
        line.stop()


def _shows() -> bool:
    return sys.stderr.isatty() and os.environ.get("TERM") != "dumb"


@final
class _Line:
    def __init__(self, what: str) -> None:
        self._what = what
        self._began = time.monotonic()
        self._ended = threading.Event()
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._draw, name="flowc-working", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._ended.set()
        self._thread.join()
        # A fork may follow: Python warns of one as long as the kernel knows the thread, which is a moment more.
        patience = time.monotonic() + 0.1
        while os.path.exists(f"/proc/self/task/{self._thread.native_id}") and time.monotonic() < patience:
            time.sleep(0.001)

    def tell(self, what: str, done: int | None, total: int | None) -> None:
        """Take what a loop says of itself."""
        numbers = [f" {done:,}" if done is not None else "", f" of {total:,}" if total is not None else ""]
        self._what = "".join([what, *numbers])

    def say(self, text: str) -> None:
        """Write a line above this one."""
        with self._lock:
            _write("\r\x1b[2K")
            click.echo(text, err=True)

    def _draw(self) -> None:
        if self._ended.wait(FIRST):
            return
        while True:
            width = shutil.get_terminal_size().columns - 1
            text = f"{self._what} … {time.monotonic() - self._began:.0f} s"
            with self._lock:
                _write(f"\r\x1b[2K{text[:width]}")
            if self._ended.wait(NEXT):
                _write("\r\x1b[2K")
                return


def _write(text: str) -> None:
    try:
        sys.stderr.write(text)
        sys.stderr.flush()
    except (OSError, ValueError):  # the terminal is gone: the work is not
        return
