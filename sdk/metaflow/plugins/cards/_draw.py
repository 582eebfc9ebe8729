"""Conversion of components, given as dicts, to HTML. All text in the components is escaped, except in components of the
type `html`."""

from __future__ import annotations

import math
from html import escape
from typing import TYPE_CHECKING, Any

from flowc_ir import json_text
from metaflow.plugins.cards._dag import dag_svg
from metaflow.plugins.cards._markdown import to_html

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping


def draw_all(components: Iterable[object]) -> str:
    """Return components as HTML. Components are placed one below the other, consecutive value boxes side by side."""
    parts, boxes = [], ""
    for component in components:
        drawn = draw(component)
        if isinstance(component, dict) and component.get("type") == "valueBox":
            boxes += drawn
            continue
        if boxes:
            parts.append(f'<div class="boxes">{boxes}</div>')
            boxes = ""
        parts.append(drawn)
    return "\n".join(parts + ([f'<div class="boxes">{boxes}</div>'] if boxes else []))


def draw(component: Any) -> str:
    """Return one component as HTML.

    Args:
        component: a dict as a built-in component returns it, or a string of HTML from a user-defined component. Dicts
            of an unknown type are shown as JSON.
    """
    if isinstance(component, str):
        return f'<div class="html">{component}</div>'
    kind = component.get("type") if isinstance(component, dict) else None
    if kind not in _DRAWN:
        text = json_text.shown(component, indent=2, ensure_ascii=False, default=str)
        return f"<pre>{escape(text)}</pre>"
    name = component.get("id")
    mark = f' data-component="{escape(str(name))}"' if name else ""
    return f'<div class="component {_text(kind)}"{mark}>{_DRAWN[str(kind)](component)}</div>'


def needs_vega(html: str) -> bool:
    """Return whether the HTML contains a chart."""
    return '<div class="component vegaChart"' in html


def script_data(value: object) -> str:
    """Return a value as JSON that is safe inside of <script>: it cannot contain `</script>` or a line separator."""
    return json_text.page(value, default=str).replace("<", "\\u003c").replace("\u2028", "\\u2028")


def _text(value: object) -> str:
    return escape(str(value))


# -- each kind


def _markdown(component: Mapping[str, object]) -> str:
    return to_html(str(component.get("source") or ""))


def _html(component: Mapping[str, object]) -> str:
    return str(component.get("html") or component.get("data") or "")


def _artifacts(component: Mapping[str, Any]) -> str:
    drawn, data = "", component.get("data") or ()
    if isinstance(data, dict):
        data = [{"name": name, "data": value} for name, value in data.items()]
    for item in data:
        name = f"<b>{_text(item['name'])}</b> " if item.get("name") else ""
        note = " <small>shortened</small>" if item.get("large_object") else ""
        head = f'<figcaption>{name}<span class="type">{_text(item.get("type", ""))}</span>{note}</figcaption>'
        drawn += f'<figure>{head}<pre tabindex="0">{_text(item.get("data", ""))}</pre></figure>'
    return drawn


def _headed(component: Mapping[str, object], body: str) -> str:
    title, below = component.get("title"), component.get("subtitle")
    head = f"<h2>{_text(title)}</h2>" if title else ""
    return f"{head}{f'<p>{_text(below)}</p>' if below else ''}{body}"


def _section(component: Mapping[str, Any]) -> str:
    columns = component.get("columns")
    style = f' style="columns: {columns}"' if isinstance(columns, int) else ""
    body = f"<div{style}>{draw_all(component.get('contents', ()))}</div>"
    return f"<section>{_headed(component, body)}</section>"


def _page(component: Mapping[str, Any]) -> str:
    return _headed(component, draw_all(component.get("contents", ())))


def _dag(component: Mapping[str, Any]) -> str:
    steps = component.get("data") or {}
    drawn = dag_svg(steps.get("steps", steps), "") if steps else ""
    return _headed(component, f'<div class="scroll" tabindex="0" role="region" aria-label="Steps">{drawn}</div>')


def _plain(component: Mapping[str, object]) -> str:
    tag = {"title": "h2", "subtitle": "h3"}.get(str(component["type"]), "p")
    return f"<{tag}>{_text('' if component.get('text') is None else component['text'])}</{tag}>"


def _table(component: Mapping[str, Any]) -> str:
    rows = [row for row in component.get("data", ()) if row]
    columns = component.get("columns", ())
    width = max(map(len, [columns, *rows]))
    sides = [_side(rows, at) for at in range(width)]
    head = "".join(f'<th scope="col"{side}>{_text(column)}</th>' for column, side in zip(columns, sides, strict=False))
    body = "".join(f"<tr>{''.join(map(_cell, row, sides))}</tr>" for row in rows)
    top = f"<thead><tr>{head}</tr></thead>" if head else ""
    table = f"<table>{top}<tbody>{body}</tbody></table>"
    note = f'<p class="note">{_text(component["note"])}</p>' if component.get("note") else ""
    return f'<div class="scroll" tabindex="0" role="region" aria-label="Table">{table}</div>{note}'


def _side(rows: list[Any], column: int) -> str:
    """Return the alignment of a table column: a column of numbers and missing values is aligned to the right."""
    values = [row[column] for row in rows if column < len(row) and row[column] is not None]
    numbers = all(isinstance(value, int | float) and not isinstance(value, bool) for value in values)
    return ' class="number"' if values and numbers else ""


def _cell(value: object, side: str) -> str:
    if isinstance(value, dict):
        return f"<td>{draw(value)}</td>"
    if isinstance(value, bool) or value is None:
        return f'<td{side}><span class="word">{value}</span></td>'
    if isinstance(value, int | float):
        return f'<td class="number"{_exactly(value)}>{_number(value)}</td>'
    return f"<td{side}>{_text(value)}</td>"


