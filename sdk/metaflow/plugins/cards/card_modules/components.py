"""The components: each becomes a dict, which the page draws (`metaflow.plugins.cards._draw`)."""

from metaflow.plugins.cards.card_modules.charts import VegaChart
from metaflow.plugins.cards.card_modules.gauges import ProgressBar, ValueBox
from metaflow.plugins.cards.card_modules.pictures import Image
from metaflow.plugins.cards.card_modules.tables import Table
from metaflow.plugins.cards.card_modules.texts import Artifact, Error, Html, Markdown, PythonCode
from metaflow.plugins.cards.card_modules.timeline import EventsTimeline
from metaflow.plugins.cards.card_modules.user_component import UserComponent
from metaflow.plugins.cards.card_modules.viewers import JSONViewer, YAMLViewer

__all__ = [
    "Artifact",
    "Error",
    "EventsTimeline",
    "Html",
    "Image",
    "JSONViewer",
    "Markdown",
    "ProgressBar",
    "PythonCode",
    "Table",
    "UserComponent",
    "ValueBox",
    "VegaChart",
    "YAMLViewer",
]
