"""What commands that run a flow differ in: `run`, `resume`, `retry` and `spin`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    import click

    from flowc.cli.options.loading import Checked
    from flowc_ir import Config
    from flowc_runtime.store.records.store import RunStore, Store


class Resumption(NamedTuple):
    """The run that a new one resumes, the step that was asked for, and the parameters to keep."""

    origin: RunStore
    step: str | None
    parameters: Mapping[str, Any]

    def record(self) -> dict[str, Any]:
        """What the new run's record says of it."""
        found: dict[str, Any] = {"origin": self.origin.id}
        if self.step is not None:
            found["resumed_from"] = self.step
        if trigger := self.origin.record().get("trigger"):
            found["trigger"] = trigger
        return found


class RunKind(NamedTuple):
    """What `run` and `resume` differ in: `params` are more of them, `find` finds what is resumed.

    `configs` gives the configs that a flow of this name has because the run that is resumed had them; `elsewhere` may
    do all of it in another place than this machine. `execute` does it in another way, `without` some options of `run`.
    `keeps` are names that Metaflow's own command has for its options, whatever parameters there are.
    """

    name: str
    about: str
    params: Sequence[click.Parameter] = ()
    find: Callable[[Store, Checked, Mapping[str, Any]], Resumption] | None = None
    configs: Callable[[Mapping[str, Any], str], Mapping[str, Config]] | None = None
    execute: Callable[[Checked, Any, dict[str, list[str]], dict[str, Any], RunKind], int] | None = None
    without: Collection[str] = ()
    elsewhere: Callable[[Checked, Mapping[str, Sequence[str]], Mapping[str, Any]], int | None] | None = None
    keeps: frozenset[str] = frozenset()
