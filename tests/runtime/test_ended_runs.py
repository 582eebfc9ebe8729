"""What ended runs leave in a bucket: the requests of listings and trees, and records that contradict it."""

from __future__ import annotations

import json
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from faults import Faults, between
from flowc_runtime.store.backends.remote.bucket import RemoteObjects
from flowc_runtime.store.ended import ended_runs, run_entries, task_packs
from flowc_runtime.store.records.run_store import RunStore
from flowc_runtime.store.records.store import Store
from gateway import gateway

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from flowc_runtime.store.records.record_types import StatusRecord
    from project import Project

WIDTH = 30
FLOW = f"""
    from metaflow import FlowSpec, Parameter, step

    class Wide(FlowSpec):
        n = Parameter("n", default={WIDTH})

        @step
        def start(self):
            self.items = list(range(self.n))
            self.next(self.each, foreach="items")

        @step
        def each(self):
            self.next(self.join)

        @step
        def join(self, inputs):
            self.next(self.end)

        @step
        def end(self):
            pass
    """
READ = """
    import sys
    from metaflow import Flow, Run, namespace

    namespace(None)
    match sys.argv[1]:
        case "status":
            print(sum(run.status == "failed" for run in Flow("Wide").runs(status="failed")))
        case "parameter":
            print(sum(1 for run in Flow("Wide").runs(parameters={"n": 5})))
        case "tags":
            print(sum(1 for run in Flow("Wide").runs(tags="user:ann and not old")))
        case "time":
            print(sum(1 for run in Flow("Wide").runs(since="2001-01-01", until="2100-01-01")))
        case _:
            run = Run(f"Wide/{sys.argv[2]}")
            print([(step.id, sum(task.successful for task in step)) for step in run])
    """


class Bucket:
    """A store in a bucket with a run of the flow, and the proxy that counts requests."""

    def __init__(self, project: Project, counter: Faults, environment: Mapping[str, str], url: str) -> None:
        self.project, self.counter, self.url = project, counter, url
        self.environment = {**environment, "AWS_ENDPOINT_URL": counter.url, "FLOWC_STORE": url}
        self.program = str(project.write("read.py", READ))
        self.direct = RemoteObjects(url)
        self.store = Store(self.direct)
        done = project.flowc("run", "--local", "flow.py", **self.environment)
        assert done.code == 0, done.err
        (self.first,) = self.store.run_ids("Wide")
        self.made = 0

    def add(self, number: int) -> None:
        """Add copies of the first run: every tenth has failed, every fifth has another parameter."""
        origin = self.store.run("Wide", self.first)
        record, ir = origin.record(), origin.ir()

        def add(at: int) -> None:
            run = self.store.run("Wide", f"2026{at // 28 % 12 + 1:02}{at % 28 + 1:02}-000000-{at:06}")
            values = {"n": 5 if at % 5 == 0 else 3}
            assert run.create({**record, "run": run.id, "created": 1e9 + 1e5 * at, "parameters": values}, ir)
            run.set_status({"state": "failed" if at % 10 == 0 else "succeeded", "changed": 1e9 + 1e5 * at + 1})

        with ThreadPoolExecutor(8) as pool:
            list(pool.map(add, range(self.made, self.made + number)))
        self.made += number

    def ask(self, *arguments: str) -> tuple[str, int]:
        """Run the program that reads; return its output and its number of requests."""
        return self._counted(lambda: self.project.python(self.program, *arguments, **self.environment))

    def flowc(self, *arguments: str) -> tuple[str, int]:
        """Run flowc; return its output and its number of requests."""
        return self._counted(lambda: self.project.flowc(*arguments, **self.environment))

    def _counted(self, call: object) -> tuple[str, int]:
        self.counter.log.clear()
        done = call()  # type: ignore[operator]
        assert done.code == 0, done.err
        return done.out, len(self.counter.log)


@pytest.fixture
def bucket(
    project: Project, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Bucket]:
    project.write("flow.py", FLOW)
    project.environment["METAFLOW_USER"] = "ann"
    with gateway(tmp_path_factory.mktemp("s3")) as s3:
        for name, value in s3.environment.items():
            monkeypatch.setenv(name, value)
        with between(s3.environment["AWS_ENDPOINT_URL"]) as counter:
            yield Bucket(project, counter, s3.environment, s3.bucket("ended") + "/team")


def test_the_number_of_requests_does_not_grow_with_the_number_of_runs(bucket: Bucket) -> None:
    counts: list[dict[str, int]] = []
    for number in (149, 150):
        bucket.add(number)
        total, made = bucket.made + 1, bucket.made
        counts.append({})
        wanted = {
            "status": len(range(0, made, 10)),
            "parameter": len(range(0, made, 5)),
            "tags": total,
            "time": total,
        }
        for what, answer in wanted.items():
            out, counts[-1][what] = bucket.ask(what)
            assert out == f"{answer}\n", what
        out, counts[-1]["runs"] = bucket.flowc("runs", "Wide", "--json")
        rows = json.loads(out)
        assert len(rows) == 20
        out, counts[-1]["tree"] = bucket.ask("tree", bucket.first)
        assert out == f"{[('end', 1), ('join', 1), ('each', WIDTH), ('start', 1)]}\n"
        _, counts[-1]["show"] = bucket.flowc("show", f"Wide/{bucket.first}")
    assert counts[0] == counts[1]
    assert max(counts[1].values()) <= 12, counts
