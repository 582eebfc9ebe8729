"""The text of diagnostics: their order, number and color, and the carets under tabs, wide characters and long lines."""

from __future__ import annotations

import re
import unicodedata
from pathlib import Path

import pytest

from flowc.diagnostics import InternalError, render, split_lines
from flowc_ir import Span, codes
from flowc_ir.diagnostic import Diagnostic


def fault(span: Span, code: str = "cycle", message: str = "message", hint: str | None = "do this") -> Diagnostic:
    return Diagnostic(code=code, message=message, span=span, hint=hint)


def excerpt(root: Path, line: str | bytes, column: int, width: int = 0) -> list[str]:
    """Return the line of source and the line of carets."""
    (root / "flow.py").write_bytes(line.encode() if isinstance(line, str) else line)
    return render([fault(Span("flow.py", 1, column, width))], root).split("\n")[2:4]


def test_the_example_of_the_style_guide(tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text("\n" * 40 + "    def join(self):\n")
    shown = render(
        [
            Diagnostic(
                code=codes.JOIN_WITHOUT_INPUTS,
                message="step 'join' closes a foreach but takes no inputs",
                span=Span("train.py", 41, 5, 14),
                hint="write `def join(self, inputs):`",
            )
        ],
        tmp_path,
    )
    assert shown == (
        "error[join-without-inputs]: step 'join' closes a foreach but takes no inputs\n"
        "  --> train.py:41:5\n"
        "41 |     def join(self):\n"
        "   |     ^^^^^^^^^^^^^^\n"
        "hint: write `def join(self, inputs):`\n"
        "\n"
        "1 error\n"
    )


def test_sorted_by_place_counted_and_each_once(tmp_path: Path) -> None:
    faults = [fault(Span(file, line, 1)) for file, line in (("b.py", 1), ("a.py", 10), ("a.py", 9), ("a.py", 9))]
    shown = render(faults, tmp_path)
    assert re.findall(r"--> (\S+)", shown) == ["a.py:9:1", "a.py:10:1", "b.py:1:1"]
    assert shown.endswith("\n\n3 errors\n")


def test_a_missing_file_or_line_leaves_out_the_excerpt(tmp_path: Path) -> None:
    (tmp_path / "short.py").write_text("one\n")
    for span in (Span("gone.py", 3, 1), Span("short.py", 99, 1), Span("short.py", 0, 1)):
        assert render([fault(span)], tmp_path).split("\n")[2] == "hint: do this"


def test_a_note_and_no_hint(tmp_path: Path) -> None:
    shown = render([Diagnostic(code="cycle", message="m", span=Span("x.py", 1, 1), hint=None, note="n")], tmp_path)
    assert shown == "error[cycle]: m\n  --> x.py:1:1\nnote: n\n\n1 error\n"


def test_tabs_are_four_columns(tmp_path: Path) -> None:
    assert excerpt(tmp_path, "\tx = 1", 2, 1) == ["1 |     x = 1", "  |     ^"]


def test_wide_and_combining_characters(tmp_path: Path) -> None:
    assert excerpt(tmp_path, "名 = 値", 5, 1) == ["1 | 名 = 値", "  |      ^^"]
    assert excerpt(tmp_path, "e\u0301 = x", 6, 1)[1] == "  |     ^"


def test_control_characters_reach_no_terminal(tmp_path: Path) -> None:
    line, carets = excerpt(tmp_path, "a = '\x1b[31m' + b", 15, 1)
    assert "\x1b" not in line
    assert line[carets.index("^")] == "b"


def test_width_zero_is_to_the_end_and_carets_never_vanish(tmp_path: Path) -> None:
    assert excerpt(tmp_path, "  call()  ", 3)[1] == "  |   ^^^^^^"
    assert excerpt(tmp_path, "x", 40, 5)[1].endswith("^")
    assert excerpt(tmp_path, "", 1)[1] == "  | ^"


def test_long_lines_are_cut_around_the_fault(tmp_path: Path) -> None:
    line, carets = excerpt(tmp_path, "x" * 500 + "FAULT" + "y" * 500, 501, 5)
    assert len(line) < 200
    assert line[carets.index("^") : carets.rindex("^") + 1] == "FAULT"
    line, carets = excerpt(tmp_path, "z" * 1000, 1)
    assert len(line) == len(carets)


def test_every_encoding_and_line_end(tmp_path: Path) -> None:
    assert split_lines(b"\xef\xbb\xbfa\r\nb\rc\x0cd\n") == ["a", "b", "c\x0cd", ""]
    assert split_lines("# coding: latin-1\nü".encode("latin-1"))[1] == "ü"
    assert split_lines(b"# coding: nonsense\n\xff")[1] == "\ufffd"
    assert excerpt(tmp_path, b"caf\xe9 = 1", 1)[0] == "1 | caf\ufffd = 1"


def test_color_only_adds_to_the_text(tmp_path: Path) -> None:
    (tmp_path / "flow.py").write_text("x = 1\n")
    faults = [fault(Span("flow.py", 1, 1, 1))]
    colored = render(faults, tmp_path, color=True)
    assert "\x1b[" in colored
    assert re.sub(r"\x1b\[[0-9;]*m", "", colored) == render(faults, tmp_path)


def test_places_can_be_named_from_the_working_directory(tmp_path: Path) -> None:
    root = tmp_path / "flows"
    assert "--> flows/x.py:1:1" in render([fault(Span("x.py", 1, 1))], root, cwd=tmp_path)
    assert "--> x.py:1:1" in render([fault(Span("x.py", 1, 1))], root, cwd=tmp_path / "elsewhere")


def test_an_internal_error_says_whose_it_is() -> None:
    assert str(InternalError("no such node")) == "a bug in flowc: no such node"


def test_further_places_stand_below_with_their_labels(tmp_path: Path) -> None:
    (tmp_path / "flow.py").write_text("\tfirst = 1\n名 = 2\n")
    also = ((Span("flow.py", 1, 2, 5), "first defined here"), (Span("gone.py", 7, 3), "and here"))
    shown = render(
        [Diagnostic(code="cycle", message="m", span=Span("flow.py", 2, 1, 1), hint="h", also=also)], tmp_path
    )
    assert shown == (
        "error[cycle]: m\n"
        "  --> flow.py:2:1\n"
        "2 | 名 = 2\n"
        "  | ^^\n"
        "  ::: flow.py:1:2\n"
        "1 |     first = 1\n"
        "  |     ----- first defined here\n"
        "  ::: gone.py:7:3 and here\n"
        "hint: h\n"
        "\n"
        "1 error\n"
    )


@pytest.mark.parametrize("columns", [20, 40, 80, 200, None])
@pytest.mark.parametrize(
    "line", ["x" * 300 + "FAULT" + "y" * 300, "FAULT" + "値" * 300, "\t" * 3 + "e\u0301" * 90 + "FAULT"]
)
def test_no_line_is_wider_than_the_terminal(tmp_path: Path, line: str, columns: int | None) -> None:
    (tmp_path / "flow.py").write_text(line)
    span = Span("flow.py", 1, line.index("FAULT") + 1, 5)
    text, carets = render([fault(span)], tmp_path, columns=columns).split("\n")[2:4]
    wide = [columns_of(each) for each in (text, carets)]
    assert max(wide) <= (4 + 160 if columns is None else max(min(columns, 164), 24))
    before = columns_of(carets[: carets.index("^")])
    assert columns_of(text[: text.index("FAULT"[: carets.count("^")])]) == before


def columns_of(text: str) -> int:
    """Return the columns of a string on a terminal: two for wide characters, none for combining characters."""
    return sum(0 if unicodedata.combining(char) else 1 + (unicodedata.east_asian_width(char) in "WF") for char in text)


def test_a_wide_line_is_cut_by_columns_and_marked_to_its_end(tmp_path: Path) -> None:
    line, carets = excerpt(tmp_path, "値" * 200, 1, 200)
    assert columns_of(line) <= 4 + 160
    assert columns_of(line) == columns_of(carets)


def test_marks_without_a_width_of_their_own(tmp_path: Path) -> None:
    """A variation selector and a vowel sign have no width, although Unicode does not class them as combining."""
    assert excerpt(tmp_path, "a = '\u2764\ufe0e' + b", 12, 1)[1].index("^") == len("1 | a = '\u2764' + ")
    assert excerpt(tmp_path, "क\u0941 = x", 6, 1)[1].index("^") == len("1 | क = ")
