"""A task ends like a Python process: threads, exit handlers and files are ended, locally and in a pod."""

from __future__ import annotations

import gzip
import json
import signal
import sys
import textwrap
import time
from typing import TYPE_CHECKING, Any, NamedTuple
from zipfile import ZipFile

import pytest

from flowc_runtime.process import logs
from project import has_ended, wait_until

if TYPE_CHECKING:
    from flowc_runtime.store.records.run_store import RunStore
    from project import Finished, Project

FLOW = """
    import atexit, gc, logging, logging.handlers, multiprocessing, os, queue, signal, subprocess, sys, tempfile
    import threading, time, weakref
    from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
    from metaflow import FlowSpec, step, retry, catch, timeout

    HELD = []  # what lives until the process ends

    def write(text, name="out"):
        with open(name, "a") as file:
            file.write(text)

    def late(text="late"):
        time.sleep(0.3)
        write(text)

    class Thing:
        pass

    class Exporter:
        '''As OpenTelemetry's BatchSpanProcessor: a queue, a daemon thread, and a handler that sends what is left.'''

        def __init__(self):
            self.spans, self.wake = [], threading.Event()
            self.thread = threading.Thread(target=self.work, daemon=True)
            self.thread.start()
            atexit.register(self.shutdown)

        def work(self):
            self.wake.wait()
            write(" ".join(self.spans))

        def shutdown(self):
            self.wake.set()
            self.thread.join()

    class Ends(FlowSpec):
        {decorators}
        @step
        def start(self):
            {code}
            self.next(self.end)

        @step
        def end(self):
            pass
    """


class Left(NamedTuple):
    """The result of a run whose step `start` has executed the test's code."""

    done: Finished
    run: RunStore
    record: Any  # the record of the last attempt of `start`
    log: str


class Place:
    """Runs the first step of a flow, either in a local run or as in a pod."""

    def __init__(self, project: Project, *, pod: bool) -> None:
        self.project, self.pod = project, pod

    def __call__(self, code: str, decorators: str = "", **environment: str) -> Left:
        body = textwrap.dedent(code).strip().replace("\n", "\n            ")
        self.project.write("flow.py", FLOW.format(code=body, decorators=decorators))
        done = self._run_pod(environment) if self.pod else self.project.flowc("run", "flow.py", **environment)
        run = self.project.latest()
        (number,) = run.attempts("start")["0"][-1:]
        key = run.log_key("start", "0", number)
        kept = logs.chunks(run.objects.get(key)) if run.objects.exists(key) else ()
        return Left(done, run, run.attempt("start", "0", number), b"".join(chunk.data for chunk in kept).decode())

    def _run_pod(self, environment: dict[str, str]) -> Finished:
        root = self.project.root
        (root / "code").mkdir(exist_ok=True)
        (root / "flow.py").rename(root / "code/flow.py")
        (root / "ir.json").write_text(self.project.flowc("ir", "code/flow.py").out)
        settings = {
            "FLOWC_STORE": f"file://{root}/.flowc",
            "FLOWC_RUN": "ends-x7",
            "FLOWC_IR": str(root / "ir.json"),
            "FLOWC_CODE": str(root / "code"),
            "FLOWC_OUT": str(root / "outputs"),
            "FLOWC_PARAMETERS": json.dumps([]),
        }
        words = ("-m", "flowc_runtime", "task", "start", "--path", "0", "--retry", "0")
        return self.project.python(*words, **settings | environment)

    def out(self) -> str | None:
        """Return the text that the task has written to the file `out`."""
        file = self.project.root / "out"
        return file.read_text() if file.exists() else None


@pytest.fixture(params=[False, True], ids=["here", "pod"])
def place(request: pytest.FixtureRequest, project: Project) -> Place:
    return Place(project, pod=request.param)


# -- actions at the end ------------------------------------------------------------------------------------------------

