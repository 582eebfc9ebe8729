"""Go programs are built once for any number of processes; if they cannot be built, tests are skipped with a reason."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tools import gobuild, ready, recorded

if TYPE_CHECKING:
    from collections.abc import Sequence

TESTS = Path(__file__).parents[1]
PROGRAM = gobuild.Program("hello", gobuild.Module("example.test/none", "v1.0.0"))


@pytest.fixture
def fake_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Install a slow, fake `go` that records its calls; use a source and a cache directory of this test."""
    (tmp_path / "bin").mkdir()
    go = tmp_path / "bin" / "go"
    go.write_text(
        textwrap.dedent(
            f"""\
            #!/bin/sh
            echo "$1" >> {tmp_path}/calls
            [ "$1" = "$FAIL_AT" ] && echo "noise" >&2 && echo "no route to host" >&2 && exit 1
            sleep 0.2
            while [ $# -gt 0 ]; do [ "$1" = -o ] && echo built > "$2"; shift; done
            exit 0
            """
        )
    )
    go.chmod(0o755)
    (tmp_path / "go" / "hello").mkdir(parents=True)
    (tmp_path / "go" / "hello" / "main.go").write_text("package main\n")
    monkeypatch.setattr(gobuild, "SOURCES", tmp_path / "go")
    monkeypatch.setenv("FLOWC_TEST_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}")
    return tmp_path


def calls(home: Path) -> list[str]:
    return (home / "calls").read_text().split() if (home / "calls").exists() else []


def test_a_program_is_built_once_and_again_when_its_source_changes(fake_go: Path) -> None:
    first = gobuild.build(PROGRAM)
    assert first.read_text() == "built\n"
    assert gobuild.build(PROGRAM) == first
    assert calls(fake_go) == ["list", "build"]
    (fake_go / "go" / "hello" / "main.go").write_text("package main // new\n")
    assert gobuild.build(PROGRAM) != first
    assert calls(fake_go) == ["list", "build"] * 2


def test_many_processes_build_once(fake_go: Path) -> None:
    script = (
        "import sys; from pathlib import Path; from tools import gobuild; gobuild.SOURCES = Path(sys.argv[1]);"
        "print(gobuild.build(gobuild.Program('hello', gobuild.Module('example.test/none', 'v1.0.0'))))"
    )
    command = [sys.executable, "-c", script, str(fake_go / "go")]
    environment = os.environ | {"PYTHONPATH": str(TESTS)}
    children = [subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) for _ in range(4)]
    answers = {child.communicate()[0] for child in children}
    assert [child.returncode for child in children] == [0] * 4
    assert len(answers) == 1
    assert calls(fake_go) == ["list", "build"]


def test_what_failed_leaves_nothing_behind(fake_go: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAIL_AT", "build")
    with pytest.raises(RuntimeError, match="noise\nno route"):
        gobuild.build(PROGRAM)
    assert [path.suffix for path in (fake_go / "cache").iterdir()] == [".lock"]
    monkeypatch.delenv("FAIL_AT")
    assert gobuild.build(PROGRAM).exists()


def test_no_network_and_no_go_are_the_machines_fault(fake_go: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAIL_AT", "list")
    with pytest.raises(gobuild.GoUnavailable, match=r"^`go list -mod=mod` failed: no route to host$"):
        gobuild.build(PROGRAM)
    monkeypatch.setenv("PATH", "")
    with pytest.raises(gobuild.GoUnavailable, match="is not installed"):
        gobuild.build(PROGRAM)


def test_what_is_in_the_cache_needs_no_go(fake_go: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    built = gobuild.build(PROGRAM)
    monkeypatch.setenv("PATH", "")
    assert gobuild.build(PROGRAM) == built


def run_tests(tmp_path: Path, *tests: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run pytest in an environment without `go` and with an empty cache of programs."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *tests]
    without = {key: value for key, value in os.environ.items() if not key.startswith(("PYTEST_", "FLOWC_TEST_"))}
    without |= {"PATH": "", "FLOWC_TEST_CACHE": str(tmp_path), "PYTEST_DEBUG_TEMPROOT": str(tmp_path), **environment}
    return subprocess.run(command, cwd=TESTS.parent, env=without, capture_output=True, text=True, check=False)


def test_without_go_one_line_says_what_is_not_tested(tmp_path: Path) -> None:
    done = run_tests(tmp_path, "tests/client/test_buckets.py")
    assert done.returncode == 0, done.stdout
    (line,) = (line for line in done.stdout.splitlines() if line.startswith("SKIPPED"))
    assert "NOT TESTED with an S3 gateway: `go` is not installed" in line


def test_where_go_is_demanded_its_absence_is_a_failure(tmp_path: Path) -> None:
    assert run_tests(tmp_path, "tests/client/test_buckets.py", FLOWC_TEST_REQUIRE_GO="1").returncode == 1


def test_recorded_answers_need_no_go(tmp_path: Path) -> None:
    done = run_tests(
        tmp_path,
        "tests/targets/argo/test_validation.py",
        "tests/cron/test_cron_go.py",
        "tests/cron/test_cron_advice.py",
    )
    assert done.returncode == 0, done.stdout
    assert "skipped" not in done.stdout


def test_asking_the_programs_needs_go(tmp_path: Path) -> None:
    done = run_tests(tmp_path, "tests/targets/argo/test_validation.py", "-k", "golden", FLOWC_TEST_GO="compare")
    assert done.returncode == 1
    assert "`go` is not installed" in done.stdout


def test_a_question_without_an_answer_fails_and_an_answer_that_differs_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def ask(questions: Sequence[str]) -> list[str]:
        return [each.upper() for each in questions]

    monkeypatch.setattr(recorded, "FILES", tmp_path / "recorded")
    monkeypatch.setenv("FLOWC_TEST_GO", "record")
    assert recorded.answers("program-1", ["a", "b"], ask) == ["A", "B"]
    assert recorded.answers("program-1", ["c"], ask) == ["C"]
    monkeypatch.delenv("FLOWC_TEST_GO")
    assert recorded.answers("program-1", ["c", "a"], lambda _: []) == ["C", "A"]
    with pytest.raises(pytest.fail.Exception, match=r"lacks the answers to 1 of 2 questions, such as d: `make test-go"):
        recorded.answers("program-1", ["a", "d"], ask)
    monkeypatch.setenv("FLOWC_TEST_GO", "compare")
    assert recorded.answers("program-1", ["a"], ask) == ["A"]
    with pytest.raises(AssertionError, match="has other answers to 1 questions, such as b"):
        recorded.answers("program-1", ["a", "b"], lambda _: ["A", "beta"])


def test_what_is_built_before_the_tests_is_told_first(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    made: list[str] = []

    def refuse() -> None:
        raise gobuild.GoUnavailable("`go` is not installed")

    def make() -> bool:
        assert "making a thing: usually a minute, once\n" in capsys.readouterr().out
        made.append("thing")
        return True

    parts = (
        ready.Part("making a thing", "a minute", "things are not tested", lambda: bool(made), make),
        ready.Part("building a gateway", "two minutes", "gateways are not tested", lambda: False, refuse),
    )
    monkeypatch.setattr(ready, "PARTS", parts)
    ready.main()
    told = capsys.readouterr().out
    assert "  done in 0 s\n" in told
    assert told.endswith("two minutes, once\n  `go` is not installed\n  gateways are not tested\n")
    ready.main()
    assert "thing:" not in capsys.readouterr().out
