"""Tasks are forked if importing the flow has no side effects; otherwise each task imports the flow, as in a pod."""

from __future__ import annotations

import json
import os
import signal
import sys
from typing import TYPE_CHECKING, Any

import pytest

from flowc_runtime.process import logs
from project import has_ended, wait_until

if TYPE_CHECKING:
    from pathlib import Path

    from flowc_runtime.store.records.run_store import RunStore
    from project import Project

FLOW = """
    import os
    from metaflow import FlowSpec, environment, step
    {imports}

    class F(FlowSpec):
        @step
        def start(self):
            self.xs = [0, 1, 2]
            {start}
            self.next(self.work, foreach="xs")

        {decorator}
        @step
        def work(self):
            {work}
            self.next(self.join)

        @step
        def join(self, inputs):
            self.found = [getattr(i, "found", None) for i in inputs]
            self.next(self.end)

        @step
        def end(self):
            {end}

    if __name__ == "__main__":
        F()
    """


def write(
    project: Project, imports: str, work: str, decorator: str = "", start: str = "pass", end: str = "pass"
) -> None:
    parts = {"imports": imports, "work": work, "decorator": decorator, "start": start, "end": end}
    indents = {"imports": 4, "work": 12, "start": 12, "end": 12, "decorator": 8}
    filled = {name: text.strip().replace("\n", "\n" + " " * indents[name]) for name, text in parts.items()}
    project.write("flow.py", FLOW.format(**filled))


def found(project: Project, run: RunStore) -> list[Any]:
    """Return the artifact `found` of each of the three tasks of the foreach."""
    value: list[Any] = project.artifacts(run, "join")["found"]
    return value


WAYS = {"flowc": ("-m", "flowc", "run", "flow.py"), "python": ("flow.py", "run")}


def run(project: Project, way: str, *options: str, **environment: str) -> RunStore:
    done = project.python(*WAYS[way], *options, **environment)
    assert done.code == 0, done.err
    return project.latest()


# Modules that create an object when they are imported, and what a task does with the object. If each task imports the
# flow, each has a different object.
SHARED = {
    "a uuid": ("import uuid\nKEY = uuid.uuid4().hex", "self.found = KEY"),
    "a generator of numpy's": ("import numpy as np\nRNG = np.random.default_rng()", "self.found = float(RNG.random())"),
    "a generator of Python's": ("import random\nRNG = random.Random()", "self.found = RNG.random()"),
    "a directory": ("import tempfile\nWORK = tempfile.mkdtemp(dir='.')", "self.found = os.path.basename(WORK)"),
    "a file's offset": (
        "OWN = open(f'numbers-{os.getpid()}', 'w+')\nOWN.write('0123456789')\nOWN.seek(0)", "self.found = (os.getpid(), OWN.read(9))",
    ),
    "a process": (
        "import subprocess\nCHILD = subprocess.Popen(['sleep', '60'], stdout=-3, stderr=-3)",
        "self.found = (CHILD.pid, CHILD.poll())\nCHILD.kill()\nCHILD.wait()",
    ),
    "another module's": ("from helper import KEY", "self.found = KEY"),
}  # fmt: skip


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("what", SHARED)
def test_each_task_has_what_its_own_import_made(project: Project, what: str, way: str) -> None:
    project.write("helper.py", "import uuid\nKEY = uuid.uuid4().hex")
    write(project, *SHARED[what])
    values = found(project, run(project, way))
    assert len({str(value) for value in values}) == 3
    if what == "a file's offset":
        assert [value[1] for value in values] == ["012345678"] * 3


def test_a_thread_that_an_import_starts_lives_in_the_task(project: Project) -> None:
    """If an import starts a worker thread, like sentry, tasks are not forked, since a fork would lack the thread."""
    imports = """
import queue, threading
Q = queue.Queue()
def worker():
    while True:
        Q.get()()
        Q.task_done()
threading.Thread(target=worker, daemon=True).start()
"""
    write(project, imports, "done = []\nQ.put(lambda: done.append(1))\nQ.join()\nself.found = done")
    assert found(project, run(project, "python")) == [[1]] * 3


