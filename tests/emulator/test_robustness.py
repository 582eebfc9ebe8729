"""Steps that harm themselves or the machine: every run ends, reports the failure, and leaves complete records."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from flowc_runtime.process import logs
from project import passing, wait_until

if TYPE_CHECKING:
    from project import Finished, Project

FLOW = """
    import fcntl, multiprocessing, os, signal, subprocess, sys, threading, time
    from metaflow import FlowSpec, step, retry, catch, timeout, current

    def square(x):
        return x * x

    class Bad(Exception):
        def __str__(self):
            raise RuntimeError("no text")
        __repr__ = __str__

    class Robust(FlowSpec):
        @step
        def start(self):
            self.next(self.work)

        {decorators}
        @step
        def work(self):
            {code}
            self.next(self.end)

        @step
        def end(self):
            pass

    if __name__ == "__main__":
        Robust()
    """


def write(project: Project, code: str, decorators: str = "") -> None:
    project.write("flow.py", FLOW.format(code=code.strip().replace("\n", "\n            "), decorators=decorators))


def work(project: Project, code: str, **environment: str) -> dict[str, Any]:
    """Run a step with this code, which must succeed; return the step's artifacts."""
    write(project, code)
    run = project.run("flow.py", **environment)
    assert run.status()["state"] == "succeeded"
    return project.artifacts(run, "work")


def fails(project: Project, code: str, decorators: str = "") -> Finished:
    """Run a step with this code, which must fail without a traceback of flowc; return the output."""
    write(project, code, decorators)
    done = project.flowc("run", "flow.py")
    assert done.code == 1
    assert not [line for line in done.err.splitlines() if "flowc_emulator" in line and not line.startswith("[work]")]
    assert "error: step 'work' failed" in done.err
    assert project.latest().status()["state"] == "failed"
    return done


def log(project: Project) -> str:
    return project.flowc("logs", f"Robust/{project.latest().id}/work/0", "--stdout").out


# -- artifacts ---------------------------------------------------------------------------------------------------------


def test_a_step_that_sets_nothing(project: Project) -> None:
    assert work(project, "pass") == {}


def test_artifacts_of_no_bytes(project: Project) -> None:
    left = work(project, "self.none, self.empty, self.text, self.items, self.big = None, b'', '', [], bytes(1 << 20)")
    assert left == {"none": None, "empty": b"", "text": "", "items": [], "big": bytes(1 << 20)}


def test_artifacts_that_are_long_to_write_out(project: Project) -> None:
    left = work(project, "self.number, self.inside, self.bytes = 10**100_000, [-(10**100_000)], bytes(range(256)) * 9")
    assert (left["number"], left["inside"]) == (10**100_000, [-(10**100_000)])
    refs = project.latest().task("work", "0")["artifacts"]
    assert (refs["number"]["repr"], refs["inside"]["repr"]) == ("<int of 332,193 bits>", "[<int of 332,193 bits>]")
    assert refs["bytes"]["repr"].startswith(r"b'\x00\x01")
    assert refs["bytes"]["repr"].endswith(r"\xfe\xff'")


def test_10_000_artifacts_of_one_task(project: Project) -> None:
    left = work(project, "for i in range(10_000):\n    setattr(self, f'a{i}', i)")
    assert len(left) == 10_000
    assert left["a9999"] == 9999
    assert len(project.artifacts(project.latest(), "end")) == 10_000


def test_names_in_unicode(project: Project) -> None:
    project.write(
        "straße.py",
        """
        from metaflow import FlowSpec, Parameter, step

        class Größe(FlowSpec):
            größe = Parameter("size", default="ß")

            @step
            def start(self):
                self.μ = ["日本", "\\U0001F600", "a/b\\n"]
                self.next(self.näher, foreach="μ")

            @step
            def näher(self):
                print(self.input, self.größe)
                self.próximo = self.input
                self.next(self.fusión)

            @step
            def fusión(self, inputs):
                self.alle = [inp.próximo for inp in inputs]
                self.next(self.end)

            @step
            def end(self):
                pass
        """,
    )
    for locale in ("C.UTF-8", "C"):
        run = project.run("straße.py", "--size", "süß", LC_ALL=locale)
        assert project.artifacts(run, "end")["alle"] == ["日本", "\U0001f600", "a/b\n"]
        done = project.flowc("logs", f"Größe/{run.id}/näher/0.0", LC_ALL=locale)
        assert done.out == "日本 süß\n"
        assert "Größe" in project.flowc("runs", LC_ALL="C.UTF-8").out


