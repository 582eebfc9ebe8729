"""The harness that creates clusters: tests of the parts that need no cluster."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

import image
from cluster import argo, description, docker_daemon, images
from cluster.shell import CommandFailed, wait_for
from cluster.stages import length
from tools import versions

TESTS = Path(__file__).parents[1]


def harness(tmp_path: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a command of the harness in an environment without a container engine and without `go`."""
    bare = {"PATH": "/nonexistent", "HOME": str(tmp_path), "PYTHONPATH": str(TESTS), "FLOWC_TEST_CACHE": str(tmp_path)}
    command = [sys.executable, "-m", "cluster", *arguments]
    return subprocess.run(command, env=bare | environment, capture_output=True, text=True, check=False)


def test_what_is_missing_is_said_in_a_line(tmp_path: Path) -> None:
    done = harness(tmp_path, "up")
    assert done.returncode == 1
    (line,) = (line for line in done.stderr.splitlines() if line.startswith("cluster: error: "))
    assert "needs root" in line if os.geteuid() else "`go` is not installed" in line
    assert "Traceback" not in done.stderr


def test_a_cluster_of_ones_own_wants_an_image_and_a_store(tmp_path: Path) -> None:
    done = harness(tmp_path, "up", KUBECONFIG="/nonexistent/config")
    assert done.returncode == 1
    assert "using the cluster of /nonexistent/config" in done.stderr
    assert "FLOWC_TEST_IMAGE" in done.stderr and "FLOWC_TEST_STORE" in done.stderr


@pytest.mark.parametrize("command", ["down", "down"])
def test_down_is_done_where_nothing_is_up(tmp_path: Path, command: str) -> None:
    assert harness(tmp_path, command).returncode == 0


def test_status_and_env_say_that_it_is_down(tmp_path: Path) -> None:
    assert harness(tmp_path, "status").stdout == "down\n"
    assert harness(tmp_path, "env").returncode == 1


def test_env_is_for_a_shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLOWC_TEST_CACHE", str(tmp_path))
    cluster = description.Cluster(
        origin="given",
        argo="3.7.18",
        kubectl="kubectl",
        kubeconfig="/a path/config",
        namespace="flowc-test",
        image="an/image:1",
        image_with_ml="an/image:1-ml",
        runtime={},
        store="s3://bucket",
        environment={"AWS_SECRET_ACCESS_KEY": "it's"},
        shell={"KUBECONFIG": "/a path/config"},
    )
    description.write(cluster)
    assert description.read() == cluster
    assert description.path().stat().st_mode & 0o077 == 0
    printed = harness(tmp_path, "env").stdout
    script = f'{printed}echo "$KUBECONFIG $AWS_SECRET_ACCESS_KEY $FLOWC_CLUSTER_STORE"'
    assert (
        subprocess.run(["sh", "-c", script], capture_output=True, text=True).stdout
        == "/a path/config it's s3://bucket\n"
    )


STAGES = """
import sys
from cluster.shell import run
from cluster.stages import stage

with stage("up"):
    with stage("a program compiled"):
        run(*sys.argv[1:])
"""


def stages(tmp_path: Path, *command: str) -> subprocess.Popen[str]:
    """Start a program that runs the command inside a stage."""
    environment = os.environ | {"PYTHONPATH": str(TESTS), "FLOWC_TEST_CACHE": str(tmp_path)}
    arguments = [sys.executable, "-c", STAGES, *command]
    return subprocess.Popen(arguments, env=environment, stderr=subprocess.PIPE, text=True)


