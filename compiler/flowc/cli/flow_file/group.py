"""The command line `python flow.py …`: the group of its commands, and the function that runs it."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from flowc.cli import FLOW_COMMANDS, LazyGroup, make_group
from flowc.cli.commands.deployed import own_command
from flowc.cli.flow_file.common import FlowGroup, begin
from flowc.cli.options.common import fail
from flowc.cli.options.configs import describe_configs
from flowc.cli.options.definitions import BEFORE_OPTIONS, TOP_OPTIONS
from flowc.cli.rendering.streams import open_closed, reporting_failed_output
from flowc_ir.late import LateFunction
from flowc_runtime.process import loader
from metaflow import _extensions

if TYPE_CHECKING:
    from flowc.cli.words.refused import refused_command
else:  # imported at first use: only unknown commands need it
    refused_command = LateFunction("flowc.cli.words.refused:refused_command")


def flow_main(cls: type) -> None:
    """Run the command line of a flow's own file, such as `python flow.py run`."""
    open_closed()
    if cls.__module__ == "__main__":
        names = loader.find_main()
        names["__name__"] = loader.adopt_main().__name__
    text = (cls.__doc__ or f"The flow {cls.__name__}.").strip()
    group = flow_group(sys.argv[0], text)
    describe_configs(group.params, cls)
    _add_options(group, cls)
    with reporting_failed_output():
        group.main(prog_name=f"python {sys.argv[0]}", obj=cls, auto_envvar_prefix="METAFLOW")


def _add_options(group: click.Group, cls: type) -> None:
    """Add the options of extensions' decorators to the options that `python flow.py` accepts before a command."""
    if not _extensions.decorators:
        return
    from metaflow._legacy.options import options_of  # few extensions define options

    own = {name for option in options_of(cls) for name in option.opts}
    group.params = [param for param in group.params if param not in BEFORE_OPTIONS or not own.intersection(param.opts)]
    taken = {option for param in group.params for option in param.opts}
    for option in options_of(cls):
        if both := taken.intersection(option.opts):
            fail(f"an extension defines the option {min(both)}, which already exists")
        group.params.append(option)


def flow_group(name: str = "start", text: str = "The command line of a flow's file.") -> LazyGroup:
    """Return the group of all commands of `python flow.py`. The object of its click context is the flow's class."""

    # The help does not list internal commands, and commands of Metaflow that flowc refuses.
    def unlisted(command: str) -> click.Command | None:
        if command == "signature":
            from flowc.cli.flow_file.signature import signature_command  # only `metaflow.Runner` calls this command

            return signature_command
        if command == "deploy":
            return own_command(command)
        return refused_command(command)

    return make_group(
        name, FLOW_COMMANDS, text, FlowGroup, refused=unlisted, params=[*TOP_OPTIONS, *BEFORE_OPTIONS], callback=begin,
        invoke_without_command=True,
    )  # fmt: skip
