"""These tests need a cluster, which `make test-cluster` creates; without a cluster they are skipped with one line."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from cluster import description
from cluster.support import FIGURES, Cluster

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    ours = [item for item in items if HERE in item.path.parents]
    if not ours or description.VARIABLE in os.environ:
        return
    reason = f"NOT RUN on a cluster: {len(ours)} tests that `make test-cluster` runs"
    ours[0].add_marker(pytest.mark.skip(reason=reason))
    items[:] = [item for item in items if item not in ours[1:]]


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """Return the running cluster, and set the environment variables of its store in this process."""
    found = description.read(Path(os.environ[description.VARIABLE]))
    assert found is not None, f"{description.VARIABLE} names no description of a cluster"
    cluster = Cluster(found)
    with pytest.MonkeyPatch.context() as patch:
        for name, value in cluster.store_environment.items():
            patch.setenv(name, value)
        yield cluster


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for figure in FIGURES:
        terminalreporter.write_line(f"figure: {figure}")
