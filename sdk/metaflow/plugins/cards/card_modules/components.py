"""The components that steps append to cards.

A component renders itself as a dict, which `metaflow.plugins.cards._draw` converts to HTML.
"""

from metaflow.plugins.cards.card_modules.charts import VegaChart
from metaflow.plugins.cards.card_modules.gauges import ProgressBar, ValueBox
from metaflow.plugins.cards.card_modules.layout import ArtifactsComponent, SectionComponent, TableComponent
from metaflow.plugins.cards.card_modules.pictures import Image
from metaflow.plugins.cards.card_modules.renderer_tools import TaskToDict, render_safely, with_default_component_id
from metaflow.plugins.cards.card_modules.tables import Table
from metaflow.plugins.cards.card_modules.texts import Artifact, Error, Html, Markdown, PythonCode
from metaflow.plugins.cards.card_modules.timeline import EventsTimeline
from metaflow.plugins.cards.card_modules.user_component import UserComponent
from metaflow.plugins.cards.card_modules.viewers import JSONViewer, YAMLViewer

__all__ = [
    "Artifact",
    "ArtifactsComponent",
    "Error",
    "EventsTimeline",
    "Html",
    "Image",
    "JSONViewer",
    "Markdown",
    "ProgressBar",
    "PythonCode",
    "SectionComponent",
    "Table",
    "TableComponent",
    "TaskToDict",
    "UserComponent",
    "ValueBox",
    "VegaChart",
    "YAMLViewer",
    "render_safely",
    "with_default_component_id",
]
