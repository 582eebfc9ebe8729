"""Writes a picture as a self-contained SVG file: it loads no script, no font and no other file.

The colours follow the reader's light or dark mode. Each step and each arrow has a title, which browsers show and screen
readers read.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from flowc.targets.pictures.layout import LAYER_GAP, lay_out
from flowc.targets.pictures.picture import columns

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from flowc.targets.pictures.layout import Ends, PlacedBox, PlacedLine, Point
    from flowc.targets.pictures.picture import FlowPicture, StepArrow, StepBox

_MARGIN: Final = 16.0
_LINE: Final = 16.0  # the height of a line of text
_CHAR: Final = 6.6  # the estimated width of a character of small text; the characters of names are a fifth wider
_PADDING: Final = 14.0
_CORNER: Final = 8.0

STYLE: Final = """
  .page { fill: #ffffff }
  text { font: 12px system-ui, "Helvetica Neue", "DejaVu Sans", Arial, sans-serif; fill: #1b2430; text-anchor: middle }
  .name { font-size: 14px; font-weight: 600 }
  .heading { font-size: 18px; font-weight: 600 }
  .about, .note { fill: #4d5a68 }
  .mark { fill: #0b5a7d }
  .box, .behind { fill: #f4f7fa; stroke: #6b7a89; stroke-width: 1.2 }
  .end .box { fill: #e4efe6; stroke: #4b7a54 }
  .switch .box { fill: #fdf3dc; stroke: #94701c }
  .join .box { fill: #e8edf8; stroke: #51689c }
  .arrow path { fill: none; stroke: #5c6a78; stroke-width: 1.3 }
  .each path, .gang path { stroke-width: 3 }
  .again path { stroke-dasharray: 5 4 }
  .label { font-size: 11px; fill: #37424e; stroke: #ffffff; stroke-width: 4; paint-order: stroke }
  .head { fill: #5c6a78 }
  @media (prefers-color-scheme: dark) {
    .page { fill: #14181d }
    text { fill: #e6ebf0 }
    .about, .note { fill: #aab5c0 }
    .mark { fill: #7cc7e8 }
    .box, .behind { fill: #1f262e; stroke: #7f8d9b }
    .end .box { fill: #1d2f21; stroke: #6ea878 }
    .switch .box { fill: #352b13; stroke: #c9a24a }
    .join .box { fill: #1e2740; stroke: #7f98d0 }
    .arrow path { stroke: #93a0ad }
    .label { fill: #cdd6df; stroke: #14181d }
    .head { fill: #93a0ad }
  }
"""


def svg_text(picture: FlowPicture) -> str:
    """Return the text of the SVG file."""
    layout = lay_out({box.id: _size(box) for box in picture.boxes}, [arrow.ends for arrow in picture.arrows])
    heading = [picture.name, *picture.notes]
    widest = max(columns(line) * _CHAR * (1.75 if at == 0 else 1.05) for at, line in enumerate(heading))
    width, top = max(layout.width, widest) + 2 * _MARGIN, len(heading) * (_LINE + 4) + _MARGIN
    height = layout.height + top + _MARGIN
    left = (width - layout.width) / 2
    about = f"{picture.doc} " if picture.doc else ""
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{number_text(width)}" height="{number_text(height)}" '
        f'viewBox="0 0 {number_text(width)} {number_text(height)}" role="graphics-document" '
        'aria-labelledby="flow-title" aria-describedby="flow-description">',
        f'<title id="flow-title">{escaped(picture.name)}</title>',
        f'<desc id="flow-description">{escaped(about)}A flow with {_counted(len(picture.boxes), "step")}.</desc>',
        f"<style>{STYLE}</style>",
        '<defs><marker id="flow-head" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" '
        'markerUnits="userSpaceOnUse" orient="auto"><path class="head" d="M0 0 8 4 0 8z"/></marker></defs>',
        '<rect class="page" width="100%" height="100%"/>',
        *_heading(heading, width / 2),
        f'<g transform="translate({number_text(left)} {number_text(top)})">',
    ]
    for arrow, line in zip(picture.arrows, layout.lines, strict=True):
        lines.append(_arrow(arrow, line))
    for box in picture.boxes:
        lines += _box(box, layout.boxes[box.id])
    # Labels are drawn after all lines, so that no line crosses a label.
    lines += [_label(arrow, line) for arrow, line in zip(picture.arrows, layout.lines, strict=True) if arrow.label]
    return "\n".join([*lines, "</g>", "</svg>"]) + "\n"


def _size(box: StepBox) -> tuple[float, float]:
    small = [line for line in (box.about, *box.marks) if line]
    text = max(columns(box.name) * _CHAR * 1.25, *(columns(line) * _CHAR for line in ("", *small)))
    slanted = _PADDING if box.shape in ("switch", "join") else 0.0
    return max(text + 2 * (_PADDING + slanted), 72.0), (1 + len(small)) * _LINE + 2 * _CORNER + 2


def _heading(texts: Sequence[str], middle: float) -> Iterator[str]:
    for at, text in enumerate(texts):
        kind, y = "heading" if at == 0 else "note", _MARGIN + 12 + at * (_LINE + 4)
        yield f'<text class="{kind}" x="{number_text(middle)}" y="{number_text(y)}">{escaped(text)}</text>'


def _box(box: StepBox, place: PlacedBox) -> Iterator[str]:
    kinds = (
        f"step {box.shape}{' many' if box.many else ''}"
        if box.shape != "step"
        else f"step{' many' if box.many else ''}"
    )
    title = ": ".join(filter(None, (box.name, box.doc)))
    marks = f" ({', '.join(box.marks)})" if box.marks else ""
    yield f'<g class="{kinds}" role="graphics-symbol"><title>{escaped(title)}{escaped(marks)}</title>'
    if box.many:
        yield _outline(box, place._replace(x=place.x + 5, y=place.y + 5), "behind")
    yield _outline(box, place, "box")
    middle, y = number_text(place.x + place.width / 2), place.y + _CORNER + 13
    yield f'<text class="name" x="{middle}" y="{number_text(y)}">{escaped(box.name)}</text>'
    for kind, line in [("about", box.about)] * bool(box.about) + [("mark", mark) for mark in box.marks]:
        y += _LINE
        yield f'<text class="{kind}" x="{middle}" y="{number_text(y)}">{escaped(line)}</text>'
    yield "</g>"


def _outline(box: StepBox, place: PlacedBox, kind: str) -> str:
    """Return the outline of a box: a hexagon for a switch, a trapezium for a join, else a rounded rectangle."""
    left, right, top, bottom = place.x, place.x + place.width, place.y, place.y + place.height
    if box.shape == "switch":
        middle = (top + bottom) / 2
        corners = [(left, middle), (left + _PADDING, top), (right - _PADDING, top), (right, middle)]
        corners += [(right - _PADDING, bottom), (left + _PADDING, bottom)]
    elif box.shape == "join":
        corners = [(left, top), (right, top), (right - _PADDING, bottom), (left + _PADDING, bottom)]
    else:
        radius = place.height / 2 if box.shape == "end" and place.height < 60 else _CORNER
        return (
            f'<rect class="{kind}" x="{number_text(left)}" y="{number_text(top)}" width="{number_text(place.width)}" '
            f'height="{number_text(place.height)}" rx="{number_text(radius)}"/>'
        )
    points = " ".join(f"{number_text(x)},{number_text(y)}" for x, y in corners)
    return f'<polygon class="{kind}" points="{points}"/>'


# -- arrows ------------------------------------------------------------------------------------------------------------


def _arrow(arrow: StepArrow, line: PlacedLine) -> str:
    head = "" if line.into is not None else ' marker-end="url(#flow-head)"'
    title = arrow_title(arrow.ends, arrow.label)
    return f'<g class="arrow {arrow.kind}"><title>{escaped(title)}</title><path d="{line_path(line)}"{head}/></g>'


def arrow_title(ends: Ends, label: str) -> str:
    """Return the title of an arrow, which browsers show and screen readers read."""
    return f"{' '.join(ends[0].split())} → {' '.join(ends[1].split())}{f': {label}' if label else ''}"


def line_path(line: PlacedLine) -> str:
    """Return the path of a line: curves for a line downwards, round corners for a line that leads back."""
    if line.back:
        return _rounded(line.points)
    first = line.points[0]
    parts = [f"M{number_text(first.x)} {number_text(first.y)}"]
    for start, end in zip(line.points, line.points[1:], strict=False):
        if start.x == end.x:
            parts.append(f"V{number_text(end.y)}")
        else:
            middle = (start.y + end.y) / 2
            xs, ys = (start.x, end.x, end.x), (middle, middle, end.y)
            parts.append("C" + " ".join(f"{number_text(x)} {number_text(y)}" for x, y in zip(xs, ys, strict=True)))
    return "".join(parts)


def _rounded(points: Sequence[Point]) -> str:
    parts = [f"M{number_text(points[0].x)} {number_text(points[0].y)}"]
    for before, corner, after in zip(points, points[1:], points[2:], strict=False):
        near, far = _towards(corner, before), _towards(corner, after)
        parts.append(f"L{near}Q{number_text(corner.x)} {number_text(corner.y)} {far}")
    parts.append(f"L{number_text(points[-1].x)} {number_text(points[-1].y)}")
    return "".join(parts)


def _towards(corner: Point, other: Point) -> str:
    """Return the point at which the curve of a corner begins or ends. The point is on the line from the corner to
    `other`, and not beyond the middle of this line."""
    length = abs(other.x - corner.x) + abs(other.y - corner.y)
    share = min(_CORNER / length, 0.5) if length else 0.0
    return (
        f"{number_text(corner.x + (other.x - corner.x) * share)} {number_text(corner.y + (other.y - corner.y) * share)}"
    )


def _label(arrow: StepArrow, line: PlacedLine) -> str:
    """Return the element with an arrow's text. The text is beside the arrow's first bend, nearer to the end of the bend
    than to its beginning, because near the beginning the texts of several arrows from one box would overlap."""
    if line.back:
        x, y = (line.points[1].x + line.points[2].x) / 2, line.points[2].y + 14
    else:
        start = next(
            (at for at in range(1, len(line.points)) if line.points[at].y - line.points[at - 1].y >= LAYER_GAP), 1
        )
        above, below = line.points[start - 1], line.points[start]
        x, y = above.x + (below.x - above.x) * 0.78, above.y + (below.y - above.y) * 0.66
    return f'<text class="label" x="{number_text(x)}" y="{number_text(y)}">{escaped(arrow.label)}</text>'


def number_text(value: float) -> str:
    """Return a coordinate with at most one digit after the point."""
    return f"{value:.1f}".removesuffix(".0")


def escaped(text: str) -> str:
    """Return a text for the content of an element, or for an attribute in double quotes that needs no `"`."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
