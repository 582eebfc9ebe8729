"""Unusable input causes an error line that names the input, and the documented exit code, and never a traceback."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from project import Finished, Project

if TYPE_CHECKING:
    from pathlib import Path

FLOW = """
    from metaflow import Config, FlowSpec, IncludeFile, JSONType, Parameter, step

    class Reads(FlowSpec):
        settings = Config("settings", default_value={"a": 1})
        file = IncludeFile("file")
        tree = Parameter("tree", type=JSONType, default="{}")

        @step
        def start(self):
            self.seen = self.file
            self.a = self.settings.a
            self.next(self.end)

        @step
        def end(self):
            pass

    if __name__ == "__main__":
        Reads()
    """
LONG = "n" * 300
DEEP = "[" * 100_000
USAGE, FAULTY = 2, 1
DEVICE = "it is a device, not a file: its content has no end"
CONTENTS = {
    "deep.json": DEEP.encode(), "deep.yaml": DEEP.encode(), "deep.toml": f"a = {DEEP}".encode(),
    "object.json": b'{"runs": 3}', "list.json": b"[1, 2]", "number.json": b"3", "list.yaml": b"- 1\n", "text.yaml": b"text",
    "bytes.json": b'{\n"file": "\xff"}', "bytes.yaml": b"a: 1\nb: \xff", "bytes.toml": b"\xfe", "cut.json": b'{"file":',
    "cut.toml": b"a = [", "nul.json": b'{"file": "a\\u0000b"}', "nested.json": b'{"tree": %s%s}' % (b"[" * 960, b"]" * 960),
    "long.json": b'{"file": "%s"}' % LONG.encode(), "empty.json": b"", "number-wide.json": b'{"tree": %s}' % (b"9" * 5000),
}  # fmt: skip


@pytest.fixture
def reads(project: Project) -> Project:
    project.write("flow.py", FLOW)
    for name, content in CONTENTS.items():
        (project.root / name).write_bytes(content)
    (project.root / "directory.json").mkdir()
    return project


def refused(project: Project, *words: str, code: int, names: str, **environment: str) -> str:
    """Run a command with unusable input and return its error."""
    done = project.python(*words, **environment)
    told(done, code, names)
    return done.err


def told(done: Finished, code: int, names: str) -> None:
    assert "Traceback" not in done.err + done.out
    assert (done.code, names in done.err) == (code, True), done.err[-1000:]


# -- files and texts that are given to a run ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "names"),
    [
        ("deep.json", "deep.json: it is nested too deeply"), ("deep.yaml", "deep.yaml: it is nested too deeply"),
        ("deep.toml", "deep.toml: it is nested too deeply"), ("object.json", "object.json: flow 'Reads' has no parameter 'runs'"),
        ("list.json", "list.json: a mapping of parameters"), ("number.json", "number.json: a mapping of"),
        ("list.yaml", "list.yaml: a mapping of"), ("text.yaml", "text.yaml: a mapping of"),
        ("bytes.json", "bytes.json: byte 0xff in line 2 is not UTF-8"), ("bytes.yaml", "bytes.yaml: byte 0xff in line 2"),
        ("bytes.toml", "bytes.toml: byte 0xfe in line 1"), ("cut.json", "cut.json: "), ("cut.toml", "cut.toml: "),
        ("empty.json", "empty.json: it is empty"), ("nul.json", "a file name cannot contain a NUL byte"), ("nested.json", "(nested.json)"),
        ("number-wide.json", "number-wide.json: "), ("long.json", "File name too long"),
        ("directory.json", "'directory.json' is a directory"), (f"{LONG}.json", "File name too long"),
        ("missing.json", "missing.json: No such file"), ("flow.py", "flow.py: a file of parameters ends with"),
        ("/dev/zero", f"/dev/zero: {DEVICE}"),
    ],
)  # fmt: skip
def test_params_files(reads: Project, name: str, names: str) -> None:
    wide = name == "number-wide.json"
    if wide and not hasattr(sys, "get_int_max_str_digits"):
        pytest.skip("this Python reads numbers of any length")
    refused(reads, "flow.py", "run", "--params-file", name, code=USAGE, names=names)
    assert not reads.store.flows()


@pytest.mark.parametrize(
    "name",
    ["deep.json", "list.json", "bytes.json", "cut.json", "directory.json", LONG, "missing", "/dev/zero", "/proc/self/mem"],
)  # fmt: skip
def test_configs(reads: Project, name: str) -> None:
    err = refused(reads, "flow.py", "--config", "settings", name, "run", code=USAGE, names="'settings'")
    assert "hint: " in err


@pytest.mark.parametrize(
    ("name", "names"),
    [
        ("bytes.json", "is not text in utf-8"), ("directory.json", "Is a directory"), (LONG, "File name too long"),
        ("missing", "No such file"), ("/dev/zero", DEVICE), ("/proc/self/mem", "Input/output error"),
    ],
)  # fmt: skip
def test_included_files(reads: Project, name: str, names: str) -> None:
    refused(reads, "flow.py", "run", "--file", name, code=USAGE, names=names)


def test_texts(reads: Project) -> None:
    deep = DEEP[:60_000]  # only the beginning of DEEP: the operating system limits the length of an argument
    refused(reads, "flow.py", "run", "--tree", deep, code=USAGE, names="'--tree'")
    refused(reads, "flow.py", "--config-value", "settings", deep, "run", code=USAGE, names="'settings'")
    refused(reads, "flow.py", "run", "--with", f"retry:times={deep}", code=FAULTY, names="--with retry")
    refused(reads, "flow.py", "run", code=USAGE, names="METAFLOW_FLOW_CONFIG", METAFLOW_FLOW_CONFIG=deep)
    refused(reads, "flow.py", "run", code=USAGE, names="METAFLOW_FLOW_CONFIG", METAFLOW_FLOW_CONFIG='["settings"]')
    refused(reads, "flow.py", "run", code=USAGE, names="'--tree'", METAFLOW_RUN_TREE=deep)


@pytest.mark.parametrize("content", [DEEP.encode(), b'["a"]', b"\xff", b"{", b""])
def test_the_settings_of_metaflow(reads: Project, content: bytes) -> None:
    (reads.root / "home").mkdir()
    (reads.root / "home/config.json").write_bytes(content)
    refused(reads, "flow.py", "run", code=USAGE, names="home/config.json", METAFLOW_HOME="home")


@pytest.mark.parametrize("content", [f"store = {DEEP}".encode(), b"store = [1]", b"\xff", b"store", b"runs = 3"])
def test_the_configuration_file(reads: Project, content: bytes) -> None:
    (reads.root / "flowc.toml").write_bytes(content)
    refused(reads, "-m", "flowc", "run", "flow.py", code=USAGE, names="flowc.toml")


@pytest.mark.parametrize(
    ("name", "names"),
    [
        ("deep.json", "it is nested too deeply"), ("list.json", "it does not have the form of a kubeconfig"),
        ("number.json", "it does not have the form of a kubeconfig"), ("bytes.yaml", "it is not UTF-8"),
        ("cut.json", "while parsing"), ("object.json", "Expected key current-context"),
    ],
)  # fmt: skip
def test_a_kubeconfig(reads: Project, name: str, names: str) -> None:
    pytest.importorskip("kubernetes")
    err = refused(reads, "-m", "flowc", "status", code=FAULTY, names=names, KUBECONFIG=name, PYTHONWARNINGS="ignore")
    assert name in err


# -- pipes and other files that can be read only once ------------------------------------------------------------------


def shell(project: Project, text: str) -> Finished:
    """Run a bash script, in which `python` is the interpreter of the tests."""
    done = subprocess.run(
        ["bash", "-c", text.replace("python", sys.executable)], cwd=project.root, env=project.environment,
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    return Finished(done.returncode, done.stdout, done.stderr)


@pytest.mark.parametrize(
    "command",
    [
        "python flow.py run --file <(echo hi)",
        "echo hi | python flow.py run --file /dev/stdin",
        "echo hi | python -m flowc run flow.py --start fresh --file /dev/stdin",
        "mkfifo fifo; (echo hi > fifo) & python flow.py run --file fifo",
        'python flow.py run --params-file <(echo \'{"file": "hi.txt"}\')',
        "echo 'file: hi.txt' | python flow.py run --params-file /dev/stdin",
        "echo 'file = \"hi.txt\"' | python flow.py run --params-file /dev/stdin",
        "python flow.py --config settings <(echo '{\"a\": 2}') run --file hi.txt",
    ],
)
def test_pipes(reads: Project, command: str) -> None:
    reads.write("hi.txt", "hi\n")
    done = shell(reads, command)
    assert done.code == 0, done.err
    run = reads.latest()
    assert reads.artifacts(run, "start")["seen"] == "hi\n"
    if "settings" in command:
        assert reads.artifacts(run, "start")["a"] == 2
    done = reads.python("flow.py", "resume", "start")
    assert done.code == 0, done.err
    assert reads.artifacts(reads.latest(), "start")["seen"] == "hi\n"


def test_a_socket_is_a_file_too(reads: Project) -> None:
    """stdin can be a socket, as in some services, in which case /dev/stdin cannot be opened."""
    import socket

    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.sendall(b"hi\n")
        ours.shutdown(socket.SHUT_WR)
        done = subprocess.run(
            [sys.executable, "flow.py", "run", "--file", "/dev/stdin"], cwd=reads.root, env=reads.environment,
            stdin=theirs, capture_output=True, text=True, check=False,
        )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert reads.artifacts(reads.latest(), "start")["seen"] == "hi\n"


def test_files_of_the_kernel_have_content(reads: Project) -> None:
    """Files in /proc have content, although their size is 0."""
    run = reads.run("flow.py", "--file", "/proc/sys/kernel/ostype")
    assert reads.artifacts(run, "start")["seen"] == "Linux\n"


# -- files that are written, names of things, the store ----------------------------------------------------------------


@pytest.fixture(scope="module")
def done_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a directory with a run; the tests read the run and do not change it."""
    project = Project(tmp_path_factory.mktemp("names"))
    project.write("flow.py", FLOW)
    project.run("flow.py", "--run-id-file", "id")
    (project.root / "directory").mkdir()
    return project.root