def test_a_thread_that_a_package_starts_lives_in_the_task(project: Project) -> None:
    """A package that starts a thread is reported once, and each task imports the flow, whose own code is harmless."""
    _install(project, "threaded", """
        import queue, threading
        Q = queue.Queue()
        def work():
            while True:
                Q.get().set()
        threading.Thread(target=work, name="worker", daemon=True).start()
        """)  # fmt: skip
    write(project, "import threaded, threading", "e = threading.Event()\nthreaded.Q.put(e)\nself.found = e.wait(20)")
    done = project.python(*WAYS["flowc"], **_with_packages(project))
    assert done.code == 0, done.err
    assert found(project, project.latest()) == [True] * 3
    notes = [line for line in done.err.splitlines() if "threaded" in line]
    assert len(notes) == 1
    assert notes[0].startswith(
        "note: importing threaded starts 1 thread (worker), which tasks cannot share: each task imports"
    )


def test_packages_that_can_be_shared_are_imported_once(project: Project) -> None:
    _install(project, "counted", "import os\nwith open('imports', 'a') as f:\n    f.write(f'{os.getpid()}\\n')\n")
    write(project, "import uuid, counted\nKEY = uuid.uuid4()", "self.found = str(KEY)")
    run(project, "flowc", **_with_packages(project))
    # The package is imported twice: by the process of `flowc run`, and by the process that forks the tasks.
    assert len((project.root / "imports").read_text().split()) == 2


def test_a_package_that_cannot_be_imported_is_left_to_the_task(project: Project) -> None:
    """If the process that forks tasks cannot import a package, the task tries the import and reports the error."""
    _install(project, "moody", "open('once', 'x').close()\n")
    write(project, "import uuid, moody\nKEY = uuid.uuid4()", "pass")
    done = project.python(*WAYS["flowc"], **_with_packages(project))
    assert done.code == 1
    record = project.latest().attempt("start", "0", 1)
    assert record is not None and record["error"]["type"] == "FileExistsError"


# -- @environment


def test_a_module_is_imported_in_the_environment_of_its_step(project: Project) -> None:
    write(project, "MODE = os.environ.get('MODE', 'unset')", "self.found = (MODE, os.environ['MODE'])",
          "@environment(vars={'MODE': 'fast'})", end="self.mode = MODE")  # fmt: skip
    ran = run(project, "flowc")
    assert found(project, ran) == [("fast", "fast")] * 3
    assert project.artifacts(ran, "end")["mode"] == "unset"


def test_a_package_is_imported_in_the_environment_of_its_step(project: Project) -> None:
    """A package is imported after the step's variables are set, since some packages read variables at import."""
    _install(project, "tuned", "import os\nMODE = os.environ.get('MODE')\n")
    write(
        project,
        "import tuned",
        "self.found = tuned.MODE",
        "@environment(vars={'MODE': 'fast'})",
        end="self.mode = tuned.MODE",
    )
    ran = run(project, "python", **_with_packages(project))
    assert found(project, ran) == ["fast"] * 3
    assert project.artifacts(ran, "end")["mode"] is None


def test_an_environment_that_nothing_reads_on_import_costs_no_import(project: Project) -> None:
    write(
        project,
        "",
        "self.found = (os.environ['MODE'], os.getppid())",
        "@environment(vars={'MODE': 'fast'})",
        start="self.parent = os.getppid()",
    )
    ran = run(project, "flowc")
    parents = {parent for _, parent in found(project, ran)}
    assert parents == {project.artifacts(ran, "start")["parent"]}


def test_variables_that_the_interpreter_reads_when_it_begins_count(project: Project) -> None:
    """Variables that the interpreter itself reads are set before the interpreter starts, as in a pod's container."""
    write(project, "HASH = hash('x')\nMODE = os.environ.get('X')", "self.found = HASH",
          "@environment(vars={'PYTHONHASHSEED': '7'})")  # fmt: skip
    expected = int(project.python("-c", "print(hash('x'))", PYTHONHASHSEED="7").out)
    assert found(project, run(project, "flowc")) == [expected] * 3


