"""What a target's deployment is: commands of `flowc` for runs and flows on a system. Light: the help loads it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import click


class TargetError(Exception):
    """A target cannot be used, whatever the flow is: `message` says why in one line, `hint` what to do."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class Need(NamedTuple):
    """A distribution that a target needs: its `module`, what `use` needs it, and the command that installs it."""

    distribution: str
    module: str
    use: str
    install: str


class Operations(NamedTuple):
    """What commands that exist without a target do on one: `flowc runs --cluster` and `flowc resume --target NAME`.

    Attributes:
        place: the options that say where the deployment is, such as --namespace.
        list_runs: prints the newest runs, given the values of those options, a flow or None, a limit, and whether the
            output is JSON.
        resume: resumes a run there, as `flowc.cli.commands.flows.resume` calls it; returns the exit code.
    """

    place: Sequence[click.Option]
    list_runs: Callable[[Mapping[str, str | None], str | None, int, bool], None]
    resume: Callable[..., int]


class Deployment(NamedTuple):
    """The commands of `flowc` for runs and flows on a system. Importing it imports none of them.

    Attributes:
        system: what the system is called, as in "compiled to Argo Workflows".
        commands: the commands by name: the module whose function `NAME_command` is the command, and its help in a line.
        operations: the `Operations`, as "module:name".
        needs: what has to be installed for the commands.
        instead: what to do instead of commands that a flow's file has in Metaflow; {file} and {flow} name the flow.
    """

    system: str
    commands: Mapping[str, tuple[str, str]]
    operations: str
    needs: tuple[Need, ...] = ()
    instead: Mapping[str, str] = {}  # never changed