COMPLETED = {
    "atexit": "atexit.register(write, 'late')",
    "finalize": "HELD.append(Thing()); weakref.finalize(HELD[0], write, 'late')",
    "finalize of a local": "self.x = 1; thing = Thing(); weakref.finalize(thing, write, 'late')",
    "text": "HELD.append(open('out', 'w')); HELD[0].write('late')",
    "bytes": "HELD.append(open('out', 'wb')); HELD[0].write(b'late')",
    "bytes to read as well": "HELD.append(open('out', 'w+b')); HELD[0].write(b'late')",
    "text after gc.freeze": "HELD.append(open('out', 'w')); HELD[0].write('late'); gc.freeze()",
    "a handler's file": "atexit.register(lambda: (HELD.append(open('out', 'w')), HELD[0].write('late')))",
    "MemoryHandler": "h = logging.handlers.MemoryHandler(9, target=logging.FileHandler('out'))\n"
    "h.target.terminator = ''; logging.getLogger('x').addHandler(h); logging.getLogger('x').warning('late')",
    "logging over a file": "HELD.append(open('out', 'w')); h = logging.handlers.MemoryHandler(9, target=logging.StreamHandler(HELD[0]))\n"
    "h.target.terminator = ''; logging.getLogger('x').addHandler(h); logging.getLogger('x').warning('late')",
    "thread": "threading.Thread(target=late).start()",
    "thread pool": "HELD.append(ThreadPoolExecutor(1)); HELD[0].submit(late)",
    "process pool": "HELD.append(ProcessPoolExecutor(1)); HELD[0].submit(late)",
    "process": "multiprocessing.get_context('fork').Process(target=late).start()",
    "spawned process": "multiprocessing.get_context('spawn').Process(target=late).start()",
    "daemonic process": "multiprocessing.get_context('fork').Process(target=signal.pause, daemon=True).start()\nwrite('late')",
    "queue of a process": "q = multiprocessing.get_context('fork').Queue(); q.put('x' * 100)\nwrite('late')\nq.get()",
    "exporter": "HELD.append(Exporter()); HELD[0].spans.append('late')",
    "handler after handler": "atexit.register(write, 'te'); atexit.register(write, 'la')",
}  # fmt: skip


@pytest.mark.parametrize("code", COMPLETED.values(), ids=COMPLETED)
def test_what_a_step_left_open_is_completed(place: Place, code: str) -> None:
    left = place(code, PYTHONWARNINGS="default")
    assert (left.done.code, left.record["outcome"]) == (0, "ok"), left.done.err
    assert place.out() == "late"


def test_files_that_only_closing_completes(place: Place) -> None:
    left = place(
        """
        import bz2, gzip, shelve, zipfile
        HELD.append(gzip.open("a.gz", "wt")); HELD[-1].write("text")
        HELD.append(gzip.GzipFile("b.gz", "wb")); HELD[-1].write(b"bytes")
        HELD.append(bz2.open("c.bz2", "wb")); HELD[-1].write(b"more")
        HELD.append(open("d.gz", "wb")); HELD.append(gzip.GzipFile(fileobj=HELD[-1], mode="wb")); HELD[-1].write(b"two")
        HELD.append(zipfile.ZipFile("e.zip", "w")); HELD[-1].writestr("name", "inside")
        HELD.append(HELD[-1].open("other", "w")); HELD[-1].write(b"half")
        HELD.append(shelve.open("f", writeback=True)); HELD[-1]["key"] = []; HELD[-1]["key"].append(1)
        """,
        PYTHONWARNINGS="default",
    )
    assert left.record["outcome"] == "ok", left.log
    root = place.project.root
    unpacked = [gzip.decompress((root / name).read_bytes()) for name in ("a.gz", "b.gz", "d.gz")]
    assert unpacked == [b"text", b"bytes", b"two"]
    assert ZipFile(root / "e.zip").read("name") == b"inside"
    assert ZipFile(root / "e.zip").read("other") == b"half"
    done = place.project.python("-c", "import bz2, shelve; print(bz2.open('c.bz2').read(), shelve.open('f')['key'])")
    assert done.out == "b'more' [1]\n", done.err


def test_temporary_files_and_directories_are_removed(place: Place) -> None:
    place(
        """
        HELD.append(tempfile.TemporaryDirectory(dir=".", prefix="temporary-"))
        HELD.append(tempfile.NamedTemporaryFile(dir=".", prefix="temporary-"))
        write(str(sorted(name[:9] for name in os.listdir() if name.startswith("temporary-"))))
        """,
        PYTHONWARNINGS="default",
    )
    assert place.out() == "['temporary', 'temporary']"
    assert not list(place.project.root.glob("temporary-*"))


def test_what_compiled_code_prints_is_in_the_log(place: Place) -> None:
    left = place("import ctypes; ctypes.CDLL(None).printf(b'from C')")
    assert left.log == "from C"


