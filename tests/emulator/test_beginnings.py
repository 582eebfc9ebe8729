"""A signal before a run's first task ends the program at once, with a line of output, and leaves no incomplete run."""

from __future__ import annotations

import os
import signal
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from flowc_ir import json_text
from flowc_runtime.process.process import this_process
from project import has_ended, passing, wait_until
from terminal import Terminal

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable, Iterator

    from project import Project

FLOW = """
    import fcntl, os, signal
    from metaflow import Config, FlowSpec, IncludeFile, Parameter, step

    def slow(given):
        with open("pid.tmp", "w") as file:
            file.write(str(os.getpid()))
        os.rename("pid.tmp", "pid")
        {body}
        return {{}} if isinstance(given, str) else "v"

    class Slow(FlowSpec):
        {member}

        @step
        def start(self):
            self.next(self.end)

        @step
        def end(self):
            pass

    if __name__ == "__main__":
        Slow()
    """
PAUSE = "signal.pause()"
SWALLOW = """
        while True:
            try:
                signal.pause()
            except BaseException:
                pass"""
PLACES = {
    "default": 'p = Parameter("p", default=slow)',
    "parser": 'c = Config("c", default_value="{}", parser=slow)',
    "config": 'c = Config("c", default_value=slow)',
    "import": 'slow("now")',
}
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
SECONDS = 30  # seconds; usually one is enough, but a busy machine is slower


def ended(process: subprocess.Popen[str], number: signal.Signals) -> str:
    """Send a signal; assert that the program ends in time and without a traceback; return its output."""
    process.send_signal(number)
    _, err = process.communicate(timeout=SECONDS)
    assert process.returncode == 128 + number, err
    assert "Traceback" not in err
    return err


def begin(project: Project, *words: str) -> subprocess.Popen[str]:
    """Start a program whose flow calls a slow function, and wait until the function runs."""
    process = project.start(*(words or ("flow.py", "run")))
    wait_until(lambda: (project.root / "pid").exists() or process.poll() is not None, "the function was not called")
    assert process.poll() is None, process.communicate()
    return process


@pytest.mark.parametrize("number", SIGNALS)
@pytest.mark.parametrize("place", PLACES)
def test_a_signal_ends_code_of_the_user_s(project: Project, place: str, number: signal.Signals) -> None:
    project.write("flow.py", FLOW.format(body=PAUSE, member=PLACES[place]))
    process = begin(project, "-m", "flowc", "run", "flow.py")
    assert ended(process, number) == f"interrupted by {number.name}: no run has begun\n"
    assert project.store.flows() == []


@pytest.mark.parametrize("command", [("flow.py", "run"), ("-m", "flowc", "run", "flow.py", "--start", "fresh")])
@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_that_is_swallowed_ends_it_too(
    project: Project, command: tuple[str, ...], number: signal.Signals
) -> None:
    project.write("flow.py", FLOW.format(body=SWALLOW, member=PLACES["default"]))
    assert ended(begin(project, *command), number) == f"interrupted by {number.name}: no run has begun\n"
    assert project.store.flows() == []


def test_a_slow_end_of_the_interpreter_does_not_change_the_exit_code(project: Project) -> None:
    """If a destructor at the end of the interpreter takes longer than the grace period, the exit code is the same."""
    body = (
        'import sys, time; sys.kept = type("Kept", (), {"__del__": lambda self, wait=time.sleep: wait(1.5)})(); '
        "signal.pause()"
    )
    project.write("flow.py", FLOW.format(body=body, member=PLACES["default"]))
    assert ended(begin(project), signal.SIGTERM) == "interrupted by SIGTERM: no run has begun\n"


def test_a_second_signal_does_not_wait(project: Project) -> None:
    body = 'try:\n            signal.pause()\n        finally:\n            os.mkdir("again"); signal.pause()'
    project.write("flow.py", FLOW.format(body=body, member=PLACES["default"]))
    process = begin(project)
    process.send_signal(signal.SIGINT)
    wait_until(lambda: (project.root / "again").exists(), "the first signal was not heard")
    assert ended(process, signal.SIGINT).startswith("interrupted by SIGINT")