# -- processes and threads ---------------------------------------------------------------------------------------------

PROCESSES = {
    "os.fork": """
pid = os.fork()
if pid == 0:
    print("from the child", flush=True)
    os._exit(5)
self.got = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
assert self.got == 5
self.got = 9""",
    "threads": """
found = []
threads = [threading.Thread(target=lambda x=x: found.append(square(x))) for x in range(4)]
for thread in threads: thread.start()
for thread in threads: thread.join()
self.got = max(found)""",
    "fork": "self.got = multiprocessing.get_context('fork').Pool(2).map(square, range(4))[3]",
    "spawn": "self.got = multiprocessing.get_context('spawn').Pool(1).map(square, range(4))[3]",
    "forkserver": "self.got = multiprocessing.get_context('forkserver').Pool(1).map(square, range(4))[3]",
    "concurrent.futures": """
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
with ProcessPoolExecutor(2) as processes, ThreadPoolExecutor(2) as threads:
    assert list(processes.map(square, range(4))) == list(threads.map(square, range(4)))
    self.got = processes.submit(square, 3).result()""",
    "subprocess": "self.got = int(subprocess.run(['echo', '9'], stdout=subprocess.PIPE, check=True).stdout)",
    "asyncio": "import asyncio\nself.got = asyncio.run(asyncio.sleep(0, 9))",
}


@pytest.mark.parametrize("command", [("-m", "flowc", "run", "flow.py"), ("flow.py", "run")], ids=["flowc", "flow.py"])
@pytest.mark.parametrize("code", PROCESSES.values(), ids=PROCESSES)
def test_a_step_starts_processes_and_threads(project: Project, code: str, command: tuple[str, ...]) -> None:
    write(project, code)
    done = project.python(*command, PYTHONWARNINGS="default")
    assert done.code == 0, done.err
    assert project.artifacts(project.latest(), "work")["got"] == 9


@pytest.mark.parametrize("how", ["pass", "raise ValueError('in the child')"])
def test_a_child_that_comes_back_from_the_step_ends(project: Project, how: str) -> None:
    """A child that a step forks must not continue as the task: it ends when it returns from the step's code."""
    left = work(project, f"self.pid = os.fork()\nif self.pid:\n    os.waitpid(self.pid, 0)\nelse:\n    {how}")
    assert left["pid"] > 0
    told = project.flowc("logs", "Robust/latest/work/0", "--stderr").err
    assert "a process that the step had forked returned from the step" in told
    assert ("ValueError: in the child" in told) == (how != "pass")


def test_a_thread_that_is_left_running_is_waited_for(project: Project) -> None:
    write(project, "threading.Thread(target=lambda: (threading.main_thread().join(), print('late'))).start()")
    project.run("flow.py")
    assert log(project) == "late\n"


def test_output_of_a_process_that_outlives_the_step_is_cut_off(project: Project) -> None:
    work(
        project,
        "os.mkfifo('said')\n"
        "subprocess.Popen(['sh', '-c', 'echo early; : > said; sleep 100; echo late'])\n"
        "open('said').close()",
    )
    assert log(project) == "early\n"


# -- output ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "code",
    ["sys.stdout.close()", "os.close(1)", "os.close(1); os.close(2); os.close(0)", "sys.stdout = None",
     "sys.stderr = sys.stdout = open(os.devnull, 'w')"],
)  # fmt: skip
def test_a_step_that_closes_its_output(project: Project, code: str) -> None:
    assert work(project, f"print('before')\n{code}\nself.x = 1") == {"x": 1}
    assert log(project) == "before\n"


def test_a_step_without_output_may_fail(project: Project) -> None:
    done = fails(project, "sys.stderr.close(); sys.stdout.close(); os.close(1); os.close(2); 1 / 0")
    assert "ZeroDivisionError: division by zero" in done.err


def test_odd_output(project: Project) -> None:
    work(project, "sys.stdout.buffer.write(bytes(range(256)) + b' no end')")
    run = project.latest()
    (chunk,) = logs.chunks(run.objects.get(run.log_key("work", "0", 1)))
    assert chunk.data == bytes(range(256)) + b" no end"


def test_a_line_of_many_megabytes(project: Project) -> None:
    """A very long line arrives in parts; each part is read once, and printed a megabyte at a time."""
    write(project, "sys.stdout.write('x' * 20_000_000)")
    run = project.run("flow.py")
    for arguments in (["logs", f"Robust/{run.id}"], ["logs", f"Robust/{run.id}", "--follow"]):
        done = project.flowc(*arguments)
        assert done.code == 0
        assert done.out.count("x") == 20_000_000
        assert done.out.count("[work/0] ") <= 21


