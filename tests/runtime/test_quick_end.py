"""A program ends without freeing its memory only if nothing can observe the difference."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import TYPE_CHECKING

import pytest

import flowc.__main__
from flowc_runtime.process import known_modules

if TYPE_CHECKING:
    from pathlib import Path

    from project import Project

pytestmark = pytest.mark.skipif(sys.version_info < (3, 11), reason="code has no table of exception handlers")

# This code prints `freed` at the start of a garbage collection, with which an interpreter begins to free its memory.
# The threshold is so high that no other garbage collection starts.
WATCHED = """
import gc, os

gc.set_threshold(10**9)
note = "lambda phase, _: phase == 'start' and write(1, b'freed')"
gc.callbacks.append(eval(note, {"write": os.write}))  # without a reference to the module
"""
PROGRAM = f"""
import atexit, os, sys, threading, types
from flowc_runtime.process import quick_end

def end(status=3):
    ended = SystemExit(status)
    quick_end.end(ended, sys._getframe(1))
    raise ended

{WATCHED}
"""


def run(
    directory: Path, code: str, *options: str, stdout: int = subprocess.PIPE, **variables: str
) -> subprocess.CompletedProcess[str]:
    """Run the program with this code at its end."""
    (directory / "program.py").write_text(PROGRAM + textwrap.dedent(code))
    return subprocess.run(
        [sys.executable, *options, "program.py"], cwd=directory, stdout=stdout, stderr=subprocess.PIPE, text=True,
        stdin=subprocess.DEVNULL, env={**os.environ, "PYTHONUNBUFFERED": "", **variables}, check=False,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("code", "expected", "status"),
    [
        ("end()", "", 3),
        ("end(None)", "", 0),
        ("end(259)", "", 3),
        ("print('a', end=''); end()", "a", 3),
        ("atexit.register(print, 1); atexit.register(print, 2); end()", "2\n1\n", 3),
        ("threading.Timer(0.1, print, [1]).start(); atexit.register(print, 2); end()", "1\n2\n", 3),
        ("file = open('out', 'w'); file.close(); end()", "", 3),
        ("def inner():\n    end()\ninner()", "", 3),
        ("import socket; closed = socket.socket(); closed.close(); end()", "", 3),
        ("def work():\n    yield 1\nended = work(); list(ended); end()", "", 3),
    ],
)
def test_memory_is_not_freed(tmp_path: Path, code: str, expected: str, status: int) -> None:
    done = run(tmp_path, code)
    assert (done.stdout, done.returncode, done.stderr) == (expected, status, "")


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("try:\n    end()\nexcept SystemExit:\n    print('caught')\nsys.exit(3)", "caught\nfreed"),
        ("try:\n    end()\nfinally:\n    print('finally')", "finally\nfreed"),
        ("from contextlib import suppress\nwith suppress(SystemExit):\n    end()\nsys.exit(3)", "freed"),
        ("def inner():\n    end()\ntry:\n    inner()\nfinally:\n    print('finally')", "finally\nfreed"),
        ("class Noisy:\n    def __del__(self, write=os.write):\n        write(1, b'deleted ')\nn = Noisy()\nend()",
         "freeddeleted "),
        ("file = open('out', 'w'); file.write('text'); end()", "freed"),
        ("def work():\n    try:\n        yield 1\n    finally:\n        print('finally')\nactive = work(); next(active); end()",
         "freedfinally\n"),
        ("sys.settrace(lambda *_: None); end()", "freed"),
        ("sys.setprofile(lambda *_: None); end()", "freed"),
        ("other = sys.modules['other'] = types.ModuleType('other'); other.__file__ = '/x/other.so'; end()", "freed"),
        ("import sqlite3; end()", "freed"),
        ("class Meta(type):\n    __hash__ = None\nclass Odd(metaclass=Meta):\n    pass\nodd = Odd()\nend()", "freed"),
    ],
)  # fmt: skip
def test_memory_is_freed_as_usual(tmp_path: Path, code: str, expected: str) -> None:
    done = run(tmp_path, code)
    assert (done.stdout, done.returncode, done.stderr) == (expected, 3, "")
    if "'out'" in code:
        assert (tmp_path / "out").read_text() == "text"


@pytest.mark.parametrize("options", [("-X", "dev"), ("-W", "error"), ("-i",)])
def test_options_of_python_that_show_the_end(tmp_path: Path, options: tuple[str, ...]) -> None:
    assert run(tmp_path, "end()", *options).stdout == "freed"


@pytest.mark.parametrize("variable", ["PYTHONINSPECT", "LD_PRELOAD"])
def test_variables_with_which_the_process_ends_as_usual(tmp_path: Path, variable: str) -> None:
    assert run(tmp_path, f"os.environ['{variable}'] = '1'; end()").stdout == "freed"


def test_other_threads_and_texts_end_as_usual(tmp_path: Path) -> None:
    code = "thread = threading.Thread(target=quick_end.end, args=(SystemExit(4), sys._getframe()))\n"
    done = run(tmp_path, f"{code}thread.start()\nthread.join()\nend('a message')")
    assert (done.stdout, done.stderr, done.returncode) == ("freed", "a message\n", 1)


def test_a_program_that_another_module_runs_ends_as_usual(tmp_path: Path) -> None:
    (tmp_path / "outer.py").write_text(
        "import runpy\ntry:\n    runpy.run_path('program.py')\nfinally:\n    print('!')\n"
    )
    (tmp_path / "program.py").write_text(f"{PROGRAM}end()\n")
    done = subprocess.run([sys.executable, "outer.py"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.stdout.replace("freed", ""), done.returncode) == ("!\n", 3)


def test_python_m_ends_without_freeing(tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text(f"{PROGRAM}end()\n")
    done = subprocess.run([sys.executable, "-m", "program"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.stdout, done.returncode) == ("", 3)


def test_a_full_disk_is_reported_by_the_interpreter(tmp_path: Path) -> None:
    with open("/dev/full", "w") as full:
        done = run(tmp_path, "print(1); end()", stdout=full.fileno())
    assert done.returncode == 120
    assert "No space left on device" in done.stderr


FLOW = """
from metaflow import FlowSpec, step

