"""Make random generators in forked children behave like those in pods.

A pod imports the flow itself. A generator that the flow seeds during import starts from that seed in every task; any
other generator is random in each task. A forked child inherits the state of all generators, so it restores the seeded
ones and reseeds the others.
"""

from __future__ import annotations

import random
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


class Seeds:
    """The generators that the flow seeded during its import."""

    def __init__(self) -> None:
        self.python = False

    @contextmanager
    def watch(self) -> Iterator[None]:
        """Record whether code in the `with` block calls `random.seed`, and the state of `random` at the end of the
        block."""
        original = random.seed

        def seed(a: int | float | str | bytes | bytearray | None = None, version: int = 2) -> None:
            self.python = True
            original(a, version)

        random.seed = seed
        try:
            yield
        finally:
            random.seed = original
            self._state = random.getstate()

    def enter_child(self) -> None:
        """Restore the seeded generators and reseed the others, in a forked child."""
        if self.python:  # otherwise nothing to do: Python itself reseeds `random` after a fork
            random.setstate(self._state)
        numpy = sys.modules.get("numpy.random")
        # A generator that the flow seeded by np.random.seed has no seed sequence; a generator that numpy seeded itself
        # has a seed sequence.
        if numpy is not None and numpy.mtrand._rand._bit_generator.seed_seq is not None:
            numpy.seed()