def test_much_output(project: Project) -> None:
    """The supervisor forwards output immediately, and keeps no output in memory."""
    write(project, "block = b'0123456789abcde\\n' * 65536\nfor _ in range(20):\n    sys.stdout.buffer.write(block)")
    program = "import re, sys, flowc.cli\nsys.argv = ['flowc', 'run', 'flow.py']\ntry: flowc.cli.main()\n"
    # VmHWM is read instead of ru_maxrss, which includes the memory of the forking process.
    program += "finally: print(re.search('VmHWM:\\\\s*(\\\\d+)', open('/proc/self/status').read())[1], file=sys.stderr)"
    done = project.python("-c", program)
    run = project.latest()
    assert int(done.err.splitlines()[-1]) < 150_000  # the peak memory in KiB
    assert done.out.count("\n") == 20 * 65536
    logged = log(project)
    assert len(logged) == 20 << 20
    assert logged.count("0123456789abcde\n") == 20 * 65536
    assert run.status()["state"] == "succeeded"


def test_nobody_reads(project: Project) -> None:
    write(project, "for i in range(20000):\n    print(i)")
    command = f"{sys.executable} -m flowc run flow.py | head -1"
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", command],
        cwd=project.root,
        env=project.environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == "[work] 0\n"
    assert "Error" not in done.stderr
    assert project.latest().status()["state"] == "succeeded"
    assert log(project).endswith("19999\n")


def test_all_streams_closed(project: Project) -> None:
    write(project, "print('said')\nself.x = sys.stdin.read()")
    command = f"{sys.executable} -m flowc run flow.py <&- >&- 2>&-"
    done = subprocess.run(["sh", "-c", command], cwd=project.root, env=project.environment, timeout=60, check=False)
    assert done.returncode == 0
    assert project.artifacts(project.latest(), "work") == {"x": ""}
    assert log(project) == "said\n"


# -- steps that change their process -----------------------------------------------------------------------------------

HARMLESS = {
    "directory": "os.mkdir('elsewhere'); os.chdir('elsewhere')",
    "directory that is gone": "os.mkdir('gone'); os.chdir('gone'); os.rmdir('../gone')",
    "umask": "os.umask(0o777)",
    "signal handlers": "for n in (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD, signal.SIGALRM):\n"
    "    signal.signal(n, signal.SIG_IGN)",
    "environment": "os.environ.clear()",
    "sources": "os.unlink('flow.py')",
    "modules": "sys.modules.pop('flow', None); sys.path.clear()",
    "session": "os.setpgid(0, 0) if os.getpgrp() != os.getpid() else None",
    "limits": "import resource; resource.setrlimit(resource.RLIMIT_NOFILE, (32, 32))",
    "time zone": "os.environ['TZ'] = 'Asia/Tokyo'; time.tzset()",
    "audit": "sys.setrecursionlimit(100)",
    "exit handlers": "import atexit; atexit.register(print, 'at exit')",
    "trace": "sys.settrace(lambda *a: None)",
    "priority": "os.nice(5)",
    "standard library": "time.time = lambda: 0.0",
    "class": "type(self).later = None",
}


@pytest.mark.parametrize("code", HARMLESS.values(), ids=HARMLESS)
def test_what_a_step_changes_is_its_own_affair(project: Project, code: str) -> None:
    assert work(project, f"{code}\nself.x = 1") == {"x": 1}
    record = project.latest().task("work", "0")
    assert record["outcome"] == "ok"


ENDS = [
    ("raise KeyboardInterrupt", "KeyboardInterrupt"),
    ("raise GeneratorExit", "GeneratorExit"),
    ("raise BaseException('base')", "BaseException: base"),
    ("raise SystemExit", "sys.exit(None)"),
    ("raise Bad()", "Bad: <Bad whose text fails with RuntimeError>"),
    ("def f():\n    f()\nf()", "RecursionError: maximum recursion depth exceeded"),
    ("raise ValueError('\\udcff \\x00')", "ValueError: "),
    ("raise ExceptionGroup('several', [ValueError(1), KeyError(2)])" if sys.version_info >= (3, 11) else "raise ValueError('several')", "several"),
    ("raise StopIteration", "StopIteration"),
    ("raise ValueError('x' * 1_000_000)", "ValueError: xxx"),
    ("os.abort()", "SIGABRT"),
    ("import ctypes; ctypes.string_at(0)", "SIGSEGV"),
    ("os.kill(os.getppid(), 0); os._exit(0)", "exited with code 0 before the step had finished"),
    ("self.x = [bytearray(1 << 62)]", "MemoryError"),
    ("import nonexistent_module", "ModuleNotFoundError: No module named 'nonexistent_module'"),
]  # fmt: skip


