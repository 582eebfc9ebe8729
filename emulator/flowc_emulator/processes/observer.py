"""Protocols of the objects that the engine calls: an observer of the engine's events, and launchers of processes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, TypeVar

if TYPE_CHECKING:
    from flowc_emulator.processes.engine import Inherited
    from flowc_runtime.process.logs import Stream
    from flowc_runtime.process.process import Child
    from flowc_runtime.process.watch import Ended, Reaper

J_contra = TypeVar("J_contra", contravariant=True)


class Observer(Protocol[J_contra]):
    """The events that the engine reports while it waits."""

    def output(self, job: J_contra, stream: Stream, data: bytes) -> None:
        """Handle bytes that the job's process wrote to stdout or stderr."""
        ...

    def cut_short(self, job: J_contra, ended: Ended) -> None:
        """Handle the abnormal end of a process that had reported the end of its job."""
        ...

    def held(self, job: J_contra) -> None:
        """Handle the start of a debugger's prompt: the job has borrowed the terminal."""
        ...

    def released(self) -> None:
        """Handle the end of a debugger's prompt: the job has returned the terminal."""
        ...

    def interrupted(self, number: int, running: int, *, again: bool) -> None:
        """Handle the signal `number`, which ends `running` jobs; if `again` is true, this is the second signal, which
        kills the jobs."""
        ...

    def hung(self, job: J_contra) -> None:
        """Handle a hanging job: its process waits for a lock that no thread can release. The process was asked to print
        its stack."""
        ...

    def note(self, text: str) -> None:
        """Handle a note that the user should see."""
        ...


class Launcher(Protocol):
    """Starts one process."""

    def launch(self, place: Inherited) -> tuple[Child, Reaper | None]:
        """Start the process. Return it, and the `Reaper` that reports its end: None if this process is its parent, and
        therefore waits for it itself. Raises OSError."""
        ...
