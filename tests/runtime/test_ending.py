"""A forked child ends the threads, exit handlers and files that it has created, but not those of its parent."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import textwrap
import time
from typing import TYPE_CHECKING

import pytest

from project import wait_until

if TYPE_CHECKING:
    from pathlib import Path

    from project import Project

PARENT = """
    import atexit, gzip, logging, logging.handlers, multiprocessing, os, signal, sys, tempfile, threading, time, weakref
    from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
    from flowc_runtime.process import ending
    from flowc_runtime.process.process import load_prctl, spawn
    from flowc_runtime.process.watch import Ended, Output, Watcher

    PARENT = os.getpid()

    def write(name):
        with open(name, "a") as file:
            file.write("parent " if os.getpid() == PARENT else "child ")

    class Thing:
        pass

    def run(body):
        '''Run it in a child, settled as before the tasks of a run; what it printed.'''
        text = b""
        with Watcher() as watcher:
            child = spawn(body, prctl=load_prctl(), close=watcher.descriptors())
            watcher.add(child)
            while True:
                for event in watcher.poll(60):
                    if isinstance(event, Output):
                        text += event.data
                    if isinstance(event, Ended):
                        assert event.code == 0, (event, text)
                        return text.decode()

    if __name__ == "__main__":
        {code}
    """

KEPT = {
    "atexit": ("atexit.register(write, 'out')", "pass", "parent "),
    "atexit of both": ("atexit.register(write, 'out')", "atexit.register(write, 'out')", "child parent "),
    "finalize": ("weakref.finalize(held, write, 'out')", "pass", "parent "),
    "finalize of both": ("weakref.finalize(held, write, 'out')", "weakref.finalize(held, write, 'out')", "child parent "),
    "a handler that holds what would be finalized": (
        "thing = Thing(); weakref.finalize(thing, write, 'out'); atexit.register(lambda it: 0, thing); del thing",
        "pass",
        "parent ",
    ),
    "atexit beside finalize": ("weakref.finalize(held, write, 'out'); atexit.register(write, 'out')", "pass", "parent parent "),
    "finalize in the child alone": ("pass", "weakref.finalize(held, write, 'out')", "child "),
    "rows": ("f = open('out', 'w'); f.write('parent ')", "f.write('child ')", "parent child "),
    "rows of bytes": ("f = open('out', 'wb'); f.write(b'parent ')", "f.write(b'child ')", "parent child "),
    "rows of a file that the child closes": ("f = open('out', 'w'); f.write('parent ')", "f.write('child '); f.close()", "parent child "),
    "a log": (
        "h = logging.handlers.MemoryHandler(99, target=logging.FileHandler('out')); h.target.terminator = ' '\n"
        "logging.getLogger('x').addHandler(h); logging.getLogger('x').warning('parent')",
        "logging.getLogger('x').warning('child')",
        "parent child ",
    ),
    "threading's hooks": ("threading._register_atexit(write, 'out')", "pass", "parent "),
    "multiprocessing's finalizers": (
        "import multiprocessing.util as u; u.Finalize(None, write, ('out',), exitpriority=0)", "pass", "parent "),
    "multiprocessing's finalizers of both": (
        "import multiprocessing.util as u; u.Finalize(None, write, ('out',), exitpriority=0)",
        "import multiprocessing.util as u; u.Finalize(None, write, ('out',), exitpriority=0)", "child parent "),
}  # fmt: skip


def parent(project: Project, before: str, body: str, after: str = "", count: int = 1) -> str:
    """Run a program that executes `before`, then `body` in children, then `after`; return the output."""
    code = f"""
held = Thing()
{before}
ending.settle()
def body(control):
{chr(10).join("    " + line for line in body.splitlines())}
    return 0