@pytest.mark.parametrize(("code", "message"), ENDS, ids=[code.splitlines()[0] for code, _ in ENDS])
def test_how_a_step_can_end(project: Project, code: str, message: str) -> None:
    assert message in fails(project, code).err


@pytest.mark.parametrize(("code", "message"), ENDS, ids=[code.splitlines()[0] for code, _ in ENDS])
def test_however_it_ends_it_can_be_caught(project: Project, code: str, message: str) -> None:
    write(project, code, "@catch(var='why')")
    run = project.run("flow.py")
    assert project.artifacts(run, "end")["why"] is not None


def test_a_crash_in_native_code_says_where(project: Project) -> None:
    fails(project, "import ctypes\nctypes.string_at(0)")
    told = project.flowc("logs", "Robust/latest/work/0", "--stderr").err
    assert "Fatal Python error: Segmentation fault" in told
    assert re.search(r'/flow\.py", line \d+ in work\n', told)


# -- the flow's file ---------------------------------------------------------------------------------------------------


def test_a_forgotten_step(project: Project) -> None:
    write(project, "pass")
    text = (project.root / "flow.py").read_text()
    head, _, tail = text.rpartition("    @step\n")
    (project.root / "flow.py").write_text(head + tail)
    done = project.flowc("run", "flow.py")
    assert done.code == 1
    assert "@step" in done.err
    assert not (project.root / ".flowc").exists()


def test_a_module_that_fails_when_it_is_imported(project: Project) -> None:
    project.write("flow.py", "import helper\n")
    project.write("helper.py", "value = 1\n1 / 0\n")
    done = project.flowc("run", "flow.py")
    assert done.code == 1
    assert done.err.startswith("error[")
    assert "ZeroDivisionError" in done.err
    assert "helper.py" in done.err


def test_a_module_that_fails_only_in_the_task(project: Project) -> None:
    project.write("helper.py", "1 / 0\n")
    done = fails(project, "import helper")
    assert "--> helper.py:1" in done.err


def test_a_file_of_the_package_that_cannot_be_read(project: Project) -> None:
    write(project, "pass")
    (project.root / "other.py").symlink_to("/proc/self/mem")
    done = project.flowc("run", "flow.py")
    assert done.code == 1
    assert "error[" in done.err
    assert "other.py" in done.err


# -- the machine -------------------------------------------------------------------------------------------------------


def test_a_store_that_cannot_be_written(project: Project) -> None:
    write(project, "pass")
    (project.root / "file").write_text("")
    for command in (["run", "flow.py", "--store", "file/inside"], ["run", "flow.py", "--store", "/proc/nope"]):
        done = project.flowc(*command)
        assert done.code == 1
        assert done.err.startswith("error: cannot write to the store file://")
        assert "Traceback" not in done.err