def test_a_stage_is_told_as_it_starts_and_as_it_ends(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "go")
    with stages(tmp_path, "cat", str(tmp_path / "go")) as process:
        assert process.stderr is not None
        first = process.stderr.readline()
        assert first.startswith(
            "cluster: up … (20 to 25 minutes on two cores the first time, which compiles for 44 CPU"
        )
        assert process.stderr.readline() == "cluster: a program compiled … (not yet timed on this machine)\n"
        # the program is still running after it has printed the line at the start of the stage
        assert process.poll() is None
        (tmp_path / "go").write_text("")
        ended = process.stderr.read().splitlines()
    assert [line.rpartition(": ")[0] for line in ended] == ["cluster: a program compiled", "cluster: up"]
    took = ended[0].rpartition(": ")[2]
    with stages(tmp_path, "true") as process:
        assert process.stderr is not None
        assert f"cluster: a program compiled … ({took} the last time)" in process.stderr.read()


def test_a_stage_that_fails_is_told_and_leaves_no_time(tmp_path: Path) -> None:
    for _ in range(2):
        with stages(tmp_path, "false") as process:
            assert process.stderr is not None
            told = process.stderr.read()
        assert "cluster: a program compiled … (not yet timed on this machine)\n" in told
        assert "cluster: a program compiled: broken off after 0." in told
        assert process.returncode == 1


def test_times_are_for_people() -> None:
    assert [length(seconds) for seconds in (0.04, 9.96, 59.6, 125, 599.4, 1350)] == [
        "0.0 s", "10.0 s", "60 s", "2 min 5 s", "9 min 59 s", "22 min",
    ]  # fmt: skip


def test_a_damaged_file_of_times_is_no_obstacle(tmp_path: Path) -> None:
    (tmp_path / "cluster").mkdir()
    (tmp_path / "cluster" / "times.json").write_text("[1]")
    with stages(tmp_path, "true") as process:
        assert process.stderr is not None
        assert "not yet timed" in process.stderr.read()
    assert "a program compiled" in json.loads((tmp_path / "cluster" / "times.json").read_text())


def test_a_version_of_argo_by_its_beginning() -> None:
    assert [argo.version(known.split(".")[0]) for known in versions.ARGO] == list(versions.ARGO)
    with pytest.raises(CommandFailed, match=r"the pinned versions are"):
        argo.version("2")


def test_an_image_is_the_same_bytes_each_time(tmp_path: Path) -> None:
    binary = tmp_path / "program"
    binary.write_bytes(b"\x7fELF")
    binary.chmod(0o755)
    first = images.of_binary(binary, "a/b:1", tmp_path / "1.tar", path="/bin/program", user="8737")
    second = images.of_binary(binary, "a/b:1", tmp_path / "2.tar", path="/bin/program", user="8737")
    assert first.read_bytes() == second.read_bytes()
    with tarfile.open(first) as tar:
        manifest = json.load(tar.extractfile("manifest.json"))  # type: ignore[arg-type]
        config = json.load(tar.extractfile(manifest[0]["Config"]))  # type: ignore[arg-type]
    assert manifest[0]["RepoTags"] == ["a/b:1"]
    assert config["config"]["User"] == "8737"


def test_the_capabilities_are_those_of_the_kernel() -> None:
    """The index of each capability is its bit number; the last is bit 40, which Linux has since version 5.9."""
    assert docker_daemon.CAPABILITIES.index("SYS_ADMIN") == 21
    assert docker_daemon.CAPABILITIES.index("SYS_RESOURCE") == 24
    assert docker_daemon.CAPABILITIES.index("CHECKPOINT_RESTORE") == 40


def test_what_is_installed_is_pinned() -> None:
    lines = image.REQUIREMENTS.read_text().splitlines()
    assert all("==" in line for line in lines if line and not line.startswith("#"))


def test_a_wait_returns_the_first_answer() -> None:
    answers = iter(["", None, "it is there", "later"])
    assert wait_for(lambda: next(answers), lambda: "nothing came", every=0) == "it is there"
    assert next(answers) == "later"


def test_a_wait_ends_at_its_deadline_with_the_reason() -> None:
    seen: list[str] = []

    def ask() -> bool:
        seen.append("asked")
        return False

    with pytest.raises(CommandFailed, match=r"^asked(, asked)*: nothing came within 0 s$"):
        wait_for(ask, lambda: f"{', '.join(seen)}: nothing came", 0, every=0)
