"""`flowc logs --follow`: prints the logs of a run while they are written, until the run ends.

`flowc logs --follow` reads only the store. The command polls the store, because a store sends no notifications. The
interval between two polls is short after new output, and grows while there is no new output. A log is a sequence of
frames, and each read begins after the last complete frame, so that no byte is lost or printed twice.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, final

import click

from flowc.cli.commands.store.read import attempts_of
from flowc.cli.options.common import fail
from flowc.cli.rendering.log_printer import Form, Printer
from flowc.cli.words.pathspecs import find_run
from flowc.cli.words.run_names import hint_for, parts_of
from flowc_ir.late.dataclass import dataclass
from flowc_ir.late.namedtuple import NamedTuple
from flowc_ir.suggestion import closest, did_you_mean
from flowc_runtime.base.errors import NotFound, ProtocolError, RecordError
from flowc_runtime.base.index import path_of
from flowc_runtime.process.logs import chunks, whole
from flowc_runtime.run.views.run_records import RunRecords
from flowc_runtime.run.views.status_view import read_status
from flowc_runtime.store.backends.objects import PIECE
from flowc_runtime.store.records import unreadable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from flowc.cli.rendering.log_printer import Task
    from flowc_runtime.process.logs import Chunk
    from flowc_runtime.run.views.status_view import StatusView
    from flowc_runtime.store.records.run_store import RunStore
    from flowc_runtime.store.records.store import Store

FASTEST, SLOWEST = 0.1, 2.0  # shortest and longest interval between two polls, in seconds
SETTLED = 5.0  # seconds without output after which an ended attempt is not polled again until the run ends
# Seconds without output and without an active task after which a failed cluster run counts as ended. Normally the run's
# exit handler records the end of the run, but the handler may have failed.
UNFINISHED = 60.0
BEGINNING = 300.0  # seconds to wait for a run to start: a cluster may have to add a node and pull an image


class Pause(NamedTuple):
    """The functions of the clock. Tests replace these functions, so that the tests do not have to wait."""

    sleep: Callable[[float], None] = time.sleep
    now: Callable[[], float] = time.monotonic


def follow_run(store: Store, pathspec: str, form: Form, attempt: int | None, pause: Pause = Pause()) -> int:  # noqa: B008
    """Print the tasks' output until the run ends; then print the run's status.

    Returns:
        The exit code: 0 if the run succeeded, 130 after Ctrl-C, otherwise 1.
    """
    try:
        run, step, path = _find(store, pathspec, pause)
        follower = Follower(run, (step, path, attempt), Printer(form._replace(prefixed=path is None)), pause)
        status = follower.follow()
    except KeyboardInterrupt:
        return 130
    where = f": {status.failed}: " if status.failed is not None else ": " if status.message is not None else ""
    click.echo(f"{run.flow}/{run.id} {status.state}{where}{status.line}", err=True)
    if step is not None or attempt is not None:
        follower.check(pathspec)
    return 0 if status.state == "succeeded" else 1


def _find(store: Store, pathspec: str, pause: Pause) -> tuple[RunStore, str | None, str | None]:
    """Wait for the run to start; return the run, and the step and the task's index path if the pathspec names them.

    The function does not wait for the step and the task to start.
    """
    parts = parts_of(store, pathspec)
    run_spec, (step, task) = "/".join(parts[:2]), [*parts[2:4], None, None][:2]
    if 2 <= len(parts) <= 4 and all(parts):
        _await_start(store, parts[0], parts[1], pause)
    run = find_run(store, run_spec if len(parts) <= 4 else pathspec).run
    steps = [node.id for node in run.executes().nodes]
    if step is not None and step not in steps:
        fail(f"flow '{run.flow}' has no step '{step}'", hint_for(step, steps, "steps"))
    if step is None or task is None:
        return run, step, None
    try:
        return run, step, path_of(step, task)  # the task may start after its run
    except ProtocolError as error:
        fail(str(error))


def _await_start(store: Store, flow: str, run_id: str, pause: Pause) -> None:
    """Wait until a run has a record, which the first pod of a cluster run writes.

    If RUN is `latest` and the flow has no run, wait for the flow's first run.
    """

    def started() -> bool:
        ids = store.runs(flow)[-1:] if run_id == "latest" else [run_id]
        return any(store.run(flow, each).exists() for each in ids)

    if started() or (run_id == "latest" and store.has_runs(flow)):
        return
    name = f"the first run of flow '{flow}'" if run_id == "latest" else f"{flow}/{run_id}"
    click.echo(f"waiting for {name} to start in {store.objects.url}", err=True)
    if close := _misspelt(store, flow, run_id):
        click.echo(f"hint: {did_you_mean(close)}", err=True)
    deadline = pause.now() + BEGINNING
    while not started():
        if pause.now() >= deadline:
            which = "" if run_id == "latest" else f" {run_id}"
            fail(f"{name} has not started in {BEGINNING:.0f} s", f"flowc status{which} shows runs on a cluster")
        pause.sleep(SLOWEST)


def _misspelt(store: Store, flow: str, run_id: str) -> str | None:
    """Return the name of an existing flow or run that is similar to the missing FLOW/RUN."""
    flows = store.flows()
    if flow not in flows:
        return closest(flow, flows)
    # a high cutoff, because the ids of all runs of a day are similar
    found = closest(run_id, store.runs(flow)[-20:], cutoff=0.9)
    return f"{flow}/{found}" if found else None


@final
@dataclass(slots=True)
class Tail:
    """The log of one attempt, and the offset `at`: the number of bytes of the log that have been printed."""

    task: Task
    key: str
    at: int = 0
    news: float = 0.0  # the time of the last new output, or of the last check whether the attempt has ended
    more: bool = False  # whether the last read stopped before the end of the log, which may be larger than memory

    def read(self, run: RunStore, *, last: bool) -> list[Chunk]:
        """Return new output of at most about PIECE bytes, and set `more` to whether the log has further output.

        Args:
            run: the run.
            last: whether the attempt has ended. If it has ended, also return an incomplete frame at the end of the log.
        """
        new = b""
        try:
            for piece in run.objects.pieces(self.key, self.at):
                new += piece
                if len(new) >= PIECE and whole(new)[1]:
                    break
        except NotFound:  # the attempt has printed nothing yet
            return []
        self.more = len(new) >= PIECE
        found, taken = whole(new)
        self.at += taken
        if last and not self.more:
            found += chunks(new[taken:])
            self.at += len(new) - taken
        return found


@final
class Follower:
    """Prints the output of the attempts of a run that match `wanted`: a step, a task's index path, and an attempt's
    number. If one of these three values is None, it matches all steps, tasks or attempts.
    """

    def __init__(
        self, run: RunStore, wanted: tuple[str | None, str | None, int | None], printer: Printer, pause: Pause
    ) -> None:
        self._run = run
        self._wanted = wanted
        self._printer = printer
        self._pause = pause
        self._tails: dict[Task, Tail] = {}  # all attempts, also those that are no longer polled
        self._active: dict[Task, Tail] = {}
        self._records = RunRecords(run)
        record = self._records.record
        self._on_cluster = record["target"] != "local"
        self._resumes = record.get("origin") is not None

    def follow(self) -> StatusView:
        """Print the output until the run ends; return the run's status."""
        interval, news = FASTEST, self._pause.now()
        while True:
            # Read the status before the logs: if the status says that the run has ended, the logs are complete.
            status = read_status(self._run, self._records.known)
            if self._look(self._active.values()):
                interval, news = FASTEST, self._pause.now()
            if self._is_over(status, self._pause.now() - news):
                while self._look(self._tails.values(), last=True) and self._has_more():
                    continue
                for task in self._tails:
                    self._printer.finish(task)
                return status
            if self._has_more():
                continue
            self._settle()
            self._pause.sleep(interval)
            interval = min(interval * 1.5, SLOWEST)

    def check(self, pathspec: str) -> None:
        """Print an error and end the program if none of the wanted attempts has started."""
        attempt = self._wanted[2]
        if not self._tails:
            fail(f"{pathspec} has no {'tasks' if attempt is None else f'attempt {attempt}'}")

    def _is_over(self, status: StatusView, silence: float) -> bool:
        if status.is_running:
            return False
        early = self._on_cluster and status.state == "failed" and not status.tasks_ended
        return not early or (silence > UNFINISHED and not self._active)

    def _look(self, tails: Iterable[Tail], *, last: bool = False) -> bool:
        """Print the new output of several logs, sorted by time; return whether there was any new output."""
        self._discover()
        now = self._pause.now()
        printed: list[tuple[Task, Chunk]] = []
        for tail in list(tails):
            found = tail.read(self._run, last=last)
            if found:
                tail.news = now
                printed += [(tail.task, chunk) for chunk in found]
        self._printer.show(sorted(printed, key=lambda entry: entry[1].when))
        return bool(printed)

    def _has_more(self) -> bool:
        return any(tail.more for tail in self._tails.values())

    def _discover(self) -> None:
        """Begin to follow the logs of the attempts that have started since the last poll."""
        step, path, attempt = self._wanted
        for task in attempts_of(self._records, step, path, self._run.attempts):
            if task not in self._tails and attempt in (None, task[2]):
                source = self._run.log_source(*task) if self._resumes else self._run.log_key(*task)
                tail = Tail(task, source, news=self._pause.now())
                self._tails[task] = self._active[task] = tail

    def _has_ended(self, task: Task) -> bool:
        try:
            return self._run.attempt(*task) is not None
        except RecordError as error:  # the record exists but is unreadable: the attempt has ended
            unreadable.tell(error)
            return True

    def _settle(self) -> None:
        """Stop polling attempts that have ended, because a foreach may have thousands of ended attempts."""
        now = self._pause.now()
        for task, tail in list(self._active.items()):
            if now - tail.news >= SETTLED:
                tail.news = now
                if self._has_ended(task):
                    self._printer.finish(task)
                    del self._active[task]
