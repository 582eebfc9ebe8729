"""Draws the graph of a flow with the progress of a run: a link for each step, its counts, and its state."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from flowc.targets.pictures.layout import lay_out
from flowc.targets.pictures.picture import columns, shortened
from flowc.targets.pictures.svg import arrow_title, line_path
from flowc.ui.drawing.svg_elements import drawing, element

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from markupsafe import Markup

    from flowc.targets.pictures.layout import PlacedBox
    from flowc.targets.pictures.picture import FlowPicture, StepBox
    from flowc.ui.page_data.run_facts import StepFacts

_CHAR: Final = 7.4  # the estimated width of a character of a name
_NAME: Final = 30  # the number of columns of a name that are shown
_HEIGHT: Final = 44.0
_MARGIN: Final = 12.0


def graph(picture: FlowPicture, steps: Mapping[str, StepFacts], address: Callable[[str], str]) -> Markup:
    """Return the graph of a run.

    Args:
        picture: the flow.
        steps: the progress of each step, by name.
        address: returns the URL of a step's page.
    """
    layout = lay_out({box.id: _size(box) for box in picture.boxes}, [arrow.ends for arrow in picture.arrows])
    lines = []
    for arrow, line in zip(picture.arrows, layout.lines, strict=True):
        head = None if line.into is not None else "url(#head)"
        title = element("title", arrow_title(arrow.ends, arrow.label))
        lines.append(element("path", title, d=line_path(line), class_=f"arrow {arrow.kind}", marker_end=head))
    boxes = [_box(box, layout.boxes[box.id], steps.get(box.id), address) for box in picture.boxes]
    marker = element(
        "marker", element("path", d="M0 0 8 4 0 8z"), id="head", viewBox="0 0 8 8", refX="7", refY="4",
        markerWidth="8", markerHeight="8", markerUnits="userSpaceOnUse", orient="auto",
    )  # fmt: skip
    parts = element("g", *lines, *boxes, transform=f"translate({_MARGIN} {_MARGIN})")
    label = f"the graph of {picture.name}: {len(picture.boxes):,} steps"
    return drawing(
        layout.width + 2 * _MARGIN + 6,
        layout.height + 2 * _MARGIN + 6,
        label,
        [element("defs", marker), parts],
        "graph",
        fits=False,
        links=True,
    )


def _size(box: StepBox) -> tuple[float, float]:
    return max(columns(shortened(box.name, _NAME)) * _CHAR + 44, 108.0), _HEIGHT


def _box(box: StepBox, place: PlacedBox, facts: StepFacts | None, address: Callable[[str], str]) -> Markup:
    state = facts.state if facts is not None else "waiting"
    about = _about(box, facts)
    parts = [element("title", f"{box.name}: {state}{f', {about}' if about else ''}{f'. {box.doc}' if box.doc else ''}")]
    if box.many:
        parts.append(_outline(place._replace(x=place.x + 4, y=place.y + 4), "behind"))
    parts.append(_outline(place, "box"))
    if facts is not None and facts.total:
        share = facts.done / facts.total
        width = (place.width - 16) * share
        parts.append(_bar(place, place.width - 16, "track"))
        if width:
            parts.append(_bar(place, width, "progress"))
    parts.append(element("circle", cx=place.x + 16, cy=place.y + 18, r="5", class_="dot"))
    parts.append(element("text", shortened(box.name, _NAME), x=place.x + 28, y=place.y + 22, class_="name"))
    if facts is not None and facts.total > 1:
        parts.append(
            element(
                "text",
                f" {facts.counts}",
                x=place.x + place.width - 8,
                y=place.y + 35,
                class_="count",
                text_anchor="end",
            )
        )
    inside = element("g", *parts, class_=f"step {state} {box.shape}")
    # the label begins with the visible text, so that a person can say it to a program that is controlled by voice
    seen = f"{box.name} {facts.counts}" if facts is not None and facts.total > 1 else box.name
    return element("a", inside, href=address(box.id), aria_label=f"step {seen}, {state}{f', {about}' if about else ''}")


def _bar(place: PlacedBox, width: float, kind: str) -> Markup:
    return element("rect", x=place.x + 8, y=place.y + place.height - 7, width=width, height=3.0, rx="1.5", class_=kind)


def _about(box: StepBox, facts: StepFacts | None) -> str:
    parts = [*box.marks]
    if facts is not None and facts.total:
        parts.insert(0, f"{facts.counts} tasks done")
        if facts.failed:
            parts.insert(1, f"{facts.failed:,} failed")
    return ", ".join(parts)


def _outline(place: PlacedBox, kind: str) -> Markup:
    return element("rect", x=place.x, y=place.y, width=place.width, height=place.height, rx="9", class_=kind)
