"""Output that cannot be written, because of a full disk or a closed pipe, gives one line and no traceback."""

from __future__ import annotations

import errno
import io
import shlex
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from flowc.cli.rendering.refusals import reporting_system_errors
from flowc.cli.rendering.streams import is_of_a_stream, reporting_failed_output
from project import Finished

if TYPE_CHECKING:
    from project import Project

FLOW = """
    from metaflow import FlowSpec, Parameter, step

    class Full(FlowSpec):
        lines = Parameter("lines", default=3)
        size = Parameter("size", default=0)

        @step
        def start(self):
            for number in range(self.lines):
                print("line", number)
            self.value = bytes(range(256)) * self.size
            self.next(self.end)

        @step
        def end(self):
            print("the end")

    if __name__ == "__main__":
        Full()
    """
TOLD = "error: cannot write the output: No space left on device\n"


@pytest.fixture
def full(project: Project) -> Project:
    project.write("flow.py", FLOW)
    return project


def shell(project: Project, command: str) -> Finished:
    """Run a line of shell in which `python` is the Python of the tests."""
    text = command.replace("python", shlex.quote(sys.executable))
    done = subprocess.run(
        ["bash", "-c", text], cwd=project.root, env=project.environment, capture_output=True, text=True, check=False
    )
    return Finished(done.returncode, done.stdout, done.stderr)


@pytest.mark.parametrize(
    "command",
    [
        "-m flowc runs", "-m flowc runs --json", "-m flowc check flow.py", "-m flowc ir flow.py", "-m flowc compile flow.py",
        "-m flowc show Full/latest", "-m flowc dump Full/latest/start", "-m flowc dump Full/latest/start --json",
        "-m flowc logs Full/latest/start", "-m flowc logs Full/latest --json", "-m flowc config", "-m flowc doctor",
        "-m flowc artifact Full/value", "-m flowc tag list Full/latest", "-m flowc gc --keep-last 1", "-m flowc completion bash",
        "-m flowc --help", "-m flowc run --help", "-m flowc --version", "flow.py", "flow.py check", "flow.py show",
        "flow.py output-dot", "flow.py version", "flow.py help",
    ],
)  # fmt: skip
def test_a_full_disk_is_told_in_a_line(full: Project, command: str) -> None:
    full.run("flow.py")
    done = shell(full, f"python {command} > /dev/full")
    assert done.code == 1
    assert done.err.endswith(TOLD)
    assert "Traceback" not in done.err
    if "-m flowc" in command:
        assert done.err == TOLD


def test_an_error_keeps_its_exit_code(full: Project) -> None:
    assert shell(full, "python -m flowc nothing > /dev/full").code == 2
    assert shell(full, "python -m flowc show Full/latest > /dev/full").code == 1


@pytest.mark.parametrize("command", ["-m flowc run --local flow.py", "flow.py run", "flow.py --quiet run"])
def test_a_run_goes_on_though_its_output_is_not_shown(full: Project, command: str) -> None:
    done = shell(full, f"python {command} > /dev/full")
    assert done.code == 0, done.err
    note = "note: cannot write to stdout: No space left on device; the run continues, and its logs are in the store"
    assert done.err.count(note) == 1
    assert full.latest().status()["state"] == "succeeded"
    assert "line 2\n" in full.flowc("logs", "Full/latest/start").out


def test_so_does_one_that_programs_follow(full: Project) -> None:
    done = shell(full, "python -m flowc run --local flow.py --log-format json > /dev/full")
    assert (done.code, done.err.count("\n")) == (0, 1), done.err
    assert "note: cannot write to stdout: No space left on device" in done.err
    assert full.latest().status()["state"] == "succeeded"


def test_a_run_goes_on_though_nothing_at_all_is_shown(full: Project) -> None:
    assert shell(full, "python -m flowc run --local flow.py > /dev/full 2> /dev/full").code == 0
    assert full.latest().status()["state"] == "succeeded"


@pytest.mark.parametrize("command", ["check nowhere.py", "run nowhere.py", "nothing"])
def test_errors_that_cannot_be_told_keep_the_exit_code_of_a_failure(full: Project, command: str) -> None:
    done = shell(full, f"python -m flowc {command} 2> /dev/full")
    assert (done.code != 0, done.out) == (True, "")


@pytest.mark.parametrize("command", ["-m flowc ir flow.py", "-m flowc config --json", "flow.py show"])
def test_a_reader_that_goes_away_ends_a_command_without_a_word(full: Project, command: str) -> None:
    done = shell(full, f"set -o pipefail; python {command} 2> err | true; cat err")
    assert [line for line in done.out.splitlines() if "executing" not in line and line] == []


@pytest.mark.parametrize("parameters", ["--lines 100000", "--size 10000"])
def test_a_store_on_a_full_disk_is_told_in_a_line(full: Project, parameters: str) -> None:
    """A limit of file sizes simulates a full disk: writing fails as on a full disk, only with another error number."""
    done = shell(full, f"ulimit -f 256; python -m flowc run --local flow.py {parameters}")
    assert done.code == 1
    assert "cannot write to the store" in done.err
    assert "File too large" in done.err
    assert "Traceback" not in done.err + done.out


def test_a_pod_whose_own_log_is_full_goes_on(full: Project) -> None:
    full.write("code/flow.py", FLOW)
    (full.root / "ir.json").write_text(full.flowc("ir", "code/flow.py").out)
    variables = {"STORE": f"file://{full.root}/.flowc", "RUN": "full-1", "IR": "ir.json", "CODE": f"{full.root}/code"}
    variables["PARAMETERS"] = shlex.quote('[{"name": "lines", "value": "3"}, {"name": "size", "value": "0"}]')
    words = " ".join(f"FLOWC_{name}={value}" for name, value in variables.items())
    done = shell(full, f"{words} python -m flowc_runtime task start --path 0 --retry 0 > /dev/full")
    assert (done.code, done.err) == (0, "")
    assert "line 2\n" in full.flowc("logs", "Full/full-1/start").out


class Failing(io.RawIOBase):
    """A stream whose writes fail, as on a faulty disk."""

    def writable(self) -> bool:
        return True

    def write(self, data: object) -> int:
        raise OSError(errno.EIO, "Input/output error")


@pytest.mark.parametrize("name", ["stdout", "stderr"])
def test_a_disk_that_fails_below_the_output_is_told_in_a_line(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    stream = io.TextIOWrapper(io.BufferedWriter(Failing()))
    monkeypatch.setattr(sys, name, stream)
    stream.write("more")
    with pytest.raises(SystemExit) as ended, reporting_failed_output():
        stream.flush()
    assert ended.value.code == 1
    assert capsys.readouterr().err == ("error: cannot write the output: Input/output error\n" * (name == "stdout"))
    with pytest.raises(OSError, match="Input/output error"):
        stream.close()


def test_a_file_that_the_disk_cannot_read_is_no_matter_of_the_output(capsys: pytest.CaptureFixture[str]) -> None:
    error = OSError(errno.EIO, "Input/output error")  # a read error without a file name, as `file.read()` raises it
    assert not is_of_a_stream(error)
    with pytest.raises(OSError, match="Input/output error") as raised, reporting_failed_output():
        raise error
    assert raised.value is error
    with pytest.raises(SystemExit) as ended, reporting_failed_output(), reporting_system_errors():
        raise error
    assert ended.value.code == 1
    assert capsys.readouterr().err == "error: Input/output error\n"