def test_the_time_zone_of_a_step_is_its_own(project: Project) -> None:
    write(project, "import time\nZONE = time.tzname[0]\nMODE = os.environ.get('X')", "self.found = (ZONE, time.localtime(0).tm_hour)",
          "@environment(vars={'TZ': 'Asia/Tokyo'})")  # fmt: skip
    assert found(project, run(project, "flowc", TZ="UTC")) == [("JST", 9)] * 3


# -- harmless imports: tasks are forks


def test_tasks_of_a_harmless_flow_are_forks_of_the_process_that_imported_it(project: Project) -> None:
    write(project, "import re, numpy\nP = re.compile('x')", "self.found = os.getppid()")
    ran = run(project, "flowc")
    assert set(found(project, ran)) == {ran.record()["process"]["pid"]}


@pytest.mark.parametrize("way", WAYS)
def test_start_fork_and_fresh_override_what_was_found(project: Project, way: str) -> None:
    write(project, "import uuid\nKEY = uuid.uuid4().hex", "self.found = KEY")
    assert len(set(found(project, run(project, way, "--start", "fork")))) == 1
    assert len(set(found(project, run(project, way, "--start", "auto")))) == 3
    write(project, "MADE = [1]", "self.found = os.getppid()", start="self.found = os.getppid()")
    fork = run(project, way, "--start", "auto")
    assert {project.artifacts(fork, "start")["found"]} == set(found(project, fork))
    done = project.python(*WAYS[way], "--start", "slow")
    assert done.code == 2 and "auto" in done.err


def test_fork_says_what_does_not_exist_in_tasks(project: Project) -> None:
    write(project, "import threading\nthreading.Thread(target=threading.Event().wait, daemon=True).start()", "pass")
    done = project.python(*WAYS["flowc"], "--start", "fork", PYTHONWARNINGS="ignore")
    assert done.code == 0, done.err
    assert "note: the flow started threads when it was imported; they do not exist in its tasks" in done.err


# -- every other way in


def test_resume_and_spin_import_anew(project: Project) -> None:
    write(project, "import uuid\nKEY = uuid.uuid4().hex", "assert os.path.exists('mended')\nself.found = KEY")
    assert project.python(*WAYS["python"]).code == 1
    (project.root / "mended").touch()
    assert project.python("flow.py", "resume").code == 0
    assert len(set(found(project, project.latest()))) == 3
    done = project.python("flow.py", "spin", "work", "--persist")
    assert done.code == 0, done.err


def test_a_flow_that_computes_its_defaults_and_configs(project: Project) -> None:
    """Code outside of steps runs in the process of the run; its side effects do not reach the tasks."""
    project.write("flow.py", """
        import json, random
        from metaflow import Config, FlowSpec, Parameter, step

        SEEN = []

        def parse(text):
            SEEN.append("parser")
            open("log", "a").close()
            return json.loads(text)

        def default(context):
            SEEN.append("default")
            return random.randrange(10**9)

        class F(FlowSpec):
            config = Config("config", default_value='{"a": 1}', parser=parse)
            n = Parameter("n", default=default, type=int)

            @step
            def start(self):
                self.seen = list(SEEN)
                self.got = (self.config.a, self.n)
                self.next(self.end)

            @step
            def end(self):
                self.same = self.got == (self.config.a, self.n)

        if __name__ == "__main__":
            F()
        """)  # fmt: skip
    ran = run(project, "python")
    assert project.artifacts(ran, "start")["seen"] == []
    assert project.artifacts(ran, "end")["same"] is True


def test_decorators_of_a_users_own_run_in_each_task(project: Project) -> None:
    project.write("flow.py", """
        import os
        from metaflow import FlowMutator, FlowSpec, step

        MADE = []

        class Mark(FlowMutator):
            def mutate(self, flow):
                MADE.append(os.getpid())

        @Mark
        class F(FlowSpec):
            @step
            def start(self):
                self.made = list(MADE) == [os.getpid()]
                self.next(self.end)

            @step
            def end(self):
                pass

        if __name__ == "__main__":
            F()
        """)  # fmt: skip
    assert project.artifacts(run(project, "flowc"), "start")["made"] is True


