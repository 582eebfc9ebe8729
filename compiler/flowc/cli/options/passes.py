"""The click type of `--print-after`, whose value is the name of a pass."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click
from click.shell_completion import CompletionItem

from flowc_ir.late import LateModule
from flowc_ir.suggestion import suggest

if TYPE_CHECKING:
    from flowc.passes import pipeline

    ParamType = click.ParamType[str]
else:
    pipeline = LateModule("flowc.passes.pipeline")  # imports all passes
    ParamType = click.ParamType  # older versions of click do not allow `ParamType[str]`


class PassName(ParamType):
    """The click type for the name of a pass, or of the front end's last step, which precedes the passes."""

    name = "pass"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the value if it is the name of a pass.

        Raises:
            click.BadParameter: there is no such pass; the message has a suggestion.
        """
        known = _names()
        if value not in known:
            hint = suggest(value, known, f"the passes are {', '.join(known)}")
            self.fail(f"there is no pass {value!r}; {hint}", param, ctx)
        return value

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """Return the names that begin with `incomplete`."""
        return [CompletionItem(name) for name in _names() if name.startswith(incomplete)]


def _names() -> tuple[str, ...]:
    return (pipeline.RESOLVE_DEFAULTS, *(each.__name__ for each in pipeline.PIPELINE))
