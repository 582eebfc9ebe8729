"""The component `EventsTimeline`: a list of events, sorted by time."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, ClassVar

from metaflow.plugins.cards._warn import warn
from metaflow.plugins.cards.card_modules.card import MetaflowCardComponent
from metaflow.plugins.cards.card_modules.renderer_tools import render_part, render_safely
from metaflow.plugins.cards.card_modules.texts import Artifact
from metaflow.plugins.cards.card_modules.user_component import UserComponent
from metaflow.plugins.cards.card_modules.values import plain

__all__ = ["EventsTimeline"]


class EventsTimeline(UserComponent):
    """A list of events, the newest first.

    An event has values, and may have components that a viewer of the card can expand.

    >>> events = EventsTimeline(title="Agent")
    >>> current.card.append(events)
    >>> events.update({"action": "tool_call", "status": "ok"}, style_theme="success")

    Args:
        title: a heading.
        max_events: the maximum number of events to show; older events are only counted.
    """

    type = "eventsTimeline"
    VALID_THEMES: ClassVar[frozenset[str]] = frozenset(
        {"default", "success", "warning", "error", "info", "primary", "secondary", "tool_call", "ai_response"}
    )
    VALID_PRIORITIES: ClassVar[frozenset[str]] = frozenset({"low", "normal", "high", "critical"})

    def __init__(self, title: str | None = None, max_events: int = 100) -> None:
        self._title, self._limit = title, max_events
        self._events: list[dict[str, Any]] = []
        self._total = 0
        self._finished = False
        self._began: float | None = None

    def update(
        self,
        event_data: Mapping[str, object],
        style_theme: str | None = None,
        priority: str | None = None,
        payloads: Mapping[str, MetaflowCardComponent] | None = None,
        finished: bool | None = None,
    ) -> None:
        """Add an event. An unknown theme or priority causes a warning, not an error.

        Args:
            event_data: values by name; an object that is not a dict is shown under the name `event`.
            style_theme: one of `VALID_THEMES`.
            priority: one of `VALID_PRIORITIES`.
            payloads: components or values by name, which a viewer of the card can expand below the event.
            finished: whether this is the last event.
        """
        self._finished = self._finished if finished is None else finished
        now = time.time()
        self._began = self._began or now
        self._total += 1
        values = event_data if isinstance(event_data, Mapping) else {"event": event_data}
        parts = payloads if isinstance(payloads, Mapping) else {}
        self._events.insert(0, {
            "metadata": {str(key): plain(value) for key, value in values.items()},
            "theme": _valid("theme", style_theme, self.VALID_THEMES) or "default",
            "priority": _valid("priority", priority, self.VALID_PRIORITIES) or "normal",
            "received_at": now,
            "payloads": {str(name): _component(part) for name, part in parts.items()},
        })  # fmt: skip
        del self._events[self._limit :]

    def get_stats(self) -> dict[str, Any]:
        """Return the numbers of events, and the times of the first and the last event.

        Returns:
            `total_events`, `displayed_events`, `first_event` and `last_update` (seconds since 1970, or None),
            `runtime_seconds` between these two, and `finished`.
        """
        last = self._events[0]["received_at"] if self._events else None
        return {
            "total_events": self._total,
            "displayed_events": len(self._events),
            "first_event": self._began,
            "last_update": last,
            "runtime_seconds": (last - self._began) if last and self._began else 0.0,
            "finished": self._finished,
        }

    @render_safely
    def render(self) -> dict[str, Any]:
        """Return the component as a dict."""
        events = [
            event | {"payloads": {name: render_part(payload) for name, payload in event["payloads"].items()}}
            for event in self._events
        ]
        return self._base("eventsTimeline", title=self._title, events=events, stats=self.get_stats())


def _valid(kind: str, value: str | None, valid: frozenset[str]) -> str | None:
    if value is None or value in valid:
        return value
    warn(f"an event has no {kind} {value!r}; there are {', '.join(sorted(valid))}")
    return None


def _component(value: object) -> MetaflowCardComponent:
    return value if isinstance(value, MetaflowCardComponent) else Artifact(value)
