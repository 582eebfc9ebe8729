"""The output and the end of child processes, on systems with pidfd and (through SIGCHLD) without pidfd."""

from __future__ import annotations

import contextlib
import faulthandler
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from flowc_runtime.base.signals import Wakeup
from flowc_runtime.process import leftovers
from flowc_runtime.process.process import HAS_PIDFD, Child, is_alive, load_prctl, spawn, start_time, this_process
from flowc_runtime.process.watch import Ended, Output, Signalled, Watcher
from project import has_ended, wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from project import Project


@pytest.fixture(params=["pidfd", "sigchld"])
def watcher(request: pytest.FixtureRequest) -> Iterator[Watcher]:
    if request.param == "pidfd" and not HAS_PIDFD:
        pytest.skip("this system has no pidfd")
    with Watcher([signal.SIGUSR1], use_pidfd=request.param == "pidfd") as watcher:
        yield watcher


def start(watcher: Watcher, body: Callable[[int], int]) -> Child:
    child = spawn(body, prctl=load_prctl(), close=watcher.descriptors())
    watcher.add(child)
    return child


def wait(watcher: Watcher, children: int = 1) -> tuple[list[Ended], dict[tuple[int, str], bytes]]:
    """Wait until this number of children has ended; return their ends, and the output of all."""
    ended: list[Ended] = []
    output: dict[tuple[int, str], bytes] = {}
    deadline = time.monotonic() + 60
    while len(ended) < children:
        assert time.monotonic() < deadline, "a death was missed"
        for event in watcher.poll(1):
            if isinstance(event, Output):
                assert not any(end.child == event.child for end in ended), "output after the end"
                key = (event.child.pid, event.stream)
                output[key] = output.get(key, b"") + event.data
            elif isinstance(event, Ended):
                ended.append(event)
    return ended, output


def test_a_signal_that_somebody_has_looked_at_is_told(watcher: Watcher) -> None:
    os.kill(os.getpid(), signal.SIGUSR1)
    assert not watcher.wakeup.has_ending()
    assert watcher.wakeup.seen
    assert watcher.poll(60) == [Signalled(signal.SIGUSR1)]
    assert watcher.poll(0) == []


@pytest.mark.skipif(not HAS_PIDFD, reason="this system has no pidfd")
@pytest.mark.parametrize("number", [signal.SIGUSR1, signal.SIGINT])
def test_only_a_signal_that_ends_the_program_hurries_what_is_left(number: int) -> None:
    wakeup = Wakeup()
    os.write(wakeup.open(), bytes([number]))
    with subprocess.Popen([sys.executable, "-c", "import signal; signal.pause()"]) as process:

        def end() -> None:
            wait_until(lambda: wakeup.seen, "nobody looks at the signals")
            process.kill()

        ending = threading.Thread(target=end)
        if number == signal.SIGUSR1:
            ending.start()
        else:
            wakeup.has_ending()
        try:
            assert leftovers.wait_for_one([process.pid], time.monotonic() + 60, wakeup) == (number == signal.SIGUSR1)
        finally:
            process.kill()
            wakeup.close()
    if number == signal.SIGUSR1:
        ending.join()


def test_output_report_and_exit_code(watcher: Watcher) -> None:
    def body(control: int) -> int:
        print("out")
        os.write(2, b"\xff\x00err")
        os.write(control, b"report")
        return 3

    child = start(watcher, body)
    (end,), output = wait(watcher)
    assert (end.code, end.signal, end.report) == (3, None, b"report")
    assert end.peak_rss > 1 << 20
    assert output == {(child.pid, "stdout"): b"out\n", (child.pid, "stderr"): b"\xff\x00err"}


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV, signal.SIGTERM])
def test_a_death_by_signal(watcher: Watcher, number: signal.Signals) -> None:
    def body(control: int) -> int:
        faulthandler.disable()  # otherwise pytest's fault handler would print a traceback
        os.kill(os.getpid(), number)
        return 0

    start(watcher, body)
    (end,), _ = wait(watcher)
    assert (end.code, end.signal) == (None, number)


def test_many_at_once(watcher: Watcher) -> None:
    def body(number: int) -> Callable[[int], int]:
        def run(control: int) -> int:
            os.write(1, str(number).encode() * 100)
            return number

        return run

    children = {start(watcher, body(number)).pid: number for number in range(20)}
    ended, output = wait(watcher, 20)
    assert {end.child.pid: end.code for end in ended} == children
    assert {pid: data for (pid, _), data in output.items()} == {
        pid: str(number).encode() * 100 for pid, number in children.items()
    }


