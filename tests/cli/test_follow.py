"""`flowc logs --follow` prints all output once, and ends with the run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowc.cli.commands.store import follow
from flowc.cli.rendering.log_printer import Form
from flowc_runtime.process.logs import chunks, frame, whole
from flowc_runtime.store.records.record_types import RECORD_VERSION
from flowc_runtime.store.records.run_store import RunStore
from flowc_runtime.store.records.store import Store
from project import done_record, run_record, wait_until
from terminal import Terminal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from project import Project

IR = (
    '{"flowc":2,"name":"Slow","code":{"file":"flow.py","name":"Slow","digest":"sha256:0000"},"where":"flow.py:1:1",'
    '"start":"start","nodes":['
    '{"id":"start","where":"flow.py:2:1","run":{"method":"start"},"next":"end"},'
    '{"id":"end","where":"flow.py:3:1","run":{"method":"end"},"next":null}]}'
)


class Story:
    """A simulated run: whenever the command sleeps, the clock and the run's output advance."""

    def __init__(self, run: RunStore, events: Iterator[Any]) -> None:
        self.run, self.events, self.clock = run, events, 0.0

    def sleep(self, seconds: float) -> None:
        self.clock += seconds
        assert self.clock < 1000, "it follows a run that has ended"
        next(self.events, None)

    @property
    def pause(self) -> follow.Pause:
        return follow.Pause(self.sleep, lambda: self.clock)

    def begin(self, target: str = "argo") -> None:
        assert self.run.create(run_record(self.run, target=target, process={"pod": "p"}), IR)

    def attempt(self, step: str, number: int = 1) -> None:
        record: Any = {"version": RECORD_VERSION, "began": 0.0, "process": {}}
        self.run.begin(step, "0", number, record)

    def write(self, step: str, data: bytes, number: int = 1) -> None:
        self.run.objects.append(self.run.log_key(step, "0", number), data)

    def say(self, step: str, text: str, number: int = 1) -> None:
        self.write(step, frame(self.clock, "stdout", text.encode()), number)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store.open(str(tmp_path))


Told = tuple[int, str, str]


@pytest.fixture
def told(store: Store, capfdbinary: pytest.CaptureFixture[bytes]) -> Callable[..., Told]:
    """Return a function that follows a simulated run and returns the exit code, stdout and stderr."""

    def tell(story: Callable[[Story], Iterator[Any]], pathspec: str = "Slow/r1") -> Told:
        made = Story(store.run("Slow", "r1"), iter(()))
        made.events = story(made)
        next(made.events, None)  # run the story up to its first `yield` before the command starts
        code = follow.follow_run(store, pathspec, Form(), None, made.pause)
        out, err = capfdbinary.readouterr()
        return code, out.decode(), err.decode()

    return tell


def test_a_run_from_its_begin_to_its_end(told: Callable[..., Told]) -> None:
    def story(run: Story) -> Iterator[None]:
        yield
        run.begin()
        yield
        run.attempt("start")
        yield
        run.say("start", "one\ntw")
        yield
        run.say("start", "o\n")
        run.attempt("end")
        run.say("end", "no newline")
        yield
        run.run.set_status({"state": "succeeded", "changed": 9.0, "ended": 9.0})

    code, out, err = told(story)
    assert (code, out) == (0, "[start/0] one\n[start/0] two\n[end/0] no newline\n")
    assert err.splitlines()[0].startswith("waiting for Slow/r1 to start in file://")
    assert err.splitlines()[1:] == ["Slow/r1 succeeded"]


def test_a_task_alone_is_told_as_its_bytes_are(told: Callable[..., Told]) -> None:
    def story(run: Story) -> Iterator[None]:
        run.begin()
        run.attempt("start")
        run.say("start", "one\ntw")
        run.attempt("end")
        run.say("end", "not asked for")
        yield
        run.run.set_status({"state": "succeeded", "changed": 9.0, "ended": 9.0})

    assert told(story, "Slow/r1/start/0")[:2] == (0, "one\ntw")


def test_a_failed_task_is_not_the_end_of_the_others(told: Callable[..., Told]) -> None:
    """On a cluster, a run's status may be failed while tasks still run; these are followed to their end."""

    def story(run: Story) -> Iterator[None]:
        run.begin()
        run.attempt("start")
        status: Any = {"state": "failed", "changed": 1.0, "failed": "start/0", "message": "ValueError: no\nmore"}
        run.run.set_status(status)
        for _ in range(20):  # after each `yield`, the command sleeps for up to 2 s
            yield
        run.say("start", "late\n")
        yield
        run.run.set_status({**status, "ended": 2.0})

    assert told(story) == (1, "[start/0] late\n", "Slow/r1 failed: start/0: ValueError: no\n")


