"""The default number of parallel tasks: one task per processor; running tasks that only wait do not count."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from flowc_emulator.scheduling.worker_slots import INTERVAL, PATIENCE, Activity, Places, activity_of, default_places
from project import wait_until

if TYPE_CHECKING:
    from project import Project

COMPUTES, WAITS = 10, 0  # ticks in an interval


class Machine:
    """Simulated processes and a simulated clock."""

    def __init__(self, most: int = 16, processors: int | None = 2) -> None:
        self.now = 100.0
        self.does: dict[int, int] = {}
        self.ticks: dict[int, int] = {}
        self.cost = 0.0  # the simulated time, in seconds, that reading the activity of a process takes
        self.places = Places(most, processors, clock=lambda: self.now, activity=self.activity)

    def activity(self, pid: int) -> Activity | None:
        self.now += self.cost
        return Activity(self.ticks[pid], self.does[pid] == COMPUTES) if pid in self.does else None

    def begin(self, does: int, *, kind: str = "work") -> None:
        pid = len(self.ticks)
        self.does[pid], self.ticks[pid] = does, 0
        self.places.began(pid, kind)

    def end(self, pid: int) -> None:
        del self.does[pid]
        self.places.ended(pid)

    def fill(self, does: int, *, kind: str = "work") -> int:
        """Start tasks until no more may run; return the number of running tasks."""
        while len(self.does) < self.places.count:
            self.begin(does, kind=kind)
        return len(self.does)

    def pass_time(self) -> None:
        self.now += INTERVAL
        for pid, does in self.does.items():
            self.ticks[pid] += does
        self.places.look()


def test_tasks_that_compute_have_a_processor_each() -> None:
    machine = Machine()
    for _ in range(20):
        assert machine.fill(COMPUTES) == 2
        machine.pass_time()


def test_beside_tasks_that_wait_others_start_up_to_the_most() -> None:
    machine = Machine()
    seen = []
    for _ in range(6):
        seen.append(machine.fill(WAITS))
        machine.pass_time()
    assert seen == [2, 4, 6, 8, 10, 12]
    for _ in range(6):
        machine.fill(WAITS)
        machine.pass_time()
    assert len(machine.does) == 16
    assert machine.places.wait() is None


def test_what_follows_a_task_that_waited_starts_at_once_and_after_one_that_computed_it_does_not() -> None:
    machine = Machine()
    for _ in range(12):
        machine.fill(WAITS)
        machine.pass_time()
    for pid in list(machine.does):
        machine.end(pid)
    assert machine.fill(WAITS) == 16
    machine.pass_time()
    for pid in list(machine.does):
        machine.does[pid] = COMPUTES
    machine.pass_time()
    assert machine.places.count == 2
    for pid in list(machine.does):
        machine.end(pid)
    assert machine.fill(COMPUTES) == 2


def test_another_step_is_not_expected_to_wait() -> None:
    machine = Machine()
    for _ in range(12):
        machine.fill(WAITS)
        machine.pass_time()
    for pid in list(machine.does):
        machine.end(pid)
    assert machine.fill(COMPUTES, kind="train") == 2


def test_a_number_that_was_asked_for_is_exact() -> None:
    machine = Machine(5, None)
    assert machine.fill(COMPUTES) == 5
    assert machine.places.wait() is None
    machine.pass_time()
    assert machine.places.count == 5


def test_it_is_not_looked_more_often_than_it_tells_something() -> None:
    machine = Machine()
    machine.fill(WAITS)
    machine.places.look()
    assert machine.places.wait() == pytest.approx(INTERVAL)
    machine.now += INTERVAL / 2
    machine.places.look()
    assert machine.places.count == 2
    assert machine.places.wait() == pytest.approx(INTERVAL / 2)


def test_looks_take_no_more_than_a_twentieth_of_the_time() -> None:
    machine = Machine()
    machine.fill(COMPUTES)
    machine.cost = 0.5
    machine.pass_time()
    looked = machine.now
    wait = machine.places.wait()
    assert wait is not None
    assert wait >= 20 * 2 * machine.cost
    machine.now += 0.9 * wait
    machine.places.look()
    assert machine.now == looked + 0.9 * wait, "it looked again"


def test_where_none_ends_for_long_one_more_starts_and_later_another() -> None:
    """Tasks that wait for each other in a busy loop seem to compute, so the next task starts only after a while."""
    machine = Machine()
    began, starts = machine.now, [0.0] * machine.fill(COMPUTES)
    for _ in range(300):
        if len(starts) < machine.fill(COMPUTES) < 6:
            starts.append(machine.now - began)
        machine.pass_time()
    assert starts == pytest.approx([0, 0, PATIENCE, 3 * PATIENCE, 6 * PATIENCE], abs=5 * INTERVAL)
    machine.end(0)
    assert machine.places.count == 2, "since one ended, they do not wait for those that are held back"
    for _ in range(2000):
        machine.fill(COMPUTES)
        machine.pass_time()
    assert len(machine.does) <= 16


def test_a_kernel_that_does_not_tell_the_children_of_a_process_has_all_places(tmp_path: Path) -> None:
    (tmp_path / "self" / "task" / str(os.getpid())).mkdir(parents=True)
    assert default_places(tmp_path)[1] is None


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="asks /proc")
def test_a_look_ends_at_the_first_thread_that_wants_a_processor() -> None:
    """`activity_of` stops at the first running thread of a process and does not look at the process's children."""
    child = "import signal, time\nwhile time.process_time() < 0.5: pass\nprint(flush=True); signal.pause()"
    command = f"""
import subprocess, sys
with subprocess.Popen([sys.executable, "-c", {child!r}], stdout=subprocess.PIPE) as process:
    process.stdout.readline()
    print(flush=True)
    while True:
        pass
"""
    with subprocess.Popen([sys.executable, "-c", command], start_new_session=True, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            process.stdout.readline()
            wait_until(lambda: getattr(activity_of(process.pid), "wants", False), "it does not compute")
            found = activity_of(process.pid)
            own = Path(f"/proc/{process.pid}/stat").read_bytes().rpartition(b")")[2].split()
        finally:
            os.killpg(process.pid, signal.SIGKILL)
    assert found is not None
    assert found.ticks <= sum(map(int, own[11:15]))


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="asks /proc")
def test_a_child_that_computes_and_a_process_that_waits() -> None:
    """A waiting process counts as computing if its child computes."""
    command = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'while True: pass'])"
    with subprocess.Popen([sys.executable, "-c", command], start_new_session=True) as process:
        try:

            def computes() -> bool:
                found = activity_of(process.pid)
                return found is not None and found.wants and found.ticks > 20

            wait_until(computes, "the child does not compute")
        finally:
            os.killpg(process.pid, signal.SIGKILL)
    with subprocess.Popen(["sleep", "1000"]) as process:
        try:
            wait_until(lambda: activity_of(process.pid) == Activity(0, wants=False), "it does not wait")
        finally:
            process.kill()
    assert activity_of(process.pid) is None


