"""Reports of the result: scores and confusion matrix as text, and the matrix as an SVG picture."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

BAR = 30  # characters
CELL = 36  # pixels


def mean(scores: Sequence[float]) -> float:
    """Return the mean of the folds' scores."""
    return sum(scores) / len(scores)


def summarize(
    results: Mapping[str, Sequence[float]],
    failures: Mapping[str, str],
    best: str,
    accuracy: float,
    confusion: Sequence[Sequence[int]],
) -> str:
    """Return the whole report as text."""
    table = draw_scores(results, best)
    failed = "".join(f"\n  {name}: failed: {why}" for name, why in failures.items())
    tested = sum(map(sum, confusion))
    right = sum(row[digit] for digit, row in enumerate(confusion))
    return (
        f"{table}{failed}\n\n"
        f"Best: {best}. On {tested} images it had not seen: {right} right, accuracy {accuracy:.4f}\n\n"
        f"{draw_confusion(confusion)}"
    )


def draw_scores(results: Mapping[str, Sequence[float]], best: str) -> str:
    """Return one line per setting, best first: the mean score, the range over the folds, and a bar from 0.9 to 1."""
    width = max(map(len, results))
    lines = [f"  {'setting':{width}}  score   folds"]
    for name in sorted(results, key=lambda name: -mean(results[name])):
        scores = results[name]
        bar = "█" * max(0, round((mean(scores) - 0.9) * 10 * BAR))
        mark = "*" if name == best else " "
        lines.append(f"{mark} {name:{width}}  {mean(scores):.4f}  {min(scores):.3f}–{max(scores):.3f}  {bar}")
    return "\n".join(lines)


def draw_confusion(confusion: Sequence[Sequence[int]]) -> str:
    """Return the matrix as text: rows are the written digits, columns the predicted digits; a dot means zero."""
    head = "written   taken for " + "".join(f"{digit:4}" for digit in range(len(confusion)))
    rows = [f"{digit:7}             " + "".join(f"{count or '·':>4}" for count in row)
            for digit, row in enumerate(confusion)]  # fmt: skip
    return "\n".join([head, *rows])


def draw_svg(confusion: Sequence[Sequence[int]]) -> str:
    """Return the matrix as an SVG picture: the darker a square, the larger its share of the row."""
    side = CELL * (len(confusion) + 1)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{side}" height="{side}" font-family="sans-serif" '
        'font-size="14" text-anchor="middle">'
    ]
    for digit, row in enumerate(confusion):
        edge = (digit + 1) * CELL
        parts += [_text(edge, 0, str(digit), "#555"), _text(0, edge, str(digit), "#555")]
        for taken, count in enumerate(row):
            share = count / max(1, sum(row))
            x, y = (taken + 1) * CELL, edge
            square = f'x="{x}" y="{y}" width="{CELL}" height="{CELL}"'
            parts.append(f'<rect {square} fill="#084594" fill-opacity="{share:.3f}"/>')
            if count:
                parts.append(_text(x, y, str(count), "#fff" if share > 0.5 else "#000"))
    return "\n".join([*parts, "</svg>\n"])


def _text(x: int, y: int, text: str, color: str) -> str:
    return f'<text x="{x + CELL // 2}" y="{y + CELL // 2 + 5}" fill="{color}">{text}</text>'
