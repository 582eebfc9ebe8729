"""Buckets that do not answer: a line with the address is soon printed, and the waiting command can be interrupted."""

from __future__ import annotations

import re
import signal
import socket
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

import faults
from gateway import Gateway, gateway
from project import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from faults import Faults
    from project import Project

FLOW = """
    import os, signal
    from metaflow import FlowSpec, card, step

    class Far(FlowSpec):
        @card(type="blank")
        @step
        def start(self):
            self.number = 1
            self.next(self.end)

        @step
        def end(self):
            print("asleep")
            if "WAIT" in os.environ:
                signal.pause()

    if __name__ == "__main__":
        Far()
    """
COMMANDS = {
    "runs": ["-m", "flowc", "runs"],
    "show": ["-m", "flowc", "show", "Far/latest"],
    "logs": ["-m", "flowc", "logs", "Far/latest"],
    "dump": ["-m", "flowc", "dump", "Far/latest/end"],
    "artifact": ["-m", "flowc", "artifact", "Far/number"],
    "gc": ["-m", "flowc", "gc", "--delete"],
    "tag": ["-m", "flowc", "tag", "add", "Far/latest", "mine"],
    "card": ["-m", "flowc", "card", "list", "Far/latest/start"],
    "run": ["flow.py", "run"],
    "resume": ["flow.py", "resume"],
    "spin": ["flow.py", "spin", "end"],
    "debug": ["-m", "flowc", "debug", "Far/latest/end"],
    "client": ["-c", "from metaflow import Flow; Flow('Far').latest_run"],
}
GIVEN_UP = 15  # the time limit in docs/store.md, in seconds
ERROR = re.compile(r"cannot reach (s3://\S+) at (http://\S+): (.*?)(?: \(tried for (\d+) s\))?$", re.MULTILINE)


@pytest.fixture(scope="module")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with gateway(tmp_path_factory.mktemp("s3")) as running:
        yield running


@pytest.fixture
def way(s3: Gateway) -> Iterator[Faults]:
    with faults.between(s3.environment["AWS_ENDPOINT_URL"]) as found:
        yield found


@pytest.fixture
def far(project: Project, s3: Gateway, way: Faults, request: pytest.FixtureRequest) -> Project:
    """Return a project whose store is a bucket; requests go through a proxy that does not answer."""
    project.write("flow.py", FLOW)
    project.environment |= way.environment(s3.environment)
    project.environment["FLOWC_STORE"] = s3.bucket(f"b{abs(hash(request.node.nodeid))}")
    return project


@pytest.mark.parametrize("how", ["hang", "refused"])
def test_each_command_tells_it_when_it_gives_up(far: Project, way: Faults, how: str) -> None:
    url, words = way.url, "no answer"
    if how == "hang":
        way.begin("hang", times=None)
    else:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            url, words = f"http://127.0.0.1:{free.getsockname()[1]}", "connection refused"
    with ExitStack() as stack:
        started = {
            name: stack.enter_context(far.start(*command, AWS_ENDPOINT_URL=url)) for name, command in COMMANDS.items()
        }
        for process in started.values():
            stack.callback(process.kill)
        for name, process in started.items():
            _, err = process.communicate(timeout=90)
            assert process.returncode == 1, f"{name}: {err}"
            (found,) = ERROR.findall(err)
            assert found[:3] == (far.environment["FLOWC_STORE"], url, words), err
            assert int(found[3]) <= GIVEN_UP, err
            assert ("Traceback" in err) == (name == "client")
    if how == "hang":
        assert len(way.spoiled) == 2 * len(COMMANDS)  # which have 4 and 10 seconds


@pytest.mark.parametrize(
    ("command", "number", "code"),
    [
        ("runs", signal.SIGINT, 130), ("gc", signal.SIGINT, 130), ("run", signal.SIGINT, 130),
        ("resume", signal.SIGINT, 130), ("client", signal.SIGINT, -signal.SIGINT),
        ("run", signal.SIGTERM, 143), ("resume", signal.SIGTERM, 143),
        # These commands have no record to write, so the signal itself ends them.
        ("runs", signal.SIGTERM, -signal.SIGTERM), ("gc", signal.SIGTERM, -signal.SIGTERM),
        ("client", signal.SIGTERM, -signal.SIGTERM),
    ],
)  # fmt: skip
def test_who_waits_can_be_interrupted(
    far: Project, way: Faults, command: str, number: signal.Signals, code: int
) -> None:
    way.begin("hang", times=None)
    with far.start(*COMMANDS[command]) as process:
        wait_until(lambda: bool(way.spoiled), "nothing is asked")
        process.send_signal(number)
        try:
            _, err = process.communicate(timeout=60)
        finally:
            process.kill()
    assert process.returncode == code, err
    assert "cannot reach" not in err  # a command prints this text only after its time limit, and then exits with 1
    assert len(way.spoiled) == 1


def test_a_run_is_interrupted_while_its_store_is_silent(far: Project, way: Faults) -> None:
    with far.start("flow.py", "run", WAIT="1") as process:
        assert process.stdout is not None
        for line in process.stdout:
            if "asleep" in line:
                break
        way.begin("hang", times=None)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert "note: how the run ended is not recorded: s3://" in out + err
    way.mode = None
    assert "killed" in far.flowc("runs").out
