"""Components for numbers: a progress bar, and a single large number."""

from __future__ import annotations

from typing import Any, ClassVar

from metaflow.plugins.cards._warn import warn
from metaflow.plugins.cards.card_modules.renderer_tools import NotShownError, render_safely
from metaflow.plugins.cards.card_modules.user_component import UserComponent
from metaflow.plugins.cards.card_modules.values import plain

__all__ = ["ProgressBar", "ValueBox"]


class ProgressBar(UserComponent):
    """A progress bar.

    >>> bar = ProgressBar(max=10, label="Epochs")
    >>> current.card.append(bar)
    >>> bar.update(3)

    Args:
        max: the value of a full bar.
        label: the text above the bar.
        value: the current value.
        unit: the unit of the values, such as `epochs`.
        metadata: the text below the bar.
    """

    type = "progressBar"

    def __init__(
        self,
        max: int = 100,
        label: str | None = None,
        value: int = 0,
        unit: str | None = None,
        metadata: str | None = None,
    ) -> None:
        self._max, self._label, self._value, self._unit, self._metadata = max, label, value, unit, metadata

    def update(self, new_value: int, metadata: str | None = None) -> None:
        """Change the progress.

        Args:
            new_value: the current value.
            metadata: the text below the bar, or None to leave the text unchanged.
        """
        self._value = new_value
        if metadata is not None:
            self._metadata = metadata

    @render_safely
    def render(self) -> dict[str, Any]:
        """Return the component as a dict."""
        most, value = plain(self._max), plain(self._value)
        for number in (most, value):
            if not isinstance(number, int | float):
                raise NotShownError(f"a ProgressBar takes numbers, not {number!r:.80}")
        return self._base(
            "progressBar", max=most, value=value, label=self._label, unit=self._unit, details=self._metadata
        )


class ValueBox(UserComponent):
    """One large number with its label.

    >>> current.card.append(ValueBox("Accuracy", "94.2 %", theme="success", change_indicator="+1.2"))

    Args:
        title: the label above the value.
        value: the number or text.
        subtitle: the text below the value.
        theme: one of `VALID_THEMES`; an unknown theme causes a warning.
        change_indicator: the change from an earlier value, as text.
    """

    type = "valueBox"
    VALID_THEMES: ClassVar[frozenset[str]] = frozenset(
        {"default", "success", "warning", "danger", "bg-gradient-indigo-purple"}
    )

    def __init__(
        self,
        title: str | None = None,
        value: str | int | float = "",
        subtitle: str | None = None,
        theme: str | None = None,
        change_indicator: str | None = None,
    ) -> None:
        self._values: dict[str, object] = {}
        self._value: object = value
        self.update(title, value, subtitle, theme, change_indicator)

    def update(
        self,
        title: str | None = None,
        value: str | int | float | None = None,
        subtitle: str | None = None,
        theme: str | None = None,
        change_indicator: str | None = None,
    ) -> None:
        """Change each property whose argument is not None."""
        if theme is not None and theme not in self.VALID_THEMES:
            warn(f"a ValueBox has no theme {theme!r}; there are {', '.join(sorted(self.VALID_THEMES))}")
            theme = None
        texts = {"title": title, "subtitle": subtitle, "theme": theme, "change_indicator": change_indicator}
        self._values.update({name: str(value) for name, value in texts.items() if value is not None})
        self._value = value if value is not None else self._value

    @render_safely
    def render(self) -> dict[str, Any]:
        """Return the component as a dict."""
        return self._base("valueBox", value=plain(self._value), **self._values)
