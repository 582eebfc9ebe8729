"""Kill a process of a run at a given moment, and read everything that the run has left in the store."""

from __future__ import annotations

import contextlib
import json
import os
import random
import select
import signal
import subprocess
from hashlib import sha256
from typing import TYPE_CHECKING, Any, NamedTuple

from flowc_runtime.base.errors import NotFound
from flowc_runtime.process import logs
from flowc_runtime.store.backends.local import LocalObjects
from flowc_runtime.store.backends.objects import blob_key
from flowc_runtime.store.values.codecs import load_value
from project import has_ended, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flowc_runtime.store.records.run_store import RunStore
    from flowc_runtime.store.records.store import Store
    from metaflow import Run

FLOW = """
    import sys
    from metaflow import FlowSpec, catch, current, retry, step

    class Crashes(FlowSpec):
        @step
        def start(self):
            self.items = [1, 2, 3, 4]
            self.next(self.each, foreach="items")

        @retry(times=2)
        @step
        def each(self):
            self.left = self.value = self.input
            self.block = bytes(100_000)
            print("item", self.input, "attempt", current.retry_count)
            self.next(self.count)

        @step
        def count(self):
            self.left -= 1
            self.value *= 10
            self.go = "on" if self.left > 0 else "off"
            self.next({"on": self.count, "off": self.join}, condition="go")

        @step
        def join(self, inputs):
            self.values = [given.value for given in inputs]
            self.next(self.risky, self.flaky)

        @catch(var="failure")
        @step
        def risky(self):
            raise ValueError("as ever")
            self.next(self.both)

        @retry(times=2)
        @step
        def flaky(self):
            assert current.retry_count, "the first time never works"
            self.next(self.both)

        @step
        def both(self, inputs):
            self.merge_artifacts(inputs)
            self.next(self.end)

        @step
        def end(self):
            print("the end", file=sys.stderr)
            self.result = (self.values, str(self.failure))

    if __name__ == "__main__":
        Crashes()
    """
VALUES = [10, 200, 3000, 40000]
EVENTS = 60  # about as many lines with events as a run prints
VICTIMS = ("supervisor", "guardian", "task", "all")


class Blow(NamedTuple):
    """A kill: the process `victim` is killed `seconds` after the run has printed `events` lines."""

    victim: str
    events: int
    seconds: float

    @classmethod
    def choose(cls, seed: str, victims: tuple[str, ...] = VICTIMS) -> Blow:
        """Return a random kill, which depends only on the seed."""
        chosen = random.Random(seed)
        events = chosen.randrange(EVENTS)
        return cls(chosen.choice(victims), events, chosen.uniform(0, 0.02 if events else 0.6))


def strike(process: subprocess.Popen[str], blow: Blow) -> str:
    """Kill a process of the run, wait for the end of all its processes, and return the run's stderr."""
    assert process.stdout is not None
    told = 0
    with contextlib.suppress(StopIteration):
        while told < blow.events:
            next(process.stdout)
            told += 1
    select.select([], [], [], blow.seconds)  # wait for the chosen moment of the kill
    family = _family(process.pid)
    victims = {"supervisor": [process.pid], "all": [pid for pids in family.values() for pid in pids]}
    hit = victims.get(blow.victim) or family.get(blow.victim, [])
    for pid in hit[:1] if blow.victim == "task" else hit:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    _, err = process.communicate(timeout=120)
    wait_until(
        lambda: all(has_ended(pid) for pids in family.values() for pid in pids), f"{blow}: processes stay behind"
    )
    return err if hit else f"no {blow.victim} was there"


def _family(supervisor: int) -> dict[str, list[int]]:
    """Return role -> pids, for the processes of a run."""
    found: dict[str, list[int]] = {"supervisor": [supervisor], "guardian": [], "agent": [], "task": []}
    try:
        with open(f"/proc/{supervisor}/task/{supervisor}/children", encoding="ascii") as file:
            children = [int(pid) for pid in file.read().split()]
        mine = os.readlink(f"/proc/{supervisor}/fd/1")
    except OSError:  # it has ended
        return found
    for pid in children:
        with contextlib.suppress(OSError):
            out = os.readlink(f"/proc/{pid}/fd/1")
            found["guardian" if out == "/dev/null" else "agent" if out == mine else "task"].append(pid)
    return found


# -- the remains -------------------------------------------------------------------------------------------------------


def check_store(store: Store) -> int:
    """Read everything in a store, check that it is complete, and return the number of objects.

    Objects that a record names must exist.
    """
    keys = [f"flows/{key}" for key in store.objects.names_below("flows")]
    for key in keys:
        if key.endswith(".json"):
            json.loads(store.objects.get(key))
    for name in store.objects.names_below("blobs"):
        assert sha256(store.objects.get(f"blobs/{name}")).hexdigest() == name.rpartition("/")[2], name
    for flow in store.flows():
        for run_id in store.runs(flow):
            run = store.run(flow, run_id)
            if run.exists():  # a run without a record was killed before it had started completely
                check_run(run)
    return len(keys)


def check_run(run: RunStore) -> None:
    """Read all records, artifacts and logs of a run."""
    run.ir()
    run.status()
    for record in records(run):
        for ref in record["artifacts"].values():
            assert "data" in ref or run.objects.exists(blob_key(ref["digest"])), (record["step"], ref)
            load_value(run.objects, ref)
    for key in _logs(run):
        log = run.objects.appended(key)
        whole, end = logs.whole(log)
        assert len(list(logs.chunks(log))) - len(whole) <= (end < len(log)), key


def read_all(run: Run) -> int:
    """Read a run through the client, also while it is active; check that finished tasks have all artifacts."""
    seen = 0
    assert run.status and run.tags and run.created_at
    for step in run:
        for task in step:
            seen += 1
            if task.finished:
                assert task.finished_at and (task.successful or task.exception is None)  # or caught
                assert all(parent.finished for parent in task.parent_tasks), task
                assert {artifact.id: artifact.data for artifact in task}
            assert task.stdout_size >= 0
            assert list(task.loglines("stderr")) is not None
    return seen


def records(run: RunStore) -> Iterator[Any]:
    """Yield the record of each attempt that has one."""
    for step in run.steps():
        for path, numbers in run.attempts(step).items():
            for number in numbers:
                if (record := run.attempt(step, path, number)) is not None:
                    yield record


def _logs(run: RunStore) -> list[str]:
    """Return the keys of the logs of a run. In a bucket, the key of a log is the prefix of its chunks."""
    top = f"flows/{run.flow}/runs/{run.id}/logs"
    found = [f"{top}/{name}" for name in run.objects.names_below(top)]
    return found if isinstance(run.objects, LocalObjects) else sorted({key.rpartition("/")[0] for key in found})


def has_begun(store: Store) -> bool:
    """Return whether the store has a run with a record, which can be resumed."""
    with contextlib.suppress(NotFound):
        return any(store.run("Crashes", run).exists() for run in store.runs("Crashes"))
    return False
