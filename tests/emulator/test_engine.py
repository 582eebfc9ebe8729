"""The engine runs jobs of any kind in processes, without a flow, a plan or a store."""

from __future__ import annotations

import ast
import os
import signal
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import flowc_emulator.processes.engine
from flowc_emulator.processes.engine import Engine, ForkStart
from flowc_runtime.process.process import adopts_orphans

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from flowc_emulator.processes.engine import Finished


class Log:
    """A listener that stores the engine's events in order."""

    def __init__(self) -> None:
        self.told: list[tuple[Any, ...]] = []

    def output(self, job: str, stream: str, data: bytes) -> None:
        self.told.append(("output", job, stream, data))

    def held(self, job: str) -> None:
        self.told.append(("held", job))

    def released(self) -> None:
        self.told.append(("released",))

    def interrupted(self, number: int, running: int, *, again: bool) -> None:
        self.told.append(("interrupted", number, running, again))

    def hung(self, job: str) -> None:
        self.told.append(("hung", job))

    def note(self, text: str) -> None:
        self.told.append(("note", text))


@pytest.fixture
def log() -> Log:
    return Log()


@pytest.fixture
def engine(log: Log) -> Iterator[Engine[str]]:
    found: Engine[str] = Engine(log, guard=(lambda: None, lambda: None))
    found.begin()
    try:
        yield found
    finally:
        found.end_all()
        found.close()


def job(code: Callable[[], int]) -> ForkStart:
    return ForkStart(lambda control, place: code())


def finish(engine: Engine[str]) -> dict[str, Finished[str]]:
    """Poll the engine until all jobs have ended; return the results."""
    done: dict[str, Finished[str]] = {}
    while len(engine):
        done |= {finished.job: finished for finished in engine.poll(30)}
    return done


def test_jobs_run_and_end(engine: Engine[str], log: Log) -> None:
    def speak() -> int:
        print("hello")
        print("oh", file=sys.stderr)
        return 3

    def die() -> int:
        os.kill(os.getpid(), signal.SIGUSR1)
        return 0

    engine.start("speaks", job(speak))
    engine.start("dies", job(die))
    assert engine.jobs == ["speaks", "dies"]
    done = finish(engine)
    assert (done["speaks"].ended.code, done["speaks"].why, done["speaks"].by_caller) == (3, None, False)
    assert done["dies"].ended.signal == signal.SIGUSR1
    told = [each[1:] for each in log.told if each[1] == "speaks"]
    assert sorted(told) == [("speaks", "stderr", b"oh\n"), ("speaks", "stdout", b"hello\n")]


def test_the_report_of_a_job_is_what_it_writes_to_its_control_pipe(engine: Engine[str]) -> None:
    engine.start("reports", ForkStart(lambda control, place: os.write(control, b"all is done") * 0))
    assert finish(engine)["reports"].ended.report == b"all is done"


def test_a_job_that_takes_too_long_is_killed(engine: Engine[str]) -> None:
    engine.start("slow", job(lambda: signal.pause() or 0), seconds=0.2)
    done = finish(engine)["slow"]
    assert (done.ended.signal, done.why) == (
        signal.SIGKILL,
        "the process was killed: it was still running after its timeout",
    )


def test_a_job_that_is_ended_says_why(engine: Engine[str]) -> None:
    engine.start("one", job(lambda: signal.pause() or 0))
    engine.start("other", job(lambda: 0))
    engine.end("one", "nobody needs it")
    done = finish(engine)
    assert (done["one"].ended.signal, done["one"].why, done["one"].by_caller) == (
        signal.SIGTERM,
        "nobody needs it",
        True,
    )
    assert done["other"].ended.code == 0


def test_an_interrupt_ends_all_jobs_and_a_second_one_does_not_wait(engine: Engine[str], log: Log) -> None:
    def deaf() -> int:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        print("deaf", flush=True)
        signal.pause()
        return 0

    def sleep() -> int:
        print("asleep", flush=True)
        signal.pause()
        return 0

    engine.start("deaf", job(deaf))
    engine.start("sleeps", job(sleep))
    while len({each[1] for each in log.told}) < 2:
        engine.poll(10)
    os.kill(os.getpid(), signal.SIGINT)
    first: list[Finished[str]] = []
    while not first:  # one of the two processes ends at the first signal
        first += engine.poll(10)
    os.kill(os.getpid(), signal.SIGINT)
    done = {finished.job: finished for finished in first} | finish(engine)
    assert engine.signal == signal.SIGINT
    assert done["sleeps"].ended.signal == signal.SIGTERM
    assert done["deaf"].ended.signal == signal.SIGKILL
    assert {finished.why for finished in done.values()} == {"interrupted by SIGINT"}
    assert [each for each in log.told if each[0] == "interrupted"] == [
        ("interrupted", signal.SIGINT, 2, False),
        ("interrupted", signal.SIGINT, len(done) - len(first), True),
    ]


def is_package(module: str) -> bool:
    spec = find_spec(module)
    return spec is not None and spec.submodule_search_locations is not None


def test_it_knows_no_flow() -> None:
    """The engine imports no flow classes, plans or tasks, so other kinds of runs can use it."""
    tree = ast.parse(Path(flowc_emulator.processes.engine.__file__).read_text(encoding="utf-8"))
    imported = {
        node.module if not is_package(node.module) else f"{node.module}.{alias.name}"
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module and not node.module.startswith("__")
        for alias in node.names
    }
    about_flows = {"supervisor", "scheduler", "starts", "assignment", "task", "program", "store", "records", "index"}
    assert not {name for name in imported if name.rpartition(".")[2] in about_flows}
    assert not {name for name in imported if name and name.startswith(("flowc.", "metaflow"))}


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs a subreaper")
def test_orphans_are_adopted_only_while_there_are_jobs(log: Log) -> None:
    """After a run, a program must not adopt orphaned processes: nothing would wait for them when they end."""
    engine: Engine[str] = Engine(log, guard=(lambda: None, lambda: None))
    assert not adopts_orphans()
    engine.begin()
    assert adopts_orphans()
    engine.close()
    assert not adopts_orphans()


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs a subreaper")
def test_a_program_that_adopts_orphans_goes_on_to(engine: Engine[str], log: Log) -> None:
    other: Engine[str] = Engine(log, guard=(lambda: None, lambda: None))
    other.begin()
    other.close()
    assert adopts_orphans()
