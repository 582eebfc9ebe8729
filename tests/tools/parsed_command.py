"""Parse the command line of a command of flowc, as flowc does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flowc.cli import flowc_group

if TYPE_CHECKING:
    from collections.abc import Sequence


def parsed_parameters(name: str, words: Sequence[str]) -> dict[str, Any]:
    """Return the parameters of a command, by name.

    The context has that of the group as its parent. Without a parent the command has no option `-h`, and click keeps
    the command's first help option until the process ends, so that later tests would miss `-h`.
    """
    group = flowc_group()
    with group.make_context("flowc", [], resilient_parsing=True) as parent:
        command = group.get_command(parent, name)
        assert command is not None, name
        return command.make_context(name, [*words], parent=parent).params
