"""Pages of a log: the lines of an attempt's output in pieces of bounded size, and lines that contain a text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from flowc_ir.late.namedtuple import NamedTuple
from flowc_runtime.process.logs import lines

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from flowc_runtime.process.logs import Chunk, Stream
    from flowc_runtime.store.records.run_store import RunStore

PAGE: Final = 500
"""The number of lines of a page."""
LONGEST: Final = 2000
"""The number of characters of a line that are shown; the rest is in the download."""
MOST_FOUND: Final = 500
"""The number of lines that a search returns."""


class LogLine(NamedTuple):
    """A line of a log: its number from 0, the time of its first byte, its stream, its text, and how many characters the
    text lacks."""

    number: int
    when: float
    stream: str
    text: str
    cut: int


class LogPage(NamedTuple):
    """Some lines of a log.

    Attributes:
        lines: the lines.
        total: the number of lines of the whole log.
        more: whether a search has found further lines.
    """

    lines: Sequence[LogLine]
    total: int
    more: bool = False


def all_lines(run: RunStore, step: str, path: str, attempt: int) -> Iterator[LogLine]:
    """Yield the lines of an attempt's log in the order in which they were written."""
    number = 0
    begun: dict[Stream, LogLine] = {}
    for chunk in lines(run.log(step, path, attempt), None, LONGEST * 4):
        line = _joined(begun.pop(chunk.stream, None), chunk)
        if chunk.data.endswith(b"\n"):
            yield line._replace(number=number)
            number += 1
        else:  # a part of a long line, or the last line
            begun[chunk.stream] = line
    for line in begun.values():
        yield line._replace(number=number)
        number += 1


def _joined(before: LogLine | None, chunk: Chunk) -> LogLine:
    """Return a line whose next part is `chunk`; the number of the line is not known yet."""
    text = chunk.data.decode("utf-8", "replace").rstrip("\r\n")
    when = chunk.when if before is None else before.when
    # a progress bar overwrites its line after each carriage return: only its last text would be on a terminal
    if before is None or "\r" in text:
        before, text = None, text.rpartition("\r")[2]
    else:
        text = before.text + text
    cut = max(0, len(text) - LONGEST) + (before.cut if before is not None else 0)
    return LogLine(0, when, chunk.stream, text[:LONGEST], cut)


def log_page(run: RunStore, step: str, path: str, attempt: int, start: int | None) -> LogPage:
    """Return PAGE lines of a log.

    Args:
        run: the run.
        step: the step of the task.
        path: the index path of the task.
        attempt: the number of the attempt, from 1.
        start: the number of the first line; None for the last page.
    """
    kept: list[LogLine] = []
    total = 0
    for line in all_lines(run, step, path, attempt):
        total = line.number + 1
        if start is None:
            if len(kept) == 2 * PAGE:
                del kept[:PAGE]
            kept.append(line)
        elif start <= line.number < start + PAGE:
            kept.append(line)
    return LogPage(kept[-PAGE:] if start is None else kept, total)


def search(run: RunStore, step: str, path: str, attempt: int, text: str) -> LogPage:
    """Return the lines of a log that contain a text; upper and lower case are equal."""
    found: list[LogLine] = []
    total, wanted = 0, text.casefold()
    for line in all_lines(run, step, path, attempt):
        total = line.number + 1
        if wanted in line.text.casefold():
            found.append(line)
    return LogPage(found[:MOST_FOUND], total, len(found) > MOST_FOUND)
