"""`flowc stop` ends a run of this machine, and `flowc gc --run` deletes the runs that it names."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

import pytest

from flowc.cli.commands.store.stop import end_process
from flowc_runtime.process.process import start_time
from flowc_runtime.run.views.status_view import read_status
from project import has_ended, passing, run_record, wait_until

if TYPE_CHECKING:
    from flowc_runtime.process.process import Process
    from project import Project

FLOW = f"""
    import fcntl
    from metaflow import FlowSpec, Parameter, step

    class LongFlow(FlowSpec):
        waits = Parameter("waits", default=False)

        @step
        def start(self):
            if self.waits:
                {passing()}
            self.next(self.end)

        @step
        def end(self):
            pass
"""


@pytest.fixture
def flow(project: Project) -> Project:
    project.write("long.py", FLOW)
    return project


def test_stop(flow: Project) -> None:
    flow.gate()
    process = flow.start("-m", "flowc", "run", "--local", "long.py", "--waits", "True")
    wait_until(lambda: "LongFlow" in flow.store.flows() and flow.latest().exists(), "the run does not begin")
    run = flow.latest()
    done = flow.flowc("stop", "LongFlow/latest")
    assert (done.code, done.out, done.err) == (0, f"run LongFlow/{run.id}: interrupted\n", "")
    assert process.wait() == 128 + signal.SIGTERM
    assert read_status(run).state == "interrupted"
    again = flow.flowc("stop", f"LongFlow/{run.id}")
    assert again.code == 1
    assert "is not active: interrupted" in again.err


def test_a_run_that_takes_its_time(flow: Project) -> None:
    """The command does not wait for longer than --wait; the signal has been sent."""
    flow.write("slow.py", f"""
        import fcntl, signal
        from metaflow import FlowSpec, step

        class SlowFlow(FlowSpec):
            @step
            def start(self):
                signal.signal(signal.SIGTERM, lambda *_: None)
                print("ready", flush=True)
                {passing()}
                self.next(self.end)

            @step
            def end(self):
                pass
    """)  # fmt: skip
    flow.gate()
    process = flow.start("-m", "flowc", "run", "--local", "slow.py")
    assert process.stdout is not None
    assert "ready" in process.stdout.readline()
    done = flow.flowc("stop", "SlowFlow/latest", "--wait", "0")
    assert done.code == 1
    assert "it still runs after 0 s" in done.err
    assert process.wait() == 128 + signal.SIGTERM  # the run ends its task by force


def test_no_process_but_the_run_s_is_signalled(flow: Project) -> None:
    """A process that has got the pid of a killed run gets no signal: its start time differs."""
    other = flow.start("-c", "import signal; signal.pause()")
    process: Process = {"host": os.uname().nodename, "pid": other.pid, "started": "1"}
    killed = flow.store.run("LongFlow", "20200101-000000-killed")
    assert killed.create(run_record(killed, process=process), "{}")
    done = flow.flowc("stop", "LongFlow/20200101-000000-killed")
    assert done.code == 1
    assert "is not active: killed" in done.err
    assert end_process(process, "LongFlow/1", 0)  # also if the process ends between the look at the run and the signal
    assert not has_ended(other.pid)
    assert end_process({**process, "started": start_time(other.pid) or ""}, "LongFlow/1", 30)
    assert has_ended(other.pid)


@pytest.mark.parametrize("pid", [0, 1, -1, None])
def test_a_record_without_a_process_of_a_run(pid: int | None, capsys: pytest.CaptureFixture[str]) -> None:
    """Such a pid would mean a group of processes, all processes, or the command itself."""
    with pytest.raises(SystemExit):
        end_process(
            {"host": os.uname().nodename, "pid": os.getpid() if pid is None else pid, "started": "1"}, "LongFlow/1", 0
        )
    assert "names no process" in capsys.readouterr().err


def test_only_runs_of_this_machine_are_stopped(flow: Project) -> None:
    elsewhere = flow.store.run("LongFlow", "20200101-000000-elsewhere")
    assert elsewhere.create(run_record(elsewhere, process={"host": "other", "pid": 1, "started": "1"}), "{}")
    of_cluster = flow.store.run("LongFlow", "20200101-000000-cluster")
    assert of_cluster.create(run_record(of_cluster, target="argo"), "{}")
    assert "runs on the machine other, not here" in flow.flowc("stop", f"LongFlow/{elsewhere.id}").err
    assert f"flowc terminate {of_cluster.id}" in flow.flowc("stop", f"LongFlow/{of_cluster.id}").err


def test_delete_named_runs(flow: Project) -> None:
    first, second, third = [flow.run("long.py") for _ in range(3)]
    listed = flow.flowc("gc", "--run", f"LongFlow/{first.id}")
    assert "would delete 1 run" in listed.out
    assert first.exists()
    done = flow.flowc("gc", "--run", f"LongFlow/{first.id}", "--run", f"LongFlow/{third.id}", "--delete")
    assert (done.code, "deleted 2 runs" in done.out) == (0, True)
    assert flow.store.runs("LongFlow") == [second.id]


def test_a_named_run_that_is_kept(flow: Project) -> None:
    run = flow.run("long.py")
    assert flow.flowc("resume", "long.py", "end", "--origin-run-id", run.id).code == 0
    done = flow.flowc("gc", "--run", f"LongFlow/{run.id}", "--delete")
    assert done.code == 1
    assert f"LongFlow/{run.id} is kept: LongFlow/{flow.latest().id} has resumed it" in done.out
    assert run.exists()


@pytest.mark.parametrize(("name", "code", "error"), [
    ("LongFlow/latest/start", 2, "only whole runs can be deleted"),
    ("LongFlow/none", 1, "has no run 'none'"),
    ("LongFlow", 2, "LongFlow"),
])  # fmt: skip
def test_names_of_runs_to_delete(flow: Project, name: str, code: int, error: str) -> None:
    run = flow.run("long.py")
    done = flow.flowc("gc", "--run", name, "--delete")
    assert done.code == code
    assert error in done.err
    assert run.exists()
