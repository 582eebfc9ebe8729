"""`profile`: a context manager that measures the time of a block of code."""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, MutableMapping

__all__ = ["profile"]


@contextmanager
def profile(label: str, stats_dict: MutableMapping[str, int] | None = None) -> Iterator[None]:
    """Print when the code in the `with` block starts, and how many milliseconds it takes: `with profile("load"):`.

    Args:
        label: a name for the measured code, which is printed.
        stats_dict: a dict whose value for the label is increased by the milliseconds. If `stats_dict` is given, nothing
            is printed.
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
