"""`profile`: how long a block of code takes."""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, MutableMapping

__all__ = ["profile"]


@contextmanager
def profile(label: str, stats_dict: MutableMapping[str, int] | None = None) -> Iterator[None]:
    """`with profile("load"):` prints when the block starts and how many milliseconds it took.

    With `stats_dict` it prints nothing and adds the milliseconds to `stats_dict[label]`, so that a block in a loop is
    counted as a whole.
    """
    if stats_dict is None:
        print(f"PROFILE: {label} starting", flush=True)
    started = time.perf_counter()
    try:
        yield
    finally:
        took = int((time.perf_counter() - started) * 1000)
        if stats_dict is None:
            print(f"PROFILE: {label} completed in {took}ms", flush=True)
        else:
            stats_dict[label] = stats_dict.get(label, 0) + took