class F(FlowSpec):
    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass

if __name__ == "__main__":
    F()
"""
NOISY = """
class Noisy:
    def __del__(self):
        print("deleted", flush=True)

noisy = Noisy()
"""
COMMANDS = pytest.mark.parametrize("command", [["flow.py", "run"], ["-m", "flowc", "run", "--local", "flow.py"]])


def run_flow(directory: Path, source: str, command: list[str]) -> str:
    """Run a flow and return its stdout, without the lines of tasks."""
    (directory / "flow.py").write_text(source)
    done = subprocess.run([sys.executable, *command], cwd=directory, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "succeeded: 2 tasks" in done.stderr
    return done.stdout


@COMMANDS
@pytest.mark.parametrize("code", ["", NOISY], ids=["plain", "with a finalizer"])
def test_a_run_frees_memory_only_if_an_object_has_a_finalizer(project: Project, command: list[str], code: str) -> None:
    found = run_flow(project.root, WATCHED + code + FLOW, [*command, "--start", "fork"])
    assert ("freed" in found, "deleted" in found) == (bool(code), bool(code))


@COMMANDS
def test_finalizers_of_harmless_modules_are_called(project: Project, command: list[str]) -> None:
    assert "deleted" in run_flow(project.root, NOISY + FLOW, [*command, "--start", "fork"])


def test_the_program_flowc_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    """The script `flowc` imports `main` from `flowc.__main__`; `python -m flowc` runs this module itself."""
    script, module, other = ModuleType("__main__"), ModuleType("__main__"), ModuleType("__main__")
    vars(script).update(main=flowc.__main__.main, sys=sys)
    module.__spec__ = ModuleSpec("flowc.__main__", None)
    vars(other).update(main=test_the_program_flowc_is_known)
    for program, known in ((script, True), (module, True), (other, False)):
        monkeypatch.setitem(sys.modules, "__main__", program)
        assert known_modules._is_known_program(()) is known
