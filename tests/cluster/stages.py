"""The stages of slow work: a line at the start of a stage, with its usual time, and a line at its end.

The usual time is the time of the last run on this machine; for the first run, the time on a machine with two cores.
"""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections.abc import Iterator

from cluster.shell import root, say

KNOWN = {
    "up": "20 to 25 minutes on two cores the first time, which compiles for 44 CPU-minutes; then three quarters of a minute",
}
_lock = threading.Lock()  # stages run concurrently


@contextlib.contextmanager
def stage(what: str) -> Iterator[None]:
    """Print the start and the end of a stage; `what` is the stage's name, under which its time is stored."""
    last = _times().get(what)
    usual = f"{length(last)} the last time" if last is not None else KNOWN.get(what, "not yet timed on this machine")
    say(f"{what} … ({usual})")
    began = time.monotonic()
    try:
        yield
    except BaseException:
        say(f"{what}: broken off after {length(time.monotonic() - began)}")
        raise
    took = time.monotonic() - began
    say(f"{what}: {length(took)}")
    if what not in KNOWN:  # the times of the stages in KNOWN vary too much to be stored
        _keep(what, took)


def length(seconds: float) -> str:
    """Return a time as text for people."""
    if seconds < 100:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    return f"{seconds // 60:.0f} min {seconds % 60:.0f} s" if seconds < 600 else f"{seconds / 60:.0f} min"


def _times() -> dict[str, float]:
    try:
        times = json.loads((root() / "times.json").read_text())
    except (OSError, ValueError):
        return {}
    return times if isinstance(times, dict) else {}


def _keep(what: str, took: float) -> None:
    with _lock:
        file = root() / "times.json"
        file.parent.mkdir(parents=True, exist_ok=True)
        (new := file.with_suffix(".new")).write_text(json.dumps(_times() | {what: round(took, 1)}, indent=1))
        new.replace(file)