def test_the_record_comes_last(place: Place) -> None:
    left = place("atexit.register(lambda: (print('handled'), write(str(time.time()))))")
    assert left.log == "handled\n"
    assert left.record["ended"] >= float(place.out() or 0)


def test_artifacts_are_those_of_the_step_s_end(place: Place) -> None:
    left = place("self.rows = [1]; atexit.register(self.rows.append, 2)")
    assert place.project.artifacts(left.run, "start")["rows"] == [1]


# -- ways to end a step ------------------------------------------------------------------------------------------------

REGISTER = "atexit.register(write, 'late'); HELD.append(open('rows', 'w')); HELD[0].write('a,b')\n"
WAYS = {
    "exception": ("raise ValueError('boom')", "", "failed"),
    "sys.exit": ("sys.exit(3)", "", "failed"),
    "sys.exit(0)": ("sys.exit()", "", "failed"),
    "interrupt": ("raise KeyboardInterrupt", "", "failed"),
    "SIGINT": ("os.kill(os.getpid(), signal.SIGINT); signal.pause()", "", "failed"),
    "handled SIGTERM": ("signal.signal(signal.SIGTERM, lambda *a: sys.exit(1)); os.kill(os.getpid(), signal.SIGTERM); signal.pause()", "", "failed"),
    "an artifact that cannot be stored": ("self.x = threading.Lock()", "", "failed"),
    "catch": ("raise ValueError('boom')", "@catch(var='why')", "caught"),
    "catch of sys.exit": ("sys.exit(3)", "@catch(var='why')", "caught"),
    "timeout": ("signal.pause()", "@timeout(seconds=1)", "failed"),
    "caught timeout": ("signal.pause()", "@catch(var='why')\n        @timeout(seconds=1)", "caught"),
}  # fmt: skip


@pytest.mark.parametrize(("code", "decorators", "outcome"), WAYS.values(), ids=WAYS)
def test_however_the_code_ends_the_process_ends_as_python_s(
    place: Place, code: str, decorators: str, outcome: str
) -> None:
    left = place(REGISTER + code, decorators)
    assert left.record["outcome"] == outcome
    assert place.out() == "late"
    assert (place.project.root / "rows").read_text() == "a,b"


DEATHS = {
    "os._exit": ("os._exit(3)", {"code": 3}, "exited with code 3 before the step had finished"),
    "os.abort": ("os.abort()", {"signal": "SIGABRT"}, "killed by SIGABRT"),
    "SIGTERM": ("os.kill(os.getpid(), signal.SIGTERM)", {"signal": "SIGTERM"}, "killed by SIGTERM"),
    "SIGKILL": ("os.kill(os.getpid(), signal.SIGKILL)", {"signal": "SIGKILL"}, "killed by SIGKILL"),
}


@pytest.mark.parametrize(("code", "exit_", "message"), DEATHS.values(), ids=DEATHS)
def test_a_process_that_dies_calls_no_handlers(place: Place, code: str, exit_: dict[str, Any], message: str) -> None:
    """If a process dies, its buffered data is lost, as it is in Python."""
    left = place(REGISTER + code)
    assert left.record["outcome"] == "failed"
    assert left.record["exit"].items() >= exit_.items()
    assert message in left.record["error"]["message"]
    assert place.out() is None


# -- failures at the end -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("handler", "told"),
    [
        ("lambda: 1 / 0", "ZeroDivisionError: division by zero"),
        ("lambda: sys.exit(3)", "SystemExit: 3"),
        ("lambda: exec('raise KeyboardInterrupt')", "KeyboardInterrupt"),
    ],
)
def test_what_a_handler_raises_is_told_and_changes_nothing(place: Place, handler: str, told: str) -> None:
    left = place(f"atexit.register(write, 'late'); atexit.register({handler})")
    assert (left.done.code, left.record["outcome"]) == (0, "ok")
    assert "Exception ignored in" in left.log
    assert told in left.log
    assert place.out() == "late"


def test_a_finalizer_that_raises_is_told(place: Place) -> None:
    left = place("HELD.append(Thing()); weakref.finalize(HELD[0], lambda: 1 / 0); atexit.register(write, 'late')")
    assert left.record["outcome"] == "ok"
    assert "ZeroDivisionError" in left.log
    assert place.out() == "late"


