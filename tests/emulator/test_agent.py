"""What happens if the agent, the process that makes a supervisor's requests to a bucket, stops reading messages."""

from __future__ import annotations

import os
import signal
import threading
from typing import TYPE_CHECKING

import pytest

from flowc_emulator.processes import agent as agents
from flowc_emulator.processes.agent import Agent
from flowc_runtime.base.errors import StoreError
from flowc_runtime.base.signals import Wakeup
from small_flows import two_steps

if TYPE_CHECKING:
    from collections.abc import Iterator

    from project import Project

FLOW = two_steps("F", guard=False)


def test_more_than_it_takes_is_waited_for_no_longer_than_may_be() -> None:
    agent = Agent("s3://nowhere/prefix")
    os.kill(agent.pid, signal.SIGSTOP)
    # if the call of `append` hangs, the timer kills the agent after 60 s, which ends the call
    unless = threading.Timer(60, os.kill, (agent.pid, signal.SIGKILL))
    unless.start()
    agent.limit = 0.2
    try:
        with pytest.raises(StoreError, match="does not answer, and the run is being ended"):
            agent.append("log", bytes(4 << 20))
    finally:
        unless.cancel()
        agent.leave()
        os.waitpid(agent.pid, 0)


@pytest.fixture
def silent() -> Iterator[Agent]:
    """Start an agent that never answers, and kill it a little later."""
    agent = Agent("s3://nowhere/prefix")
    os.kill(agent.pid, signal.SIGSTOP)
    agent.wakeup = Wakeup()
    end = threading.Timer(0.5, os.kill, (agent.pid, signal.SIGKILL))
    end.start()
    yield agent
    end.cancel()
    agent.leave()
    os.waitpid(agent.pid, 0)
    agent.wakeup.close()


@pytest.mark.parametrize(
    ("numbers", "message"),
    [
        ([signal.SIGUSR1], "has died"),
        ([signal.SIGWINCH, signal.SIGALRM, signal.SIGCHLD], "has died"),
        ([signal.SIGUSR1, signal.SIGTERM], "does not answer, and the run is being ended"),
        ([signal.SIGHUP], "does not answer, and the run is being ended"),
    ],
)
def test_only_a_signal_that_ends_the_run_hurries_it(
    silent: Agent, numbers: list[int], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(agents, "HURRY", 0.0)
    assert silent.wakeup is not None
    os.write(silent.wakeup.open(), bytes(numbers))
    with pytest.raises(StoreError, match=message):
        silent.get("key")
    assert silent.wakeup.take() == bytes(numbers)  # signals are still reported


def test_a_signal_that_comes_after_another_hurries_it(silent: Agent, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(agents, "HURRY", 0.0)
    assert silent.wakeup is not None
    write = silent.wakeup.open()
    os.write(write, bytes([signal.SIGUSR1]))
    assert not silent.wakeup.has_ending()
    os.write(write, bytes([signal.SIGINT]))
    with pytest.raises(StoreError, match="does not answer, and the run is being ended"):
        silent.get("key")


def test_it_forgets_the_signals_of_a_run_that_has_ended(project: Project) -> None:
    """When the run has ended, the agent's file descriptor is closed, and its number may be reused for another file."""
    project.write("flow.py", FLOW)
    project.write(
        "go.py",
        """
        from pathlib import Path
        from flowc.frontends.metaflow.flowspec import load
        from flowc_ir.schema import dumps
        from flowc_emulator.processes.agent import Agent
        from flowc_emulator.console.text_console import make_console
        from flowc_emulator.scheduling.seeds import Seeds
        from flowc_emulator.supervisor import Supervisor
        from flowc_emulator.plan import Plan
        from flowc_runtime.base.index import Graph
        from flowc_runtime.store.records.store import Store

        seeds = Seeds()
        found = load(Path("flow.py"))
        run = Store.open(".flowc").run("F", "1")
        run.create({"version": 2, "created": 1.0}, dumps(found.flow))
        agent = Agent("s3://nowhere/prefix")
        plan = Plan(run=run, records=run, graph=Graph(found.flow), program=found.program, parameters={}, user="me",
                    max_workers=1, seeds=seeds, agent=agent)
        result = Supervisor(plan, make_console("text", quiet=True)).run()
        print(result.ok, agent.wakeup)
        agent.close()
        """,
    )
    done = project.python("go.py")
    assert (done.code, done.out) == (0, "True None\n"), done.err