MEET = """
import os
import time
from metaflow import FlowSpec, Parameter, step

class Meet(FlowSpec):
    tasks = Parameter("tasks", default=16)

    @step
    def start(self):
        os.mkdir("place")
        self.items = list(range(self.tasks))
        self.next(self.wait, foreach="items")

    @step
    def wait(self):
        open(f"place/{self.input}", "w").close()
        until = time.monotonic() + 50
        while len(os.listdir("place")) < self.tasks:
            assert time.monotonic() < until, "the others never came"
            time.sleep(0.01)
        self.next(self.join)

    @step
    def join(self, inputs):
        self.next(self.end)

    @step
    def end(self):
        print("all met")
"""


@pytest.mark.parametrize("start", ["fork", "fresh"])
def test_tasks_that_wait_for_each_other_meet(project: Project, start: str) -> None:
    project.write("flow.py", MEET)
    done = project.flowc("run", "flow.py", "--start", start)
    assert "all met" in done.out, done.err
    most, _ = default_places()
    assert f"runs with up to {most} workers" in done.err


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="takes a processor away")
def test_tasks_that_ask_for_each_other_without_a_pause_meet(project: Project) -> None:
    project.write("flow.py", MEET.replace("time.sleep(0.01)", "pass"))
    processors = os.sched_getaffinity(0)
    os.sched_setaffinity(0, [min(processors)])
    try:
        done = project.flowc("run", "flow.py", "--tasks", "2")
    finally:
        os.sched_setaffinity(0, processors)
    assert "all met" in done.out, done.err


def test_a_number_of_workers_is_kept_though_tasks_wait(project: Project) -> None:
    project.write(
        "flow.py",
        """
        import os
        import time
        from metaflow import FlowSpec, step

        class Wait(FlowSpec):
            @step
            def start(self):
                os.mkdir("place")
                self.items = list(range(6))
                self.next(self.wait, foreach="items")

            @step
            def wait(self):
                name = f"place/{self.input}"
                open(name, "w").close()
                time.sleep(0.4)  # longer than it takes to see that a task waits
                self.seen = len(os.listdir("place"))
                os.remove(name)
                self.next(self.join)

            @step
            def join(self, inputs):
                self.most = max(one.seen for one in inputs)
                self.next(self.end)

            @step
            def end(self):
                print("at most", self.most)
        """,
    )
    assert "at most 2" in project.flowc("run", "flow.py", "--max-workers", "2").out


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="asks /proc")
def test_tasks_that_compute_do_not_crowd(project: Project) -> None:
    project.write(
        "flow.py",
        """
        import os
        import time
        from metaflow import FlowSpec, step

        class Compute(FlowSpec):
            @step
            def start(self):
                os.mkdir("place")
                self.items = list(range(3 * len(os.sched_getaffinity(0))))
                self.next(self.work, foreach="items")

            @step
            def work(self):
                name = f"place/{self.input}"
                open(name, "w").close()
                until = time.process_time() + 0.4  # seconds of a processor
                while time.process_time() < until:
                    pass
                self.seen = len(os.listdir("place"))
                os.remove(name)
                self.next(self.join)

            @step
            def join(self, inputs):
                self.most = max(one.seen for one in inputs)
                self.next(self.end)

            @step
            def end(self):
                print("at most", self.most)
        """,
    )
    processors = len(os.sched_getaffinity(0))
    assert f"at most {processors}\n" in project.flowc("run", "flow.py").out
