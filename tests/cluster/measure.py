"""`make image`: the runtime image, its size, and how long it takes to the user's first line."""

from __future__ import annotations


def image() -> None:
    raise NotImplementedError