def test_processes_of_the_user_s_keep_their_own_signals(project: Project) -> None:
    """User code starts processes without blocked signals; otherwise a pool could not end its workers with SIGTERM."""
    body = """
        import multiprocessing, subprocess
        with multiprocessing.get_context("fork").Pool(1) as pool:
            pool.map(abs, [1])
        mask = subprocess.run(["grep", "SigBlk", "/proc/self/status"], capture_output=True, text=True).stdout
        return mask.split()[1]"""
    flow = FLOW.format(body=body, member=PLACES["default"])
    flow = flow.replace(
        "self.next(self.end)",
        'with open("/proc/self/status") as file:\n                self.mask = file.read().split("SigBlk:")[1].split()[0]\n'
        "            self.next(self.end)",
    )
    project.write("flow.py", flow)
    # Some launchers block signals before they start a program; the test does so here.
    blocked = signal.pthread_sigmask(signal.SIG_BLOCK, [*SIGNALS, signal.SIGUSR1])
    try:
        process = project.start("flow.py", "run")
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert "Traceback" not in err
    run = project.latest()
    heeded = sum(1 << (number - 1) for number in SIGNALS)
    assert int(run.record()["parameters"]["p"], 16) & heeded == 0
    assert int(project.artifacts(run, "start")["mask"], 16) == 0


# -- files and the store -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("words", [("--p", "fifo"), ("--params-file", "fifo")])
@pytest.mark.parametrize("number", SIGNALS)
def test_a_fifo_without_a_writer(project: Project, words: tuple[str, ...], number: signal.Signals) -> None:
    """The run prints a line and waits for the FIFO's content until a signal arrives."""
    project.write("flow.py", FLOW.format(body="", member='p = IncludeFile("p")'))
    os.mkfifo(project.root / "fifo")
    process = project.start("flow.py", "run", *words)
    assert process.stderr is not None
    assert process.stderr.readline() == "waiting for fifo: nothing has been written to it yet\n"
    assert ended(process, number) == f"interrupted by {number.name}: no run has begun\n"
    assert project.store.flows() == []


@contextmanager
def held(project: Project) -> Iterator[None]:
    """Simulate that `flowc gc` is deleting objects of the store."""
    lease = {"version": 1, "until": time.time() + 1000, "process": this_process()}
    project.store.objects.put("gc/sweeps/1-abc", json_text.dumps(lease).encode())
    yield
    project.store.objects.delete("gc/sweeps/1-abc")


@pytest.mark.parametrize("number", SIGNALS)
def test_the_store_s_lease(project: Project, number: signal.Signals) -> None:
    """A resumed run is recorded before it waits for `flowc gc`; a signal during the wait interrupts the run."""
    project.write("flow.py", FLOW.format(body="", member=PLACES["default"]))
    project.run("flow.py")
    with held(project):
        process = project.start("flow.py", "resume")
        wait_until(lambda: len(project.store.runs("Slow")) == 2 and project.latest().exists(), "no run was made")
        err = ended(process, number)
    run = project.latest()
    assert err == f"interrupted by {number.name}: run Slow/{run.id} is recorded as interrupted\n"
    assert (run.status()["state"], run.status().get("message")) == ("interrupted", f"by {number.name}")


EXTENSION = """
    import os, signal
    from metaflow.decorators import StepDecorator

    class Waits(StepDecorator):
        name = "waits"
        defaults = {}

        def runtime_init(self, flow, graph, package, run_id):
            with open("pid.tmp", "w") as file:
                file.write(run_id)
            os.rename("pid.tmp", "pid")
            BODY

    STEP_DECORATORS_DESC = [("waits", ".waits.Waits")]
    """


