"""Split the output of all tasks into lines: the bytes of each stream, or the final lines that a terminal would show."""

from __future__ import annotations

from typing import TYPE_CHECKING, final

from flowc_emulator.console.rows import PIECE, Rows

if TYPE_CHECKING:
    from flowc_emulator.scheduling.scheduler import Job
    from flowc_runtime.process.logs import Stream

_STREAMS: tuple[Stream, Stream] = ("stdout", "stderr")


@final
class _Plain:
    """Splits one stream into lines without changing them."""

    unsettled = False

    def __init__(self) -> None:
        self._rest = b""

    def add(self, data: bytes) -> list[bytes]:
        *lines, rest = (self._rest + data).split(b"\n")
        if len(rest) > PIECE:
            lines, rest = [*lines, rest], b""
        self._rest = rest
        return lines

    def settle(self) -> list[bytes]:
        return []

    def bars(self) -> list[str]:
        return []

    def end(self) -> list[bytes]:
        rest, self._rest = self._rest, b""
        return [rest] if rest else []


@final
class LineCutter:
    """Splits the output of each task into lines.

    In the streams `shortened`, only the last state of a progress bar becomes a line.
    """

    def __init__(self, *shortened: Stream) -> None:
        self._shortened = shortened
        self._open: dict[tuple[Job, Stream], Rows | _Plain] = {}
        self._unsettled: set[tuple[Job, Stream]] = set()

    def add(self, job: Job, stream: Stream, data: bytes) -> list[bytes]:
        """Take the next bytes of a task's output, and return the lines that they complete, without line ends.

        Args:
            job: the task's attempt.
            stream: the stream to which the task wrote.
            data: the bytes, which may end anywhere in a line.
        """
        if (found := self._open.get((job, stream))) is None:
            found = self._open[job, stream] = Rows() if stream in self._shortened else _Plain()
        lines = found.add(data)
        (self._unsettled.add if found.unsettled else self._unsettled.discard)((job, stream))
        return lines

    @property
    def unsettled(self) -> bool:
        """Whether some lines can still change, so that `settle` has to be called again."""
        return bool(self._unsettled)

    def settle(self) -> list[tuple[Job, Stream, list[bytes]]]:
        """Return (attempt, stream, lines) for each stream with lines that are final because they have not changed for a
        second."""
        found = []
        for job, stream in sorted(self._unsettled, key=str):
            if lines := self._open[job, stream].settle():
                self._unsettled.discard((job, stream))
                found.append((job, stream, lines))
        return found

    def bars(self, job: Job, stream: Stream) -> list[str]:
        """Return the current text of each progress bar in a shortened stream, from top to bottom."""
        found = self._open.get((job, stream))
        return found.bars() if found is not None else []

    def end(self, job: Job) -> list[tuple[Stream, bytes]]:
        """Return (stream, line) for each remaining line of a task that has ended or shows a debugger's prompt."""
        left = []
        for stream in _STREAMS:
            self._unsettled.discard((job, stream))
            if (found := self._open.pop((job, stream), None)) is not None:
                left += [(stream, line) for line in found.end()]
        return left
