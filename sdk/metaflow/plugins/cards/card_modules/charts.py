"""Charts."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, cast

from metaflow.plugins.cards.card_modules.renderer_tools import NotShownError, render_safely
from metaflow.plugins.cards.card_modules.user_component import UserComponent
from metaflow.plugins.cards.card_modules.values import plain

__all__ = ["VegaChart"]


class VegaChart(UserComponent):
    """A chart, described in Vega-Lite or Vega.

    The description must include the data, since a card cannot send network requests.

    >>> current.card.append(VegaChart({"data": {"values": points}, "mark": "line"}))

    Args:
        spec: the description as a dict; its `$schema` selects Vega-Lite (the default) or Vega.
        show_controls: whether a button saves the chart as SVG.
    """

    type = "vegaChart"

    def __init__(self, spec: Mapping[str, object], show_controls: bool = False) -> None:
        self._controls = show_controls
        self._spec: object = spec

    @classmethod
    def from_altair_chart(cls, altair_chart: object) -> VegaChart:
        """Return a VegaChart for an Altair chart.

        >>> current.card.append(VegaChart.from_altair_chart(chart))
        """
        chart = cls({})
        chart._spec = chart._try(_of_altair, altair_chart)
        return chart

    def update(self, spec: Mapping[str, object] | None = None) -> None:
        """Show another chart.

        Without an argument, draw the current description again: the caller may have modified it in place.
        """
        if spec is not None:
            self._spec, self._wrong = spec, None

    @render_safely
    def render(self) -> dict[str, Any]:
        """Return the component as a dict."""
        if self._wrong is None and not isinstance(self._spec, Mapping):
            raise NotShownError(f"a VegaChart takes a dict, not {type(self._spec).__name__}")
        spec = dict(cast("Mapping[str, object]", self._spec or {}))
        if (url := _loaded(spec)) is not None:
            raise NotShownError(f"the chart loads its data from {url}: put the data into the description (`values`)")
        several = {"hconcat", "vconcat", "concat", "facet"} & set(spec)
        if "vega-lite" in cast("str", spec.get("$schema", "vega-lite")) and not several:
            spec.setdefault("width", "container")
        options = None if self._controls else {"actions": False}
        return self._base("vegaChart", spec=plain(spec, deep=True), options=options)


def _of_altair(chart: object) -> object:
    write = getattr(chart, "to_json", None)
    if write is None:
        raise NotShownError(f"from_altair_chart takes a chart of Altair, not {type(chart).__name__}")
    return json.loads(write())


def _loaded(spec: object) -> str | None:
    """Return the first address from which the chart would load data, or None if the chart includes all its data."""
    if isinstance(spec, Mapping):
        data = spec.get("data")
        for source in data if isinstance(data, list) else [data]:
            if isinstance(source, Mapping) and "url" in source:
                return str(source["url"])
        return next((url for key, part in spec.items() if key != "datasets" and (url := _loaded(part))), None)
    if isinstance(spec, list | tuple):
        return next((url for part in spec if (url := _loaded(part))), None)
    return None
