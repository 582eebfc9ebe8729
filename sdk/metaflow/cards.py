"""The API of cards: components, base classes, and `get_cards`, which returns the cards of a task."""

from metaflow.plugins.cards.card_client import get_cards
from metaflow.plugins.cards.card_modules.basic import BlankCard, DefaultCard, ErrorCard, PageComponent
from metaflow.plugins.cards.card_modules.card import MetaflowCard, MetaflowCardComponent
from metaflow.plugins.cards.card_modules.components import (
    Artifact,
    Error,
    Html,
    Image,
    Markdown,
    ProgressBar,
    PythonCode,
    Table,
    ValueBox,
    VegaChart,
)
from metaflow.plugins.cards.card_modules.renderer_tools import render_safely
from metaflow.plugins.cards.card_modules.timeline import EventsTimeline
from metaflow.plugins.cards.card_modules.viewers import JSONViewer, YAMLViewer

__all__ = [
    "Artifact",
    "BlankCard",
    "DefaultCard",
    "Error",
    "ErrorCard",
    "EventsTimeline",
    "Html",
    "Image",
    "JSONViewer",
    "Markdown",
    "MetaflowCard",
    "MetaflowCardComponent",
    "PageComponent",
    "ProgressBar",
    "PythonCode",
    "Table",
    "ValueBox",
    "VegaChart",
    "YAMLViewer",
    "get_cards",
    "render_safely",
]
