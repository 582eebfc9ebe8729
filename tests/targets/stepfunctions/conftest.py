"""The evaluator of JSONata, one process for all tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from targets.stepfunctions.player import Evaluator

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session")
def evaluator() -> Iterator[Evaluator]:
    """A process that evaluates and validates."""
    made = Evaluator()
    yield made
    made.close()
