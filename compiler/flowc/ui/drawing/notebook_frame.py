"""Renders an executed notebook as one HTML document for a sandboxed frame, in which no script runs.

All texts are escaped. HTML that a cell has printed is shown in a frame of its own inside of this document, so that it
cannot change the rest of it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from markupsafe import Markup, escape

from flowc.ui.drawing.svg_elements import element
from flowc_ir import json_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flowc_ir.json_text import Json

MOST_CELLS: Final = 2000
"""The number of cells that are shown."""
LONGEST: Final = 100_000
"""The number of characters of one text of a cell that are shown; of an image, fifty times as many."""
_IMAGES: Final = ("image/png", "image/jpeg", "image/gif")
_ANSI: Final = re.compile(r"\x1b(?:\[[0-9;:?]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-Z\\-_])")
_CONTROL: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff]")
_BASE64: Final = re.compile(r"[A-Za-z0-9+/=\s]*")
_STYLE: Final = """
:root { color-scheme: light dark; }
body { font: 14px/1.45 system-ui, "DejaVu Sans", Arial, sans-serif; margin: 12px; }
pre { font: 12.5px/1.5 ui-monospace, "DejaVu Sans Mono", Menlo, monospace; margin: 0; }
pre, .markdown { white-space: pre-wrap; overflow-wrap: anywhere; }
.cell { display: grid; grid-template-columns: 64px minmax(0, 1fr); gap: 4px 10px; margin: 0 0 14px; }
.label { text-align: right; opacity: .75; font: 12px/1.6 ui-monospace, "DejaVu Sans Mono", monospace; }
.source { border: 1px solid #8a96a3; border-radius: 6px; padding: 6px 9px; }
.given .source { border-style: dashed; } .stderr { border-left: 3px solid #b77400; padding-left: 8px; }
.error { border-left: 3px solid #c8322a; padding-left: 8px; }
h2, h3, h4 { margin: 0; } img { max-width: 100%; height: auto; background: #fff; }
iframe { width: 100%; border: 0; background: #fff; } .cut { font-style: italic; opacity: .8; }
"""


class NotANotebook(ValueError):
    """A text is not a notebook; the message says why."""


def notebook_html(text: str) -> str:
    """Return the HTML document of a notebook of format 4.

    Raises:
        NotANotebook: the text is not a notebook.
    """
    try:
        document = json_text.parsed(text)
    except ValueError as error:
        raise NotANotebook(f"it is not JSON: {error}") from None
    cells = document.get("cells") if isinstance(document, dict) else None
    if not isinstance(cells, list):
        raise NotANotebook("it has no cells")
    shown = [_cell(cell) for cell in cells[:MOST_CELLS] if isinstance(cell, dict)]
    if len(cells) > MOST_CELLS:
        shown.append(_cut(f"{len(cells) - MOST_CELLS:,} more cells are in the download"))
    head = element("style", Markup(_STYLE)) + element("title", "Executed notebook")
    body = element("body", *shown) if shown else element("body", _cut("the notebook has no cells"))
    return f'<!doctype html><html lang="en"><head><meta charset="utf-8">{head}</head>{body}</html>'


def _cell(cell: dict[str, Json]) -> Markup:
    source = _text(cell.get("source"))
    kind = cell.get("cell_type")
    if kind != "code":
        inside = Markup().join(_markdown(source)) if kind == "markdown" else _pre(source)
        return _row("cell", "", element("div", inside, class_="markdown"))
    count = cell.get("execution_count")
    label = f"[{count}]" if isinstance(count, int) else "[ ]"
    about = cell.get("metadata")
    tags = about.get("tags") if isinstance(about, dict) else None
    given = isinstance(tags, list) and "injected-parameters" in tags
    parts = [_row("cell given" if given else "cell", label, element("div", _pre(source), class_="source"))]
    outputs = cell.get("outputs")
    for output in outputs[:MOST_CELLS] if isinstance(outputs, list) else ():
        if isinstance(output, dict):
            parts += [_row("cell", "", each) for each in _output(output)]
    return Markup().join(parts)


def _row(kind: str, label: str, content: Markup) -> Markup:
    return element("div", element("div", label or Markup("&nbsp;"), class_="label"), content, class_=kind)


def _markdown(source: str) -> Iterator[Markup]:
    """Yield the lines of Markdown as text; headings are larger."""
    for line in source[:LONGEST].splitlines():
        words = line.lstrip("#")
        level = len(line) - len(words)
        if 1 <= level <= 6 and words.startswith(" "):
            yield element(f"h{min(4, level + 1)}", _plain(words.strip()))
        else:
            yield escape(f"{_plain(line)}\n")
    yield from _rest(source)


def _output(output: dict[str, Json]) -> Iterator[Markup]:
    match output.get("output_type"):
        case "stream":
            yield _pre(_text(output.get("text")), "stderr" if output.get("name") == "stderr" else "stdout")
        case "error":
            trace = output.get("traceback")
            lines = [*map(_text, trace)] if isinstance(trace, list) else []
            yield _pre("\n".join(lines) or f"{_text(output.get('ename'))}: {_text(output.get('evalue'))}", "error")
        case "execute_result" | "display_data":
            data = output.get("data")
            if isinstance(data, dict):
                yield _rich({name: _text(each) for name, each in data.items() if isinstance(each, (str, list))})


def _rich(data: dict[str, str]) -> Markup:
    """Return an output that has several forms: its image, else its HTML in a frame, else its text."""
    plain = data.get("text/plain", "")
    for media in _IMAGES:
        if (image := data.get(media)) is not None and len(image) <= 50 * LONGEST and _BASE64.fullmatch(image):
            source = f"data:{media};base64,{''.join(image.split())}"
            return element("img", src=source, alt=_plain(plain[:200]) or "output of the cell")
    if (html := data.get("text/html")) is not None and len(html) <= 50 * LONGEST:
        rows = min(20, max(2, html.count("<tr") + html.count("<br")))
        # `sandbox` without a value: no script, no form, no access to this document
        return element("iframe", " ", sandbox="", srcdoc=_plain(html), height=30 * rows, title="output as HTML")
    if plain:
        return _pre(plain)
    return _cut(f"an output of type {', '.join(sorted(data))[:200]}, which is not shown")


def _pre(text: str, kind: str = "text") -> Markup:
    return Markup().join([element("pre", _plain(text[:LONGEST]), class_=kind), *_rest(text)])


def _rest(text: str) -> Iterator[Markup]:
    """Yield the remark that a text is not shown as a whole, if it is cut."""
    if (more := len(text) - LONGEST) > 0:
        yield _cut(f"{more:,} more characters are in the download")


def _cut(text: str) -> Markup:
    return element("div", text, class_="cut")


def _plain(text: str) -> str:
    """Return a text without escape sequences of terminals and without control characters."""
    return _CONTROL.sub("\N{REPLACEMENT CHARACTER}", _ANSI.sub("", text.replace("\r\n", "\n")))


def _text(value: Json) -> str:
    """Return a text of a notebook, which may be a list of lines; any other value is empty."""
    if isinstance(value, list):
        return "".join(line for line in value if isinstance(line, str))
    return value if isinstance(value, str) else ""
