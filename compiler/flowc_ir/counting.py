"""Numbers of things in words, as every message writes them."""

from __future__ import annotations


def count(number: int, noun: str, plural: str | None = None) -> str:
    """Return `1 task`, `2,000 tasks`; `plural` is for nouns that take more than an s."""
    return f"{number:,} {noun if number == 1 else plural or f'{noun}s'}"