def test_exit_hooks_import_anew(project: Project) -> None:
    project.write("flow.py", """
        import os
        from metaflow import FlowSpec, exit_hook, step

        OWN = open("out-%d" % os.getpid(), "w")

        def done():
            print("hook", os.path.exists("out-%d" % os.getpid()))

        @exit_hook(on_success=[done])
        class F(FlowSpec):
            @step
            def start(self):
                self.next(self.end)

            @step
            def end(self):
                pass

        if __name__ == "__main__":
            F()
        """)  # fmt: skip
    done = project.python(*WAYS["python"])
    assert done.code == 0, done.err
    assert "hook True" in done.out


def test_gangs_import_anew(project: Project) -> None:
    project.write("flow.py", """
        import uuid
        from metaflow import FlowSpec, current, parallel, step

        KEY = uuid.uuid4().hex

        class F(FlowSpec):
            @step
            def start(self):
                self.next(self.work, num_parallel=3)

            @parallel
            @step
            def work(self):
                self.found = (current.parallel.node_index, current.parallel.num_nodes, KEY)
                self.next(self.join)

            @step
            def join(self, inputs):
                self.found = [i.found for i in inputs]
                self.next(self.end)

            @step
            def end(self):
                pass

        if __name__ == "__main__":
            F()
        """)  # fmt: skip
    values = found(project, run(project, "flowc"))
    assert [value[:2] for value in values] == [(0, 3), (1, 3), (2, 3)]
    assert len({value[2] for value in values}) == 3


# -- what goes wrong


def test_a_flow_that_cannot_be_imported_again_fails_its_tasks_with_the_reason(project: Project) -> None:
    write(project, "open('once', 'x').close()", "pass")
    done = project.python(*WAYS["flowc"])
    assert done.code == 1
    assert "FileExistsError" in done.err
    record = project.latest().attempt("start", "0", 1)
    assert record is not None and record["error"]["frames"][-1]["file"] == "flow.py"


def test_a_task_that_is_killed_is_told_as_any_other(project: Project) -> None:
    write(project, "import uuid\nKEY = uuid.uuid4()", "import signal\nos.kill(os.getpid(), signal.SIGSEGV)")
    done = project.python(*WAYS["flowc"])
    assert done.code == 1
    record = project.latest().attempt("work", "0.0", 1)
    assert record is not None and record["exit"]["signal"] == "SIGSEGV" and record["exit"]["peak_rss"] > 0


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="PR_SET_PDEATHSIG")
def test_a_killed_fork_server_fails_its_tasks_and_the_run_goes_on(project: Project) -> None:
    """If the process that forks tasks dies, its tasks die too; @retry starts them again in a new process."""
    kill = "if not os.path.exists('killed'):\n    open('killed', 'w').close()\n    os.kill(os.getppid(), 9)\n    signal.pause()"
    write(
        project,
        "import signal, uuid\nfrom metaflow import retry\nKEY = uuid.uuid4().hex",
        f"{kill}\nself.found = KEY",
        "@retry(times=2)",
    )
    done = project.python(*WAYS["flowc"], "--max-workers", "1")
    assert done.code == 0, done.err
    assert len(set(found(project, project.latest()))) == 3


def test_nothing_is_left_of_a_run_whose_supervisor_is_killed(project: Project) -> None:
    write(
        project,
        "import uuid\nKEY = uuid.uuid4()",
        "print(os.getpid(), os.getppid(), flush=True)\nimport signal\nsignal.pause()",
    )
    with project.start(*WAYS["flowc"], "--max-workers", "1") as process:
        assert process.stdout is not None
        line = next(line for line in process.stdout if line.startswith("[work"))
        pids = [int(word) for word in line.split()[1:]]
        process.send_signal(signal.SIGKILL)
    wait_until(lambda: all(map(has_ended, pids)), "a process outlived its supervisor")
    wait_until(lambda: project.latest().status()["state"] == "killed", "the run is not recorded as killed")


