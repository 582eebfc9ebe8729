"""What is run: every flow in `flows/`, and those with arguments of their own."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

HERE = Path(__file__).parent
FLOWS = HERE / "flows"
USER = "me"


@dataclass(frozen=True, kw_only=True)
class Case:
    """One run of a flow: `python FLOW.py BEFORE… run ARGUMENTS…`, and how it ends."""

    flow: str
    before: tuple[str, ...] = ()
    arguments: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    code: int = 0
    says: str = ""
    """What its output has to hold, stdout and stderr together."""

    def __str__(self) -> str:
        words = (*self.environment.values(), *self.before, *self.arguments)
        return " ".join((self.flow, *words)) if words else self.flow


_WITH_ARGUMENTS = (
    Case(flow="current_values", arguments=("--tag", "given")),
    Case(flow="switch_simple", arguments=("--level", "low")),
    Case(flow="switch_simple", arguments=("--level", "none")),
    Case(flow="switch_simple", arguments=("--level", "elsewhere"), code=1, says="elsewhere"),
    Case(flow="exit_hooks", arguments=("--fail", "True"), code=1, says="as asked"),
)
_NEED_ARGUMENTS = {"current_values"}

CASES = (
    *(Case(flow=path.stem) for path in sorted(FLOWS.glob("*.py")) if path.stem not in _NEED_ARGUMENTS),
    *_WITH_ARGUMENTS,
)
