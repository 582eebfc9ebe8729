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


class DeployedRow(NamedTuple):
    """A flow that is deployed on a target's system.

    Attributes:
        name: the name under which it is deployed.
        flow: the name of the flow in stores; empty if it is unknown.
        file: the flow's file, relative to the root of its code; empty if it is unknown.
        namespace: the part of the system in which it is deployed.
        deployed: when it was first deployed, as RFC 3339; None if unknown.
        triggers: whether `flowc trigger` can start a run of it.
        schedules: the cron expressions of its schedule.
        timezone: the time zone of the schedule; None if only the system knows it.
        suspended: whether the schedule is suspended.
        stopped: whether the schedule has ended.
        last_started: when the schedule last started a run, as RFC 3339; None if it has not.
        run: the newest run of the flow; empty if it has none.
        state: the state of this run, in the words of the system.
        started: when this run started, as RFC 3339; None without a run.
    """

    name: str
    flow: str
    file: str
    namespace: str
    deployed: str | None
    triggers: bool
    schedules: Sequence[str]
    timezone: str | None
    suspended: bool
    stopped: bool
    last_started: str | None
    run: str
    state: str
    started: str | None


class Operations(NamedTuple):
    """The functions of a deployment that are called by commands outside of the target: `flowc runs --cluster`, `flowc
    resume` with `--target`, `flowc run` with the target as its executor, and `flowc ui`.

    Attributes:
        place: the options that say where runs and flows are deployed, such as --namespace.
        list_runs: prints the newest runs. The function's arguments are the values of the options `place`, a flow or
            None, a limit, and whether to print JSON.
        resume: resumes a run on the target's system and returns the exit code; called by
            `flowc.cli.commands.flows.resume`.
        run: runs a flow on the target's system and waits for the end; called by `flowc.cli.commands.flows.executors`.
            None for a target that cannot be an executor.
        list_flows: returns the deployed flows, without printing anything. The argument has the values of the options
            `place`; a missing value is the option's default. Raises TargetError. None for a target that cannot list
            its flows.
    """

    place: Sequence[click.Option]
    list_runs: Callable[[Mapping[str, str | None], str | None, int, bool], None]
    resume: Callable[..., int]
    run: Callable[..., ExecutorResult] | None = None
    list_flows: Callable[[Mapping[str, str | None]], Sequence[DeployedRow]] | None = None


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
