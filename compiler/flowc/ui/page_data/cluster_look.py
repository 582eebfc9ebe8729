"""What is deployed on the cluster that the current context reaches, asked for in a thread with a limit of time."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Final, final

from flowc.targets.deployment import TargetError
from flowc.targets.table import default_deployment, operations_of
from flowc_ir.late.namedtuple import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from flowc.targets.deployment import DeployedRow

PATIENCE: Final = 2.0
"""Seconds for which a page waits for the cluster."""
FRESH: Final = 10.0
"""Seconds for which an answer of the cluster is shown before the cluster is asked again."""


class ClusterAnswer(NamedTuple):
    """What the cluster has answered: the deployed flows, or why they are unknown, in one sentence."""

    flows: Sequence[DeployedRow] = ()
    problem: str = ""


_SILENT: Final = ClusterAnswer(problem=f"The cluster has not answered within {PATIENCE:g} s.")


def ask_cluster() -> ClusterAnswer:
    """Ask the cluster of the default target. Any failure becomes the answer's `problem`."""
    try:
        list_flows = operations_of(default_deployment()).list_flows
        return ClusterAnswer(list_flows({}) if list_flows is not None else ())
    except TargetError as error:
        return ClusterAnswer(problem=f"{error.message[:1].upper()}{error.message[1:]}: {error.hint}.")
    except Exception as error:  # the client of the cluster runs plugins of the user, which may raise anything
        return ClusterAnswer(problem=f"The cluster cannot be asked: {type(error).__name__}: {error}.")


@final
class ClusterLook:
    """Asks the cluster in a thread of its own, at most one at a time, and remembers the newest answer."""

    def __init__(self, ask: Callable[[], ClusterAnswer] = ask_cluster, patience: float = PATIENCE) -> None:
        """Create it; `ask` asks the cluster, and `patience` is the longest wait of `answer` in seconds."""
        self._ask, self._patience = ask, patience
        self._lock = threading.Lock()
        self._known: ClusterAnswer | None = None
        self._when = float("-inf")
        self._asking: threading.Event | None = None  # set when the thread has its answer

    def answer(self) -> ClusterAnswer:
        """Return the newest answer; wait for the first one, but no longer than `patience`."""
        with self._lock:
            if self._asking is None and time.monotonic() - self._when > FRESH:
                self._asking = threading.Event()
                threading.Thread(target=self._look, args=(self._asking,), name="cluster", daemon=True).start()
            asking, known = self._asking, self._known
        if known is None and asking is not None and asking.wait(self._patience):
            known = self._known
        return known if known is not None else _SILENT

    def _look(self, asking: threading.Event) -> None:
        answer = self._ask()
        with self._lock:
            self._known, self._when, self._asking = answer, time.monotonic(), None
        asking.set()