def _number(value: float) -> str:
    """Return a number as HTML. A long number is shortened to six digits, and a tooltip shows all digits."""
    text = repr(value)
    if isinstance(value, int) or len(text) <= 10 or not math.isfinite(value):
        return text
    return f"{value:.0f}" if 1e5 <= abs(value) < 1e15 else f"{value:.6g}"


def _exactly(value: float) -> str:
    return "" if _number(value) == repr(value) else f' title="{value!r}"'


def _image(component: Mapping[str, Any]) -> str:
    label = component.get("label")
    alt = _text(label or "Picture without a description")
    below = f"<figcaption>{_text(label)}</figcaption>" if label else ""
    size = f' width="{int(component["width"])}"' if component.get("width") else ""
    return f'<figure><img src="{_text(component.get("src", ""))}" alt="{alt}"{size}>{below}</figure>'


def _log(component: Mapping[str, object]) -> str:
    title = f'<p class="title">{_text(component["title"])}</p>' if component.get("title") else ""
    kind = ' class="failure"' if component.get("error") else ""
    return f'<div{kind}>{title}<pre tabindex="0">{_text(component.get("data", ""))}</pre></div>'


def _chart(component: Mapping[str, Any]) -> str:
    spec = component.get("spec", {})
    title = spec.get("title") or spec.get("description") or "Chart"
    label = title if isinstance(title, str) else "Chart"
    controls = ""
    if component.get("options", {}).get("actions", True):
        controls = '<p class="controls"><button type="button" data-save="svg">Save as SVG</button></p>'
    data = f'<script type="application/json">{script_data(spec)}</script>'
    return f'<div class="chart" role="img" aria-label="{_text(label)}"></div>{controls}{data}'


def _progress(component: Mapping[str, object]) -> str:
    value, most = component.get("value", 0), component.get("max", 100)
    label, unit = component.get("label") or "Progress", component.get("unit")
    numbers = f"{_text(value)} / {_text(most)}{f' {_text(unit)}' if unit else ''}"
    details = f"<small>{_text(component['details'])}</small>" if component.get("details") else ""
    return (
        f'<div class="head"><span>{_text(label)}</span><span class="numbers">{numbers}</span></div>'
        f'<progress max="{_text(most)}" value="{_text(value)}" aria-label="{_text(label)}"></progress>{details}'
    )


_THEMES = {"success": "good", "warning": "careful", "danger": "bad", "bg-gradient-indigo-purple": "bright"}


def _value_box(component: Mapping[str, object]) -> str:
    lines = [
        f'<p class="{name}">{_text(component[key])}</p>'
        for key, name in (("title", "label"), ("value", "value"), ("subtitle", "below"), ("change_indicator", "change"))
        if component.get(key) not in (None, "")
    ]
    return f'<div class="box {_THEMES.get(str(component.get("theme")), "")}">{"".join(lines)}</div>'


def _code(component: Mapping[str, object]) -> str:
    return f'<pre tabindex="0"><code>{_text(component.get("data", ""))}</code></pre>'


def _viewer(component: Mapping[str, object]) -> str:
    text = component.get("json_string", component.get("yaml_string", ""))
    height = str(component.get("max_height") or "")
    style = f' style="max-height: {_text(height)}"' if height and all(c.isalnum() or c in ".% " for c in height) else ""
    copy = '<button type="button" data-copy>Copy</button>' if component.get("show_copy_button") else ""
    body = f'{copy}<pre tabindex="0"{style}>{_text(text)}</pre>'
    title = _text(component.get("title", ""))
    if component.get("collapsible"):
        return f"<details open><summary>{title}</summary>{body}</details>"
    return f'<p class="title">{title}</p>{body}'


def _timeline(component: Mapping[str, Any]) -> str:
    stats = component.get("stats", {})
    total, shown = stats.get("total_events", 0), stats.get("displayed_events", 0)
    count = f"{total} event{'s' if total != 1 else ''}" + (f", the newest {shown} shown" if shown < total else "")
    state = " · finished" if stats.get("finished") else ""
    title = f'<p class="title">{_text(component["title"])}</p>' if component.get("title") else ""
    return f'{title}<p class="count">{count}{state}</p><ol>{"".join(map(_event, component.get("events", ())))}</ol>'


def _event(event: Mapping[str, Any]) -> str:
    values = "".join(f"<dt>{_text(key)}</dt><dd>{_text(value)}</dd>" for key, value in event["metadata"].items())
    payloads = "".join(
        f"<details><summary>{_text(name)}</summary>{draw(payload)}</details>"
        for name, payload in event["payloads"].items()
    )
    marks = f"{_text(event['theme'])} {_text(event['priority'])}"
    moment = f'<time data-time="{float(event["received_at"])}"></time>'
    return f'<li class="{marks}">{moment}<dl>{values}</dl>{payloads}</li>'


_DRAWN: Mapping[str, Callable[[Mapping[str, Any]], str]] = {
    "artifacts": _artifacts,
    "dag": _dag,
    "eventsTimeline": _timeline,
    "html": _html,
    "image": _image,
    "jsonViewer": _viewer,
    "log": _log,
    "markdown": _markdown,
    "page": _page,
    "progressBar": _progress,
    "pythonCode": _code,
    "section": _section,
    "subtitle": _plain,
    "table": _table,
    "text": _plain,
    "title": _plain,
    "valueBox": _value_box,
    "vegaChart": _chart,
    "yamlViewer": _viewer,
}
