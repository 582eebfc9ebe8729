"""Write a number with its noun, for messages: `1 task`, `2,000 tasks`."""

from __future__ import annotations


def count(number: int, noun: str, plural: str | None = None) -> str:
    """Return a number with its noun: `1 task`, `2,000 tasks`.

    Args:
        number: the number; it is written with commas between thousands.
        noun: the noun in the singular.
        plural: the noun in the plural; the default adds an s.
    """
    return f"{number:,} {noun if number == 1 else plural or f'{noun}s'}"
