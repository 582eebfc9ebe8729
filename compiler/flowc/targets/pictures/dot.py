"""Writes a picture in Graphviz' language, for `dot`."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flowc.targets.pictures.picture import ArrowKind, FlowPicture, StepBox

_ARROWS: dict[ArrowKind, str] = {
    "next": "", "choice": "", "each": ' style="bold"', "gang": ' style="bold"', "again": ' style="dashed"',
}  # fmt: skip
_ENTITIES = str.maketrans({"&": "&amp;", '"': "&quot;"})
_SHAPES = {"step": "box", "end": "oval", "switch": "hexagon", "join": "invtrapezium"}


def dot_text(picture: FlowPicture) -> str:
    """Return the graph. All names are quoted, because a step's name may be a keyword of Graphviz, such as `node`."""
    title = _quoted(picture.name, *picture.notes)
    lines = [
        f"digraph {_quoted(picture.name)} {{",
        f'  graph [label={title} labelloc="t" tooltip={_tooltip(picture.doc or picture.name)} fontname="Helvetica"]',
        '  node [shape="box" style="rounded" fontname="Helvetica" fontsize="11"]',
        '  edge [fontname="Helvetica" fontsize="10"]',
    ]
    lines += [f"  {_name(box.id)} [{_box(box)}]" for box in picture.boxes]
    for arrow in picture.arrows:
        label = f" label={_quoted(arrow.label)}" if arrow.label else ""
        attributes = f"{label}{_ARROWS[arrow.kind]}".strip()
        lines.append(f"  {_name(arrow.ends[0])} -> {_name(arrow.ends[1])}{f' [{attributes}]' if attributes else ''}")
    return "\n".join([*lines, "}"]) + "\n"


def _box(box: StepBox) -> str:
    about = [box.about] if box.about else []
    found = [f"label={_quoted(box.name, *about, *box.marks)}", f'shape="{_SHAPES[box.shape]}"']
    if box.many:
        found.append('peripheries="2"')
    return " ".join([*found, f"tooltip={_tooltip(box.doc or box.name)}"])


def _name(step: str) -> str:
    """Return the quoted name of a step; different steps have different names."""
    text = "".join(char if char.isprintable() else f"\\u{ord(char):04x}" for char in step)
    return '"{}"'.format(text.replace("\\", "\\\\").replace('"', '\\"'))


def _quoted(*lines: str) -> str:
    """Return the lines as a label. Entities and backslashes are escaped, because Graphviz interprets them in labels."""
    return '"{}"'.format("\\n".join(line.translate(_ENTITIES).replace("\\", "\\\\") for line in lines))


def _tooltip(text: str) -> str:
    """Return the text as a tooltip. Backslashes are escaped twice, because Graphviz interprets them twice in
    tooltips.
    """
    return '"{}"'.format(text.translate(_ENTITIES).replace("\\", "\\" * 4))