def test_a_failed_run_whose_end_nobody_records(told: Callable[..., Told]) -> None:
    def story(run: Story) -> Iterator[None]:
        run.begin()
        run.run.set_status({"state": "failed", "changed": 1.0})
        yield

    assert told(story) == (1, "", "Slow/r1 failed\n")


def test_a_log_that_goes_on_long_after_its_record(told: Callable[..., Told]) -> None:
    """The log of an ended attempt is read once more at the end of the run, because output may arrive late."""

    def story(run: Story) -> Iterator[None]:
        run.begin()
        run.attempt("start")
        run.say("start", "early\n")
        yield
        run.run.finish(done_record(run.run, "start"))
        for _ in range(20):
            yield
        run.say("start", "late\n")
        yield
        run.run.set_status({"state": "succeeded", "changed": 9.0, "ended": 9.0})

    assert told(story)[1] == "[start/0] early\n[start/0] late\n"


def test_a_frame_that_is_cut_is_told_when_it_is_whole(told: Callable[..., Told]) -> None:
    def story(run: Story) -> Iterator[None]:
        run.begin()
        run.attempt("start")
        one, two = frame(1.0, "stdout", b"one"), frame(2.0, "stdout", b"two, and never more")
        for byte in one:
            run.write("start", bytes([byte]))
            yield
        run.write("start", two[:-5])
        run.run.set_status({"state": "killed", "changed": 9.0, "ended": 9.0})

    assert told(story, "Slow/r1/start/0")[1] == "onetwo, and never"


def test_a_step_that_there_is_not(store: Store, capfd: pytest.CaptureFixture[str]) -> None:
    Story(store.run("Slow", "r1"), iter(())).begin()
    with pytest.raises(SystemExit):
        follow.follow_run(store, "Slow/r1/strat", Form(), None)
    assert capfd.readouterr().err == "error: flow 'Slow' has no step 'strat'\nhint: did you mean 'start'?\n"


@pytest.mark.parametrize(
    ("asked", "hint"), [("Slwo/r1", "Slow"), ("Slow/20261120-101112-123abd", "Slow/20261120-101112-123abc")]
)
def test_a_run_that_does_not_begin(store: Store, capfd: pytest.CaptureFixture[str], asked: str, hint: str) -> None:
    """For an unknown run, which may be misspelt or start soon, the command prints a hint and waits."""
    run = store.run("Slow", "20261120-101112-123abc")
    story = Story(run, iter(()))
    story.begin()
    with pytest.raises(SystemExit):
        follow.follow_run(store, asked, Form(), None, story.pause)
    waiting, hinted, error, _ = capfd.readouterr().err.splitlines()
    assert waiting.startswith(f"waiting for {asked} to start in file://")
    assert (hinted, error) == (f"hint: did you mean '{hint}'?", f"error: {asked} has not started in 300 s")


def test_the_first_run_of_a_flow_is_waited_for(told: Callable[..., Told]) -> None:
    """With `Slow/latest`, the command waits for the first run of a flow that has no runs yet."""

    def story(run: Story) -> Iterator[None]:
        yield
        yield
        run.begin()
        run.attempt("start")
        run.say("start", "one\n")
        yield
        run.run.set_status({"state": "succeeded", "changed": 9.0, "ended": 9.0})

    code, out, err = told(story, "Slow/latest")
    assert (code, out) == (0, "[start/0] one\n")
    assert err.splitlines()[0].startswith("waiting for the first run of flow 'Slow' to start in file://")
    assert err.splitlines()[1:] == ["Slow/r1 succeeded"]


def test_a_first_run_that_does_not_start(store: Store, capfd: pytest.CaptureFixture[str]) -> None:
    story = Story(store.run("Slow", "r1"), iter(()))
    story.begin()
    with pytest.raises(SystemExit):
        follow.follow_run(store, "Slwo/latest", Form(), None, story.pause)
    waiting, *rest = capfd.readouterr().err.splitlines()
    assert waiting.startswith("waiting for the first run of flow 'Slwo' to start in file://")
    assert rest == [
        "hint: did you mean 'Slow'?",
        "error: the first run of flow 'Slwo' has not started in 300 s",
        "hint: flowc status shows runs on a cluster",
    ]