def read(root: Path, command: str, code: int, names: str) -> str:
    """Run a command that must fail, and return its error.

    `latest` in the command stands for the prepared run, because other tests start newer runs.
    """
    words = command.replace("latest", (root / "id").read_text()).split()
    return refused(Project(root), *words, code=code, names=names)


@pytest.mark.parametrize("place", ["/dev/full", LONG, "directory", "/proc/nothing/file", "flow.py/file"])
@pytest.mark.parametrize(
    "command",
    [
        "flow.py run --run-id-file", "flow.py run --runner-attribute-file", "-m flowc compile flow.py -o",
        "-m flowc dump Reads/latest/start --file", "flow.py dump latest/start --file",
    ],
)  # fmt: skip
def test_files_that_cannot_be_written(done_once: Path, command: str, place: str) -> None:
    code = USAGE if place == "directory" else FAULTY
    read(done_once, f"{command} {place}", code, place)


@pytest.mark.parametrize(
    "command",
    [
        f"show Reads/{LONG}", f"show {LONG}/latest", f"show Reads/latest/{LONG}", f"show Reads/latest/start/{LONG}",
        f"logs {LONG}/latest", f"logs Reads/{LONG}", f"dump {LONG}/latest/start", f"dump Reads/latest/start/{LONG}",
        f"runs {LONG}", f"tag list Reads/{LONG}", f"artifact {LONG}/x", f"artifact Reads/{LONG}", f"card list Reads/{LONG}",
        f"card list {LONG}/latest", f"debug {LONG}/latest/start", f"gc {LONG}", f"resume flow.py --origin-run-id {LONG}",
        f"spin flow.py {LONG}/start", f"resume flow.py {LONG}", f"run flow.py:{LONG}", f"retry {LONG}",
    ],
)  # fmt: skip
def test_long_names(done_once: Path, command: str) -> None:
    read(done_once, f"-m flowc {command}", FAULTY, LONG)


