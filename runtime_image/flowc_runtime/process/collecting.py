"""How often Python collects cycles: rarely while a command starts, as usual once tasks run.

Imports make many objects and few cycles. With the threshold of Python, 700 new objects, 70 collections took 7 % of a
run of three steps. Code that a flow's file runs when it is imported is still collected, only less often.
"""

from __future__ import annotations

import gc

RARE = 50_000  # new containers until a collection: more than the imports of a command make
_usual: int | None = None


def collect_rarely() -> None:
    """Collect rarely, unless the program collects even less often, or never."""
    global _usual
    first, *others = gc.get_threshold()
    if 0 < first < RARE:
        _usual = first
        gc.set_threshold(RARE, *others)


def collect_as_usual() -> None:
    """Collect as before `collect_rarely`, unless the program has set a threshold of its own since."""
    global _usual
    first, *others = gc.get_threshold()
    if _usual is not None and first == RARE:
        gc.set_threshold(_usual, *others)
    _usual = None
