"""What a check has to say about a flow, before it is rendered for a person."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

from flowc_ir.model import Span


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnostic:
    """One fault: `code` is listed in docs/errors.md; `hint` says what to do, and may be None on purpose."""

    code: str
    message: str
    span: Span
    hint: str | None
    note: str | None = None
