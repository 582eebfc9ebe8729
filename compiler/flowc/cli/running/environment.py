"""The option `--environment`: tasks run in this interpreter, or in isolated environments with their steps' packages."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import click

from flowc.cli.options.common import TOP, fail, top
from flowc.cli.options.definitions import top_of_environment
from flowc.cli.rendering.working import working
from flowc_ir.late import LateFunction, LateModule
from flowc_ir.policies import ELSEWHERE
from flowc_runtime.base.config import configuration, settings

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from flowc.cli.options.loading import Checked
    from flowc_emulator import environments
    from flowc_emulator.environments import Isolation
    from flowc_emulator.environments.spec import make_spec
    from flowc_ir import Flow, Node
else:  # imported at first use: only --environment=pypi and --environment=conda need them
    environments = LateModule("flowc_emulator.environments")
    make_spec = LateFunction("flowc_emulator.environments.spec:make_spec")

environment_option = click.option(
    "--environment",
    type=click.Choice(settings.CHOICES["DEFAULT_ENVIRONMENT"][0]),
    help="Run tasks in isolated environments with the packages of @pypi and @conda, or in this environment "
    "[$FLOWC_ENVIRONMENT, $METAFLOW_ENVIRONMENT].",
)


def chosen(ctx: click.Context, option: str | None = None) -> str | None:
    """Return the kind of environment in which tasks run: the value of `--environment`.

    Args:
        ctx: the command's context.
        option: the value of `--environment` after the command.

    Returns:
        The value of the option after the command, of the option before the command, of a variable or of the
        configuration file: the first of these that exists, or None if none of them exists.
    """
    before = top(ctx) if TOP in ctx.meta else top_of_environment()
    return option or before.environment or configuration.text("environment")


def isolate(checked: Checked, choice: str | None, *, remote: bool) -> Isolation | None:
    """Build the environments of the steps; show the progress on stderr.

    Args:
        checked: the flow.
        choice: the value of `--environment`, or None.
        remote: whether the store is remote, so that tasks need obstore.

    Returns:
        The Python interpreters of the steps, or None if all steps run in this interpreter.

    Raises:
        SystemExit: a build fails, or steps have packages and `--environment` has no value; the error is printed.
    """
    flow = checked.flow
    note_elsewhere(flow)
    if choice not in ("pypi", "conda"):
        refuse_or_note(flow, choice)
        return None
    interpreters: dict[str, str] = {}
    extra = ["obstore"] if remote else []
    for node in flow.nodes:
        if node.packages and node.packages.disabled:
            continue
        began = time.monotonic()
        said: list[str] = []
        try:
            with working(f"environment of step '{node.id}'") as say:
                interpreters[node.id] = environments.ensure(make_spec(node.packages, extra), _teller(node, said, say))
        except environments.BuildError as error:
            fail(f"step '{node.id}': {error}")
        if said:
            click.echo(f"environment of step '{node.id}': ready after {time.monotonic() - began:.1f} s", err=True)
    return environments.Isolation.over(interpreters, checked.package.root)


def note_elsewhere(flow: Flow) -> None:
    """Print a note for each decorator of a service that flowc does not support. The decorator has no effect on this
    machine."""
    asking = {name: [node.id for node in flow.nodes if name in node.elsewhere] for name in ELSEWHERE}
    for name, (service, hint) in ELSEWHERE.items():
        if asking[name] or name in flow.elsewhere:
            whose = f" of {_steps(asking[name])}" if asking[name] else ""
            click.echo(f"note: @{name}{whose} is for {service} and has no effect on this machine; {hint}", err=True)


def refuse_or_note(flow: Flow, choice: str | None) -> None:
    """Report that flowc does not install the steps' packages. With `--environment=local` the report is a note,
    otherwise an error.

    Args:
        flow: the flow.
        choice: the value of `--environment`, or None.

    Raises:
        SystemExit: steps have packages, and `choice` is not `local`; the error is printed.
    """
    asking = asking_steps(flow)
    if not asking:
        return
    if choice == "local":
        click.echo(f"note: --environment=local: @pypi and @conda of {_steps(asking)} are not applied", err=True)
        return
    fail(
        f"{_steps(asking)}: @pypi and @conda need --environment=pypi or --environment=conda"
        + (f", not --environment={choice}" if choice else ""),
        "these options build the environments; --environment=local uses the installed packages",
    )


def note_packages(flow: Flow, choice: str | None) -> None:
    """Print a note for runs on a cluster with `--environment=local`: the image must contain the steps' packages."""
    asking = asking_steps(flow)
    if choice == "local" and asking:
        click.echo(f"note: --environment=local: the image must have the packages of {_steps(asking)}", err=True)


def asking_steps(flow: Flow) -> list[str]:
    """Return the ids of the steps that have packages from @pypi or @conda."""
    return [node.id for node in flow.nodes if node.packages and not node.packages.disabled]


def _teller(node: Node, said: list[str], say: Callable[[str], None]) -> Callable[[str], None]:
    def tell(text: str) -> None:
        said.append(text)
        say(f"environment of step '{node.id}': {text}")

    return tell


def _steps(names: Sequence[str]) -> str:
    shown = ", ".join(f"'{name}'" for name in names[:5])
    return f"step{'s' if len(names) > 1 else ''} {shown}{' …' if len(names) > 5 else ''}"
