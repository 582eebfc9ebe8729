"""The last lines of a terminal: the tasks' progress bars and, below them, the run's progress line."""

from __future__ import annotations

import shutil
import sys
import time
from typing import TYPE_CHECKING, final

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flowc_emulator.console.sink import Sink
    from flowc_emulator.scheduling.scheduler import Job, Scheduler

_OFTEN = 0.05  # The least number of seconds between two drawings, because hundreds of tasks may end per second.
_NARROW = 60  # A terminal with fewer columns shows the run's progress line without a bar.
_MOST = 8  # The largest number of tasks' progress bars that are shown.


@final
class ProgressLine:
    """Draws the run's progress line with `rich`. The line is erased before other output is shown."""

    def __init__(self, sink: Sink, *, color: bool) -> None:
        from rich.console import Console as RichConsole
        from rich.progress_bar import ProgressBar
        from rich.table import Table

        self._bar, self._table = ProgressBar, Table
        self._rich = RichConsole(force_terminal=True, no_color=not color, highlight=False, markup=False)
        self._sink = sink
        self._began = time.monotonic()
        self._drawn = 0.0
        self._last = b""  # The bytes of the last drawing.
        self._height = 0  # The number of drawn lines that are on the screen.
        self.bars: dict[Job, Sequence[str]] = {}
        """The texts of each task's progress bars, set by the caller."""

    def draw(self, scheduler: Scheduler, running: Sequence[Job], *, stops: bool = False) -> None:
        """Draw the run's progress, at most 20 times a second.

        Args:
            scheduler: provides the numbers of tasks.
            running: the active attempts, whose bars are shown above the line.
            stops: whether the run starts no further tasks.
        """
        now = time.monotonic()
        if now - self._drawn >= _OFTEN:
            lines = self._render(scheduler, running, now, stops=stops)
            data, self._drawn = b"\r\n".join(lines), now
        elif self._height:
            return
        else:
            data = self._last
        self.clear()
        self._sink.write(b"\r\x1b[2K" + data)
        self._last, self._height = data, data.count(b"\n") + 1

    def clear(self) -> None:
        """Erase the lines."""
        if self._height:
            self._sink.write(b"\r\x1b[2K" + b"\x1b[A\x1b[2K" * (self._height - 1))
            self._height = 0

    def _render(self, scheduler: Scheduler, running: Sequence[Job], now: float, *, stops: bool) -> list[bytes]:
        size = shutil.get_terminal_size()
        self._rich.width = width = max(10, size.columns - 1)  # some terminals wrap a line that fills the last column
        bars = [f"[{job.task}] {bar}" for job in running for bar in self.bars.get(job, ())]
        most = max(1, min(_MOST, size.lines // 2))
        if len(bars) > most:
            bars = [*bars[: most - 1], f"… and {len(bars) - most + 1} more progress bars"]
        totals, done = scheduler.totals, scheduler.done
        names = ", ".join(job.task for job in running[:3]) + (" …" if len(running) > 3 else "")
        numbers = f"{done}/{totals.least}{'' if totals.exact else '+'} tasks"
        if running and not stops and (waiting := scheduler.ready(sys.maxsize)):
            numbers += f", {waiting} wait{'s' if waiting == 1 else ''} for a worker"
        numbers += f"  {now - self._began:.0f} s"
        line = self._table.grid(padding=(0, 1))
        if width >= _NARROW:
            line.add_column(width=20)
        line.add_column(no_wrap=True)
        line.add_column(no_wrap=True, overflow="ellipsis")
        # The bar stays empty until the total is exact; otherwise the bar would shrink when the total grows.
        bar = self._bar(total=totals.least, completed=done if totals.exact else 0, width=20)
        line.add_row(*([bar] if width >= _NARROW else []), numbers, names)
        with self._rich.capture() as capture:
            self._rich.print(line, end="")
        return [*(_cut(bar, width).encode(errors="replace") for bar in bars), capture.get().rstrip("\n").encode()]


def _cut(text: str, width: int) -> str:
    from rich.cells import cell_len, set_cell_size

    return text if cell_len(text) <= width else f"{set_cell_size(text, width - 1).rstrip()}…"
