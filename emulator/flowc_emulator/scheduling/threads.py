"""Limit native thread pools (OpenBLAS, OpenMP), so that parallel tasks share the cores.

Each of these libraries starts as many threads as there are cores, in every process. Four tasks on two cores then have
eight threads, which wait for each other by spinning: a model fit of half a second takes half a minute. Pods do not need
this, because the CPU limits of the containers divide the cores.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from threadpoolctl import ThreadpoolController

CHOSEN = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


class Threads:
    """The native thread pools of the libraries that the flow has loaded; empty if threadpoolctl is not installed."""

    def __init__(self) -> None:
        self._controller: ThreadpoolController | None = None
        if "numpy" in sys.modules and not any(name in os.environ for name in CHOSEN):
            try:
                from threadpoolctl import ThreadpoolController
            except ModuleNotFoundError:
                return
            # the controller finds the libraries once, for all forked children
            self._controller = ThreadpoolController()

    def enter_child(self, tasks: int) -> None:
        """Limit the pools of a forked child to its share of the cores; `tasks` is the number of parallel tasks."""
        if self._controller is not None and tasks > 1:
            self._controller.limit(limits=max(1, (os.cpu_count() or 1) // tasks))
