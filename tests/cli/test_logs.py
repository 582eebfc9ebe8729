"""`flowc logs`: the order and form of the output, its need of memory, and `flowc logs scrub`."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from flowc.cli.rendering.log_printer import LONGEST
from flowc_runtime.process.logs import Lines, chunks, frame, lines
from flowc_runtime.store.backends.local import LocalObjects
from flowc_runtime.store.records.record_types import RECORD_VERSION
from flowc_runtime.store.records.store import Store
from flowc_runtime.store.upkeep.scrub import scrub_log
from gateway import gateway
from project import done_record, run_record

if TYPE_CHECKING:
    from pathlib import Path

    from flowc_runtime.store.records.run_store import RunStore
    from project import Project

IR = (
    '{"flowc":2,"name":"Told","code":{"file":"flow.py","name":"Told","digest":"sha256:0000"},"where":"flow.py:1:1",'
    '"start":"start","nodes":['
    '{"id":"start","where":"flow.py:2:1","run":{"method":"start"},"next":"end"},'
    '{"id":"end","where":"flow.py:3:1","run":{"method":"end"},"next":null}]}'
)
Entry = tuple[float, Any, bytes]
SECRET = b"the password is swordfish"


def write(run: RunStore, step: str, path: str, number: int, *entries: Entry, done: bool = True) -> None:
    """Create an attempt whose log has these entries: (time, stream, bytes)."""
    begun: Any = {"version": RECORD_VERSION, "began": 0.0, "process": {}}
    run.begin(step, path, number, begun)
    for entry in entries:
        run.objects.append(run.log_key(step, path, number), frame(*entry))
    if done:
        run.finish(done_record(run, step, path, attempt=number))


@pytest.fixture
def run(project: Project) -> RunStore:
    """Create two tasks that wrote output at the same time; one of them has two attempts."""
    run = project.store.run("Told", "r1")
    assert run.create(run_record(run, target="argo", process={"pod": "p"}), IR)
    run.set_status({"state": "succeeded", "changed": 9.0, "ended": 9.0})
    write(run, "start", "0.0", 1, (1.0, "stdout", b"one\ntw"), (3.0, "stderr", b"bad\n"), (5.0, "stdout", b"o\n"))
    write(run, "start", "0.1", 1, (2.0, "stdout", b"first\n"), done=False)
    write(run, "start", "0.1", 2, (4.0, "stdout", b"second\n"), (6.0, "stdout", b"\xff, no end"))
    return run


# -- order and form ----------------------------------------------------------------------------------------------------


def test_merged_by_time(project: Project, run: RunStore) -> None:
    """Lines are sorted by the time of their first byte, even if their end was written later than other lines."""
    done = project.flowc("logs", "Told/r1", "--merge", "--stdout")
    assert done.out.encode("utf-8", "surrogateescape").splitlines() == [
        b"[start/0.0] one", b"[start/0.0] two", b"[start/0.1] first", b"[start/0.1 #2] second",
        b"[start/0.1 #2] \xff, no end",
    ]  # fmt: skip


def test_timestamps(project: Project, run: RunStore) -> None:
    alone = project.flowc("logs", "Told/r1/start/0.0", "--timestamps", "--stdout", TZ="UTC")
    assert alone.out == "1970-01-01 00:00:01.000 one\n1970-01-01 00:00:01.000 two\n"
    both = project.flowc("logs", "Told/r1", "--timestamps", "--attempt", "2", TZ="UTC").out.splitlines()
    assert both[0] == "1970-01-01 00:00:04.000 [start/0.1 #2] second"
    followed = project.flowc("logs", "Told/r1", "--timestamps", "--follow", "--stderr", TZ="UTC")
    assert followed.err.splitlines() == ["1970-01-01 00:00:03.000 [start/0.0] bad", "Told/r1 succeeded"]


def test_json_lines(project: Project, run: RunStore) -> None:
    done = project.flowc("logs", "Told/latest/start/0.1", "--json", "--attempt", "2")
    assert [json.loads(line) for line in done.out.splitlines()] == [
        {
            "time": 4.0,
            "step": "start",
            "task": "start-0.1",
            "path": "0.1",
            "attempt": 2,
            "stream": "stdout",
            "text": "second",
        },
        {
            "time": 6.0,
            "step": "start",
            "task": "start-0.1",
            "path": "0.1",
            "attempt": 2,
            "stream": "stdout",
            "text": "\udcff, no end",
        },
    ]
    followed = project.flowc("logs", "Told/r1", "--json", "--follow")
    assert [json.loads(line)["text"] for line in followed.out.splitlines()][:2] == ["one", "first"]


def test_sizes(project: Project, run: RunStore) -> None:
    rows = [line.split() for line in project.flowc("logs", "Told/r1", "--sizes").out.splitlines()]
    assert rows == [
        ["stdout", "bytes", "stderr", "bytes", "lines"],
        ["start/0.0", "#1", "8", "4", "3"],
        ["start/0.1", "#1", "6", "0", "1"],
        ["start/0.1", "#2", "16", "0", "1"],
        ["total", "30", "4", "5"],
    ]
    (row,) = json.loads(project.flowc("logs", "Told/r1/start/0.0", "--sizes", "--json").out)
    assert row == {
        "step": "start",
        "task": "start-0.0",
        "path": "0.0",
        "attempt": 1,
        "stdout": 8,
        "stderr": 4,
        "lines": 3,
    }


def test_following_has_no_order_to_choose(project: Project, run: RunStore) -> None:
    done = project.flowc("logs", "Told/r1", "--follow", "--merge")
    assert (done.code, "leave out --sizes and --merge" in done.err) == (2, True)


# -- any size ----------------------------------------------------------------------------------------------------------


def test_a_line_longer_than_the_limit_comes_in_parts() -> None:
    made: Lines[str] = Lines(4)
    log = [frame(1.0, "stdout", b"ab"), frame(2.0, "stdout", b"cde"), frame(3.0, "stdout", b"f\ng")]
    assert [chunk.data for chunk in lines(log, limit=4)] == [b"abcde", b"f\n", b"g"]
    assert [part.data for piece in log for chunk in chunks(piece) for part in made.add("x", chunk)] == [
        b"abcde",
        b"f\n",
    ]


def test_a_damaged_log_gives_what_is_before_the_damage() -> None:
    log = frame(1.0, "stdout", b"good") + b"x" * 1000
    assert [chunk.data for chunk in chunks(log[at : at + 50] for at in range(0, len(log), 50))] == [b"good"]


@pytest.mark.parametrize("options", [[], ["--merge"], ["--timestamps"], ["--json"], ["--sizes"], ["--follow"]])
@pytest.mark.parametrize("kind", ["lines", "one line"])
def test_a_hundred_megabytes_take_no_more_memory_than_a_few(
    project: Project, run: RunStore, options: list[str], kind: str
) -> None:
    """Printing a log of 100 MB, as lines or as one long line, needs far less than 100 MB of memory."""
    text = b"x" * 999 + (b"\n" if kind == "lines" else b"x")
    block = b"".join(frame(9.0, "stdout", text * 65) for _ in range(160))
    write(run, "end", "0", 1, (8.0, "stdout", b"begin\n"))
    for _ in range(10):
        run.objects.append(run.log_key("end", "0", 1), block)
    program = (
        "import resource, sys, subprocess\n"
        "done = subprocess.run([sys.executable, '-m', 'flowc', *sys.argv[1:]], stdout=subprocess.DEVNULL)\n"
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024, done.returncode)"
    )
    peak, code = map(int, project.python("-c", program, "logs", "Told/r1/end", *options).out.split())
    assert code == 0
    assert peak < 70  # in MB; Python and click alone take 35 MB


# -- scrubbing ---------------------------------------------------------------------------------------------------------


def scrubbed(run: RunStore, step: str, path: str, number: int) -> list[tuple[str, bytes]]:
    return [(stream, data) for _, stream, data in chunks(run.objects.appended(run.log_key(step, path, number)))]


def test_scrubbing_the_latest_attempt(project: Project, run: RunStore) -> None:
    done = project.flowc("logs", "scrub", "Told/r1/start")
    assert done.out.splitlines() == [
        "Logs have been scrubbed for r1/start/start-0.0 - attempt 1",
        "Logs have been scrubbed for r1/start/start-0.1 - attempt 2",
    ]
    told = project.flowc("logs", "Told/r1/start", "--timestamps", "--stdout", TZ="UTC").out
    assert told.splitlines() == [
        "3000-01-01 00:00:00.000 [start/0.0] [REDACTED runtime stdout]",
        "1970-01-01 00:00:02.000 [start/0.1] first",
        "3000-01-01 00:00:00.000 [start/0.1 #2] [REDACTED runtime stdout]",
    ]


def test_scrubbing_one_stream(project: Project, run: RunStore) -> None:
    for _ in range(2):  # the second call changes nothing
        assert project.flowc("logs", "scrub", "Told/r1/start/0.0", "--stderr").code == 0
        assert scrubbed(run, "start", "0.0", 1) == [
            ("stderr", b"[REDACTED runtime stderr]"), ("stdout", b"one\ntw"), ("stdout", b"o\n")
        ]  # fmt: skip


def test_scrubbing_what_is_not_done(project: Project, run: RunStore) -> None:
    done = project.flowc("logs", "scrub", "Told/r1/start/0.1", "--attempt", "1")
    assert (done.code, done.err.splitlines()[0]) == (1, "error: no such attempt has ended")
    assert project.flowc("logs", "scrub", "Told/r1/start/0.1", "--attempt", "1", "--include-not-done").code == 0
    assert dict(scrubbed(run, "start", "0.1", 1))["stdout"] == b"[REDACTED runtime stdout]"
    assert project.flowc("logs", "scrub", "Told/r1/start", "--all").out.count("scrubbed") == 2


def test_nothing_is_left_of_what_was_scrubbed(project: Project) -> None:
    project.write(
        "flow.py",
        f"""
        from metaflow import FlowSpec, step

        class Careless(FlowSpec):
            @step
            def start(self):
                print({SECRET.decode()[::-1]!r}[::-1])
                self.next(self.end)

            @step
            def end(self):
                pass

        if __name__ == "__main__":
            Careless()
        """,
    )
    run = project.run("flow.py")
    assert SECRET.decode() in project.flowc("logs", "Careless/latest").out
    done = project.python("flow.py", "--quiet", "logs", "scrub", "latest/start")
    assert done.out == f"Logs have been scrubbed for {run.id}/start/start-0 - attempt 0\n"
    shown = project.python("flow.py", "--quiet", "logs", "latest/start").out
    assert shown == "[REDACTED runtime stdout]\n[REDACTED runtime stderr]\n"
    kept = [path for path in (project.root / ".flowc").rglob("*") if path.is_file() and SECRET in path.read_bytes()]
    assert kept == []


def test_scrubbing_in_a_bucket(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`scrub` replaces one stream in each chunk of the log, and keeps the output of the other stream in its order."""
    with gateway(tmp_path) as s3:
        for name, value in s3.environment.items():
            monkeypatch.setenv(name, value)
        objects = Store.open(s3.bucket("logs")).objects
        for number in range(3):
            objects.append("some/log", frame(number, "stdout", SECRET) + frame(number, "stderr", b"%d" % number))
            objects.flush(now=True)
        assert b"".join(objects.pieces("some/log", 5, size=7)) == objects.appended("some/log")[5:]
        scrub_log(objects, "some/log", ["stdout"])
        told = [(stream, data) for _, stream, data in chunks(objects.pieces("some/log"))]
        assert told == [
            ("stdout", b"[REDACTED runtime stdout]"), ("stderr", b"0"), ("stderr", b"1"), ("stderr", b"2")
        ]  # fmt: skip
        scrub_log(objects, "nothing/was/printed", ["stderr"])
        assert next(chunks(objects.pieces("nothing/was/printed"))).data == b"[REDACTED runtime stderr]"


def test_a_local_log_is_exchanged_at_once(tmp_path: Path) -> None:
    objects = LocalObjects(tmp_path)
    objects.append("log", frame(1.0, "stderr", SECRET) + frame(2.0, "stdout", b"x" * 3 * LONGEST))
    scrub_log(objects, "log", ["stderr"])
    assert [len(chunk.data) for chunk in chunks(objects.pieces("log"))] == [25, 3 * LONGEST]
    assert not list((tmp_path / "tmp").iterdir())


def test_a_reader_that_goes_away(project: Project, run: RunStore) -> None:
    """`flowc logs … | head -1` prints no error about a broken pipe."""
    write(run, "end", "0", 1, (8.0, "stdout", b"line\n" * 100_000))
    command = [sys.executable, "-m", "flowc", "logs", "Told/r1/end/0"]
    with subprocess.Popen(
        command, cwd=project.root, env=project.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout and process.stderr
        assert process.stdout.readline() == b"line\n"
        process.stdout.close()
        assert not re.search(rb"Traceback|BrokenPipe", process.stderr.read())
