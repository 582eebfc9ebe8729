"""Diagnostics as text for people."""

from __future__ import annotations

import sys
import unicodedata
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from flowc_ir import codes
from flowc_ir.counting import count

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from flowc_ir.diagnostic import Diagnostic
    from flowc_ir.model import Span


class InternalError(Exception):
    """A broken invariant of ours, never a fault of the user's flow."""

    def __str__(self) -> str:
        return f"a bug in flowc: {super().__str__()}"


def describe(error: BaseException) -> str:
    """An exception of the user's in one line, whatever its `__str__` does."""
    try:
        lines = str(error).strip().split("\n")
    except Exception:
        lines = [""]
    return f"{type(error).__name__}: {lines[0]}" if lines[0] else type(error).__name__


def raised_at(error: BaseException) -> str | None:
    """Where an exception of the user's code was raised, for a note."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    if trace is None:
        return None
    return f"raised in line {trace.tb_lineno} of {trace.tb_frame.f_code.co_filename.rpartition('/')[2]}"


def in_order(diagnostics: Iterable[Diagnostic]) -> tuple[Diagnostic, ...]:
    """As they are shown: by place; each only once."""
    unique = dict.fromkeys(diagnostics)
    return tuple(sorted(unique, key=lambda d: (d.span.file, d.span.line, d.span.column, d.code, d.message)))


def render(diagnostics: Iterable[Diagnostic], root: Path, *, cwd: Path | None = None, color: bool = False) -> str:
    """All diagnostics, faults and warnings, as text that ends with their numbers and a newline.

    `root` is what the spans' files are relative to. With `cwd`, files below it are named relative to it, so that a
    terminal can open them.
    """
    ordered = in_order(diagnostics)
    sources = _Sources(root)
    shown = [_render_one(diagnostic, sources, cwd, _Paint(color)) for diagnostic in ordered]
    warnings = sum(diagnostic.code in codes.WARNINGS for diagnostic in ordered)
    counts = [
        count(number, what) for number, what in ((len(ordered) - warnings, "error"), (warnings, "warning")) if number
    ]
    return "\n".join([*shown, f"{', '.join(counts)}\n"])


class _Paint:
    def __init__(self, color: bool) -> None:
        self.color = color

    def __call__(self, code: str, text: str) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if self.color else text


_RED, _YELLOW, _BLUE, _BOLD, _CYAN = "1;31", "1;33", "34", "1", "36"


def _render_one(diagnostic: Diagnostic, sources: _Sources, cwd: Path | None, paint: _Paint) -> str:
    span = diagnostic.span
    word, color = ("warning", _YELLOW) if diagnostic.code in codes.WARNINGS else ("error", _RED)
    lines = [
        f"{paint(color, f'{word}[{diagnostic.code}]')}{paint(_BOLD, f': {diagnostic.message}')}",
        f"{paint(_BLUE, '  -->')} {_place(span, sources.root, cwd)}",
        *_excerpt(span, sources.line(span), paint, color),
    ]
    if diagnostic.hint is not None:
        lines.append(f"{paint(_CYAN, 'hint:')} {diagnostic.hint}")
    if diagnostic.note is not None:
        lines.append(f"{paint(_CYAN, 'note:')} {diagnostic.note}")
    return "".join(f"{line}\n" for line in lines)


def _place(span: Span, root: Path, cwd: Path | None) -> str:
    if cwd is not None:
        path = root / span.file
        if path.is_relative_to(cwd):
            return f"{path.relative_to(cwd).as_posix()}:{span.line}:{span.column}"
    return str(span)


# -- the line of source and its carets ---------------------------------------------------------------------------------

_TAB = "    "
_LONGEST = 160


def _excerpt(span: Span, line: str | None, paint: _Paint, color: str) -> Iterator[str]:
    if line is None:
        return
    start = min(span.column - 1, len(line))
    end = min(start + span.width, len(line)) if span.width else len(line.rstrip())
    before, marked, after = _shown(line[:start]), _shown(line[start:end]), _shown(line[end:])
    if _columns(before) > _LONGEST // 2:  # a long line is shown from its fault on
        before = "… "
    room = max(_LONGEST - len(before), 1)
    number = str(span.line)
    text = (before + marked + after).rstrip()
    cut = text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
    carets = "^" * max(min(_columns(marked), room), 1)
    yield f"{paint(_BLUE, number + ' |')} {cut}"
    yield f"{paint(_BLUE, ' ' * len(number) + ' |')} {' ' * _columns(before)}{paint(color, carets)}"


def _shown(text: str) -> str:
    """Text that takes its place on a terminal and does nothing to it: no tabs, no control characters."""
    return "".join(_TAB if char == "\t" else char if char.isprintable() else "�" for char in text)


def _columns(text: str) -> int:
    if text.isascii():
        return len(text)
    return sum(
        0 if unicodedata.combining(char) else 2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text
    )


class _Sources:
    def __init__(self, root: Path) -> None:
        self.root = root
        self.files: dict[str, list[str]] = {}

    def line(self, span: Span) -> str | None:
        if span.file not in self.files:
            self.files[span.file] = self._read(span.file)
        lines = self.files[span.file]
        return lines[span.line - 1] if 0 < span.line <= len(lines) else None

    def _read(self, file: str) -> list[str]:
        # A step inherited from an installed package stands in a file relative to an entry of sys.path.
        for base in (str(self.root), *sys.path):
            try:
                return split_lines((Path(base) / file).read_bytes())
            except OSError:
                continue
        return []


def decode(content: bytes) -> str:
    """A Python source as text with `\\n` line ends; what cannot be decoded is replaced, never raised."""
    if b"coding" in content[:200]:
        from importlib.util import decode_source  # imports tokenize and re

        with suppress(SyntaxError, UnicodeDecodeError):
            return decode_source(content)
    return content.decode("utf-8-sig", "replace").replace("\r\n", "\n").replace("\r", "\n")


def split_lines(content: bytes) -> list[str]:
    """The lines as Python counts them: a form feed or U+2028 ends none."""
    return decode(content).split("\n")