def test_an_interrupted_run_ends_its_tasks(project: Project) -> None:
    write(project, "import uuid\nKEY = uuid.uuid4()", "print('at work', flush=True)\nimport signal\nsignal.pause()")
    with project.start(*WAYS["flowc"], "--max-workers", "1") as process:
        assert process.stdout is not None
        next(line for line in process.stdout if "at work" in line)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert project.latest().status()["state"] == "interrupted", err


def test_a_task_that_hangs_is_told_and_left_alone(project: Project) -> None:
    """If a fork hangs on a lock that another thread held, flowc prints a note, and does not end the task."""
    imports = """
import threading
LOCK, HELD = threading.Lock(), threading.Event()
def hold():
    with LOCK:
        HELD.set()
        threading.Event().wait()
threading.Thread(target=hold, daemon=True).start()
HELD.wait()
"""
    write(
        project,
        imports,
        "pass",
        start="print('waits', flush=True)\nLOCK.acquire(timeout=float(os.environ['PATIENCE']))",
    )
    project.write("quick.py", """
        import sys
        from flowc_emulator.processes import hangs
        hangs.SECONDS, hangs._EVERY = 1.0, 0.5
        from flowc.cli import main
        main()
        """)  # fmt: skip
    done = project.python("quick.py", "run", "flow.py", "--start", "fork", PATIENCE="6", PYTHONWARNINGS="ignore")
    assert done.code == 0, done.err
    told = [line for line in done.err.splitlines() if "seems to hang" in line]
    assert len(told) == 1
    assert "waiting in start (flow.py, line " in told[0] and "--start fresh" in told[0]
    log = logs.chunks(project.latest().log("start", "0", 1))
    assert b"in start" in b"".join(chunk.data for chunk in log)


# -- doctor


LEAVING = """import os, uuid
FIRST = "MARK" not in os.environ
os.environ["MARK"] = os.environ.get("MARK", "") + "x"
KEY = os.environ.setdefault("KEY", uuid.uuid4().hex)
os.makedirs("sub", exist_ok=True)
os.chdir("sub")
"""


@pytest.mark.parametrize("way", WAYS)
def test_what_an_import_does_to_its_process_is_not_done_before_that_of_a_task(project: Project, way: str) -> None:
    write(project, LEAVING, 'self.found = [FIRST, os.environ["MARK"], KEY, os.getcwd(), os.environ.get("GUARD")]')
    source = (project.root / "flow.py").read_text()
    guarded = source.replace("    F()", '    os.environ["GUARD"] = "set"\n    F()')
    assert guarded != source
    (project.root / "flow.py").write_text(guarded)
    values = found(project, run(project, way, FLOWC_STORE=str(project.root / ".flowc")))
    assert [each[:2] for each in values] == [[True, "x"]] * 3
    assert len({each[2] for each in values}) == 3
    assert {each[3] for each in values} == {str(project.root / "sub")}
    assert {each[4] for each in values} == {None if way == "flowc" else "set"}


def test_processes_of_an_import_are_left_to_it(project: Project) -> None:
    write(project, "import multiprocessing\nPOOL = multiprocessing.Pool(1)", "self.found = POOL.map(abs, [-1])")
    assert project.flowc("run", "flow.py").code == 0  # a multiprocessing pool replaces workers that have ended


@pytest.mark.parametrize("handler", ["signal.SIG_IGN", "lambda *_: os.waitpid(-1, os.WNOHANG)"])
def test_an_import_that_takes_the_ends_of_children(project: Project, handler: str) -> None:
    write(project, f"import signal\nsignal.signal(signal.SIGCHLD, {handler})", "self.found = 1")
    for way in ("fork", "fresh"):
        assert project.flowc("run", "flow.py", "--start", way).code == 0


