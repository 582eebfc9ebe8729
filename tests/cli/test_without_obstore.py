"""A store in a bucket, without the client library obstore or with a broken one: the error line names the remedy."""

from __future__ import annotations

import os
import site
import sysconfig
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from project import ROOT

if TYPE_CHECKING:
    from project import Finished, Project

URL = "s3://team/runs"
FLOW = """
    from metaflow import FlowSpec, IncludeFile, step

    class Far(FlowSpec):
        big = IncludeFile("big", default="big.txt")

        @step
        def start(self):
            self.next(self.end)

        @step
        def end(self):
            pass

    if __name__ == "__main__":
        Far()
    """
COMMANDS = {
    "run": ["-m", "flowc", "run", "flow.py"],
    "resume": ["-m", "flowc", "resume", "flow.py"],
    "retry": ["-m", "flowc", "retry", "flow.py"],
    "spin": ["-m", "flowc", "spin", "flow.py", "end"],
    "runs": ["-m", "flowc", "runs"],
    "tag list": ["-m", "flowc", "tag", "list", "Far/latest"],
    "tag add": ["-m", "flowc", "tag", "add", "Far/latest", "mine"],
    "show": ["-m", "flowc", "show", "Far/latest"],
    "logs": ["-m", "flowc", "logs", "Far/latest"],
    "dump": ["-m", "flowc", "dump", "Far/latest/start"],
    "artifact": ["-m", "flowc", "artifact", "Far/x"],
    "gc": ["-m", "flowc", "gc"],
    "debug": ["-m", "flowc", "debug", "Far/latest/start"],
    "card list": ["-m", "flowc", "card", "list", "Far/latest/start"],
    "card get": ["-m", "flowc", "card", "get", "Far/latest/start", "card.html"],
    "flow run": ["flow.py", "run"],
    "flow resume": ["flow.py", "resume"],
    "flow spin": ["flow.py", "spin", "end"],
    "flow dump": ["flow.py", "dump", "1/start"],
    "flow logs": ["flow.py", "logs", "1/start"],
    "flow tag": ["flow.py", "tag", "list"],
    "flow card": ["flow.py", "card", "list", "1/start"],
}


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Link all packages of this environment except obstore into a directory."""
    directory = tmp_path_factory.mktemp("installed")
    for place in dict.fromkeys([*site.getsitepackages(), *sysconfig.get_paths().values()]):
        if place.endswith("-packages") and os.path.isdir(place):
            for entry in Path(place).iterdir():
                if not entry.name.startswith("obstore") and not (directory / entry.name).exists():
                    (directory / entry.name).symlink_to(entry)
    return directory


@pytest.fixture
def far(project: Project) -> Project:
    project.write("flow.py", FLOW)
    (project.root / "big.txt").write_text("x" * 1_500_000)
    project.environment |= {"FLOWC_STORE": URL, "AWS_ENDPOINT_URL": "http://127.0.0.1:9"}
    return project


def without(far: Project, installed: Path, *command: str) -> Finished:
    """Run a command without obstore: -S hides installed packages, and PYTHONPATH has all packages except obstore."""
    path = f"{far.environment['PYTHONPATH']}{os.pathsep}{installed}"
    return far.python("-S", *command, PYTHONPATH=path)


@pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS)
def test_each_command_says_what_to_install(far: Project, installed: Path, command: list[str]) -> None:
    done = without(far, installed, *command)
    assert "Traceback" not in done.err
    assert done.err.splitlines()[-1] == (
        f"error: the store {URL} needs obstore, which is not installed: pip install 'flowc[s3]'"
    )
    assert done.code == 1


def test_compile_says_it_where_a_large_file_is_to_be_sent_there(far: Project, installed: Path) -> None:
    done = without(far, installed, "-m", "flowc", "compile", "flow.py", "--store", URL)
    assert "Traceback" not in done.err
    assert f"the store {URL} needs obstore, which is not installed: pip install 'flowc[s3]'" in done.err
    assert done.code == 1


@pytest.mark.parametrize("command", ["run", "runs", "gc", "flow card"])
def test_a_library_that_cannot_be_loaded_is_told_with_the_reason(far: Project, command: str) -> None:
    far.write("broken/obstore/__init__.py", 'raise ImportError("libssl.so.3: cannot open shared object file")')
    path = f"{far.root}/broken{os.pathsep}{far.environment['PYTHONPATH']}"
    done = far.python(*COMMANDS[command], PYTHONPATH=path)
    assert "Traceback" not in done.err
    assert "cannot be loaded (libssl.so.3: cannot open shared object file): install it again, pip install" in done.err
    assert done.code == 1


def test_the_client_says_it(far: Project, installed: Path) -> None:
    done = without(far, installed, "-c", "from metaflow import Flow; Flow('Far')")
    assert done.err.endswith(
        f"LibraryError: the store {URL} needs obstore, which is not installed: pip install 'flowc[s3]'\n"
    )


def test_doctor_knows_whether_the_store_can_be_used(far: Project, installed: Path) -> None:
    done = far.flowc("doctor")
    assert f"ok  the store is {URL}, and its client library is installed\n" in done.out
    assert done.code == 0
    far.write("broken/obstore/__init__.py", 'raise ImportError("libssl.so.3: cannot open shared object file")')
    path = f"{far.root}/broken{os.pathsep}{far.environment['PYTHONPATH']}"
    done = far.flowc("doctor", PYTHONPATH=path)
    assert f"BAD  the store {URL} needs obstore, which cannot be loaded (libssl" in done.out
    assert done.code == 1
    done = far.flowc("doctor", FLOWC_STORE="")
    assert f"ok  the store is {far.root}/.flowc\n" in done.out


def test_the_extra_of_clusters_brings_what_their_stores_need() -> None:
    text = (ROOT / "pyproject.toml").read_text()
    assert 'cluster = ["flowc[argo,s3]"' in text
    assert 's3 = ["obstore' in text