@pytest.mark.parametrize("body", [PAUSE, SWALLOW.replace("\n", "\n    ")], ids=["pauses", "swallows"])
def test_hooks_before_the_first_task(project: Project, body: str) -> None:
    """The run's record exists before the hooks run, so a run with a signal during a hook is recorded as interrupted."""
    waits, _, described = EXTENSION.partition("\n    STEP_")
    project.write("metaflow_extensions/org/plugins/waits.py", waits.replace("BODY", body))
    project.write("metaflow_extensions/org/plugins/mfextinit_org.py", f"    STEP_{described}")
    flow = FLOW.format(body="", member="").replace("import Config,", "import waits, Config,")
    project.write("flow.py", flow.replace("@step\n        def end", "@waits\n        @step\n        def end"))
    process = begin(project)
    err = ended(process, signal.SIGTERM)
    run = project.latest()
    assert err.endswith(f"interrupted by SIGTERM: run Slow/{run.id} is recorded as interrupted\n")
    assert run.status()["state"] == "interrupted"


@pytest.mark.parametrize("command", ["spin", "resume", "retry"])
def test_other_commands_that_run(project: Project, command: str) -> None:
    project.write("flow.py", FLOW.format(body="", member=PLACES["default"]))
    project.run("flow.py")
    (project.root / "pid").unlink()
    project.write("flow.py", FLOW.format(body=PAUSE, member=f"{PLACES['default']}\n        {PLACES['import']}"))
    words = ["-m", "flowc", command, "flow.py", *(["start"] if command == "spin" else [])]
    assert ended(begin(project, *words), signal.SIGTERM) == "interrupted by SIGTERM: no run has begun\n"
    assert len(project.store.runs("Slow")) == 1


@pytest.mark.parametrize("command", ["check", "compile"])
def test_ctrl_c_ends_commands_that_run_nothing(project: Project, command: str) -> None:
    project.write("flow.py", FLOW.format(body=PAUSE, member=PLACES["parser"]))
    assert ended(begin(project, "-m", "flowc", command, "flow.py"), signal.SIGINT) == "interrupted by SIGINT\n"


# -- SIGHUP ------------------------------------------------------------------------------------------------------------

STEPS = """
    import fcntl, os, signal
    from metaflow import FlowSpec, step

    class Slow(FlowSpec):
        @step
        def start(self):
            self.ignored = signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
            with open("pid.tmp", "w") as file:
                file.write(str(os.getpid()))
            os.rename("pid.tmp", "pid")
            print("still here", flush=True)
            with open("go") as gate:
                fcntl.flock(gate, fcntl.LOCK_SH)
            for _ in range(100):
                print("still here", flush=True)
            self.next(self.end)

        @step
        def end(self):
            pass

    if __name__ == "__main__":
        Slow()
    """


@pytest.mark.parametrize("start", ["fork", "fresh"])
def test_an_ignored_hangup_stays_ignored(project: Project, start: str) -> None:
    """A signal that is ignored at the start, as under `nohup`, is also ignored by the run and its tasks."""
    project.write("flow.py", STEPS)
    gate = project.gate()
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        process = project.start("flow.py", "run", "--start", start)
    finally:
        signal.signal(signal.SIGHUP, before)
    wait_until(lambda: (project.root / "pid").exists(), "the task did not start")
    process.send_signal(signal.SIGHUP)
    os.kill(int((project.root / "pid").read_text()), signal.SIGHUP)
    gate.open()
    _, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert project.artifacts(project.latest(), "start")["ignored"]


@pytest.mark.parametrize("term", ["dumb", "xterm"])
def test_a_terminal_that_is_closed_ends_the_run(project: Project, term: str) -> None:
    """Output to the closed terminal may fail before or after SIGHUP; in both cases the record shows the end."""
    project.write("flow.py", STEPS)
    project.gate()
    with Terminal(project, "flow.py", "run", TERM=term) as terminal:
        terminal.until("still here")
        terminal.hang_up()
        assert terminal.process.wait(60) == 128 + signal.SIGHUP
    status = project.latest().status()
    assert (status["state"], status.get("message")) == ("interrupted", "by SIGHUP")


