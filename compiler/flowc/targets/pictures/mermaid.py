"""Writes a picture as a flowchart for Mermaid."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowc_ir import json_text
from flowc_ir.late.pattern import late_pattern

if TYPE_CHECKING:
    from flowc.targets.pictures.picture import ArrowKind, FlowPicture, StepBox

# Characters with a meaning in Mermaid: quotes, entities, tags, escapes, directives and Markdown.
_SPECIAL = late_pattern(r'[#"<>&`\\%*_~{}]')
_SIMILAR = str.maketrans("&<>", "＆＜＞")
_ARROWS: dict[ArrowKind, str] = {"next": "-->", "choice": "-->", "each": "==>", "gang": "==>", "again": "-.->"}


def mermaid_text(picture: FlowPicture) -> str:
    """Return the flowchart. The nodes of the flowchart have numbers as names, since the name of a step may be a keyword
    of Mermaid."""
    number = {box.id: f"n{at}" for at, box in enumerate(picture.boxes)}
    lines = ["---", f"title: {_title(': '.join((picture.name, *picture.notes)))}", "---", "flowchart TB"]
    lines.append(f"  accTitle: {_entities(picture.name)}")
    if picture.doc:
        lines.append(f"  accDescr: {_entities(picture.doc)}")
    lines += [f"  {number[box.id]}{_box(box)}" for box in picture.boxes]
    for arrow in picture.arrows:
        label = f'|"{_entities(arrow.label)}"|' if arrow.label else ""
        lines.append(f"  {number[arrow.ends[0]]} {_ARROWS[arrow.kind]}{label} {number[arrow.ends[1]]}")
    return "\n".join(lines) + "\n"


def _box(box: StepBox) -> str:
    begin, end = {"switch": ("{{", "}}"), "join": ("[/", "\\]"), "end": ("([", "])"), "step": ("[", "]")}[box.shape]
    if box.many and box.shape == "step":
        begin, end = "[[", "]]"
    parts = [f"<b>{_entities(box.name)}</b>"]
    if box.about:
        parts.append(_entities(box.about))
    parts += [f"<i>{_entities(mark)}</i>" for mark in box.marks]
    return f'{begin}"{"<br>".join(parts)}"{end}'


def _entities(text: str) -> str:
    return _SPECIAL.sub(lambda match: f"#{ord(match[0])};", text)


def _title(text: str) -> str:
    """Return the title as a YAML string. `&`, `<` and `>` become similar characters, because Mermaid does not interpret
    entities in titles."""
    return json_text.dumps(text.translate(_SIMILAR), ensure_ascii=False)
