"""Values that are computed at first use: regular expressions, tables and digests."""

from __future__ import annotations

import hashlib
import re
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from flowc_ir.late import LateFunction, LateModule
from flowc_ir.late.digest import LITTLE, TINY, blake2b, sha256
from flowc_ir.late.late_table import LateTable
from flowc_ir.late.pattern import late_pattern

if TYPE_CHECKING:
    from collections.abc import Iterator


def test_a_late_pattern_has_the_attributes_of_a_pattern() -> None:
    late, real = late_pattern(r"(?P<word>[a-z]+)", re.IGNORECASE), re.compile(r"(?P<word>[a-z]+)", re.IGNORECASE)
    assert late.pattern == real.pattern
    assert late.fullmatch("Ab").groupdict() == {"word": "Ab"}
    assert late.fullmatch("1") is None
    assert (late.sub("-", "a1b"), late.split("1a2"), late.findall("a b")) == ("-1-", ["1", "a", "2"], ["a", "b"])
    assert (late.flags, late.groups, late.groupindex) == (real.flags, real.groups, real.groupindex)
    with pytest.raises(AttributeError):
        late.nothing  # noqa: B018 - reading it is the test


def test_a_pattern_is_compiled_once_at_its_first_use(monkeypatch: pytest.MonkeyPatch) -> None:
    compiled: list[str] = []
    original = re.compile
    monkeypatch.setattr(re, "compile", lambda *given: compiled.append(given[0]) or original(*given))
    late = late_pattern("[0-9]+")
    assert (late.pattern, compiled) == ("[0-9]+", [])
    assert late.match("1")
    assert late.match("2")
    assert compiled == ["[0-9]+"]


def test_a_late_module_and_function_use_the_attributes_that_the_module_has_now(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    late, function = LateModule("math"), LateFunction[[float], int]("math:floor")
    assert (late.floor(1.5), function(1.5)) == (1, 1)
    monkeypatch.setattr("math.floor", lambda value: -1)
    assert (late.floor(1.5), function(1.5)) == (-1, -1)
    with pytest.raises(AttributeError, match="import math to set floor"):
        late.floor = None


def test_a_wrong_pattern_is_an_error_at_the_first_use() -> None:
    late = late_pattern("(")
    with pytest.raises(re.error):
        late.match("")


def test_a_table_imports_a_value_when_it_is_read() -> None:
    table: LateTable[object] = LateTable({"a": 1, "b": "json:dumps", "c": "nothing_at_all:x"})
    assert ([*table], len(table), "c" in table, "d" in table) == (["a", "b", "c"], 3, True, False)
    assert (table["a"], table["b"]) == (1, __import__("json").dumps)
    with pytest.raises(ModuleNotFoundError):
        table["c"]
    assert table.get("d") is None


SIZES = (0, 1, TINY, TINY + 1, LITTLE - 1, LITTLE, LITTLE + 1, 3 * LITTLE)


@pytest.mark.parametrize("loaded", [True, False])
@pytest.mark.parametrize("size", SIZES)
def test_digests_are_those_of_hashlib(monkeypatch: pytest.MonkeyPatch, loaded: bool, size: int) -> None:
    if not loaded:
        monkeypatch.delitem(sys.modules, "hashlib")
    content = bytes(range(256)) * (size // 256 + 1)
    content = content[:size]

    def pieces() -> Iterator[memoryview]:
        buffer = bytearray(1000)  # all parts are in this buffer: each overwrites the one before it
        for start in range(0, size, 1000):
            piece = content[start : start + 1000]
            buffer[: len(piece)] = piece
            yield memoryview(buffer)[: len(piece)]

    expected = hashlib.sha256(content).hexdigest()
    assert sha256([content]) == sha256(pieces()) == expected
    assert sha256([memoryview(content).cast("B")]) == expected
    assert blake2b(content, key=b"key", size=16) == hashlib.blake2b(content, key=b"key", digest_size=16).digest()


def test_little_data_needs_no_hashlib() -> None:
    program = (
        "import sys; from flowc_ir.late.digest import LITTLE, sha256; sha256([bytes(LITTLE)]);"
        "assert 'hashlib' not in sys.modules; sha256([bytes(LITTLE), b'1']); assert 'hashlib' in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_an_attribute_of_a_late_module_cannot_be_set() -> None:
    late = LateModule("colorsys")
    with pytest.raises(AttributeError, match="import colorsys to set ONE_THIRD"):
        late.ONE_THIRD = 1
    assert late.ONE_THIRD == 1 / 3