def test_a_terminal_that_is_closed_leaves_a_run_under_nohup_alone(project: Project) -> None:
    """Under nohup, the run continues after its terminal has been closed, and its output is lost."""
    project.write("flow.py", STEPS)
    gate = project.gate()
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        terminal = Terminal(project, "flow.py", "run")
    finally:
        signal.signal(signal.SIGHUP, before)
    with terminal:
        terminal.until("still here")
        terminal.hang_up()
        gate.open()
        assert terminal.process.wait(60) == 0
    assert project.latest().status()["state"] == "succeeded"


def test_output_that_is_held_back_when_its_terminal_goes(project: Project) -> None:
    """The run succeeds although its terminal closes while output without a line end is still buffered."""
    gate = project.gate()
    flow = FLOW.format(body=passing(), member='print("no end of line", end=""); slow("now")')
    project.write("flow.py", flow)
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        terminal = Terminal(project, "-m", "flowc", "run", "flow.py", "--start", "fork")
    finally:
        signal.signal(signal.SIGHUP, before)
    with terminal:
        wait_until(lambda: (project.root / "pid").exists(), "the flow was not imported")
        terminal.hang_up()
        gate.open()
        assert terminal.process.wait(60) == 0
    assert project.latest().status()["state"] == "succeeded"


# -- the guardian ------------------------------------------------------------------------------------------------------


def _guardian(process: int) -> int | None:
    """Return the guardian of a run: the child that leads a session and whose stderr is /dev/null."""
    with open(f"/proc/{process}/task/{process}/children", encoding="ascii") as file:
        children = [int(pid) for pid in file.read().split()]
    for pid in children:
        try:
            if os.getsid(pid) == pid and os.readlink(f"/proc/{pid}/fd/2") == os.devnull:
                return pid
        except OSError:
            continue
    return None


def _other(process: int, before: int) -> Callable[[], bool]:
    return lambda: _guardian(process) not in (None, before)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="it is found in /proc")
@pytest.mark.parametrize("start", ["fork", "fresh"])
def test_a_guardian_that_is_killed_is_replaced(project: Project, start: str) -> None:
    project.write("flow.py", STEPS)
    gate = project.gate()
    process = project.start("flow.py", "run", "--start", start)
    wait_until(lambda: (project.root / "pid").exists(), "the task did not start")
    first = _guardian(process.pid)
    assert first is not None
    os.kill(first, signal.SIGKILL)
    wait_until(_other(process.pid, first), "no other took its place")
    gate.open()
    _, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert err.count("the guardian process was killed; another guardian was started\n") == 1
    run = project.latest()
    assert b"Traceback" not in run.objects.get(run.log_key("start", "0", 1))


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="it is found in /proc")
def test_the_new_guardian_knows_what_runs(project: Project) -> None:
    project.write("flow.py", STEPS)
    project.gate()
    process = project.start("flow.py", "run")
    wait_until(lambda: (project.root / "pid").exists(), "the task did not start")
    first = _guardian(process.pid)
    assert first is not None
    os.kill(first, signal.SIGKILL)
    wait_until(_other(process.pid, first), "no other took its place")
    process.kill()
    process.communicate(timeout=60)
    task = int((project.root / "pid").read_text())
    wait_until(lambda: has_ended(task), "the task outlived its supervisor")
    wait_until(lambda: project.latest().status()["state"] == "killed", "the run was not recorded as killed")


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="it is found in /proc")
def test_a_guardian_that_is_killed_again_and_again_ends_the_run(project: Project) -> None:
    project.write("flow.py", STEPS)
    project.gate()
    process = project.start("flow.py", "run")
    wait_until(lambda: (project.root / "pid").exists(), "the task did not start")

    def killed() -> bool:
        if process.poll() is None and (pid := _guardian(process.pid)) is not None:
            os.kill(pid, signal.SIGKILL)
        return process.poll() is not None

    wait_until(killed, "the run goes on")
    _, err = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "Traceback" not in err
    status = project.latest().status()
    assert (status["state"], "was killed several times" in status.get("message", "")) == ("failed", True)
