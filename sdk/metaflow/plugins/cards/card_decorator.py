"""`@card` as a decorator object: hooks of other decorators can read it, and can add another `@card`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from metaflow._legacy.base import StepDecorator

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["CardDecorator"]


class CardDecorator(StepDecorator):
    """A card of a step. The class has no hooks, because flowc makes the card from the decorator's attributes."""

    name = "card"
    defaults: ClassVar[Mapping[str, Any]] = {
        "type": "default",
        "options": {},
        "scope": "task",
        "rank": None,
        "timeout": 45,
        "id": None,
        "save_errors": True,
        "customize": False,
        "refresh_interval": 5,
    }
    allow_multiple = True
