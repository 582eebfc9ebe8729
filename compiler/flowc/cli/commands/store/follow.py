"""`flowc logs --follow`: the logs of a run as they are written, from the store alone, until the run has ended.

A store cannot say that something has changed, so it is asked again and again: at once after news, less and less often
without. Each log is read from where its last whole frame ended, so no byte is missed or told twice.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, final

import click

from flowc.cli.commands.store.read import attempts_of
from flowc.cli.options.common import fail
from flowc.cli.rendering.log_printer import Form, Printer
from flowc.cli.words.pathspecs import find_run
from flowc.cli.words.run_names import hint_for, parts_of
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
    from flowc_runtime.store.records.store import RunStore, Store

FASTEST, SLOWEST = 0.1, 2.0  # seconds between two looks
SETTLED = 5.0  # seconds without news after which an attempt that has its record is read no more, until the end
UNFINISHED = (
    60.0  # seconds without news and without a task under way after which a failed run counts as ended: its exit
)
# handler, which says so, may have failed as well
BEGINNING = 300.0  # seconds that a run may take to begin: a cluster has to find a node and pull an image


class Pause(NamedTuple):
    """Time, so that tests need none."""

    sleep: Callable[[float], None] = time.sleep
    now: Callable[[], float] = time.monotonic


def follow_run(store: Store, pathspec: str, form: Form, attempt: int | None, pause: Pause = Pause()) -> int:  # noqa: B008
    """Print what the tasks write until the run ends, then how it ended; the exit code, 0 for success."""
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
    """The run, once it has begun; its steps are those of the flow, begun or not."""
    parts = parts_of(store, pathspec)
    run_spec, (step, task) = "/".join(parts[:2]), [*parts[2:4], None, None][:2]
    if 2 <= len(parts) <= 4 and all(parts) and parts[1] != "latest":
        _await_begin(store, store.run(parts[0], parts[1]), run_spec, pause)
    run = find_run(store, run_spec if len(parts) <= 4 else pathspec).run
    steps = [node.id for node in run.executes().nodes]
    if step is not None and step not in steps:
        fail(f"flow '{run.flow}' has no step '{step}'", hint_for(step, steps, "steps"))
    if step is None or task is None:
        return run, step, None
    try:
        return run, step, path_of(step, task)  # it may be yet to begin
    except ProtocolError as error:
        fail(str(error))


def _await_begin(store: Store, run: RunStore, name: str, pause: Pause) -> None:
    """Wait for a run that was triggered a moment ago: its record is made by its first pod."""
    deadline = pause.now() + BEGINNING
    if not run.exists():
        click.echo(f"waiting for {name} to begin in {run.objects.url}", err=True)
        if close := _misspelt(store, run):
            click.echo(f"hint: {did_you_mean(close)}", err=True)
    while not run.exists():
        if pause.now() >= deadline:
            fail(f"{name} has not begun in {BEGINNING:.0f} s", f"flowc status {run.id} says why, if it is on a cluster")
        pause.sleep(SLOWEST)


def _misspelt(store: Store, run: RunStore) -> str | None:
    """The flow or the run that there is and whose name is like that of this run, which there is not."""
    flows = store.flows()
    if run.flow not in flows:
        return closest(run.flow, flows)
    found = closest(run.id, store.runs(run.flow)[-20:], cutoff=0.9)  # all ids begin with the day
    return f"{run.flow}/{found}" if found else None


@final
@dataclass(slots=True)
class Tail:
    """The log of one attempt, and how much of it has been told."""

    task: Task
    key: str
    at: int = 0
    news: float = 0.0  # when something new was read, or it was last asked whether the attempt has ended
    more: bool = False  # whether the last look left something: a log may be larger than memory

    def read(self, run: RunStore, *, last: bool) -> list[Chunk]:
        """What is new, a part of it if it is much; a frame that is cut only if it is the `last` look."""
        new = b""
        try:
            for piece in run.objects.pieces(self.key, self.at):
                new += piece
                if len(new) >= PIECE and whole(new)[1]:
                    break
        except NotFound:  # it has printed nothing yet
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
    """Follows the attempts of a run that are `wanted`: all, of a step, of a task, or of one number."""

    def __init__(
        self, run: RunStore, wanted: tuple[str | None, str | None, int | None], printer: Printer, pause: Pause
    ) -> None:
        self._run = run
        self._wanted = wanted
        self._printer = printer
        self._pause = pause
        self._tails: dict[Task, Tail] = {}  # all, the settled ones too
        self._active: dict[Task, Tail] = {}
        self._records = RunRecords(run)
        record = self._records.record
        self._on_cluster = record["target"] != "local"
        self._resumes = record.get("origin") is not None

    def follow(self) -> StatusView:
        """Print until the run has ended; how it ended."""
        interval, news = FASTEST, self._pause.now()
        while True:
            # First the status, then the logs: what was written before the end is read after it.
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

    def check(self, asked: str) -> None:
        """End the program if what was asked for has never begun."""
        attempt = self._wanted[2]
        if not self._tails:
            fail(f"{asked} has no {'tasks' if attempt is None else f'attempt {attempt}'}")

    def _is_over(self, status: StatusView, silence: float) -> bool:
        if status.is_running:
            return False
        early = self._on_cluster and status.state == "failed" and not status.tasks_ended
        return not early or (silence > UNFINISHED and not self._active)

    def _look(self, tails: Iterable[Tail], *, last: bool = False) -> bool:
        """Print what is new, in the order of its writing; whether anything was."""
        self._discover()
        now = self._pause.now()
        told: list[tuple[Task, Chunk]] = []
        for tail in list(tails):
            found = tail.read(self._run, last=last)
            if found:
                tail.news = now
                told += [(tail.task, chunk) for chunk in found]
        self._printer.show(sorted(told, key=lambda entry: entry[1].when))
        return bool(told)

    def _has_more(self) -> bool:
        return any(tail.more for tail in self._tails.values())

    def _discover(self) -> None:
        """Take up the attempts that have begun since."""
        step, path, attempt = self._wanted
        for task in attempts_of(self._records, step, path, self._run.attempts):
            if task not in self._tails and attempt in (None, task[2]):
                source = self._run.log_source(*task) if self._resumes else self._run.log_key(*task)
                tail = Tail(task, source, news=self._pause.now())
                self._tails[task] = self._active[task] = tail

    def _has_ended(self, task: Task) -> bool:
        try:
            return self._run.attempt(*task) is not None
        except RecordError as error:  # a record is written at the end
            unreadable.tell(error)
            return True

    def _settle(self) -> None:
        """Let go of attempts that have ended: a wide foreach has thousands of them."""
        now = self._pause.now()
        for task, tail in list(self._active.items()):
            if now - tail.news >= SETTLED:
                tail.news = now
                if self._has_ended(task):
                    self._printer.finish(task)
                    del self._active[task]
