"""The differences between the commands that run a flow: `run`, `resume`, `retry` and `spin`."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    import click

    from flowc.cli.options.loading import Checked
    from flowc_emulator.scheduling.seeds import Seeds
    from flowc_ir import Config
    from flowc_runtime.store.records.run_store import RunStore
    from flowc_runtime.store.records.store import Store


class Resumption(NamedTuple):
    """The run to resume, the step to resume from, if any, and the parameters to keep."""

    origin: RunStore
    step: str | None
    parameters: Mapping[str, object]

    def record(self) -> dict[str, object]:
        """Return the fields of the new run's record about the resumption: `origin`, `resumed_from` and `trigger`, if
        any."""
        found: dict[str, object] = {"origin": self.origin.id}
        if self.step is not None:
            found["resumed_from"] = self.step
        if trigger := self.origin.record().get("trigger"):
            found["trigger"] = trigger
        return found


class RunKind(NamedTuple):
    """One command that runs a flow: its name, its help (`about`) and its differences to `run`.

    Attributes:
        params: additional options.
        find: returns the run to resume.
        configs: returns the configs of the run to resume, for a flow of this name.
        execute: replaces the execution of a run.
        without: the options of `run` that the command does not have.
        elsewhere: runs the command outside this machine and returns its exit code; None to run it here.
        keeps: the options of Metaflow's command: a parameter of the same name does not replace them.
        flow: the argument FLOW in the usage.
    """

    name: str
    about: str
    params: Sequence[click.Parameter] = ()
    find: Callable[[Store, Checked, Mapping[str, object]], Resumption] | None = None
    configs: Callable[[Mapping[str, object], str], Mapping[str, Config]] | None = None
    execute: Callable[[Checked, Seeds, dict[str, list[str]], dict[str, object], RunKind], int] | None = None
    without: Collection[str] = ()
    elsewhere: Callable[[Checked, Mapping[str, Sequence[str]], Mapping[str, object]], int | None] | None = None
    keeps: frozenset[str] = frozenset()
    flow: str = "FLOW"
