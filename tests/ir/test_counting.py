"""The function that writes a number with a noun, such as `3 steps`."""

from __future__ import annotations

import pytest

from flowc_emulator.console.tally import Tally
from flowc_ir.counting import count


@pytest.mark.parametrize(
    ("number", "words", "text"),
    [
        (0, ("task",), "0 tasks"),
        (1, ("task",), "1 task"),
        (2, ("task",), "2 tasks"),
        (12345, ("task",), "12,345 tasks"),
        (1, ("object is", "objects are"), "1 object is"),
        (1000, ("object is", "objects are"), "1,000 objects are"),
    ],
)
def test_a_number_of_things(number: int, words: tuple[str, ...], text: str) -> None:
    assert count(number, *words) == text


def test_of_a_run() -> None:
    assert Tally(done=2000, total=2000).words("succeeded", 1.0) == "2,000 tasks in 1.0 s"
