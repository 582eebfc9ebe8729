"""Write numbers with their nouns, in the one form that all messages have."""

from __future__ import annotations


def count(number: int, noun: str, plural: str | None = None) -> str:
    """Return a number with its noun: `1 task`, `2,000 tasks`.

    Args:
        number: how many there are; it is written with commas between thousands.
        noun: the noun in the singular.
        plural: the plural, for nouns that do not add an s.
    """
    return f"{number:,} {noun if number == 1 else plural or f'{noun}s'}"
