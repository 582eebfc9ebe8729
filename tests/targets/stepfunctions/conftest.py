"""A fixture with a process that evaluates JSONata, shared by all tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from targets.stepfunctions.player import Evaluator

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session")
def evaluator() -> Iterator[Evaluator]:
    """Return the evaluator, a process that evaluates JSONata and validates state machines."""
    made = Evaluator()
    yield made
    made.close()
