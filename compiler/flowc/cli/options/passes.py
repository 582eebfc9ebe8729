"""`--print-after`: the name of a pass."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click
from click.shell_completion import CompletionItem

from flowc_ir.suggestion import suggest

if TYPE_CHECKING:
    ParamType = click.ParamType[str]
else:
    ParamType = click.ParamType  # which is generic in newer versions of click only


class PassName(ParamType):
    """The name of a pass, or of what the front end does before the passes."""

    name = "pass"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the name. An unknown name is a usage error with the name that was probably meant."""
        known = _names()
        if value not in known:
            hint = suggest(value, known, f"the passes are {', '.join(known)}")
            self.fail(f"there is no pass {value!r}; {hint}", param, ctx)
        return value

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """Return the names that begin so."""
        return [CompletionItem(name) for name in _names() if name.startswith(incomplete)]


def _names() -> tuple[str, ...]:
    from flowc.passes.pipeline import PIPELINE, RESOLVE_DEFAULTS  # imports the passes, for who names one

    return (RESOLVE_DEFAULTS, *(each.__name__ for each in PIPELINE))
