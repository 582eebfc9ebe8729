"""The help of commands that take a flow: in groups, if they run it, and without FLOW in the flow's own file."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, final

import click

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

# The names of the values of Metaflow's options that a new user of flowc does not need.
COMPATIBILITY: Final = frozenset({
    "datastore", "datastore_root", "event_logger", "max_num_splits", "metadata", "monitor", "namespace", "pylint",
})  # fmt: skip


def about_own_flow(text: str) -> str:
    """Return the help of a command in a flow's own file, where FLOW is not given; commands in it stay."""
    return re.sub(r"(`[^`]*`)|FLOW(?: \(a Python file\))?", lambda match: match[1] or "the flow", text)


@final
class FlowArgument(click.Argument):
    """The argument FLOW of a command. The usage of the same command in a flow's own file omits it."""

    def get_usage_pieces(self, ctx: click.Context) -> list[str]:
        """Return FLOW, or nothing in a flow's own file."""
        return [] if ctx.find_object(type) is not None else super().get_usage_pieces(ctx)


@final
class GroupedCommand(click.Command):
    """A command whose help begins with the flow's parameters, which are among its `params`."""

    def __init__(
        self,
        name: str,
        parameters: Sequence[click.Parameter],
        *,
        params: list[click.Parameter],
        callback: Callable[..., object],
        help: str,
        context_settings: Mapping[str, object],
    ) -> None:
        super().__init__(name, {**context_settings}, callback, params, help)
        self._parameters = parameters

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the groups that are not empty."""
        groups: dict[str, list[tuple[str, str]]] = {
            "Parameters of the flow": [],
            "Options": [],
            "Options of Metaflow, for compatibility": [],
        }
        own, common, metaflow = groups.values()
        for param in self.get_params(ctx):
            record = None if isinstance(param, click.Argument) else param.get_help_record(ctx)
            if record is None:
                continue
            if param in self._parameters:
                own.append(record)
            else:
                (metaflow if param.name in COMPATIBILITY else common).append(record)
        for title, records in groups.items():
            if records:
                with formatter.section(title):
                    formatter.write_dl(records)
