"""The exceptions about cards. None of them ends a step; the client and the command line raise the first."""

from __future__ import annotations

from metaflow.exception import MetaflowException

__all__ = ["CardClassFoundException", "CardNotPresentException", "CardTimeoutException", "CardUnrenderableException"]


class CardNotPresentException(MetaflowException):
    """The task does not have this card."""

    headline = "Card not found in datastore"


class CardClassFoundException(MetaflowException):
    """The type that @card names does not exist."""

    headline = "MetaflowCard not found"


class CardUnrenderableException(MetaflowException):
    """The card's code failed."""

    headline = "Unable to render @card"


class CardTimeoutException(MetaflowException):
    """The card took longer than its timeout."""

    headline = "Timed out @card"
