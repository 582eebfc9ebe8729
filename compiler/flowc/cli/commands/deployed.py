"""The table and the lookup of the commands that a target's deployment adds to `flowc`, such as `flowc deploy`.

`flowc deploy` is a command of the default target's deployment. `flowc deploy --target NAME` is the command `deploy` of
another target's deployment. `flowc --help` lists only the commands of the default deployment.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from copy import copy
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, final

from flowc.cli.light_click import click
from flowc.targets.table import DEFAULT, default_deployment

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flowc.targets.deployment import Deployment


@final
class CommandTable(Mapping[str, tuple[str, str]]):
    """Maps each command to its module and help. The help of `flowc` lists the commands in three groups: the commands of
    flowc in `before`, then the commands of the default deployment (such as `deploy`), then the commands of flowc in
    `after`.

    To save start-up time, the module of the default `Deployment` is imported only if its commands are needed: to list
    all commands, or to look up a name that is not a command of flowc."""

    def __init__(self, before: Mapping[str, tuple[str, str]], after: Mapping[str, tuple[str, str]]) -> None:
        self._before = before
        self._after = after
        self.own = {**before, **after}

    def __getitem__(self, name: str) -> tuple[str, str]:
        """Return the command's module (relative to `flowc.cli` if it starts with a dot) and its line of help."""
        return self.own[name] if name in self.own else default_deployment().commands[name]

    def __iter__(self) -> Iterator[str]:
        """Iterate over the names of the commands, in the order in which the help lists them."""
        return iter([*self._before, *default_deployment().commands, *self._after])

    def __len__(self) -> int:
        """Return the number of commands."""
        return len(self.own) + len(default_deployment().commands)


def command_of(deployment: Deployment, name: str) -> click.Command:
    """Return a command of a deployment, with an additional option `--target`.

    Args:
        deployment: the deployment.
        name: the name of the command, a key of `deployment.commands`.
    """
    from flowc.cli.options.targets import TargetName

    found, text = _load(deployment, name), "Compile for this orchestrator."
    option = click.Option(
        ["--target"], type=TargetName(), default=DEFAULT, show_default=True, expose_value=False, help=text
    )
    command = copy(found)
    command.params = [*found.params, option]
    return command


def default_command(name: str) -> click.Command:
    """Return a command of the default deployment."""
    return command_of(default_deployment(), name)


def command_of_words(words: Sequence[str], own: Mapping[str, object]) -> click.Command | None:
    """Return the command of the deployment that `--target` on the command line selects, or None without `--target`.

    Args:
        words: the command-line arguments; the first one is the command's name.
        own: the commands of flowc itself, for which the result is None.

    Raises:
        SystemExit: the target has no deployment, or the deployment does not have the command; the error is printed.
    """
    if words[0] in own or not any(word.startswith("--target") for word in words):
        return None
    from flowc.cli.options.common import fail
    from flowc.cli.options.targets import deployment_named, named_in

    if (name := named_in(words)) is None:
        return None
    deployment = deployment_named(name)
    if words[0] not in deployment.commands:
        fail(
            f"the target '{name}' has no command '{words[0]}'",
            f"commands of its deployment: {', '.join(deployment.commands)}",
        )
    return command_of(deployment, words[0])


def own_command(name: str) -> click.Command:
    """Return a command of the default deployment for the command line of `python flow.py …`, where the command has no
    argument FLOW."""
    found = _load(default_deployment(), name)
    assert found.callback is not None
    params = [param for param in found.params if param.name != "file"]
    return click.Command(name, params=params, callback=partial(found.callback, file=None), help=found.help)


def _load(deployment: Deployment, name: str) -> click.Command:
    module, _ = deployment.commands[name]
    found: object = getattr(import_module(module), f"{name.replace('-', '_')}_command")
    assert isinstance(found, click.Command)
    return found
