"""The option `--target`. The value of `--target` is read before click parses the command line, because other options
depend on the target."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from flowc.cli.options.common import fail
from flowc.targets import table
from flowc.targets.deployment import TargetError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flowc.targets.deployment import Deployment
    from flowc.targets.table import AnyTarget

    ParamType = click.ParamType[str]
else:
    ParamType = click.ParamType  # older versions of click do not allow `ParamType[str]`

LOCAL = "local"


class TargetName(ParamType):
    """The click type for the name of a target, or one of the strings in `more`.

    Installed packages are searched only if the name is not that of one of flowc's own targets.
    """

    name = "target"

    def __init__(self, *more: str) -> None:
        self._more = more

    def get_metavar(self, param: click.Parameter, ctx: click.Context | None = None) -> str:
        """Return the accepted names as they are written in the help."""
        return f"[{'|'.join([*self._more, *table.target_names()])}]"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the value if it is the name of a target, or in `more`.

        Raises:
            click.BadParameter: there is no such target; the message lists the known ones.
        """
        if value in self._more or value in table.BUILTIN:
            return value
        return str(click.Choice([*self._more, *table.target_names()]).convert(value, param, ctx))


def named_in(words: Sequence[str]) -> str | None:
    """Return the value of the last option `--target` on a command line, or None if the option is missing."""
    found = None
    for number, word in enumerate(words):
        option, equals, value = word.partition("=")
        if word == "--":
            break
        if option == "--target":
            found = value if equals else next(iter(words[number + 1 :]), None)
    return found


def target_of(words: Sequence[str]) -> AnyTarget:
    """Return the target that a command line names, or the default target.

    For an unknown name, return the default target: click later reports the name.

    Raises:
        SystemExit: the target cannot be loaded; the error is printed.
    """
    name = named_in(words)
    try:
        if name is None or (name not in table.BUILTIN and name not in table.target_names()):
            return table.default_target()  # click reports the unknown name
        return table.find_target(name)
    except TargetError as error:
        fail(error.message, error.hint)


def deployment_named(name: str) -> Deployment:
    """Return the deployment of the target with this name.

    Raises:
        SystemExit: the target does not exist, cannot be loaded or has no deployment; the error is printed.
    """
    try:
        deployment = table.find_deployment(name)
    except TargetError as error:
        fail(error.message, error.hint)
    if deployment is None:
        fail(f"the target '{name}' has no deployment: flows are only compiled for it", "flowc compile FLOW")
    return deployment