def test_a_file_that_cannot_be_written_is_told(place: Place) -> None:
    left = place("HELD.append(open('/dev/full', 'w')); HELD[0].write('x'); HELD.append(open('out', 'w')); HELD[1].write('late')")  # fmt: skip
    assert left.record["outcome"] == "ok"
    assert "OSError: [Errno 28]" in left.log
    assert "Exception ignored in: <_io.TextIOWrapper name='/dev/full'" in left.log
    assert place.out() == "late"


@pytest.mark.parametrize(
    ("handler", "message"),
    [
        ("os._exit, 3", "the process exited with code 3 while exit handlers ran or threads were waited for"),
        ("os._exit, 0", "the process exited with code 0 while exit handlers ran or threads were waited for"),
        ("os.abort", "the process was killed by SIGABRT while exit handlers ran or threads were waited for"),
    ],
)
def test_a_handler_that_ends_the_process_ends_the_attempt(place: Place, handler: str, message: str) -> None:
    left = place(f"atexit.register({handler})")
    assert left.done.code != 0
    assert left.record["outcome"] == "failed"
    assert message in left.record["error"]["message"]


def test_a_copy_that_comes_back_from_a_handler_ends(place: Place) -> None:
    left = place("atexit.register(lambda: os.fork() and os.wait())")
    assert (left.done.code, left.record["outcome"]) == (0, "ok"), left.log


def test_the_step_s_timeout_does_not_fire_into_handlers(place: Place) -> None:
    left = place("atexit.register(late); atexit.register(time.sleep, 1.2)", "@timeout(seconds=1)")
    assert (left.done.code, left.record["outcome"]) == (0, "ok"), left.log
    assert place.out() == "late"


def test_streams_that_the_step_has_closed(place: Place) -> None:
    left = place("atexit.register(lambda: 1 / 0); sys.stdout.close(); sys.stderr.close(); os.close(1); os.close(2)")
    assert left.record["outcome"] == "ok"


def test_a_handler_that_ends_the_process_is_a_lost_attempt_to_retry_and_catch(project: Project) -> None:
    left = Place(project, pod=False)("atexit.register(os._exit, 3)", "@catch(var='why')\n        @retry(times=1)")
    assert left.done.code == 0, left.done.err
    assert left.run.attempts("start") == {"0": [1, 2, 3]}
    assert left.record["outcome"] == "caught"
    assert "exited with code 3 while exit handlers ran" in left.record["error"]["message"]


def test_a_handler_that_hangs_is_killed_within_the_timeout_s_grace(project: Project) -> None:
    """flowc kills a task whose exit handlers still run two minutes after its timeout; in this test, after a second."""
    project.write(
        "flow.py", FLOW.format(code="atexit.register(threading.Event().wait)", decorators="@timeout(seconds=1)")
    )
    project.write(
        "short.py",
        """
        import sys
        from flowc.cli import main
        from flowc_emulator.supervisor import Supervisor

        Supervisor.__init__.__kwdefaults__["timeout_grace"] = 1.0
        sys.argv = ["flowc", "run", "flow.py"]
        main()
        """,
    )
    done = project.python("short.py")
    assert done.code == 1
    assert "the process was killed: it was still running after its timeout while exit handlers ran" in done.err


def test_an_interrupt_ends_handlers_that_hang(project: Project) -> None:
    project.write(
        "flow.py", FLOW.format(code="atexit.register(lambda: (write('x'), threading.Event().wait()))", decorators="")
    )
    process = project.start("-m", "flowc", "run", "flow.py")
    wait_until(lambda: (project.root / "out").exists(), "the handler was not called")
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=60)
    assert process.returncode == 128 + signal.SIGTERM
    record = project.latest().attempt("start", "0", 1)
    assert record is not None
    assert record.get("error", {})["message"].startswith("interrupted by SIGTERM while exit handlers ran")


