"""Write numbers with their nouns, in the one form that all messages have."""

from __future__ import annotations


def count(number: int, noun: str, plural: str | None = None) -> str:
    """Return `1 task`, `2,000 tasks`; `plural` is for nouns whose plural is not an added s."""
    return f"{number:,} {noun if number == 1 else plural or f'{noun}s'}"
