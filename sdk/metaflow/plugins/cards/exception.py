"""What can be wrong with a card. None of it ends a step; the client and the command line raise the first."""

from __future__ import annotations

from metaflow.exception import MetaflowException

__all__ = ["CardClassFoundException", "CardNotPresentException", "CardTimeoutException", "CardUnrenderableException"]


class CardNotPresentException(MetaflowException):
    """A task has no such card."""

    headline = "Card not found in datastore"


class CardClassFoundException(MetaflowException):
    """There is no card of the type that @card asks for."""

    headline = "MetaflowCard not found"


class CardUnrenderableException(MetaflowException):
    """A card's code failed."""

    headline = "Unable to render @card"


class CardTimeoutException(MetaflowException):
    """A card took longer than its timeout."""

    headline = "Timed out @card"
