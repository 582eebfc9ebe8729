"""The number of store operations of each command and each property of the client that shows runs."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner

from flowc.cli import flowc_group
from flowc.cli.rendering.card_server import ServedCards
from flowc_runtime.run.views.status_view import read_status
from flowc_runtime.store.backends.local import LocalObjects
from flowc_runtime.store.records.store import Store
from metaflow import Flow
from metaflow.client.html import show
from metaflow.plugins.cards.card_modules.basic import _facts, _state

if TYPE_CHECKING:
    from collections.abc import Callable

    from project import Project

# The maximum number of store operations of each kind. A change may decrease a number, never increase it.
COSTS = {
    "flowc runs": {"get": 4, "names": 4},
    "flowc runs --json": {"get": 4, "names": 4},
    "flowc runs --status": {"get": 5, "names": 3},
    "flowc show RUN": {"get": 8, "exists": 1, "names": 12, "names_below": 1},
    "flowc show RUN --json": {"get": 8, "exists": 1, "names": 12, "names_below": 1},
    "flowc show STEP": {"get": 7, "exists": 1, "names": 3, "names_below": 1},
    "flowc show TASK": {"get": 6, "exists": 1, "names": 4},
    "flowc show _parameters": {"get": 4, "exists": 1, "names": 3},
    "cards.json": {"get": 2, "exists": 1, "names": 2},
    "run.status": {"get": 4, "names": 3},
    "run.created_at": {"get": 3, "names": 3},
    "run.finished_at": {"get": 5, "names": 5},
    "run.successful": {"get": 5, "names": 7},
    "run in a notebook": {"get": 7, "names": 11},
    "step.finished_at": {"get": 11, "names": 7},
    "step in a notebook": {"get": 8, "names": 6},
    "task.successful": {"get": 4, "names": 4},
    "task.finished_at": {"get": 5, "names": 4},
    "task.metadata": {"get": 8, "names": 4},
    "task in a notebook": {"get": 6, "names": 4},
    "task on a card": {"get": 5, "names": 5},
    "failed task": {"get": 14, "exists": 12, "names": 4, "names_below": 1},
    "failed task on a card": {"get": 15, "exists": 15, "names": 5, "names_below": 1},
    "flow in a notebook": {"get": 5, "names": 5},
    "metrics": {"get": 10, "names": 11},
}


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """Return a counter of the store operations."""
    counted: Counter[str] = Counter()
    for name in ("get", "exists", "names", "names_below", "map", "appended", "pieces"):
        real = getattr(LocalObjects, name)

        def look(self: LocalObjects, *arguments: Any, _name: str = name, _real: Any = real, **more: Any) -> Any:
            counted[_name] += 1
            return _real(self, *arguments, **more)

        monkeypatch.setattr(LocalObjects, name, look)
    return counted


def command(*words: str) -> Callable[[Project], object]:
    """Return a function that runs a command of flowc in this process."""

    def invoke(letters: Project) -> object:
        done = CliRunner().invoke(flowc_group(), [*words, "--store", str(letters.root / ".flowc")])
        assert done.exit_code == 0, done.output
        return done.output

    return invoke


def of_run(look: Callable[[Any], object]) -> Callable[[Project], object]:
    """Return a function that reads a property of the newest successful run."""
    return lambda _: look(list(Flow("Letters"))[1])


def of_task(look: Callable[[Any], object]) -> Callable[[Project], object]:
    """Return a function that reads a property of a task with two attempts."""
    return of_run(lambda run: look(run["each"]["0.1"]))


def of_failed(look: Callable[[Any], object]) -> Callable[[Project], object]:
    """Return a function that reads a property of a failed task."""
    return lambda _: look(next(iter(Flow("Letters")))["each"]["0.3"])


def served(letters: Project) -> dict[str, Any]:
    """Return the data that the page of the card server requests repeatedly."""
    return ServedCards(Store.open(str(letters.root / ".flowc")), "Letters", None, None, 30, 5).cards()


LOOKS: dict[str, Callable[[Project], object]] = {
    "flowc runs": command("runs"),
    "flowc runs --json": command("runs", "Letters", "--json"),
    "flowc runs --status": command("runs", "--status", "failed"),
    "flowc show RUN": command("show", "Letters/latest"),
    "flowc show RUN --json": command("show", "Letters/latest", "--json"),
    "flowc show STEP": command("show", "Letters/latest/each"),
    "flowc show TASK": command("show", "Letters/latest/each/0.1"),
    "flowc show _parameters": command("show", "Letters/latest/_parameters/0"),
    "cards.json": served,
    "run.status": of_run(lambda run: run.status),
    "run.created_at": of_run(lambda run: run.created_at),
    "run.finished_at": of_run(lambda run: run.finished_at),
    "run.successful": of_run(lambda run: (run.successful, run.finished)),
    "run in a notebook": of_run(show),
    "step.finished_at": of_run(lambda run: (run["each"].created_at, run["each"].finished_at)),
    "step in a notebook": of_run(lambda run: show(run["each"])),
    "task.successful": of_task(lambda task: (task.successful, task.finished)),
    "task.finished_at": of_task(lambda task: (task.created_at, task.finished_at)),
    "task.metadata": of_task(lambda task: task.metadata),
    "task in a notebook": of_task(show),
    "task on a card": of_task(lambda task: (_state(task), _facts(task))),
    "failed task": of_failed(lambda task: (task.exception, task.finished_at, task.created_at, task.successful)),
    "failed task on a card": of_failed(lambda task: (_state(task), _facts(task))),
    "flow in a notebook": lambda _: show(Flow("Letters")),
    "metrics": lambda _: Flow("Letters").metrics(),
}


@pytest.mark.parametrize("name", LOOKS)
def test_no_look_more(letters: Project, looks: Counter[str], name: str) -> None:
    looks.clear()
    LOOKS[name](letters)
    more = {kind: count for kind, count in looks.items() if count > COSTS[name].get(kind, 0)}
    assert not more, f"{name}: {dict(looks)}"


def test_a_running_run_costs_no_more(letters: Project, looks: Counter[str]) -> None:
    """The status of an active run is computed from the run's record, which names the run's process."""
    run = Store.open(str(letters.root / ".flowc")).run("Letters", next(iter(Flow("Letters"))).id)
    run.objects.delete(f"{run.prefix}/status.json")
    looks.clear()
    assert read_status(run).state == "killed"
    assert looks["get"] <= 4  # the status and the record are read twice, because the run may end between the two reads
    looks.clear()
    assert served(letters)["state"] == "killed"
    assert looks["get"] <= 6
