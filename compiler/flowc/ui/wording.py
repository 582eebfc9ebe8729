"""Writes values as short texts: durations, times, sizes and numbers."""

from __future__ import annotations

import math
import time

from flowc.targets.pictures import picture


def duration(seconds: float | None) -> str:
    """Return a duration in its one or two largest units: `0.42 s`, `7.5 s`, `3 min 20 s`, `2 h 5 min`, `3 d 4 h`."""
    if seconds is None:
        return ""
    if seconds < 0.001:
        return "0 s" if seconds <= 0 else "<1 ms"
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 60:
        return f"{seconds:.1f} s".replace(".0 s", " s")
    return picture.duration(round(seconds))


def moment(when: float | None) -> str:
    """Return a time in the time zone of the server, such as `2026-11-30 14:05:09`."""
    return "" if when is None else time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(when))


def iso(when: float | None) -> str:
    """Return a time for the attribute `datetime` of HTML, in UTC."""
    return "" if when is None else time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(when))


def ago(when: float | None, now: float) -> str:
    """Return how long ago a time was, in one unit: `now`, `5 min ago`, `3 d ago`; a time in the future is `now`."""
    if when is None:
        return ""
    seconds = now - when
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= size:
            return f"{int(seconds // size)} {unit} ago"
    return f"{int(seconds)} s ago" if seconds >= 1 else "now"


def size(count: float | None) -> str:
    """Return a number of bytes, such as `1.5 MB` (1,500,000 bytes)."""
    if count is None:
        return ""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "B" or count >= 100 else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:,.1f} TB"


def number(value: float) -> str:
    """Return a number with at most five significant digits; whole numbers have all their digits."""
    if isinstance(value, int) or (math.isfinite(value) and value == int(value) and abs(value) < 1e15):
        return f"{int(value):,}"
    return f"{value:.5g}"


def encodable(text: object) -> str:
    """Return a text of a record without half characters (surrogates), which no page can contain."""
    return str(text).encode("utf-8", "replace").decode()
