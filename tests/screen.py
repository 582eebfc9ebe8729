"""What a terminal shows after some output, for the control sequences that flowc writes."""

from __future__ import annotations

import re

_TOKEN = re.compile(r"\x1b\[([0-9;?]*)([@-~])|(.)", re.DOTALL)


def screen(written: str, width: int) -> list[str]:
    """Return the lines of a terminal of this width and any height, without trailing blanks; long lines are wrapped."""
    rows: list[list[str]] = [[]]
    at, column = 0, 0
    for number, what, char in _TOKEN.findall(written):
        if what == "A":
            at = max(0, at - int(number or 1))
        elif what == "K":
            rows[at] = [] if number == "2" else rows[at][:column]
        elif what:
            assert what == "m", f"a sequence that is not known here: {number}{what}"
        elif char == "\r":
            column = 0
        elif char == "\n":  # a newline also moves to column 0, as on a real terminal, which adds a carriage return
            at, column = at + 1, 0
        else:
            if column == width:
                at, column = at + 1, 0
            if at == len(rows):
                rows.append([])
            rows[at] += " " * (column + 1 - len(rows[at]))
            rows[at][column] = char
            column += 1
        while len(rows) <= at:
            rows.append([])
    return ["".join(row).rstrip() for row in rows]