def test_no_home_and_no_user(project: Project) -> None:
    write(project, "self.x = current.username")
    environment = {key: value for key, value in project.environment.items() if key != "HOME"}
    done = subprocess.run(
        [sys.executable, "-m", "flowc", "run", "flow.py"],
        cwd=project.root,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert project.artifacts(project.latest(), "work")["x"]


def test_few_files_may_be_open(project: Project) -> None:
    project.write(
        "flow.py",
        """
        from metaflow import FlowSpec, step

        class Wide(FlowSpec):
            @step
            def start(self):
                self.items = list(range(40))
                self.next(self.work, foreach="items")

            @step
            def work(self):
                self.next(self.join)

            @step
            def join(self, inputs):
                self.next(self.end)

            @step
            def end(self):
                pass
        """,
    )
    command = f"ulimit -n 64; exec {sys.executable} -m flowc run flow.py --max-workers 4"
    done = subprocess.run(
        ["sh", "-c", command],
        cwd=project.root,
        env=project.environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    command = f"ulimit -n 40; exec {sys.executable} -m flowc run flow.py --max-workers 40"
    done = subprocess.run(
        ["sh", "-c", command],
        cwd=project.root,
        env=project.environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0 or "too many open files" in done.stderr.lower(), done.stderr
    assert "Traceback" not in done.stderr


def test_two_runs_of_one_flow_at_once(project: Project) -> None:
    write(project, f"self.x = os.getppid()\n{passing()}")
    gate = project.gate()
    with project.start("-m", "flowc", "run", "flow.py") as one, project.start("-m", "flowc", "run", "flow.py") as two:
        wait_until(lambda: len(project.store.runs("Robust")) == 2, "the runs did not begin")
        gate.open()
        assert [process.communicate(timeout=60) and process.returncode for process in (one, two)] == [0, 0]
    first, second = (project.store.run("Robust", run) for run in project.store.runs("Robust"))
    assert {project.artifacts(run, "work")["x"] for run in (first, second)} == {one.pid, two.pid}


def test_a_clock_that_jumps(project: Project) -> None:
    """If the system's clock jumps, times in records may be wrong, but no wait is longer or shorter."""
    project.write(
        "jump.py",
        """
        import itertools, sys, time, random
        times = random.Random(1)
        time.time = lambda: times.uniform(-1e9, 4e9)
        from flowc.cli import main
        sys.argv = ["flowc", "run", "flow.py"]
        main()
        """,
    )
    write(project, "pass", "@timeout(hours=1)")
    done = project.python("jump.py")
    assert done.code == 0, done.err
    assert project.flowc("runs").code == 0


FULL = """
mkdir store && mount -t tmpfs -o size=1m tmpfs store && {python} -m flowc run flow.py --store store
code=$?
cp -r store kept
exit $code
"""


@pytest.mark.skipif(
    subprocess.run(["unshare", "-rm", "true"], capture_output=True, check=False).returncode != 0,
    reason="this machine does not let a user mount a small disk",
)
@pytest.mark.parametrize(
    ("code", "message"),
    [
        (
            "self.x = os.urandom(2 << 20)",
            "error: step 'work' failed after 2 attempts: cannot write to the store file://",
        ),
        ("print('x' * (2 << 20))", "error: cannot write to the store file://"),
        ("for i in range(200): setattr(self, f'a{i}', os.urandom(10_000))", "cannot write to the store file://"),
    ],
)
def test_a_full_disk(project: Project, code: str, message: str) -> None:
    write(project, code, "@retry(times=1)")
    done = subprocess.run(
        ["unshare", "-rm", "sh", "-c", FULL.format(python=sys.executable)],
        cwd=project.root,
        env=project.environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    assert message in done.stderr
    assert "No space left on device" in done.stderr
    assert "Traceback" not in done.stderr
    assert not list((project.root / "kept" / "tmp").iterdir())
    for record in (project.root / "kept").rglob("*.json"):
        json.loads(record.read_text())  # every record is whole
    for kept in (project.root / "kept").rglob("*.log"):
        found, end = logs.whole(kept.read_bytes())
        assert end == kept.stat().st_size, found


def test_a_run_killed_half_way_leaves_whole_records(project: Project) -> None:
    """If a run is killed while it stores objects, each object is complete or missing."""
    write(project, "for i in range(3000): setattr(self, f'a{i}', os.urandom(1000))\nopen('now', 'w').close()")
    with project.start("-m", "flowc", "run", "flow.py") as process:
        while not (project.root / "now").exists():
            assert process.poll() is None
        process.kill()
    run = project.latest()
    assert run.attempt("work", "0", 1) is None
    for record in (project.root / ".flowc").rglob("*.json"):
        json.loads(record.read_text())
    for blob in (project.root / ".flowc" / "blobs").rglob("*"):
        assert blob.is_dir() or sha256(blob.read_bytes()).hexdigest() == blob.name


REFUSED_CALL = """
    import errno, os

    def pidfd_open(pid, flags=0):
        raise OSError(errno.{name}, os.strerror(errno.{name}))

    os.pidfd_open = pidfd_open
    """


@pytest.mark.parametrize("name", ["ENOSYS", "EPERM"])
def test_an_old_kernel_or_a_sandbox_may_refuse_pidfds(project: Project, name: str) -> None:
    """A kernel before Linux 5.3, and valgrind, return ENOSYS; a seccomp profile may return EPERM."""
    project.write("refusing/sitecustomize.py", REFUSED_CALL.format(name=name))
    path = str(project.root / "refusing")
    artifacts = work(
        project,
        'self.left = subprocess.Popen(["sleep", "60"]).pid\nself.squares = [square(2)]',
        PYTHONPATH=path,
    )
    assert artifacts["squares"] == [4]
    wait_until(lambda: not Path(f"/proc/{artifacts['left']}").exists(), "the end of the child that the step left")
    doctor = project.flowc("doctor", PYTHONPATH=path)
    assert "no pidfd_open: the end of a process is detected by SIGCHLD" in doctor.out
