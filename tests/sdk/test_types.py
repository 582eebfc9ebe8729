"""Type checkers understand the API: mypy and pyright accept valid flows, and report errors at the right lines.

`types/plain.py` has no annotations and is checked without strict mode; `types/annotated.py` is fully annotated and is
checked in strict mode. In `types/faulty.py` a comment marks each line that has an error, or names the type that
checkers infer.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest

from project import PACKAGES, ROOT

if TYPE_CHECKING:
    from project import Project

HERE = ROOT / "tests" / "types"
PLAIN, ANNOTATED, FAULTY = (HERE / f"{name}.py" for name in ("plain", "annotated", "faulty"))


class Said(NamedTuple):
    """A type checker's messages: line -> errors, and line -> inferred type."""

    errors: dict[int, list[str]]
    types: dict[int, str]


def mypy(tmp_path: Path, *arguments: str) -> dict[str, Said]:
    """Run mypy; our packages count as installed packages, whose errors mypy does not report."""
    pytest.importorskip("mypy")
    config = tmp_path / "mypy.ini"
    silent = "".join(
        f"[mypy-{name}.*]\nfollow_imports = silent\n" for name in ("metaflow", "flowc", "flowc_ir", "flowc_runtime")
    )
    path = ":".join(str(ROOT / part) for part in PACKAGES)
    config.write_text(f"[mypy]\nmypy_path = {path}\n{silent}")
    command = [sys.executable, "-m", "mypy", "--config-file", str(config), "--output", "json", *arguments]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode in (0, 1), done.stdout + done.stderr
    said: dict[str, Said] = defaultdict(lambda: Said({}, {}))
    for line in filter(lambda line: line.startswith("{"), done.stdout.splitlines()):
        entry = json.loads(line)
        found = said[Path(entry["file"]).name]
        if revealed := re.fullmatch(r'Revealed type is "(.*)"', entry["message"]):
            found.types[entry["line"]] = revealed[1]
        elif entry["severity"] == "error":
            found.errors.setdefault(entry["line"], []).append(entry["message"])
    return said


@pytest.fixture(scope="module")
def unannotated(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Said]:
    """Run mypy without strict mode, once for all files, because starting mypy takes seconds."""
    return mypy(tmp_path_factory.mktemp("mypy"), "--check-untyped-defs", str(PLAIN), str(FAULTY))


@pytest.fixture(scope="module")
def pyright(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Said]:
    """Run pyright once for all files, because starting pyright takes seconds."""
    pytest.importorskip("pyright")
    project = tmp_path_factory.mktemp("pyright")
    for file in (PLAIN, ANNOTATED, FAULTY):
        shutil.copy(file, project)
    settings = {
        "strict": [ANNOTATED.name],
        "extraPaths": [str(ROOT / part) for part in PACKAGES],
        "typeCheckingMode": "standard",
    }
    (project / "pyrightconfig.json").write_text(json.dumps(settings))
    command = [sys.executable, "-m", "pyright", "--outputjson", "--pythonpath", sys.executable, "-p", str(project)]
    done = subprocess.run(command, cwd=project, capture_output=True, text=True, check=False)
    assert done.returncode in (0, 1), done.stdout + done.stderr
    told = json.loads(done.stdout)
    assert told["summary"]["filesAnalyzed"] == 3
    said: dict[str, Said] = defaultdict(lambda: Said({}, {}))
    for entry in told["generalDiagnostics"]:
        found, line = said[Path(entry["file"]).name], entry["range"]["start"]["line"] + 1
        if revealed := re.fullmatch(r'Type of ".*" is "(.*)"', entry["message"]):
            found.types[line] = revealed[1]
        elif entry["severity"] == "error":
            found.errors.setdefault(line, []).append(entry["message"])
    return said


def marked(mark: str) -> dict[int, str]:
    """Return line -> text, for the lines of the faulty flow with the comment `# MARK text`."""
    lines = FAULTY.read_text().splitlines()
    found = ((number, re.search(rf"# {mark} ?(.*)$", line)) for number, line in enumerate(lines, 1))
    return {number: match[1] for number, match in found if match}


def plain(types: dict[int, str]) -> dict[int, str]:
    """Return types in the notation that mypy and pyright share."""
    return {line: name.replace("builtins.", "") for line, name in types.items()}


def test_the_samples_are_valid_flows(project: Project) -> None:
    for file in (PLAIN, ANNOTATED):
        project.write(file.name, file.read_text())
        done = project.flowc("run", "--local", file.name)
        assert done.code == 0, done.err


def test_a_flow_without_annotations_has_no_errors_under_mypy(unannotated: dict[str, Said]) -> None:
    assert PLAIN.name not in unannotated


def test_a_flow_with_annotations_has_no_errors_under_strict_mypy(tmp_path: Path) -> None:
    assert not mypy(tmp_path, "--strict", str(ANNOTATED))


@pytest.mark.parametrize("file", [PLAIN, ANNOTATED], ids=lambda file: file.stem)
def test_valid_flows_have_no_errors_under_pyright(pyright: dict[str, Said], file: Path) -> None:
    assert pyright[file.name].errors == {}


def test_mypy_finds_what_is_wrong(unannotated: dict[str, Said]) -> None:
    said = unannotated[FAULTY.name]
    assert said.errors.keys() == marked("error").keys(), said.errors
    assert plain(said.types) == marked("is")


def test_pyright_finds_what_is_wrong(pyright: dict[str, Said]) -> None:
    said = pyright[FAULTY.name]
    assert said.errors.keys() == {line for line, who in marked("error").items() if not who}, said.errors
    assert plain(said.types) == marked("is")
