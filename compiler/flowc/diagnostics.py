"""Formats diagnostics as text for people to read."""

from __future__ import annotations

import sys
from contextlib import suppress
from importlib.util import decode_source
from pathlib import Path
from typing import TYPE_CHECKING

from flowc_ir import codes
from flowc_ir.counting import count
from flowc_ir.late import LateModule
from flowc_ir.late.namedtuple import NamedTuple

if TYPE_CHECKING:
    import unicodedata
    from collections.abc import Iterable, Iterator

    from flowc_ir.diagnostic import Diagnostic
    from flowc_ir.model import Span
else:  # imported at first use: only lines that are not ASCII need it
    unicodedata = LateModule("unicodedata")


class InternalError(Exception):
    """The error for a broken invariant in flowc itself. This error is never raised for a fault of the user's flow."""

    def __str__(self) -> str:
        return f"a bug in flowc: {super().__str__()}"


def describe(error: BaseException) -> str:
    """Return an exception of the user's code as one line, `TYPE: MESSAGE`, even if its `__str__` fails."""
    try:
        lines = str(error).strip().split("\n")
    except Exception:
        lines = [""]
    return f"{type(error).__name__}: {lines[0]}" if lines[0] else type(error).__name__


def raised_at(error: BaseException) -> str | None:
    """Return the note `raised in line N of FILE` for an exception of the user's code, or None if it has no
    traceback."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    if trace is None:
        return None
    return f"raised in line {trace.tb_lineno} of {trace.tb_frame.f_code.co_filename.rpartition('/')[2]}"


def in_order(diagnostics: Iterable[Diagnostic]) -> tuple[Diagnostic, ...]:
    """Return the diagnostics without duplicates, sorted by file, line, column, code and message, as in the output."""
    unique = dict.fromkeys(diagnostics)
    return tuple(sorted(unique, key=lambda d: (d.span.file, d.span.line, d.span.column, d.code, d.message)))


def render(
    diagnostics: Iterable[Diagnostic],
    root: Path,
    *,
    cwd: Path | None = None,
    color: bool = False,
    columns: int | None = None,
) -> str:
    """Return all diagnostics, errors and warnings, as text that ends with their counts and a newline.

    Args:
        diagnostics: in any order.
        root: the directory that the spans' files are relative to.
        cwd: the working directory; the names of files below it are relative to it, so that a terminal can open them.
        color: whether to color the text.
        columns: the width of the terminal, or None without a terminal. Source lines are cut to this width, and to at
            most 160 columns.
    """
    ordered = in_order(diagnostics)
    sources, look = SourceLines(root), _Look(_Paint(color), columns)
    shown = [_render_one(diagnostic, sources, cwd, look) for diagnostic in ordered]
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


class _Look(NamedTuple):
    """The appearance of printed diagnostics: their colors and the width of the terminal."""

    paint: _Paint
    columns: int | None

    def room(self, gutter: int) -> int:
        """Return the number of columns that are left for a source line. The line number and the bar after it take
        `gutter` columns."""
        return _LONGEST if self.columns is None else max(min(_LONGEST, self.columns - gutter), _SHORTEST)


def _render_one(diagnostic: Diagnostic, sources: SourceLines, cwd: Path | None, look: _Look) -> str:
    span, paint = diagnostic.span, look.paint
    word, color = ("warning", _YELLOW) if diagnostic.code in codes.WARNINGS else ("error", _RED)
    lines = [
        f"{paint(color, f'{word}[{diagnostic.code}]')}{paint(_BOLD, f': {diagnostic.message}')}",
        f"{paint(_BLUE, '  -->')} {_place(span, sources.root, cwd)}",
        *_excerpt(span, sources.line(span), look, color),
    ]
    for other, label in diagnostic.also:
        excerpt = [*_excerpt(other, sources.line(other), look, _BLUE, "-", label)]
        place = f"{paint(_BLUE, '  :::')} {_place(other, sources.root, cwd)}"
        lines += [place, *excerpt] if excerpt else [f"{place} {label}"]
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
_LONGEST = 160  # the maximum number of columns of a source line
_SHORTEST = 20


def _excerpt(span: Span, line: str | None, look: _Look, color: str, mark: str = "^", label: str = "") -> Iterator[str]:
    if line is None:
        return
    number = str(span.line)
    room = look.room(len(f"{number} | "))
    start = min(span.column - 1, len(line))
    end = min(start + span.width, len(line)) if span.width else len(line.rstrip())
    before, marked, after = _shown(line[:start]), _shown(line[start:end]), _shown(line[end:])
    if _columns(before) > room // 2:  # leave out the beginning of a long line, so that the fault is visible
        before = "… "
    cut = _cut((before + marked + after).rstrip(), room)
    carets = mark * max(min(_columns(marked), _columns(cut) - _columns(before)), 1)
    gutter = look.paint(_BLUE, f"{number} |"), look.paint(_BLUE, f"{' ' * len(number)} |")
    yield f"{gutter[0]} {cut}"
    yield f"{gutter[1]} {' ' * _columns(before)}{look.paint(color, f'{carets} {label}'.rstrip())}"


def cut_line(text: str) -> str:
    """Return a source line cut to the largest width of an excerpt, safe to print on a terminal."""
    return _cut(_shown(text), _LONGEST)


def _cut(text: str, room: int) -> str:
    """Return the text, cut to at most `room` columns. A text that was cut ends in `…`."""
    if _columns(text) <= room:
        return text
    used, end = 0, 0
    while used + _columns(text[end]) < room:
        used += _columns(text[end])
        end += 1
    return f"{text[:end]}…"


def _shown(text: str) -> str:
    """Return the text with tabs expanded and control characters replaced, safe to print on a terminal."""
    return "".join(_TAB if char == "\t" else char if char.isprintable() else "�" for char in text)


def _columns(text: str) -> int:
    if text.isascii():
        return len(text)
    return sum(map(_width, text))


def _width(char: str) -> int:
    """Return the number of columns that a character takes on a terminal, for example 0 for combining marks such as
    accents."""
    if unicodedata.category(char) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1


class SourceLines:
    """The source lines of the files to which spans refer; each file is read once."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.paths: dict[str, Path] = {}
        self.files: dict[str, list[str]] = {}

    def path(self, file: str) -> Path:
        """Return the path from which a file was read, or the file's path below the root if the file was not found.

        Args:
            file: the path of a span, relative to the root or, for a step inherited from an installed package, to an
                entry of `sys.path`.
        """
        self.lines(file)
        return self.paths.get(file, self.root / file)

    def lines(self, file: str) -> list[str]:
        """Return the lines of a file, without their line ends; an empty list if it cannot be read."""
        if file not in self.files:
            self.files[file] = self._read(file)
        return self.files[file]

    def line(self, span: Span) -> str | None:
        """Return the line of a span, or None if the file does not have it, or is a notebook, whose lines are JSON."""
        if span.file.endswith(".ipynb"):
            return None
        lines = self.lines(span.file)
        return lines[span.line - 1] if 0 < span.line <= len(lines) else None

    def _read(self, file: str) -> list[str]:
        # The file of a step inherited from an installed package is relative to an entry of sys.path.
        for base in (str(self.root), *sys.path):
            try:
                content = (Path(base) / file).read_bytes()
            except OSError:
                continue
            self.paths[file] = Path(base) / file
            return split_lines(content)
        return []


def decode(content: bytes, *, strict: bool = False) -> str:
    r"""Return a Python source as text with `\n` line ends; bytes that cannot be decoded are replaced.

    The source declares its encoding (PEP 263), else it is UTF-8 with or without a byte order mark.

    Args:
        content: the bytes of the source.
        strict: whether bytes that cannot be decoded are an error.

    Raises:
        SyntaxError: with `strict`, the declared encoding does not exist.
        UnicodeDecodeError: with `strict`, the bytes cannot be decoded.
    """
    if b"coding" in content[:200]:
        with suppress(*(() if strict else (SyntaxError, UnicodeDecodeError))):
            return decode_source(content)
    return content.decode("utf-8-sig", "strict" if strict else "replace").replace("\r\n", "\n").replace("\r", "\n")


def split_lines(content: bytes) -> list[str]:
    """Return the lines as Python counts them: a form feed or U+2028 does not end a line."""
    return decode(content).split("\n")
