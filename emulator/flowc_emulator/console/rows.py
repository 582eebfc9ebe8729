"""Reduce a task's output with overwritten lines, such as progress bars, to the lines that a terminal would show.

A progress bar ends each drawing with a carriage return. Nested bars also move the cursor up (`ESC [ A`), so a line
above the cursor can still change. `Rows` keeps the lines that can still change, and returns a line when its text is
final.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, final

from flowc_ir.late.dataclass import dataclass, field
from flowc_ir.late.pattern import late_pattern

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PIECE = 1 << 16  # The largest number of bytes of an unfinished line that are held back.
SETTLED = 1.0  # A progress bar's line is final when the cursor was below it for this many seconds.
_MOST = 100  # The largest number of rows that are kept because the cursor can return to them.
_TOKEN = late_pattern(rb"\r+\n|\n|\r|\x08|\x1b\[[0-9;?]*[@-~]|[^\r\n\x08\x1b]+|\x1b")
_CUT = late_pattern(rb"\x1b(\[[0-9;?]*)?\Z")  # an incomplete escape sequence at the end of the received data
_STYLES = late_pattern(r"\x1b\[[0-9;]*m")


@dataclass(slots=True)
class _Row:
    text: bytearray = field(default_factory=bytearray)
    bar: bool = False  # whether the row was overwritten


@final
class Rows:
    """The screen rows of one output stream of a task. `clock` returns the current time in seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._rows = [_Row()]
        self._at = 0  # The index of the row with the cursor.
        self._fresh = False  # Whether the cursor is at the row's beginning, so that further output replaces the row.
        self._rest = b""
        self._since = 0.0  # the time at which the cursor reached its row

    def add(self, data: bytes) -> list[bytes]:
        """Write output to the rows, as a terminal would, and return the lines that cannot change any more, without line
        ends."""
        row = self._rows[0]
        plain = len(self._rows) == 1 and not (self._rest or row.bar or self._fresh)
        if plain and not {0x0D, 0x08, 0x1B} & set(data):
            *lines, last = (bytes(row.text) + data).split(b"\n")
            row.text[:] = last
            return lines + self._long()
        data = self._rest + data
        if cut := _CUT.search(data):
            data, self._rest = data[: cut.start()], cut[0]
        else:
            self._rest = b""
        found: list[bytes] = []
        for token in _TOKEN.findall(data):
            self._take(token)
            if token.endswith(b"\n"):
                found += self._final()
        return found + self._long()

    def settle(self) -> list[bytes]:
        """Return the lines that are final because the cursor left them `SETTLED` seconds ago."""
        if self._at == 0 or self._clock() - self._since < SETTLED:
            return []
        return self._drop(self._at)

    @property
    def unsettled(self) -> bool:
        """Whether some lines above the cursor are not final yet."""
        return self._at > 0

    def bars(self) -> list[str]:
        """Return the texts of the progress bars, from top to bottom, without colors and other control sequences."""
        texts = (bytes(row.text).decode(errors="replace") for row in self._rows if row.bar)
        plain = ("".join(char for char in _STYLES.sub("", text) if char.isprintable()) for text in texts)
        return [text.rstrip() for text in plain if text.strip()]

    def end(self) -> list[bytes]:
        """Return the remaining lines at the end of the stream."""
        if self._rest:
            self._text(self._rest)
        above, rows = self._drop(self._at), self._rows
        self._rows, self._at, self._fresh, self._rest = [_Row()], 0, False, b""
        return above + [line for line in _texts(rows) if line]

    # -- the terminal's operations

    def _take(self, token: bytes) -> None:
        row = self._rows[self._at]
        if token.endswith(b"\n"):
            self._move(1)
            if not self._rows[self._at].text.strip():
                self._rows[self._at] = _Row()  # an empty row is not a progress bar: the bar has erased its text
            self._fresh = bool(self._rows[self._at].text)
            self._since = self._clock()
        elif token == b"\r":
            self._fresh = True
        elif token == b"\b":
            row.text[:] = row.text.decode(errors="surrogateescape")[:-1].encode(errors="surrogateescape")
            row.bar = True
        elif token[:2] == b"\x1b[" and token[-1:] != b"m":
            self._control(row, token[-1:], token[2:-1].lstrip(b"?"))
        else:
            self._text(token)

    def _text(self, text: bytes) -> None:
        row = self._rows[self._at]
        if self._fresh:
            row.text.clear()
            row.bar, self._fresh = True, False
        row.text += text

    def _control(self, row: _Row, what: bytes, number: bytes) -> None:
        count = int(number[:4]) if number.isdigit() else 1
        if what in b"AF":
            # rows above the first kept row are final, so the first kept row is overwritten instead
            row.bar = row.bar or not self._at
            self._move(-count)
            self._rows[self._at].bar = True
        elif what in b"BE":
            self._move(count)
        if what in b"EFG" and count == 1:
            self._fresh = True
        elif what == b"K" and (self._fresh or number in (b"1", b"2")):
            row.text.clear()
            row.bar, self._fresh = True, False
        elif what == b"J":
            del self._rows[self._at + 1 :]
            if self._fresh or number in (b"2", b"3"):
                row.text.clear()

    def _move(self, count: int) -> None:
        self._at = min(max(0, self._at + count), self._at + _MOST)
        while len(self._rows) <= self._at:
            self._rows.append(_Row())

    # -- final rows

    def _final(self) -> list[bytes]:
        """Return the final lines: the last row above the cursor that is no progress bar, and all rows above that
        row."""
        for number in range(self._at - 1, -1, -1):
            if not self._rows[number].bar or self._at >= _MOST:
                return self._drop(number + 1)
        return []

    def _drop(self, count: int) -> list[bytes]:
        gone, self._rows = self._rows[:count], self._rows[count:]
        self._at = max(0, self._at - count)
        if not self._rows:
            self._rows.append(_Row())
        return list(_texts(gone))

    def _long(self) -> list[bytes]:
        row = self._rows[self._at]
        if len(row.text) <= PIECE:
            return []
        above = self._drop(self._at)
        text = bytes(row.text)
        self._rows[0] = _Row()
        return [*above, text]


def _texts(rows: list[_Row]) -> Iterator[bytes]:
    for row in rows:
        text = bytes(row.text)
        if not row.bar:
            yield text
        elif shown := text.rstrip():
            yield shown
