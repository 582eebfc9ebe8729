"""Runs while the power is cut at random moments: ended runs are complete, and interrupted runs can be resumed.

`make test-reliability` cuts the power 6 times, or FLOWC_CUTS times; FLOWC_SEED determines the moments.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import select
import threading
import time
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import pytest

from flowc_runtime.store.backends.objects import blob_key
from flowc_runtime.store.values.codecs import load_value
from power import machine
from project import Project
from reliable import FLOW, VALUES, check_run, records

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from flowc_runtime.store.records.run_store import RunStore
    from power import Machine

SEED = os.environ.get("FLOWC_SEED", "1")
CUTS = int(os.environ.get("FLOWC_CUTS", "6"))
LATEST = 7.0  # seconds; ext4 writes its journal to the disk every 5 seconds
ENDED = ("succeeded", "failed", "interrupted")

pytestmark = pytest.mark.slow


@pytest.fixture
def powered(tmp_path: Path) -> Iterator[Machine]:
    with machine(tmp_path) as made:
        yield made


def home(machine: Machine) -> Project:
    """Return the project whose files are on the machine's file system."""
    root = machine.root / "home"
    root.mkdir(exist_ok=True)
    project = Project(root)
    project.environment["FLOWC_MAX_WORKERS"] = "3"
    return project


def journal(machine: Machine) -> None:
    """Simulate an fsync by another program: ext4 then writes the names of all files, but the content of only one."""
    with (machine.root / "other").open("wb") as file:
        file.write(b"other")
        file.flush()
        os.fsync(file.fileno())


@pytest.mark.parametrize("number", range(CUTS // 2))
def test_what_is_said_to_have_ended_is_on_the_disk(powered: Machine, number: int) -> None:
    """Run after run is started, and the power is cut twice; then the last run is resumed and succeeds."""
    chosen = random.Random(f"{SEED}/{number}")
    ended: dict[str, str] = {}  # run -> its reported end
    mode = chosen.choice(["run", "run", "task"])
    home(powered).write("flow.py", FLOW)
    os.sync()
    for _ in range(2):
        run_until_cut(powered, chosen, mode, ended)
        powered.down()
        powered.up()
        check_ended(home(powered), mode, ended)
    project = home(powered)
    resumes = bool(ended) or readable(project)
    done = project.python("flow.py", "resume" if resumes else "run", timeout=120)
    if done.code and " has no run of flow " in done.err:  # the power loss has destroyed the records of all runs
        done = project.python("flow.py", "run", timeout=120)
    assert done.code == 0, done.err
    assert not own_tracebacks(done.err), done.err
    run = project.latest()
    check_whole(run)
    record: Any = run.task("end", "0")
    assert load_value(run.objects, record["artifacts"]["result"])[0] == VALUES


def test_without_it_all_is_lost(powered: Machine) -> None:
    """Without syncing, no run that was reported as ended is complete, which shows that the simulation works."""
    project = home(powered)
    project.write("flow.py", FLOW)
    os.sync()
    assert project.python("flow.py", "run", "--durability", "none", timeout=120).code == 0
    journal(powered)
    powered.cut()
    powered.down()
    powered.up()
    files = [path for path in (home(powered).root / ".flowc").rglob("*") if path.is_file()]
    empty = [path for path in files if not path.stat().st_size]
    assert len(empty) > len(files) / 2, f"{len(empty)} of {len(files)} files are empty"


def run_until_cut(machine: Machine, chosen: random.Random, mode: str, ended: dict[str, str]) -> None:
    """Start runs one after another, and cut the power at a random moment."""
    project, cut = home(machine), threading.Event()
    unclear: list[str] = []

    def run_all() -> None:
        while not cut.is_set():
            process = project.start(
                "flow.py", chosen.choice(["run", "resume"]), "--durability", mode, "--log-format", "json"
            )
            out, err = process.communicate(timeout=120)
            if own_tracebacks(err):
                unclear.append(err)
            for line in out.splitlines():
                with contextlib.suppress(ValueError):  # the cut may leave an incomplete last line
                    event = json.loads(line)
                    if event["event"] == "run_ended":
                        ended[event["run"].rpartition("/")[2]] = event["state"]

    runs = threading.Thread(target=run_all)
    runs.start()
    try:
        moments = sorted(chosen.uniform(0, LATEST) for _ in range(chosen.randrange(1, 5)))
        began = time.monotonic()
        for moment in moments:
            select.select(
                [], [], [], max(0.0, began + moment - time.monotonic())
            )  # wait for the chosen moment of the cut
            journal(machine)
        if chosen.random() < 0.5:
            select.select([], [], [], chosen.uniform(0, 1))
    finally:
        machine.cut()
        cut.set()
        runs.join()
    assert not unclear, "\n".join(unclear)


def own_tracebacks(err: str) -> bool:
    """Return whether flowc itself printed a traceback; in tracebacks of tasks, each line begins with the task's id."""
    return any(line.startswith("Traceback") for line in err.splitlines())


def readable(project: Project) -> bool:
    """Return whether a run with a record exists."""
    return any(path.stat().st_size for path in (project.root / ".flowc").glob("flows/*/runs/*/run.json"))


def check_ended(project: Project, mode: str, ended: dict[str, str]) -> None:
    """Check that every run is complete if its end was printed or its record shows the end."""
    root = project.root / ".flowc" / "flows" / "Crashes" / "runs"
    names = sorted(os.listdir(root)) if root.exists() else []
    for name in names:
        status = root / name / "status.json"
        if status.exists() and (state := json.loads(status.read_bytes())["state"]) in ENDED:
            ended.setdefault(name, state)
    for name, state in ended.items():
        run = project.store.run("Crashes", name)
        if state == "succeeded":
            assert run.status()["state"] == "succeeded", name
        if run.objects.exists(f"{run.prefix}/status.json"):
            check_whole(run)
    if mode == "task":
        for name in names:
            check_tasks(project.store.run("Crashes", name))


def check_whole(run: RunStore) -> None:
    """Check that all objects of the run exist and are readable."""
    for name in run.objects.names_below(run.prefix):
        if name.endswith(".json"):
            json.loads(run.objects.get(f"{run.prefix}/{name}"))
    check_run(run)
    for record in records(run):
        check_artifacts(run, record)


def check_tasks(run: RunStore) -> None:
    """Check that each task with a record is complete."""
    for step in run.steps():
        for path in run.done(step):
            check_artifacts(run, run.task(step, path))


def check_artifacts(run: RunStore, record: Any) -> None:
    for name, ref in record["artifacts"].items():
        if "data" not in ref:
            content = run.objects.get(blob_key(ref["digest"]))
            assert sha256(content).hexdigest() == ref["digest"], (run.id, record["step"], record["path"], name)
