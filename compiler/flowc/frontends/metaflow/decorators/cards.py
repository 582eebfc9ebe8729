"""Read `@card` into the IR's `Card`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypedDict

from flowc.frontends.metaflow.decorators.reader import (
    BOOL,
    COUNT,
    OPTIONS,
    TEXT,
    ArgumentKind,
    Reader,
    canonical,
    optional,
)
from flowc_ir import Card, codes
from flowc_ir.diagnostic import Faults
from flowc_ir.suggestion import suggest

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from flowc.frontends.metaflow.structure.steps import StepMethod
    from metaflow.decorators import Applied

    class CardArguments(TypedDict, total=False):
        """The arguments of `@card`, which the table `CARD` checks."""

        type: str
        id: str | None
        options: Mapping[str, object] | None
        timeout: int | str
        refresh_interval: int | str
        save_errors: bool
        customize: bool


CARD: Final[Mapping[str, ArgumentKind]] = {
    "type": TEXT,
    "id": optional(TEXT),
    "options": OPTIONS,
    "timeout": COUNT,
    "refresh_interval": COUNT,
    "save_errors": BOOL,
    "customize": BOOL,
    # Like Metaflow, accept only one value for each of the next two arguments.
    "scope": ArgumentKind("'task': a card belongs to a task", lambda value: value == "task"),
    "rank": ArgumentKind("None: cards have no order", lambda value: value is None),
}


def read_card(arguments: CardArguments) -> Card:
    """Convert the arguments of one `@card` to a `Card` of the IR."""
    return Card(
        type=arguments.get("type", "default"),
        id=arguments.get("id"),
        options=canonical(arguments.get("options")),
        timeout=int(arguments.get("timeout", 45)),
        refresh_interval=int(arguments.get("refresh_interval", 5)),
        save_errors=arguments.get("save_errors", True),
        customize=arguments.get("customize", False),
    )


_BUILT_IN: Final = frozenset({"default", "blank"})  # card types that are part of flowc


def check_card_types(
    method: StepMethod, added: Sequence[Applied], fields: Mapping[str, object], faults: Faults
) -> None:
    """Report card types that are neither built in, nor defined in the flow's files, nor in an installed package.

    Steps with their own packages or image are not checked: their environments may have card types that are unknown on
        this machine. A
    known type whose package is not installed or cannot be imported gives only a warning.

    Args:
        method: the step.
        added: decorators that the command line or hooks add to the step.
        fields: fields of the step's node; only `cards`, `packages` and `kubernetes` are read.
        faults: collects the faults.
    """
    if not fields.get("cards") or fields.get("packages") or getattr(fields.get("kubernetes"), "image", None):
        return
    reader = Reader(method.source, method.tree, faults)
    for applied in (*reversed(method.applied), *added):
        kind = applied.kwargs.get("type", "default")
        if applied.name == "card" and isinstance(kind, str) and kind not in _BUILT_IN:
            _check_type(reader, applied, kind)


def _check_type(reader: Reader, applied: Applied, kind: str) -> None:
    from metaflow.plugins.cards._types import PACKAGES, known_cards, type_names
    from metaflow.plugins.cards._warn import warn

    passed_over: list[str] = []
    known = known_cards(passed_over.append)
    if kind in known:
        return
    hint = suggest(kind, known, "import its class into the flow's file, or install its package")
    message, span = f"there is no card of type '{kind}'", reader.span(applied, "type")
    if kind in PACKAGES:
        warn(f"{span}: {message}, the card is left out: `pip install {PACKAGES[kind]}` installs it")
    elif passed_over:
        warn(f"{span}: {message}, the card is left out: {'; '.join(passed_over)} ({hint})")
    else:
        reader.faults.add(codes.BAD_ARGUMENT, span, f"@card: {message}; there are {type_names(known)}", hint=hint)
