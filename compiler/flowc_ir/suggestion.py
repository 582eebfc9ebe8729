"""Find the known name that a user probably meant by an unknown name."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


def closest(word: object, known: Iterable[str], *, cutoff: float = 0.6) -> str | None:
    """Return the known name that is closest to a misspelt name; None if no name is close.

    Args:
        word: the unknown name; a value that is not a string is close to no name.
        known: the existing names.
        cutoff: how similar two names must be to count as close, as computed by `difflib`: between 0 (any names) and 1
            (equal names).
    """
    if not isinstance(word, str):
        return None
    from difflib import get_close_matches  # imported only when a fault is reported

    return next(iter(get_close_matches(word, sorted(known), n=1, cutoff=cutoff)), None)


def did_you_mean(name: str) -> str:
    """Return the hint that suggests the name that the user probably meant."""
    return f"did you mean '{name}'?"


def suggest(word: object, known: Iterable[str], otherwise: str) -> str:
    """Return the hint for a name that does not exist.

    Args:
        word: the unknown name.
        known: the existing names.
        otherwise: the hint if no known name is close.
    """
    meant = closest(word, known)
    return otherwise if meant is None else did_you_mean(meant)
