"""The number of store operations that reading needs; bench/ measures seconds."""

from __future__ import annotations

import shutil
from collections import Counter
from importlib.util import module_from_spec, spec_from_file_location
from typing import TYPE_CHECKING, Any

import pytest

from flowc_runtime.store.backends.local import LocalObjects
from metaflow import Flow, Run
from project import ROOT

if TYPE_CHECKING:
    from project import Project

_spec = spec_from_file_location("bench_clients", ROOT / "bench" / "clients.py")
assert _spec is not None
assert _spec.loader is not None
made = module_from_spec(_spec)
_spec.loader.exec_module(made)


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """Return a counter of the store operations."""
    counted: Counter[str] = Counter()
    for name in ("get", "exists", "names", "names_below", "map", "appended"):
        real = getattr(LocalObjects, name)

        def look(self: LocalObjects, *arguments: Any, _name: str = name, _real: Any = real) -> Any:
            counted[_name] += 1
            return _real(self, *arguments)

        monkeypatch.setattr(LocalObjects, name, look)
    return counted


@pytest.fixture
def only_good(letters: Project) -> Run:
    """Delete the failed run, and return the successful one."""
    failed, good = Flow("Letters")
    shutil.rmtree(letters.root / ".flowc/flows/Letters/runs" / failed.id)
    return good


def test_runs_cost_a_record_each_and_tags_one_listing(only_good: Run, letters: Project, looks: Counter[str]) -> None:
    made.make_runs(letters.root / ".flowc", "Letters", 30)
    looks.clear()
    assert len(list(Flow("Letters"))) == 30
    assert looks["get"] <= 32
    looks.clear()
    assert len(list(Flow("Letters").runs("tenth"))) == 2
    assert looks["get"] <= 32
    assert looks["names_below"] == 1
    looks.clear()
    assert Flow("Letters").latest_run is not None
    assert looks["get"] <= 3


def test_one_task_of_many_is_found_without_a_listing_of_all(
    only_good: Run, letters: Project, looks: Counter[str]
) -> None:
    made.make_tasks(letters.root / ".flowc", "Letters", "each", 50)
    run = Run(only_good.pathspec)
    looks.clear()
    assert run.successful
    assert run["each"]["0.40"].data.letter == "A"
    assert looks["get"] <= 6
    assert looks["names"] <= 4  # at most two listings of the steps, and two of the tasks of the end step
    looks.clear()
    assert sum(task.successful for task in run["each"]) == 50
    assert looks["get"] <= 51
    assert looks["names"] <= 2
