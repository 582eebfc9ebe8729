"""A progress line on the terminal while a command works for more than a second. The line shows the work, its progress
and its duration.

The line is erased before other output. If stderr is not a terminal, there is no line. A thread draws the progress line,
because the work may be one long call. Hazard: the thread must not exist while this process forks, unless the child
calls exec.
"""

from __future__ import annotations

import os
import sys
import time
from _thread import allocate_lock, get_native_id, start_new_thread  # `threading` would make each fork slower
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, final

import click

from flowc_ir.late import LateModule
from flowc_runtime.base.ambient import ambient

if TYPE_CHECKING:
    import shutil
    from collections.abc import Callable, Iterator
else:  # imported at first use, because the import costs start-up time
    shutil = LateModule("shutil")

FIRST, NEXT = 1.0, 0.2  # seconds until the line appears; seconds between updates of the line


@contextmanager
def working(what: str) -> Iterator[Callable[[str], None]]:
    """Show a line with the progress of slow work on the terminal, while the `with` block does this work.

    Loops in the `with` block report their progress by `flowc_runtime.base.progress`.

    Hazard: a thread draws the line, so the code in the `with` block must not fork.

    Args:
        what: the description of the work in the line.

    Yields:
        A function that writes a line on stderr. The code in the `with` block must write to the terminal only by this
        function.
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
        self._writing = allocate_lock()  # held while the terminal is written to
        self._working = allocate_lock()  # held until the work has ended
        self._drawing = allocate_lock()  # held until the thread has ended
        self._thread = 0  # the thread's native id

    def start(self) -> None:
        self._working.acquire()
        self._drawing.acquire()
        start_new_thread(self._draw, ())

    def stop(self) -> None:
        self._working.release()
        self._drawing.acquire()
        # The process may fork after this method. Python warns about a fork while the kernel still has the thread, for
        # a moment after the thread's function has returned, so wait until the thread is gone.
        patience = time.monotonic() + 0.1
        while os.path.exists(f"/proc/self/task/{self._thread}") and time.monotonic() < patience:
            time.sleep(0.001)

    def tell(self, what: str, done: int | None, total: int | None) -> None:
        """Show the progress of a loop in the progress line."""
        numbers = [f" {done:,}" if done is not None else "", f" of {total:,}" if total is not None else ""]
        self._what = "".join([what, *numbers])

    def say(self, text: str) -> None:
        """Write a line of text above the progress line."""
        with self._writing:
            _write("\r\x1b[2K")
            click.echo(text, err=True)

    def _draw(self) -> None:
        self._thread = get_native_id()
        try:
            if not self._working.acquire(timeout=FIRST):
                self._draw_repeatedly()
        finally:
            self._drawing.release()

    def _draw_repeatedly(self) -> None:
        ended = False
        while not ended:
            width = shutil.get_terminal_size().columns - 1
            text = f"{self._what} … {time.monotonic() - self._began:.0f} s"
            with self._writing:
                _write(f"\r\x1b[2K{text[:width]}")
            ended = self._working.acquire(timeout=NEXT)
        _write("\r\x1b[2K")


def _write(text: str) -> None:
    try:
        sys.stderr.write(text)
        sys.stderr.flush()
    except (OSError, ValueError):  # the terminal is closed; the work continues
        return