def test_doctor_tells_the_lines(project: Project) -> None:
    project.write("helper.py", "import uuid\nKEY = uuid.uuid4()\n")
    write(project, "from helper import KEY\nOUT = open('x', 'w')", "pass")
    done = project.flowc("doctor", "flow.py")
    assert done.code == 0, done.err
    lines = [line.strip() for line in done.out.splitlines()]
    at = next(i for i, line in enumerate(lines) if line.startswith("fresh  flow.py: each task imports it itself"))
    assert {"helper.py:2 calls uuid.uuid4", "flow.py:4 calls builtins.open"} <= set(lines[at + 1 :])
    assert any(line.startswith("the import leaves open") for line in lines[at + 1 :])


def test_doctor_tells_of_packages_and_environments(project: Project) -> None:
    _install(
        project,
        "threaded",
        "import threading\nthreading.Thread(target=threading.Event().wait, daemon=True).start()\n",
    )
    write(project, "import numpy, threaded\nX = os.environ.get('X')", "pass", "@environment(vars={'X': '1'})")
    out = project.flowc("doctor", "flow.py", "--json", **_with_packages(project)).out
    texts = [finding["text"] for finding in json.loads(out)]
    assert any(text.startswith("numpy ") and text.endswith("imported once for all tasks") for text in texts)
    assert any(text.startswith("threaded: importing it starts 1 thread") for text in texts)
    write(project, "X = os.environ.get('X')", "pass", "@environment(vars={'X': '1'})")
    out = project.flowc("doctor", "flow.py").out
    assert "tasks of work, which have @environment, import it themselves" in out and "flow.py:3 uses environment" in out
    write(project, "X = 1", "pass")
    assert "flow.py: importing it is harmless, so tasks start as forks" in project.flowc("doctor", "flow.py").out


def _install(project: Project, name: str, source: str) -> Path:
    """Install a package in the way of pip, so that flowc treats its code as third-party code."""
    return project.write(f"venv/lib/site-packages/{name}.py", source)


def _with_packages(project: Project) -> dict[str, str]:
    home = project.root / "venv/lib/site-packages"
    return {"PYTHONPATH": os.pathsep.join([project.environment["PYTHONPATH"], str(home)])}


@pytest.mark.parametrize("way", WAYS)
def test_what_is_called_at_the_end_of_the_process_is_named(project: Project, way: str) -> None:
    """Exit handlers are noticed even if they were registered before flowc was imported, as in `python flow.py`."""
    _install(project, "tracker", "import atexit\ndef send(): pass\natexit.register(send)\n")
    _install(project, "pool", "import concurrent.futures.thread, logging, multiprocessing.util, weakref\n")
    write(project, "import tracker", "self.found = os.getppid()")
    ran = run(project, way, **_with_packages(project))
    assert ran.record()["process"]["pid"] not in found(project, ran)
    out = project.flowc("doctor", "flow.py", **_with_packages(project)).out
    assert "tracker: importing it registers a function for the end of the process (tracker.send)" in out
    write(project, "import pool", "self.found = os.getppid()")
    ran = run(project, way, **_with_packages(project))
    assert {ran.record()["process"]["pid"]} == set(found(project, ran))


def test_a_flow_that_imports_all_of_the_api_is_harmless(project: Project) -> None:
    """`from metaflow import *` loads modules with exit handlers, which flowc knows to be harmless."""
    write(project, "from metaflow import *", "self.found = os.getppid()")
    ran = run(project, "flowc")
    assert set(found(project, ran)) == {ran.record()["process"]["pid"]}


def test_names_that_a_module_loads_late_are_loaded_once(project: Project) -> None:
    _install(project, "late", """
        __all__ = ["a", "b"]
        def __getattr__(name):
            if name not in __all__:
                raise AttributeError(name)
            with open("loaded", "a") as f:
                f.write(name)
            globals()[name] = name
            return name
        """)  # fmt: skip
    write(project, "import uuid\nfrom late import *\nKEY = uuid.uuid4()", "self.found = a + b")
    assert found(project, run(project, "flowc", **_with_packages(project))) == ["ab"] * 3
    # Each text occurs twice, because two processes import the module: `flowc run`, and the one that forks the tasks.
    assert (project.root / "loaded").read_text() == "abab"
