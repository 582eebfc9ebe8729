"""Parts of the fork server: its messages, and its reports about children that have ended."""

from __future__ import annotations

import os
import socket
import textwrap
import threading
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from flowc_emulator.forkserver.wire import (
    Exited,
    NotStarted,
    Ready,
    Replies,
    Setup,
    Started,
    StartTask,
    UnsafeImport,
    receive,
    reply,
    send,
)
from flowc_runtime.process.process import Child
from flowc_runtime.process.watch import Ended, Output, Watcher

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flowc_emulator.forkserver.wire import Reply
    from project import Project

SETUP = Setup(
    store="file:///s", flow="F", run="1", ir="{}", root="/r", parameters={"text": "x" * 3_000_000}, functions=None,
    path=(), argv=(), coverage=None
)  # fmt: skip


def test_requests_travel_whole_however_large() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        sender = threading.Thread(target=send, args=(ours, SETUP))
        sender.start()
        assert receive(theirs) == (SETUP, [])
        sender.join()


def test_descriptors_travel_with_a_request_and_are_not_inherited() -> None:
    ours, theirs = socket.socketpair()
    order = StartTask(assignment={"step": "a"}, tasks=1, guarded=True, lent=False)
    read, write = os.pipe()
    with ours, theirs:
        send(ours, order, [write, write])
        found = receive(theirs)
    assert found is not None and found[0] == order
    os.close(write)
    os.write(found[1][1], b"through")
    assert not os.get_inheritable(found[1][0])
    for descriptor in found[1]:
        os.close(descriptor)
    assert os.read(read, 100) == b"through"
    os.close(read)


def test_the_end_and_a_request_that_is_cut_off() -> None:
    ours, theirs = socket.socketpair()
    with theirs:
        with ours:
            ours.sendall(b"\0\0\0\0\0\0\0\5ab")
        with pytest.raises(EOFError):
            receive(theirs)
        assert receive(theirs) is None


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_replies_are_put_together_from_pieces(size: int) -> None:
    said: list[Reply] = [
        Started(7),
        Exited(7, 256, 1 << 40),
        NotStarted(11),
        Ready(),
        UnsafeImport("p", "starts 2 threads (a b)", 0.25),
    ]
    ours, theirs = socket.socketpair()
    with ours, theirs:
        for message in said:
            reply(ours, message)
        ours.shutdown(socket.SHUT_WR)
        replies, found = Replies(), []
        while data := theirs.recv(size):
            found += replies.feed(data)
    assert found == said


class Parent:
    """A simulation of the reaper: it reports ends of children that need not exist as processes."""

    def __init__(self) -> None:
        self.ours, self.theirs = socket.socketpair()
        self.reports: list[tuple[int, int, int]] = []
        self.queued = self.gone = False

    def close(self) -> None:
        self.ours.close()
        self.theirs.close()

    def fileno(self) -> int:
        return self.ours.fileno()

    def ended(self) -> Iterator[tuple[int, int, int]]:
        while self.reports:
            yield self.reports.pop(0)


def child(pid: int, text: bytes) -> Child:
    """Return a simulated child with this pid, whose stdout contains this text."""
    pipes = [os.pipe() for _ in range(3)]
    os.write(pipes[0][1], text)
    for read, write in pipes:
        os.close(write)
        os.set_blocking(read, False)
    return Child(pid, *(read for read, _ in pipes))


NOBODY = 2**22 + 1  # a pid that no process can have


def test_a_reaper_reports_ends_after_the_output() -> None:
    with closing(Parent()) as parent, Watcher() as watcher:
        one = child(NOBODY, b"last words")
        watcher.add(one, parent)
        parent.reports.append((NOBODY, 3 << 8, 1024))
        parent.theirs.send(b"!")
        events = [event for _ in range(2) for event in watcher.poll(1)]
    assert next(event for event in events if isinstance(event, Output)).data == b"last words"
    (ended,) = [event for event in events if isinstance(event, Ended)]
    assert (ended.child, ended.code, ended.peak_rss) == (one, 3, 1024)
    assert isinstance(events[-1], Ended)


def test_a_number_that_is_used_again_is_another_child() -> None:
    """A pid that is reused belongs to another child: a report about the first child does not end the second one."""
    with closing(Parent()) as parent, closing(Parent()) as other, Watcher() as watcher:
        first = child(NOBODY, b"")
        watcher.add(first, parent)
        parent.reports.append((NOBODY, 9, 1))
        second = child(NOBODY, b"")
        watcher.add(second, other)
        (ended,) = [event for event in watcher.poll(1) if isinstance(event, Ended)]
        assert (ended.child, ended.signal) == (first, 9)
        other.reports.append((NOBODY, 0, 2))
        other.queued = True
        (ended,) = [event for event in watcher.poll(1) if isinstance(event, Ended)]
        assert (ended.child, ended.code) == (second, 0)


def test_a_server_whose_client_has_gone_ends_without_a_word(project: Project) -> None:
    """The client may close its socket at any moment; then the server ends without an error message."""
    program = """
        import os, socket
        from flowc_emulator.forkserver.server import _Server

        ours, theirs = socket.socketpair()
        server = _Server(theirs, None, None)
        if not (pid := os.fork()):
            os._exit(0)
        os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
        ours.close()
        server._reap()
        os._exit(3)
        """
    assert project.python("-c", textwrap.dedent(program)) == (0, "", "")
