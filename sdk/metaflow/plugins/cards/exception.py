"""The exceptions about cards.

None of these exceptions ends a step. The client and the command line raise CardNotPresentException.
"""

from __future__ import annotations

from metaflow.exception import MetaflowException

__all__ = ["CardClassFoundException", "CardNotPresentException", "CardTimeoutException", "CardUnrenderableException"]


class CardNotPresentException(MetaflowException):
    """The task has no card with the given type and id."""

    headline = "Card not found in datastore"


class CardClassFoundException(MetaflowException):
    """The card type that `@card(type=…)` names does not exist."""

    headline = "MetaflowCard not found"


class CardUnrenderableException(MetaflowException):
    """The card's code has raised an exception."""

    headline = "Unable to render @card"


class CardTimeoutException(MetaflowException):
    """Making the card took longer than its timeout."""

    headline = "Timed out @card"