def test_more_than_a_pipe_holds(watcher: Watcher) -> None:
    def body(control: int) -> int:
        sys.stdout.write("x" * 5_000_000)
        return 0

    child = start(watcher, body)
    _, output = wait(watcher)
    assert output == {(child.pid, "stdout"): b"x" * 5_000_000}


def test_what_the_child_leaves_in_its_session_dies_with_it(watcher: Watcher) -> None:
    def body(control: int) -> int:
        sleeper = subprocess.Popen(["sleep", "1000"])  # it keeps the pipes open, which it inherits
        print(sleeper.pid, flush=True)
        return 0

    child = start(watcher, body)
    _, output = wait(watcher)
    sleeper = int(output[child.pid, "stdout"])
    wait_until(lambda: has_ended(sleeper), "the sleeper is still there")


def test_reports_alone_do_not_end_a_wait(watcher: Watcher) -> None:
    go_read, go_write = os.pipe()

    def body(control: int) -> int:
        os.write(control, b"first ")
        os.read(go_read, 1)
        os.write(control, b"second")
        return 0

    child = start(watcher, body)
    began = time.monotonic()
    assert watcher.poll(0.5) == []
    assert time.monotonic() - began >= 0.5
    os.write(go_write, b"x")
    (ended,), output = wait(watcher)
    assert (ended.child, ended.report, output) == (child, b"first second", {})
    for descriptor in (go_read, go_write):
        os.close(descriptor)


def test_signals_are_events(watcher: Watcher) -> None:
    os.kill(os.getpid(), signal.SIGUSR1)
    assert watcher.poll(5) == [Signalled(signal.SIGUSR1)]


def test_a_child_sees_a_clean_process(watcher: Watcher) -> None:
    held = watcher.descriptors()[-1]
    linux = sys.platform.startswith("linux")
    parents = os.readlink(f"/proc/self/fd/{held}") if linux else ""

    def body(control: int) -> int:
        assert sys.stdin.read() == ""
        assert os.getsid(0) == os.getpid() == os.getpgid(0)
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
        assert signal.getsignal(signal.SIGUSR1) is not None
        with contextlib.suppress(OSError):
            # both cases are right: the descriptor is closed and readlink fails, or its number now means another file
            assert not linux or os.readlink(f"/proc/self/fd/{held}") != parents
        return 0

    start(watcher, body)
    (end,), output = wait(watcher)
    assert end.code == 0, output


def test_an_exception_in_the_child_does_not_return_into_the_parent(watcher: Watcher) -> None:
    def body(control: int) -> int:
        raise RuntimeError("boom")

    child = start(watcher, body)
    (end,), output = wait(watcher)
    assert end.code == 70
    assert b"RuntimeError: boom" in output[child.pid, "stderr"]


def test_threads_that_are_no_daemons_are_waited_for(watcher: Watcher) -> None:
    def body(control: int) -> int:
        import threading

        threading.Thread(target=lambda: (threading.main_thread().join(), print("late"))).start()
        return 0

    child = start(watcher, body)
    _, output = wait(watcher)
    assert output == {(child.pid, "stdout"): b"late\n"}


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs prctl; see tests/emulator/test_guardian.py")
def test_a_child_dies_with_its_parent(project: Project) -> None:
    project.write(
        "parent.py",
        """
        import os, select, signal
        from flowc_runtime.process.process import load_prctl, spawn

        def body(control):
            os.write(1, b"here")
            signal.pause()

        child = spawn(body, prctl=load_prctl())
        select.select([child.stdout], [], [])
        print(child.pid, flush=True)
        os.kill(os.getpid(), signal.SIGKILL)
        """,
    )
    pid = int(project.python("parent.py").out)
    wait_until(lambda: has_ended(pid), "the child outlived its parent")


def test_a_process_is_known_by_its_start() -> None:
    process = this_process()
    assert is_alive(process)
    assert is_alive(process | {"started": "1"}) is (not sys.platform.startswith("linux"))
    assert is_alive(process | {"pid": 2**22 + 1}) is False
    assert is_alive(process | {"host": "elsewhere"}) is None
    assert is_alive(process | {"pod": "p"}) is None


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="a process is known by its start on Linux only")
def test_a_process_that_was_not_waited_for_has_ended() -> None:
    with subprocess.Popen([sys.executable, "-c", "import sys; sys.stdin.read()"], stdin=subprocess.PIPE) as child:
        process = this_process() | {"pid": child.pid, "started": start_time(child.pid) or ""}
        assert is_alive(process)
        assert child.stdin is not None
        child.stdin.close()
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        assert Path(f"/proc/{child.pid}").exists()
        assert is_alive(process) is False
