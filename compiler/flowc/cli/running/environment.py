"""`--environment`: whether tasks run in this interpreter or in isolated ones with the packages that they ask for."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import click

from flowc.cli.options.common import TOP, fail, top
from flowc.cli.options.definitions import top_of_environment
from flowc.cli.rendering.working import working
from flowc_ir.policies import ELSEWHERE
from flowc_runtime.base.config import configuration, settings

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from flowc.cli.options.loading import Checked
    from flowc_emulator.environments import Isolation
    from flowc_ir import Flow, Node

environment_option = click.option(
    "--environment",
    type=click.Choice(settings.CHOICES["DEFAULT_ENVIRONMENT"][0]),
    help="Run tasks in isolated environments with the packages of @pypi and @conda, or in this one "
    "[$FLOWC_ENVIRONMENT, $METAFLOW_ENVIRONMENT].",
)


def chosen(ctx: click.Context, given: str | None = None) -> str | None:
    """The choice: after the command, before it, by the environment or a configuration file, or none."""
    before = top(ctx) if TOP in ctx.meta else top_of_environment()
    return given or before.environment or configuration.text("environment")


def isolate(found: Checked, choice: str | None, *, remote: bool) -> Isolation | None:
    """Build what the steps ask for, telling on stderr what takes time; None if all run in this interpreter.

    `remote` says that tasks reach their store through obstore. What cannot be built, and packages without a choice,
    end the program.
    """
    flow = found.flow
    note_elsewhere(flow)
    if choice not in ("pypi", "conda"):
        refuse_or_note(flow, choice)
        return None
    from flowc_emulator.environments import BuildError, Isolation, ensure
    from flowc_emulator.environments.spec import make_spec

    interpreters: dict[str, str] = {}
    extra = ["obstore"] if remote else []
    for node in flow.nodes:
        if node.packages and node.packages.disabled:
            continue
        began = time.monotonic()
        said: list[str] = []
        try:
            with working(f"environment of step '{node.id}'") as say:
                interpreters[node.id] = ensure(make_spec(node.packages, extra), _teller(node, said, say))
        except BuildError as error:
            fail(f"step '{node.id}': {error}")
        if said:
            click.echo(f"environment of step '{node.id}': ready after {time.monotonic() - began:.1f} s", err=True)
    return Isolation.over(interpreters, found.package.root)


def note_elsewhere(flow: Flow) -> None:
    """Say which decorators are for back ends that flowc has not: they have no effect on this machine."""
    asking = {name: [node.id for node in flow.nodes if name in node.elsewhere] for name in ELSEWHERE}
    for name, (service, hint) in ELSEWHERE.items():
        if asking[name] or name in flow.elsewhere:
            whose = f" of {_steps(asking[name])}" if asking[name] else ""
            click.echo(f"note: @{name}{whose} is for {service} and has no effect on this machine; {hint}", err=True)


def refuse_or_note(flow: Flow, choice: str | None) -> None:
    """Packages that are not applied: an error without a choice, said in a line with one."""
    asking = asking_steps(flow)
    if not asking:
        return
    if choice == "local":
        click.echo(f"note: --environment=local: @pypi and @conda of {_steps(asking)} are not applied", err=True)
        return
    fail(
        f"{_steps(asking)}: @pypi and @conda need --environment=pypi or --environment=conda"
        + (f", not --environment={choice}" if choice else ""),
        "with it the environments are built; --environment=local runs with what is installed here",
    )


def note_packages(flow: Flow, choice: str | None) -> None:
    """For a cluster: with --environment=local the packages that steps ask for have to be in the image; say so."""
    asking = asking_steps(flow)
    if choice == "local" and asking:
        click.echo(f"note: --environment=local: the image must have the packages of {_steps(asking)}", err=True)


def asking_steps(flow: Flow) -> list[str]:
    """The steps that want packages of their own."""
    return [node.id for node in flow.nodes if node.packages and not node.packages.disabled]


def _teller(node: Node, said: list[str], say: Callable[[str], None]) -> Callable[[str], None]:
    def tell(text: str) -> None:
        said.append(text)
        say(f"environment of step '{node.id}': {text}")

    return tell


def _steps(names: Sequence[str]) -> str:
    shown = ", ".join(f"'{name}'" for name in names[:5])
    return f"step{'s' if len(names) > 1 else ''} {shown}{' …' if len(names) > 5 else ''}"
