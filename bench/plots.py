"""Bar charts as SVG, with a logarithmic axis, because programs differ by factors of up to a thousand."""

from __future__ import annotations

import math
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

WIDTH, LABELS, VALUES, ROW, BAR = 720, 170, 130, 28, 18  # sizes in pixels
OURS, OTHER = "#2563eb", "#94a3b8"


def bars(title: str, rows: Sequence[tuple[str, float, str]]) -> str:
    """Return a chart with one horizontal bar for each row (label, value above zero, text of the value).

    The first row is highlighted. The axis begins at the power of ten below the smallest value.
    """
    low = math.floor(math.log10(min(value for _, value, _ in rows)))
    high = math.log10(max(value for _, value, _ in rows))
    length = (WIDTH - LABELS - VALUES) / max(high - low, 0.1)
    height = 40 + ROW * len(rows)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img" '
        f'font-family="system-ui, sans-serif" font-size="14">',
        f"<title>{escape(title)}</title>",
        f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>',
        f'<text x="8" y="22" font-weight="600" fill="#0f172a">{escape(title)}</text>',
    ]
    for power in range(low, math.ceil(high) + 1):
        x = LABELS + (power - low) * length
        if x <= WIDTH - VALUES:
            parts.append(f'<path d="M{x:.1f} 34V{height}" stroke="#e2e8f0"/>')
    for number, (label, value, text) in enumerate(rows):
        y = 36 + ROW * number
        size = max((math.log10(value) - low) * length, 1)
        color = OTHER if number else OURS
        parts.append(f'<text x="{LABELS - 8}" y="{y + 14}" text-anchor="end" fill="#0f172a">{escape(label)}</text>')
        parts.append(f'<rect x="{LABELS}" y="{y}" width="{size:.1f}" height="{BAR}" rx="2" fill="{color}"/>')
        parts.append(f'<text x="{LABELS + size + 6:.1f}" y="{y + 14}" fill="#334155">{escape(text)}</text>')
    return "\n".join([*parts, "</svg>", ""])
