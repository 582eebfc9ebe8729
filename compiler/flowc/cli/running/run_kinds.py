"""Describes the differences between the commands that run a flow: `run`, `resume`, `retry` and `spin`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowc_ir.late.namedtuple import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    import click

    from flowc.cli.options.loading import Checked
    from flowc_emulator.scheduling.seeds import Seeds
    from flowc_ir import Config
    from flowc_runtime.store.records.run_store import RunStore
    from flowc_runtime.store.records.store import Store


class Resumption(NamedTuple):
    """The run to resume, the first step to execute (or None), and the values of the run's parameters."""

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
    """A command that runs a flow: its name, its help (`about`) and its differences from `run`.

    Attributes:
        params: the command's additional options and arguments, which other commands that run a flow do not have.
        find: a function that returns the run to resume, or None if the command resumes no run.
        configs: a function that returns the configs of the run to resume, by name. The function's arguments are the
            values of the command's options and the flow's name.
        execute: a function that executes the command instead of `run_here`.
        without: the options of `run` that the command does not have.
        elsewhere: a function that may run the flow outside of the emulator. The function returns the exit code, or None
            if the emulator is to run the flow.
        keeps: the names of the options that Metaflow has for this command. A parameter cannot replace one of these
            options.
        flow: the argument FLOW as the usage line shows it.
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