@pytest.mark.parametrize(
    "command", [f"run {LONG}", f"run {LONG}.py", f"check {LONG}.py", f"compile directory/{LONG}.py"]
)
def test_long_names_of_files(done_once: Path, command: str) -> None:
    err = read(done_once, f"-m flowc {command}", USAGE, LONG)
    assert "hint: " in err


@pytest.mark.parametrize("command", ["run flow.py", "runs", "gc --delete", "show Reads/latest", "resume flow.py"])
def test_a_long_name_of_a_store(done_once: Path, command: str) -> None:
    read(done_once, f"-m flowc {command} --store {LONG}", FAULTY, LONG)


@pytest.mark.parametrize("what", ["class", "step"])
def test_long_names_in_a_flow(project: Project, what: str) -> None:
    names = {"class": "Reads", "step": "middle"} | {what: LONG}
    flow = FLOW.replace("Reads", names["class"]).replace("self.next(self.end)", f"self.next(self.{names['step']})")
    middle = f"@step\n        def {names['step']}(self):\n            self.next(self.end)\n\n        "
    project.write("flow.py", flow.replace("@step\n        def end", f"{middle}@step\n        def end"))
    refused(project, "flow.py", "run", code=FAULTY, names="the limit is 255")


@pytest.mark.parametrize(
    ("command", "store"),
    [
        *((command, store) for command in ("run flow.py", "gc --delete") for store in ("flow.py", "/proc/nothing")),
        ("run flow.py", "/dev/null/store"),
    ],
)
def test_a_store_that_cannot_be_written(reads: Project, command: str, store: str) -> None:
    refused(reads, "-m", "flowc", *command.split(), "--store", store, code=FAULTY, names=store)