@pytest.mark.parametrize(("attempt", "said"), [(7, "attempt 7"), (None, "tasks")])
def test_what_has_not_begun_when_the_run_ends(
    store: Store, capfd: pytest.CaptureFixture[str], attempt: int | None, said: str
) -> None:
    story = Story(store.run("Slow", "r1"), iter(()))
    story.begin()
    story.attempt("start")
    story.run.set_status({"state": "succeeded", "changed": 9.0, "ended": 9.0})
    with pytest.raises(SystemExit) as ended:
        follow.follow_run(store, f"Slow/r1/{'start' if attempt else 'end'}", Form(), attempt, story.pause)
    assert ended.value.code == 1
    assert capfd.readouterr().err.splitlines()[-1].endswith(f" has no {said}")


def begun(project: Project) -> str:
    """Return the id of the run that was just started, as soon as the run exists."""
    file = project.root / "id"
    wait_until(lambda: file.exists() and file.read_text() != "", "the run did not begin")
    return file.read_text()


def test_at_a_terminal(project: Project) -> None:
    """Output is shown immediately, also incomplete lines; Ctrl-C ends the command, not the run."""
    project.write(
        "flow.py",
        """
        import signal
        from metaflow import FlowSpec, step

        class Slow(FlowSpec):
            @step
            def start(self):
                print("begun", end=" and not ended", flush=True)
                signal.pause()
                self.next(self.end)

            @step
            def end(self):
                pass
        """,
    )
    with project.start("-m", "flowc", "run", "flow.py", "--run-id-file", "id") as run:
        run_id = begun(project)
        with Terminal(project, "-m", "flowc", "logs", f"Slow/{run_id}/start/0", "--follow") as terminal:
            terminal.until("begun and not ended")
            terminal.type("\x03")
            assert terminal.end() == 130
        assert project.latest().status()["state"] == "running"
        run.terminate()
        run.communicate()


@given(st.lists(st.binary(min_size=1)), st.integers(min_value=0))
def test_reading_on_from_where_the_last_look_ended(writes: list[bytes], cut: int) -> None:
    log = b"".join(frame(1.0, "stdout", data) for data in writes)
    cut %= len(log) + 1
    before, at = whole(log[:cut])
    after, _ = whole(log[at:])
    assert [chunk.data for chunk in [*before, *after]] == writes
    assert [*chunks(log)] == [*before, *after]


def test_a_real_run_in_the_background(project: Project) -> None:
    """Another process follows while the run writes, and prints the complete logs."""
    project.write(
        "flow.py",
        """
        import fcntl
        from metaflow import FlowSpec, step

        class Slow(FlowSpec):
            @step
            def start(self):
                self.items = range(3)
                self.next(self.work, foreach="items")

            @step
            def work(self):
                for line in range(20):
                    print(f"{self.input} says {line}", flush=True)
                    if line == 9:
                        with open("go") as gate:
                            fcntl.flock(gate, fcntl.LOCK_SH)
                self.next(self.join)

            @step
            def join(self, inputs):
                self.next(self.end)

            @step
            def end(self):
                print("done", end="")
        """,
    )
    gate = project.gate()
    with project.start("-m", "flowc", "run", "flow.py", "--run-id-file", "id") as run:
        run_id = begun(project)
        with project.start("-m", "flowc", "logs", f"Slow/{run_id}", "--follow") as follower:
            assert follower.stdout is not None
            out = ""
            while any(f"{item} says 9\n" not in out for item in range(3)):
                line = follower.stdout.readline()
                assert line, out
                out += line
            gate.open()
            rest, err = follower.communicate(timeout=60)
        run.communicate()
    out += rest
    assert (follower.returncode, err) == (0, f"Slow/{run_id} succeeded\n")
    assert sorted(out.splitlines()) == sorted(project.flowc("logs", "Slow/latest").out.splitlines())
    for item in range(3):
        mine = [line.partition("] ")[2] for line in out.splitlines() if line.startswith(f"[work/0.{item}]")]
        assert mine == [f"{item} says {line}" for line in range(20)]
    again = project.flowc("logs", "Slow/latest/end/0", "--follow")
    assert (again.code, again.out) == (0, "done")
