"""Deployments: the commands that a target brings to `flowc`. The help loads this module, which imports little."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import click

    from flowc.executors.executor import ExecutorResult


class TargetError(Exception):
    """A target cannot be used for any flow: `message` says why in one line, `hint` says what to do."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class Need(NamedTuple):
    """A distribution that a target needs: its `module`, the `use` that needs it, and the command that installs it."""

    distribution: str
    module: str
    use: str
    install: str


class Operations(NamedTuple):
    """The operations of a deployment for general commands: `flowc runs --cluster` and `flowc resume` with `--target`,
    and `flowc run` with the target as its executor.

    Attributes:
        place: the options that locate the deployment, such as --namespace.
        list_runs: prints the newest runs; takes the values of those options, a flow or None, a limit, and whether to
            print JSON.
        resume: resumes a run there and returns the exit code; called by `flowc.cli.commands.flows.resume`.
        run: runs a flow there and waits for the end; called by `flowc.cli.commands.flows.executors`. None if the target
            cannot be an executor.
    """

    place: Sequence[click.Option]
    list_runs: Callable[[Mapping[str, str | None], str | None, int, bool], None]
    resume: Callable[..., int]
    run: Callable[..., ExecutorResult] | None = None


class Deployment(NamedTuple):
    """The commands of `flowc` for runs and flows on a system, by name, so that they are imported only when called.

    Attributes:
        system: the name of the system, as in "compiled to Argo Workflows".
        commands: for each command's name, the module that defines `NAME_command`, and one line of help.
        operations: the `Operations`, as "module:name".
        needs: the distributions that the commands need.
        instead: hints for commands that a flow's file has in Metaflow; {file} and {flow} are replaced.
    """

    system: str
    commands: Mapping[str, tuple[str, str]]
    operations: str
    needs: tuple[Need, ...] = ()
    instead: Mapping[str, str] = {}  # never changed