# The numbers of the system calls link(2) and linkat(2), and a seccomp filter under which they fail, as on FAT.
WITHOUT_LINKS = """
    import ctypes, os, struct, sys

    numbers = {"x86_64": [86, 265], "aarch64": [37]}[os.uname().machine]
    ALLOW, FAIL = 0x7FFF0000, 0x00050000 | 1
    code = struct.pack("HBBI", 0x20, 0, 0, 0)
    for at, number in enumerate(numbers):
        code += struct.pack("HBBI", 0x15, len(numbers) - at, 0, number)
    code += struct.pack("HBBI", 0x06, 0, 0, ALLOW) + struct.pack("HBBI", 0x06, 0, 0, FAIL)
    held = ctypes.create_string_buffer(code)
    program = ctypes.create_string_buffer(struct.pack("HxxxxxxP", len(code) // 8, ctypes.addressof(held)))
    libc = ctypes.CDLL(None, use_errno=True)
    assert libc.prctl(38, 1, 0, 0, 0) == 0
    assert libc.prctl(22, 2, program, 0, 0) == 0, os.strerror(ctypes.get_errno())
    os.execv(sys.executable, [sys.executable, *sys.argv[1:]])
    """


@pytest.mark.skipif(sys.platform != "linux" or os.uname().machine not in ("x86_64", "aarch64"), reason="by seccomp")
def test_a_store_without_hard_links(reads: Project) -> None:
    reads.write("without_links.py", WITHOUT_LINKS)
    command = ("without_links.py", "-m", "flowc", "run", "flow.py")
    err = refused(reads, *command, code=FAULTY, names="its file system has no hard links")
    assert str(reads.store.objects.url) in err


# -- amounts of time ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "given", ["timeout:seconds=-1", "timeout:minutes=-1", "retry:times=-1", "retry:minutes_between_retries=-1"]
)
def test_negative_times(reads: Project, given: str) -> None:
    name, _, argument = given.partition(":")
    refused(reads, "-m", "flowc", "run", "flow.py", "--with", given, code=USAGE, names="0 or more, not -1")
    text = (
        (reads.root / "flow.py")
        .read_text()
        .replace("@step\n    def start", f"@{name}({argument})\n    @step\n    def start")
    )
    (reads.root / "flow.py").write_text(text.replace("IncludeFile,", f"IncludeFile, {name},"))
    err = refused(reads, "flow.py", "run", code=FAULTY, names="error[bad-argument]")
    assert "--> flow.py:" in err


@pytest.mark.parametrize("time", ["-3d", "-1", "3", "d", "1e3d", ""])
def test_times_of_gc(reads: Project, time: str) -> None:
    refused(reads, "-m", "flowc", "gc", "--older-than", time, code=USAGE, names="'--older-than'")


# -- what no command expects -------------------------------------------------------------------------------------------


def test_a_working_directory_that_is_gone(reads: Project) -> None:
    command = "mkdir gone; cd gone; rmdir ../gone; python -m flowc run ../flow.py"
    done = shell(reads, command)
    assert "Traceback" not in done.err
    assert done.code in (FAULTY, USAGE)


@pytest.mark.skipif(os.geteuid() != 0, reason="who is not root may not change the limits back")
def test_too_many_open_files(reads: Project) -> None:
    """The error names the file or directory that flowc opened, even if the operating system's error names none."""
    done = shell(reads, "ulimit -n 12; exec python flow.py run")
    assert "Traceback" not in done.err
    assert done.code == FAULTY
    assert "Too many open files" in done.err
