"""Saying that something about a card is not as it was meant."""

from __future__ import annotations

import sys

told: set[str] = set()


def warn(text: str) -> None:
    """Say something about a card on the task's stderr, once."""
    if text not in told:
        told.add(text)
        print(f"[@card WARNING] {text}", file=sys.stderr)


def last_line(text: str) -> str:
    """The line of a traceback that says what went wrong."""
    return text.strip().rpartition("\n")[2]
