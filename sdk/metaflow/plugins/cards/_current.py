"""`current.card`: the object through which steps append to their cards. Invalid calls cause a warning, not an error."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from flowc_ir import json_text
from flowc_ir.late.pattern import late_pattern
from flowc_runtime.base.errors import StepTimeout
from metaflow.plugins.cards._warn import warn
from metaflow.plugins.cards.card_modules.card import MetaflowCardComponent
from metaflow.plugins.cards.card_modules.renderer_tools import failure
from metaflow.plugins.cards.card_modules.values import plain

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from metaflow.plugins.cards._renderer import Renderer

_ID = late_pattern(r"[a-zA-Z0-9_]+")


class CardComponents:
    """The components of one card: `current.card["id"]`.

    Iteration and integer indexes follow the order in which components were appended.
    """

    def __init__(self, renderer: Renderer | None = None) -> None:
        self._renderer = renderer
        self._components: dict[str, MetaflowCardComponent] = {}
        self._changed = time.time()
        self._refreshes = 0
        self._data: object = None
        self._sent = float("-inf")

    def append(self, component: MetaflowCardComponent, id: str | None = None) -> None:
        """Append a component. An object that is not a component, or an invalid id, causes a warning, not an error.

        Args:
            component: a component of `metaflow.cards`, or of a class derived from MetaflowCardComponent.
            id: the component's key in `components`. The component replaces an earlier component with the same id.
        """
        if not isinstance(component, MetaflowCardComponent):
            warn(f"{component!r:.80} is not a component of metaflow.cards (a MetaflowCardComponent): it is not shown")
            return
        if id is not None and not isinstance(id, str):
            warn(f"the id of a component must be a string, not {id!r:.80}: the component keeps its own id")
        elif id is not None:
            component.component_id = id
        if component.component_id in self._components and self._components[component.component_id] is not component:
            warn(f"the card has a component with the id {component.component_id!r}: the new one replaces it")
        self._components[component.component_id] = component
        self._changed = time.time()

    def extend(self, components: Iterable[MetaflowCardComponent]) -> None:
        """Append components."""
        for component in components:
            self.append(component)

    def clear(self) -> None:
        """Remove all components."""
        self._components.clear()
        self._changed = time.time()

    def refresh(self, data: object = None, force: bool = False) -> None:
        """Show the current state of the card while the step runs.

        If the previous refresh is not done yet, or is younger than the card's `refresh_interval`, the call does
        nothing. The final page always shows all components and data.

        Args:
            data: data for the method `refresh` of a custom card; the data is kept until other data replaces it.
            force: whether to render even if the latest refresh is younger than `refresh_interval`. If true, the
                call waits until the latest refresh is done, at most the card's `timeout`, in seconds.
        """
        if data is not None:
            self._data = data
        renderer = self._renderer
        if renderer is None or not renderer.updatable:
            return
        if not force and time.monotonic() - self._sent < renderer.card.refresh_interval:
            return
        if renderer.refresh(self.message, wait=force):
            self._sent = time.monotonic()

    @property
    def components(self) -> Mapping[str, MetaflowCardComponent]:
        """The components by their ids."""
        return self._components

    def message(self) -> str:
        """Return the components and the data of the card as JSON.

        Returns:
            An object with `components` (id -> rendered component), `component_update_ts` (seconds since 1970),
            `render_seq` (the number of this call), `user` (the data of `refresh`) and `mode`.
        """
        self._refreshes += 1
        rendered = [f"{json_text.dumps(name)}: {_rendered(component)}" for name, component in self._components.items()]
        more = {
            "component_update_ts": self._changed,
            "render_seq": self._refreshes,
            "user": _json(self._data),
            "mode": "runtime",
        }
        return f'{{"components": {{{", ".join(rendered)}}}, {json_text.dumps(more)[1:]}'

    def __len__(self) -> int:
        return len(self._components)

    def __iter__(self) -> Iterator[MetaflowCardComponent]:
        return iter(self._components.values())

    def __getitem__(self, index: int) -> MetaflowCardComponent:
        return list(self._components.values())[index]


class CurrentCards:
    """All cards of the step: `current.card`.

    Without an id, the methods apply to the card with `customize`. If no card has `customize`, the methods apply to the
    only card, or to the only card without an id.

    If none of these cards exists, or `current.card[…]` gets an unknown id, the methods print a warning and have no
    effect.
    """

    def __init__(self, renderers: Iterable[Renderer]) -> None:
        self._all = [(renderer, CardComponents(renderer)) for renderer in renderers]
        self._by_id: dict[str, CardComponents] = {}
        for renderer, components in self._all:
            name = renderer.card.id
            if name is None:
                continue
            if not _ID.fullmatch(name):
                warn(f"the id '{name}' of a @card cannot be used with current.card[…]: use only letters, digits and _")
            elif name in self._by_id:
                warn(f"several @cards have the id '{name}': current.card[{name!r}] is the first of them")
            else:
                self._by_id[name] = components
        self._default, self._why = self._choose()

    def _choose(self) -> tuple[CardComponents | None, str]:
        """Choose the card for `current.card` without an id. Return it and an empty string, or None and the reason why
        no card was chosen."""
        editable = [(renderer.card, components) for renderer, components in self._all if renderer.editable]
        chosen = [components for card, components in editable if card.customize]
        chosen = chosen or [components for card, components in editable if len(editable) == 1 or card.id is None]
        if len(chosen) == 1:
            return chosen[0], ""
        if not editable:
            return None, "no card of this step accepts components"
        return None, (
            "the step has several cards: give each @card an id and write "
            "current.card['ID'], or mark one with @card(customize=True)"
        )

    def _default_card(self, method: str) -> CardComponents | None:
        if self._default is None and method == "refresh" and len(self._all) == 1:
            return self._all[0][1]  # a card that accepts no components can still be refreshed with data
        if self._default is None:
            warn(f"current.card.{method} has no effect: {self._why}")
        return self._default

    # -- methods that apply to the card chosen for `current.card` without an id

    def append(self, component: MetaflowCardComponent, id: str | None = None) -> None:
        """Append a component to the card; see `CardComponents.append`."""
        if (card := self._default_card("append")) is not None:
            card.append(component, id)

    def extend(self, components: Iterable[MetaflowCardComponent]) -> None:
        """Append components to the card."""
        if (card := self._default_card("extend")) is not None:
            card.extend(components)

    def clear(self) -> None:
        """Remove all components from the card."""
        if (card := self._default_card("clear")) is not None:
            card.clear()

    def refresh(self, data: object = None, force: bool = False) -> None:
        """Show the current state of the card while the step runs; see `CardComponents.refresh`."""
        if (card := self._default_card("refresh")) is not None:
            card.refresh(data, force)

    @property
    def components(self) -> Mapping[str, MetaflowCardComponent]:
        """The components of the card by their ids."""
        return card.components if (card := self._default_card("components")) is not None else {}

    # -- access to one card by its id or type

    def __getitem__(self, id: str) -> CardComponents:
        if id in self._by_id:
            return self._by_id[id]
        known = ", ".join(self._by_id) or "none"
        warn(f"no @card of this step has the id {id!r} (ids: {known}): components appended there are not shown")
        return CardComponents()

    def __setitem__(self, id: str, components: Iterable[MetaflowCardComponent]) -> None:
        card = self[id]
        card.clear()
        card.extend(components)

    def __contains__(self, id: object) -> bool:
        return id in self._by_id

    def get(self, type: str | None = None) -> list[CardComponents]:
        """Return the cards of a type, or all cards."""
        return [components for renderer, components in self._all if type in (None, renderer.card.type)]


def _rendered(component: MetaflowCardComponent) -> str:
    """Render a component and return it as JSON. If that fails, print a warning and return the JSON of an error
    component."""
    try:
        value = component.render()
        text = json_text.dumps(value)
    except StepTimeout:  # raised when the step's time limit expires, at any line; it is no error of the component
        raise
    except (Exception, SystemExit) as error:
        value = failure(component, error)
        text = ""
    if isinstance(value, dict) and value.get("failed"):
        warn(f"{value['title']}: {value['failed']}")
        text = json_text.dumps(value | {"id": component.component_id})
    return text


def _json(value: object) -> object:
    try:
        json_text.dumps(value)
    except (TypeError, ValueError):
        warn("the data of current.card.refresh cannot be JSON: its values are shown as text")
        return plain(value, deep=True)
    return value