for _ in range({count}):
    print(run(body), end="")
{after}"""
    project.write("parent.py", PARENT.format(code=code.strip().replace("\n", "\n        ")))
    done = project.python("parent.py", PYTHONWARNINGS="ignore")
    assert done.code == 0, done.err
    assert not done.err, done.err
    return done.out


@pytest.mark.parametrize(("before", "body", "expected"), KEPT.values(), ids=KEPT)
def test_each_process_ends_what_is_its_own(project: Project, before: str, body: str, expected: str) -> None:
    parent(project, before, body)
    assert (project.root / "out").read_text() == expected


def test_a_directory_of_the_forking_process_stays_until_its_end(project: Project) -> None:
    out = parent(
        project,
        "made = tempfile.TemporaryDirectory(dir='.', prefix='parent-')",
        "global own\nown = tempfile.TemporaryDirectory(dir='.', prefix='child-')\nprint(os.path.isdir(made.name))",
        "print(os.path.isdir(made.name), [name for name in os.listdir() if name.startswith('child-')])",
        count=2,
    )
    assert out == "True\nTrue\nTrue []\n"
    assert not list(project.root.glob("parent-*"))


def test_processes_and_executors_of_the_forking_process_go_on(project: Project) -> None:
    """A child must not end processes of multiprocessing that belong to its parent."""
    out = parent(
        project,
        "worker = multiprocessing.get_context('fork').Process(target=signal.pause, daemon=True); worker.start()\n"
        "threads = ThreadPoolExecutor(1); threads.submit(os.getpid).result()\n"
        "processes = ProcessPoolExecutor(1, multiprocessing.get_context('fork')); processes.submit(abs, -1).result()",
        "own = ThreadPoolExecutor(1); own.submit(print, 'own', flush=True)\n"
        "multiprocessing.get_context('fork').Process(target=print, args=('process',), kwargs={'flush': True}).start()",
        "print(worker.is_alive(), threads.submit(abs, -2).result(), processes.submit(abs, -3).result())",
    )
    assert sorted(out.splitlines()) == ["True 2 3", "own", "process"]


def test_an_archive_that_was_inherited_is_not_closed(project: Project) -> None:
    """Buffered bytes of an inherited file are written only by the process that opened it, not by each child."""
    parent(project, "import gzip; f = gzip.open('out.gz', 'wb'); f.write(b'parent')", "pass", "f.close()", count=2)
    done = project.python("-c", "import gzip; print(gzip.open('out.gz').read())")
    assert done.out == "b'parent'\n", done.err


def test_native_output_is_written_once(project: Project) -> None:
    out = parent(
        project,
        "import ctypes; c = ctypes.CDLL(None); c.printf(b'parent ')",
        "c.printf(b'child ')",
        "sys.stdout.flush()",
        count=2,
    )
    assert sorted(out.split()) == ["child", "child", "parent"]


def test_proxies_are_left_alone(project: Project) -> None:
    """The search for open files does not ask a lazy proxy for its class, which would create the proxy's object."""
    out = parent(
        project,
        "class Proxy:\n"
        "    @property\n"
        "    def __class__(self): print('asked'); return int\n"
        "    def __getattr__(self, name): print('asked'); raise AttributeError(name)\n"
        "class Meta(type):\n"
        "    def __eq__(self, other): print('asked'); return True\n"
        "    __hash__ = None\n",
        "global kept\nkept = [Proxy(), Meta('Odd', (), {})()]",
    )
    assert out == ""


COVERED = """
    from metaflow import FlowSpec, step

    class Covered(FlowSpec):
        @step
        def start(self):
            self.items = [1, 2]
            self.next(self.work, foreach="items")

        @step
        def work(self):
            if self.input == 1:
                self.x = "one"
            else:
                self.x = "two"
            self.next(self.join)

        @step
        def join(self, inputs):
            self.next(self.end)

        @step
        def end(self):
            if not self.name:
                print("never")

    if __name__ == "__main__":
        Covered()
    """


@pytest.mark.parametrize(
    ("command", "missing"),
    [(("flow.py", "run"), ["1", "95%", "24"]), (("-m", "flowc", "run", "flow.py"), ["2", "90%", "24,", "27"])],
    ids=["flow.py", "flowc"],
)
@pytest.mark.parametrize("options", [(), ("-p",)], ids=["", "parallel"])
def test_coverage_sees_the_steps(
    project: Project, command: tuple[str, ...], missing: list[str], options: tuple[str, ...]
) -> None:
    project.write("flow.py", COVERED)
    words = ("-m", "coverage", "run", "--include=flow.py", *options, *command)
    done = project.python(*words, PYTHONWARNINGS="default")
    assert done.code == 0, done.err
    assert "Coverage" not in done.err
    assert project.python("-m", "coverage", "combine", "-q").code == 0
    report = project.python("-m", "coverage", "report", "-m")
    (line,) = [line for line in report.out.splitlines() if line.startswith("flow.py")]
    assert line.split()[2:] == missing, report.out


