"""The help of commands about a flow. For commands that run flows, the options are in groups. For `python flow.py`, FLOW
is left out."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, final

import click

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

# Names of options of Metaflow that a new user of flowc does not need.
COMPATIBILITY: Final = frozenset({
    "datastore", "datastore_root", "event_logger", "max_num_splits", "metadata", "monitor", "namespace", "pylint",
})  # fmt: skip


def about_own_flow(text: str) -> str:
    """Return a command's help text for `python flow.py`: FLOW is replaced by "the flow", except in backquotes."""
    return re.sub(r"(`[^`]*`)|FLOW(?: \(a Python file\))?", lambda match: match[1] or "the flow", text)


@final
class FlowArgument(click.Argument):
    """The argument FLOW of a command. The usage line of the same command of `python flow.py` omits the argument."""

    def get_usage_pieces(self, ctx: click.Context) -> list[str]:
        """Return FLOW for the usage line. For `python flow.py`, return an empty list."""
        return [] if ctx.find_object(type) is not None else super().get_usage_pieces(ctx)


@final
class GroupedCommand(click.Command):
    """A command whose help lists the options in groups, first the flow's parameters."""

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
        """Write the groups of options, except empty groups."""
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
