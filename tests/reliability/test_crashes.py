"""SIGKILL of a run's processes at any moment: the store stays readable, and a resumed run has the right result.

`make test` uses only the first moments; `make test-reliability` uses all of them. FLOWC_SEED determines the moments.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner

import flowc.cli
from flowc_runtime.run.views.liveness import status_of
from flowc_runtime.store.records.store import Store
from flowc_runtime.store.values.codecs import load_value
from gateway import gateway
from metaflow import Run, default_metadata, default_namespace, metadata, namespace
from reliable import FLOW, VALUES, VICTIMS, Blow, check_store, has_begun, read_all, strike

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flowc_runtime.store.records.run_store import RunStore
    from gateway import Gateway
    from project import Project

SEED = os.environ.get("FLOWC_SEED", "1")
QUICK, ALL, REMOTE = 20, 220, 40
MOMENTS = [number if number < QUICK else pytest.param(number, marks=pytest.mark.slow) for number in range(ALL)]
REMOTE_MOMENTS = [number if number < 2 else pytest.param(number, marks=pytest.mark.slow) for number in range(REMOTE)]


@pytest.fixture(scope="module")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with gateway(tmp_path_factory.mktemp("s3")) as running:
        yield running


@pytest.fixture(autouse=True)
def client() -> Iterator[None]:
    """Let the client in this process read all runs, in any namespace."""
    namespace(None)
    yield
    default_metadata()
    default_namespace()


def survive(project: Project, store: Store, *blows: Blow) -> None:
    """Kill a run and the runs that resume it, as described by `blows`; then a last resumed run must succeed."""
    project.write("flow.py", FLOW)
    (project.root / ".flowc").mkdir()
    metadata(store.objects.url if "://" in store.objects.url else str(project.root))
    if all(hit(project, store, blow) != "succeeded" for blow in blows):
        done = project.python("flow.py", next_command(store), timeout=120)
        assert done.code == 0, done.err
        check_store(store)
    check_result(store)


def hit(project: Project, store: Store, blow: Blow) -> str:
    """Start or resume a run, kill one of its processes, and check that the store can be read.

    Return the run's status, or `not begun`.
    """
    process = project.start("flow.py", next_command(store), "--log-format", "json", "--max-workers", "3")
    err = strike(process, blow)
    assert "Traceback" not in err, err
    check_store(store)
    commands, state = [["runs", "--json"]], "not begun"
    if has_begun(store):
        run = newest(store)
        state = status_of(run)["state"]
        # If the process is killed after it has reported the run's end, the run has succeeded.
        assert state in (("succeeded",) if process.returncode == 0 else ("failed", "killed", "succeeded")), err
        read_all(Run(f"Crashes/{run.id}"))
        commands += [
            ["show", "Crashes/latest"],
            ["logs", "Crashes/latest", "--merge"],
            ["logs", "Crashes/latest", "--sizes", "--json"],
        ]
    for command in commands:
        told = CliRunner().invoke(
            flowc.cli.make_group("flowc", flowc.cli.COMMANDS, ""), [*command, "--store", store.objects.url]
        )
        assert (told.exit_code, told.exception) == (0, None), told.stderr
    return state


def next_command(store: Store) -> str:
    """Return the command that a user would call next: `resume` if a run has started, otherwise `run`."""
    return "resume" if has_begun(store) else "run"


def newest(store: Store) -> RunStore:
    """Return the newest run that has a record."""
    runs = (store.run("Crashes", run) for run in reversed(store.runs("Crashes")))
    return next(run for run in runs if run.exists())


def check_result(store: Store) -> None:
    """Check that the newest run has the same results as a run without a kill."""
    run = newest(store)
    assert status_of(run)["state"] == "succeeded"
    record: Any = run.task("end", "0")
    values, failure = load_value(run.objects, record["artifacts"]["result"])
    assert values == VALUES
    # if the last attempt was killed, the failure that @catch stored names SIGKILL
    assert "as ever" in failure or "SIGKILL" in failure


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_run_that_is_killed(project: Project, moment: int) -> None:
    """The run is killed; for every second moment, the run that resumes it is killed too."""
    resumed = [Blow.choose(f"{SEED}/{moment}/resume")] if moment % 2 else []
    survive(project, project.store, Blow.choose(f"{SEED}/{moment}"), *resumed)


@pytest.mark.parametrize("moment", REMOTE_MOMENTS)
def test_a_run_with_its_store_in_a_bucket(
    project: Project, s3: Gateway, moment: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If the store is a bucket, an agent makes the supervisor's requests; the agent may be killed as well."""
    for name, value in s3.environment.items():
        monkeypatch.setenv(name, value)
        project.environment[name] = value
    url = s3.bucket(f"crash{moment}")
    project.environment["FLOWC_STORE"] = url
    survive(project, Store.open(url), Blow.choose(f"{SEED}/s3/{moment}", ("agent", *VICTIMS)))