def test_the_others_of_a_gang_end_as_their_signal_handlers_say(project: Project) -> None:
    """When one task of a gang has failed, SIGTERM ends the others: at once, or after their own signal handlers."""
    project.write("flow.py", """
        import atexit, os, signal, sys
        from metaflow import FlowSpec, current, parallel, step

        class Gang(FlowSpec):
            @step
            def start(self):
                os.mkfifo("there-1")
                os.mkfifo("there-2")
                self.next(self.work, num_parallel=3)

            @parallel
            @step
            def work(self):
                mine = current.parallel.node_index
                atexit.register(lambda: open(f"late-{mine}", "w").close())
                if mine == 1:
                    signal.signal(signal.SIGTERM, lambda *a: sys.exit(1))
                if mine == 0:
                    for other in (1, 2):
                        open(f"there-{other}").close()
                    raise ValueError("boom")
                open(f"there-{mine}", "w").close()
                signal.pause()
                self.next(self.join)

            @step
            def join(self, inputs):
                self.next(self.end)

            @step
            def end(self):
                pass
        """)  # fmt: skip
    assert project.flowc("run", "flow.py", "--max-workers", "3").code == 1
    assert sorted(path.name for path in project.root.glob("late-*")) == ["late-0", "late-1"]


def test_an_exit_hook_ends_as_a_python_process_ends(project: Project) -> None:
    project.write("flow.py", """
        import atexit, subprocess, os
        from metaflow import FlowSpec, exit_hook, step

        HELD = []

        def hook():
            atexit.register(print, "at exit")
            HELD.append(open("out", "w"))
            HELD[0].write("late")
            server = "trap 'echo bye > bye; exit' TERM; echo up > up; while :; do sleep 0.05; done"
            os.mkfifo("up")
            subprocess.Popen(["sh", "-c", server], start_new_session=True, stderr=subprocess.DEVNULL)
            with open("up") as up: up.read()

        @exit_hook(on_success=[hook])
        class Hooked(FlowSpec):
            @step
            def start(self):
                self.next(self.end)

            @step
            def end(self):
                pass
        """)  # fmt: skip
    done = project.flowc("run", "flow.py", PYTHONWARNINGS="default")
    assert "[exit_hook hook] at exit" in done.out
    assert (project.root / "out").read_text() == "late"
    assert (project.root / "bye").read_text() == "bye\n"


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs a subreaper")
def test_an_interrupt_does_not_wait_for_programs_that_ignore_sigterm(project: Project) -> None:
    code = "os.mkfifo('out'); subprocess.Popen(['sh', '-c', 'trap \"\" TERM; : > out; sleep 1000 & wait'], start_new_session=True)\n"
    code += "            open('out').close()"
    project.write("flow.py", FLOW.format(code=code, decorators=""))
    process = project.start("-m", "flowc", "run", "flow.py", PYTHONWARNINGS="ignore")
    assert process.stderr is not None
    while "done end" not in process.stderr.readline():
        continue
    wait_until(lambda: project.latest().status()["state"] == "succeeded", "the run did not end")
    began = time.monotonic()
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=60)
    assert time.monotonic() - began < 3
    assert project.latest().status()["state"] == "succeeded"


# -- objects that an import creates ------------------------------------------------------------------------------------


def test_what_a_pod_s_import_made_is_ended_too(project: Project) -> None:
    """In a pod, the task imports the flow, so objects that the import creates are ended like the step's objects."""
    place = Place(project, pod=True)
    project.write("helper.py", "")
    flow = FLOW.replace("HELD = []", "HELD = [open('rows', 'w')]\n    atexit.register(lambda: write('late'))\n"
                        "    WORK = tempfile.TemporaryDirectory(dir='.', prefix='temporary-')")  # fmt: skip
    project.write(
        "flow.py", flow.format(code="HELD[0].write('a,b'); self.there = os.path.isdir(WORK.name)", decorators="")
    )
    done = place._run_pod({"PYTHONWARNINGS": "default"})
    assert done.code == 0, done.err
    assert project.artifacts(project.latest(), "start")["there"] is True
    assert (place.out() or "").startswith("late")
    assert (project.root / "rows").read_text() == "a,b"
    assert not list(project.root.glob("temporary-*"))


def test_an_import_that_fails_in_a_pod_ends_what_it_had_begun(project: Project) -> None:
    place = Place(project, pod=True)
    flow = FLOW.replace("HELD = []", "HELD = []\n    atexit.register(lambda: open('out', 'a').write(str(time.time()) + ' '))\n"
                        "    1 / ('FLOWC_RUN' not in os.environ)")  # fmt: skip
    project.write("flow.py", flow.format(code="pass", decorators=""))
    assert place._run_pod({}).code != 0
    record = project.latest().attempt("start", "0", 1)
    assert record is not None
    assert record["outcome"] == "failed"
    # the module's exit handler has written two times: in `flowc ir`, and in the pod
    _, handled = (place.out() or "").split()
    assert record["ended"] >= float(handled)


