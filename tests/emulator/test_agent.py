"""The process that talks to a bucket for the supervisor, where it takes nothing any more."""

from __future__ import annotations

import os
import signal
import threading

import pytest

from flowc_emulator.agent import Agent
from flowc_runtime.errors import StoreError


def test_more_than_it_takes_is_waited_for_no_longer_than_may_be() -> None:
    agent = Agent("s3://nowhere/prefix")
    os.kill(agent.pid, signal.SIGSTOP)
    unless = threading.Timer(60, os.kill, (agent.pid, signal.SIGKILL))  # what sends for ever ends with another message
    unless.start()
    agent.limit = 0.2
    try:
        with pytest.raises(StoreError, match="does not answer, and the run is to end"):
            agent.append("log", bytes(4 << 20))
    finally:
        unless.cancel()
        agent.leave()
        os.waitpid(agent.pid, 0)
