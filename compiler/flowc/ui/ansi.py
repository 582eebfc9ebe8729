"""Converts a line with ANSI escape sequences to HTML: colours and bold become classes, other sequences are removed."""

from __future__ import annotations

import re
from typing import Final

from markupsafe import Markup, escape

_SEQUENCE: Final = re.compile(r"\x1b(?:\[([0-9;:]*)([@-~])|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-Z\\-_])")
_STYLES: Final = {1: "b", 2: "faint", 3: "i", 4: "u", 7: "inverse", 9: "s"}
_ENDS: Final = {22: ("b", "faint"), 23: ("i",), 24: ("u",), 27: ("inverse",), 29: ("s",)}
_CONTROL: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")


def ansi_html(line: str) -> Markup:
    """Return the HTML of a line of a log. Colours of 256 and of 24 bits become the nearest of the 16 basic colours."""
    if "\x1b" not in line:
        return escape(_CONTROL.sub("�", line))
    parts: list[Markup] = []
    classes: set[str] = set()
    at = 0
    for found in _SEQUENCE.finditer(line):
        parts.append(_span(line[at : found.start()], classes))
        if found[2] == "m":
            _apply([int(code) if code else 0 for code in re.split("[;:]", found[1])], classes)
        at = found.end()
    parts.append(_span(line[at:], classes))
    return Markup("").join(parts)


def _span(text: str, classes: set[str]) -> Markup:
    inside = escape(_CONTROL.sub("�", text))
    if not text or not classes:
        return inside
    return Markup('<span class="{}">{}</span>').format(" ".join(f"a-{name}" for name in sorted(classes)), inside)


def _apply(codes: list[int], classes: set[str]) -> None:
    """Change the classes by the codes of one sequence."""
    left = iter(codes)
    for code in left:
        if code == 0:
            classes.clear()
        elif code in _STYLES:
            classes.add(_STYLES[code])
        elif code in _ENDS:
            classes.difference_update(_ENDS[code])
        elif code in (38, 48):
            _colour(classes, "f" if code == 38 else "g", _extended([*left]))
        elif code in (39, 49):
            _colour(classes, "f" if code == 39 else "g", None)
        elif 30 <= code <= 37 or 90 <= code <= 97:
            _colour(classes, "f", code - 30 if code < 90 else code - 82)
        elif 40 <= code <= 47 or 100 <= code <= 107:
            _colour(classes, "g", code - 40 if code < 100 else code - 92)


def _colour(classes: set[str], ground: str, number: int | None) -> None:
    for each in [name for name in classes if re.fullmatch(rf"{ground}\d+", name)]:
        classes.discard(each)
    if number is not None:
        classes.add(f"{ground}{number}")


def _extended(codes: list[int]) -> int | None:
    """Return the basic colour, 0 to 15, nearest to the colour `5;N` or `2;R;G;B`."""
    match codes:
        case [5, number, *_]:
            if number < 16:
                return number
            if number >= 232:
                return _nearest(*[8 + 10 * (number - 232)] * 3)
            red, rest = divmod(number - 16, 36)
            return _nearest(red * 51, rest // 6 * 51, rest % 6 * 51)
        case [2, red, green, blue, *_]:
            return _nearest(red, green, blue)
    return None


def _nearest(red: int, green: int, blue: int) -> int:
    bright = max(red, green, blue)
    if bright < 64:
        return 0
    number = sum(bit for bit, value in ((1, red), (2, green), (4, blue)) if value > bright // 2)
    return number + 8 if bright > 190 else number
