"""The built-in cards and components; extensions provide others."""

from metaflow.plugins.cards.card_modules.card import MetaflowCard, MetaflowCardComponent

__all__ = ["MetaflowCard", "MetaflowCardComponent"]
