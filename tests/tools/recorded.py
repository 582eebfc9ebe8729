"""Recorded answers of the Go programs, in `tests/recorded/`, so that `make test` needs neither Go nor long builds.

The key of an answer is the digest of its question. `make test-go` runs the programs and compares their answers; with
ARGS=--update-golden it writes the files again. A test fails if a question has no recorded answer.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

import pytest

Question = TypeVar("Question")
Answer = TypeVar("Answer")
FILES = Path(__file__).parents[1] / "recorded"


def asks() -> bool:
    """Return whether the tests run the Go programs again instead of reading their recorded answers."""
    return bool(os.environ.get("FLOWC_TEST_GO"))


def record(*, anew: bool) -> None:
    """Record answers from now on; with `anew`, delete the existing answers first."""
    os.environ["FLOWC_TEST_GO"] = "record"
    if anew:
        for file in FILES.glob("*.json"):
            file.unlink()


def answers(
    name: str, questions: Sequence[Question], ask: Callable[[Sequence[Question]], list[Answer]]
) -> list[Answer]:
    """Return the answers to `questions`, in order; `name` is a program and its version."""
    keys = [hashlib.sha256(json.dumps(each, sort_keys=True).encode()).hexdigest()[:16] for each in questions]
    file = FILES / f"{name}.json"
    if not asks():
        known = _read(file)
        if missing := [each for key, each in zip(keys, questions, strict=True) if key not in known]:
            pytest.fail(
                f"{file.name} lacks the answers to {len(missing)} of {len(keys)} questions, such as "
                f"{str(missing[0])[:300]}: `make test-go ARGS=--update-golden` asks the program (it needs Go)",
                pytrace=False,
            )
        return [known[key] for key in keys]
    found = ask(questions)
    assert len(found) == len(keys), f"{name} answered {len(found)} of {len(keys)} questions"
    if os.environ["FLOWC_TEST_GO"] == "record":
        _add(file, dict(zip(keys, found, strict=True)))
    else:
        known = _read(file)
        differ = [each for key, each, one in zip(keys, questions, found, strict=True) if known.get(key) != one]
        assert not differ, f"{file.name} has other answers to {len(differ)} questions, such as {str(differ[0])[:300]}"
    return found


def _read(file: Path) -> dict[str, Answer]:
    known: dict[str, Answer] = json.loads(file.read_text("utf-8")) if file.exists() else {}
    return known


def _add(file: Path, new: dict[str, Answer]) -> None:
    """Add answers to a file, under a lock, because several processes of pytest may add answers at the same time."""
    file.parent.mkdir(exist_ok=True)
    directory = os.open(file.parent, os.O_RDONLY)
    try:
        fcntl.flock(directory, fcntl.LOCK_EX)
        known = _read(file) | new
        lines = (f"{json.dumps(key)}: {json.dumps(known[key], ensure_ascii=False)}" for key in sorted(known))
        file.write_text("{\n" + ",\n".join(lines) + "\n}\n", "utf-8")
    finally:
        os.close(directory)