def test_coverage_sees_the_steps_of_a_flow_that_each_task_imports(project: Project) -> None:
    """coverage.py also measures tasks that are started as new processes, not only those forked from `coverage run`."""
    project.write("flow.py", "import uuid\n\nKEY = uuid.uuid4()\n" + textwrap.dedent(COVERED).lstrip("\n"))
    done = project.python("-m", "coverage", "run", "--include=flow.py", "flow.py", "run", PYTHONWARNINGS="default")
    assert done.code == 0, done.err
    assert project.python("-m", "coverage", "combine", "--append", "-q").code == 0
    report = project.python("-m", "coverage", "report", "-m")
    (line,) = [line for line in report.out.splitlines() if line.startswith("flow.py")]
    assert line.split()[2:] == ["1", "96%", "27"], report.out


OUTSIDE = {
    "a service manager": "open('requests', 'w').write(COMMAND)",
    "tmux": "subprocess.run(['tmux', '-L', SOCKET, 'new-session', '-d', COMMAND], check=True)",
}


@pytest.mark.parametrize("way", OUTSIDE)
def test_a_service_that_another_process_starts_outlives_the_run(project: Project, way: str, tmp_path: Path) -> None:
    """Services that are started as in docs/metaflow.md outlive the run.

    In the first case, a process outside of the run starts the service, as the daemons of systemd and docker do.
    """
    if way == "tmux" and not shutil.which("tmux"):
        pytest.skip("tmux is not installed")
    socket = f"flowc-{tmp_path.name[-40:]}-{time.time_ns()}"
    command = f"echo $$ > {project.root}/pid; : > {project.root}/ready; exec sleep 1000"
    project.write("flow.py", f"""
        import os, subprocess
        from metaflow import FlowSpec, step

        COMMAND, SOCKET = {command!r}, {socket!r}

        class Serves(FlowSpec):
            @step
            def start(self):
                {OUTSIDE[way]}
                with open("ready") as ready: ready.read()
                self.next(self.end)

            @step
            def end(self):
                pass
        """)  # fmt: skip
    for name in ("requests", "ready"):
        os.mkfifo(project.root / name)
    manager = ["sh", "-c", 'sh -c "$(cat requests)"']
    if way == "tmux":
        manager = ["tmux", "-L", socket, "-f", "/dev/null", "new-session", "-d", "sleep 1000"]
    with subprocess.Popen(manager, cwd=project.root) as started:
        try:
            project.run("flow.py")
            pid = (project.root / "pid").read_text().strip()
            assert subprocess.run(["kill", "-0", pid], check=False).returncode == 0
        finally:
            if way == "tmux":
                subprocess.run(["tmux", "-L", socket, "kill-server"], check=False)
            else:
                subprocess.run(["kill", (project.root / "pid").read_text().strip()], check=False)
            started.wait(60)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs a subreaper")
def test_a_killed_supervisor_s_programs_get_sigterm_too(project: Project) -> None:
    project.write("flow.py", """
        import os, signal, subprocess
        from metaflow import FlowSpec, step

        class Serves(FlowSpec):
            @step
            def start(self):
                server = "trap 'echo bye >> out; exit' TERM; echo up > up; while :; do sleep 0.05; done"
                subprocess.Popen(["sh", "-c", server], start_new_session=True, stderr=subprocess.DEVNULL)
                signal.pause()
                self.next(self.end)

            @step
            def end(self):
                pass
        """)  # fmt: skip
    process = project.start("-m", "flowc", "run", "flow.py")
    wait_until(lambda: (project.root / "up").exists(), "the program did not start")
    process.kill()
    process.communicate(timeout=60)
    wait_until(lambda: (project.root / "out").exists(), "the program got no SIGTERM")
    wait_until(lambda: project.latest().status()["state"] == "killed", "the guardian says nothing")