# -- programs that are left running ------------------------------------------------------------------------------------

SERVER = "trap 'echo bye >> out; exit' TERM; echo up > up; while :; do sleep 0.05; done"
SLOW_SERVER = "trap 'echo bye >> out; asked=1' TERM; echo up > up; until [ \"$asked\" ]; do sleep 0.05; done; sleep 1; echo ended >> out"
START = """
os.mkfifo("up")
subprocess.Popen(["sh", "-c", {server!r}], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, {options})
with open("up") as up: write(up.read(), "pid")
"""


@pytest.mark.parametrize("options", ["", "start_new_session=True", "process_group=0"])
def test_a_program_that_is_left_running_gets_sigterm(place: Place, options: str) -> None:
    options = options.replace("process_group=0", "preexec_fn=os.setpgrp")  # Python 3.10 has no `process_group`
    left = place(START.format(server=SERVER, options=options), PYTHONWARNINGS="default")
    assert left.done.code == 0, left.done.err
    assert place.out() == "bye\n"


@pytest.mark.parametrize("options", ["", "start_new_session=True", "preexec_fn=os.setpgrp"])
def test_a_program_that_needs_time_to_end_gets_one_sigterm(place: Place, options: str) -> None:
    """Many servers skip the rest of their shutdown when a second SIGTERM arrives."""
    left = place(START.format(server=SLOW_SERVER, options=options), PYTHONWARNINGS="default")
    assert left.done.code == 0, left.done.err
    assert place.out() == "bye\nended\n"


@pytest.mark.parametrize("options", ["", "start_new_session=True", "preexec_fn=os.setpgrp"])
def test_an_interrupt_sends_one_sigterm_to_a_program(project: Project, options: str) -> None:
    code = START.format(server=SLOW_SERVER, options=options) + 'write("", "begun"); signal.pause()'
    project.write("flow.py", FLOW.format(code=code.strip().replace("\n", "\n            "), decorators=""))
    process = project.start("-m", "flowc", "run", "flow.py")
    wait_until(lambda: (project.root / "begun").exists(), "the step did not begin")
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=60)
    assert (project.root / "out").read_text() == "bye\nended\n"


@pytest.mark.parametrize("options", ["", "start_new_session=True"])
def test_a_program_of_an_exit_hook_gets_one_sigterm(project: Project, options: str) -> None:
    server = START.format(server=SLOW_SERVER, options=options).strip().replace("write(up.read(), 'pid')", "up.read()")
    project.write("flow.py", f"""
        import os, subprocess
        from metaflow import FlowSpec, exit_hook, step

        def write(text, name):
            pass

        def serve():
            {server.replace(chr(10), chr(10) + " " * 12)}

        @exit_hook(on_success=[serve])
        class Serves(FlowSpec):
            @step
            def start(self):
                self.next(self.end)

            @step
            def end(self):
                pass
        """)  # fmt: skip
    done = project.flowc("run", "flow.py")
    assert done.code == 0, done.err
    assert (project.root / "out").read_text() == "bye\nended\n"


@pytest.mark.parametrize("options", ["", "start_new_session=True"])
def test_a_program_that_ignores_sigterm_is_killed_after_a_grace(place: Place, options: str) -> None:
    server = "trap '' TERM; echo $$ > up; sleep 1000 & wait"
    began = time.monotonic()
    left = place(START.format(server=server, options=options), PYTHONWARNINGS="default")
    assert left.done.code == 0, left.done.err
    assert 4 < time.monotonic() - began < 40
    assert has_ended(int((place.project.root / "pid").read_text()))


def test_a_program_that_has_the_task_s_output_does_not_hold_up_the_run(place: Place) -> None:
    """A program that keeps the task's stdout open does not delay the end of the run, unlike in Netflix/metaflow#181."""
    began = time.monotonic()
    left = place("subprocess.Popen(['sleep', '60']); subprocess.Popen(['sleep', '60'], start_new_session=True)",
                 PYTHONWARNINGS="ignore")  # fmt: skip
    assert left.done.code == 0, left.done.err
    assert time.monotonic() - began < 30
