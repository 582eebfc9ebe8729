"""Deployments: the commands that a target adds to `flowc`. `flowc --help` loads this module, so it imports little."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowc_ir.late.namedtuple import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import click

    from flowc.executors.executor import ExecutorResult


class TargetError(Exception):
    """A target cannot be used with this installation or these settings: `message` says why in one line, `hint` says
    what to do.

    The class does not derive from `HintedError`, because `flowc --help` must not import the module of `HintedError`.
    """

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class Need(NamedTuple):
    """A distribution that a target needs: one of its modules (`module`), the feature that needs the distribution
    (`use`), and the command that installs it."""

    distribution: str
    module: str
    use: str
    install: str


class Operations(NamedTuple):
    """The functions of a deployment that are called by commands outside of the target: `flowc runs --cluster`, `flowc
    resume` with `--target`, and `flowc run` with the target as its executor.

    Attributes:
        place: the options that say where runs and flows are deployed, such as --namespace.
        list_runs: prints the newest runs. The function's arguments are the values of the options `place`, a flow or
            None, a limit, and whether to print JSON.
        resume: resumes a run on the target's system and returns the exit code; called by
            `flowc.cli.commands.flows.resume`.
        run: runs a flow on the target's system and waits for the end; called by `flowc.cli.commands.flows.executors`.
            None for a target that cannot be an executor.
    """

    place: Sequence[click.Option]
    list_runs: Callable[[Mapping[str, str | None], str | None, int, bool], None]
    resume: Callable[..., int]
    run: Callable[..., ExecutorResult] | None = None


class Deployment(NamedTuple):
    """The commands of `flowc` for runs and flows on a target's system. The commands are given as names, and their
    modules are imported when they are called.

    Attributes:
        system: the name of the system, as in "compiled to Argo Workflows".
        commands: for each command's name, the module that defines `NAME_command`, and one line of help.
        operations: where the `Operations` are defined, as "module:name".
        needs: the distributions that the commands need.
        instead: for each command of Metaflow's flow files (`python flow.py COMMAND`), a hint that names the command of
            flowc to use instead; in the hint, {file} and {flow} are replaced.
    """

    system: str
    commands: Mapping[str, tuple[str, str]]
    operations: str
    needs: tuple[Need, ...] = ()
    instead: Mapping[str, str] = {}  # never changed
