"""Runs with a bucket whose requests a proxy disturbs: they succeed, and no attempt is lost or repeated."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

import faults
from faults import is_create, is_put, names
from flowc_runtime.store.records.store import Store
from flowc_runtime.store.values.codecs import load_value
from gateway import Gateway, gateway
from reliable import FLOW, VALUES, check_store

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from faults import Faults, Mode, Request
    from flowc_runtime.store.records.run_store import RunStore
    from project import Project

SEED = os.environ.get("FLOWC_SEED", "1")


class Case(NamedTuple):
    """A fault (`mode`), the requests that can get it (`chosen`), and its probability for each of them (`rate`)."""

    mode: Mode
    chosen: Callable[[Request], bool]
    rate: float


def any_request(request: Request) -> bool:
    """Select every request."""
    return True


# The key of a case describes the requests that can get its fault.
CASES = {
    "begin": Case("error-after", names(r"begin\.json", is_create), 1),
    "task": Case("reset-after", names(r"/tasks/\w+/[0-9.]+\.json", is_create), 1),
    "run": Case("error-after", names(r"run\.json", is_create), 1),
    "create": Case("reset-after", is_create, 0.5),
    "put": Case("reset-after", is_put, 0.3),
    "busy": Case("busy", any_request, 0.2),
    "before": Case("reset-before", any_request, 0.1),
    "after": Case("reset-after", any_request, 0.1),
    "error": Case("error-after", any_request, 0.1),
    "cut": Case("cut", any_request, 0.1),
    "slow": Case("slow", any_request, 0.05),
    "hang": Case("hang", any_request, 0.01),
    "conflict": Case("conflict", is_create, 0.2),
}
QUICK = ("begin", "after")


@pytest.fixture(scope="module")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with gateway(tmp_path_factory.mktemp("s3")) as running:
        yield running


@pytest.fixture
def way(s3: Gateway) -> Iterator[Faults]:
    with faults.between(s3.environment["AWS_ENDPOINT_URL"]) as found:
        yield found


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=() if name in QUICK else pytest.mark.slow) for name in CASES]
)
def test_a_run_and_what_is_asked_of_it(
    project: Project, s3: Gateway, way: Faults, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = CASES[name]
    project.write("flow.py", FLOW)
    undisturbed = attempts(project.run("flow.py"))
    project.environment |= way.environment(s3.environment)
    url = project.environment["FLOWC_STORE"] = s3.bucket(f"faulty-{name}")
    for variable, value in s3.environment.items():
        monkeypatch.setenv(variable, value)
    way.begin(case.mode, case.chosen, times=None, rate=case.rate, seed=f"{SEED}/{name}")
    done = project.python("flow.py", "run", "--max-workers", "2", timeout=300)
    assert done.code == 0, done.err
    for command in (
        ["resume", "flow.py", "both"],
        ["show", "Crashes/latest"],
        ["logs", "Crashes/latest"],
        ["tag", "add", "Crashes/latest", "mine"],
        ["runs", "--tag", "mine"],
        ["gc", "--keep-last", "1", "--delete"],
    ):
        told = project.flowc(*command)
        assert told.code == 0, f"{command}: {told.err}"
    assert way.spoiled
    way.mode = None
    store = Store.open(url)
    check_store(store)
    first, second = (store.run("Crashes", run) for run in store.runs("Crashes"))
    for run in (first, second):
        record: Any = run.task("end", "0")
        assert load_value(run.objects, record["artifacts"]["result"])[0] == VALUES
        assert run.status()["state"] == "succeeded"
    assert attempts(first) == undisturbed


def attempts(run: RunStore) -> dict[str, dict[str, list[int]]]:
    """Return step -> task -> numbers of attempts."""
    return {step: run.attempts(step) for step in run.steps()}
