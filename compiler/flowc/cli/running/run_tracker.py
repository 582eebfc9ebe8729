"""The tracker of a run on this machine: reads the setting `tracker`, and starts the process that sends metrics to the
tracker."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from flowc.cli.options.common import fail
from flowc_ir.late import LateFunction, LateModule
from flowc_runtime.base.config import configuration
from flowc_runtime.base.errors import ConfigurationError, ConfigurationFault

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from flowc_emulator.console.protocol import Console
    from flowc_emulator.plan import RunResult
    from flowc_emulator.tracking import Tracking
    from flowc_runtime.run.metrics import tracker
    from flowc_runtime.run.metrics.tracker import EndState
    from flowc_runtime.store.records.run_store import RunStore
else:  # imported at first use: only runs with a tracker need them
    Tracking = LateFunction("flowc_emulator.tracking:Tracking")
    tracker = LateModule("flowc_runtime.run.metrics.tracker")


def tracker_here(*, mock: bool) -> str | None:
    """Return the value of the setting `tracker`, or None if it is not set, or with `--mock`.

    Raises:
        ConfigurationError: a variable or the configuration file is invalid.
        SystemExit: the library of the tracker is not installed; the error is printed.
    """
    setting = configuration.text("tracker")
    if setting is None or mock:
        return None
    try:
        return tracker.check_setting(setting)
    except tracker.TrackerLibraryError as error:
        fail(error.message, error.hint)
    except tracker.TrackerError as error:
        place = configuration.lookup("tracker").place
        raise ConfigurationError([ConfigurationFault(f"{place}: {error.message}", error.hint)]) from None


def begin_tracking(setting: str | None, run: RunStore, store: str) -> Tracking | None:
    """Start the process that sends a run's metrics to the tracker; return None without a tracker.

    Args:
        setting: the result of `tracker_here`.
        run: the run, whose record already exists.
        store: the address of the store.
    """
    if setting is None:
        return None
    return Tracking({"tracker": setting, "store": store, "flow": run.flow, "run": run.id, "partial": False})


@contextmanager
def ending_tracking(tracking: Tracking | None, console: Console) -> Iterator[Callable[[RunResult], None]]:
    """A context manager for a run: at the end of the `with` block, it tells the tracker how the run has ended.

    Print a warning if metrics could not be sent. It yields a function, which the code in the `with` block calls with
    the run's result. Without this call, the run counts as failed.

    Args:
        tracking: the process that sends metrics, or None without a tracker.
        console: the console that prints the warning.
    """
    results: list[RunResult] = []
    try:
        yield results.append
    finally:
        if tracking is not None and (warning := tracking.end(_state(results))):
            console.note(f"warning: {warning}")


def _state(results: Sequence[RunResult]) -> EndState:
    if not results or not (results[0].ok or results[0].signal is not None):
        return "failed"
    return "succeeded" if results[0].ok else "interrupted"
