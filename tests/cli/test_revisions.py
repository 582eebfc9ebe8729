"""The revision of the code in records of runs, and `flowc diff` between the code of two runs."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

import pytest

from repository import commit, git, repository
from small_flows import two_steps

if TYPE_CHECKING:
    from project import Project

FLOW = two_steps("Code", end='print("one")')


@pytest.fixture
def code(project: Project) -> Project:
    project.write("flow.py", FLOW)
    project.write("helper.py", "HELP = 1\n")
    repository(project.root, ".flowc/", commits=True)
    return project


def test_each_run_has_it_and_it_is_shown(code: Project) -> None:
    first = git(code.root, "rev-parse", "HEAD")
    record = code.run("flow.py").record()
    assert record["revision"] == {"commit": first, "branch": "main", "dirty": []}
    code.write("notes.txt", "x")
    code.write("helper.py", "HELP = 2\n")
    assert code.python("flow.py", "run").code == 0
    revision = {"commit": first, "branch": "main", "dirty": ["unstaged", "untracked"]}
    assert code.latest().record()["revision"] == revision
    shown = code.flowc("show", "Code/latest")
    assert f"revision:     {first[:12]} on main, with unstaged changes, untracked files\n" in shown.out
    assert json.loads(code.flowc("show", "Code/latest", "--json").out)["revision"] == revision
    rows = json.loads(code.flowc("runs", "--json").out)
    assert [row["revision"]["dirty"] for row in rows] == [["unstaged", "untracked"], []]
    second = commit(code.root)
    assert code.flowc("resume", "flow.py", "end").code == 0
    assert code.latest().record()["revision"] == {"commit": second, "branch": "main", "dirty": []}
    assert code.python("flow.py", "spin", "end").code == 0


GIT_INFO = "from metaflow import Flow; print(Flow('Code').latest_run['end'].task.metadata_dict.get('git-info'))"


def test_the_client_has_it_by_metaflow_s_names(code: Project) -> None:
    """The revision is a JSON text, as in Metaflow 2.19: unknown facts are missing, and a detached head is `HEAD`."""

    def told() -> object:
        code.run("flow.py")
        return json.loads(code.python("-c", GIT_INFO).out)

    first = git(code.root, "rev-parse", "HEAD")
    assert told() == {"branch_name": "main", "commit_sha": first}
    code.write("notes.txt", "x")  # untracked files do not count as changes
    assert told() == {"branch_name": "main", "commit_sha": first}
    git(code.root, "add", "notes.txt")
    assert told() == {"branch_name": "main", "commit_sha": first, "has_uncommitted_changes": True}
    git(code.root, "commit", "-q", "-m", "notes")
    git(code.root, "checkout", "-q", "--detach", first)
    assert told() == {"branch_name": "HEAD", "commit_sha": first}
    code.write("helper.py", "HELP = 2\n")
    assert told() == {"branch_name": "HEAD", "commit_sha": first, "has_uncommitted_changes": True}


def test_a_repository_without_a_commit_has_only_changes(project: Project) -> None:
    project.write("flow.py", FLOW)
    repository(project.root, ".flowc/")
    project.run("flow.py")
    assert json.loads(project.python("-c", GIT_INFO).out) == {"has_uncommitted_changes": True}


def test_outside_of_a_repository_there_is_none(project: Project) -> None:
    project.write("flow.py", FLOW)
    assert "revision" not in project.run("flow.py").record()
    assert json.loads(project.flowc("runs", "--json").out)[0]["revision"] is None
    assert "revision" not in project.flowc("show", "Code/latest").out
    assert project.python("-c", GIT_INFO).out == "None\n"


def test_a_git_that_hangs_holds_a_run_up_for_a_second_at_most(code: Project) -> None:
    slow = code.write("bin/git", "#!/bin/sh\nexec sleep 600\n")
    slow.chmod(0o755)
    began = time.monotonic()
    done = code.python("flow.py", "run", PATH=f"{slow.parent}:{code.environment['PATH']}")
    assert done.code == 0, done.err
    assert code.latest().record()["revision"]["dirty"] == ["unknown"]
    assert time.monotonic() - began < 60  # without the time limit, git would take ten minutes


def test_two_runs_are_compared(code: Project) -> None:
    one = code.run("flow.py")
    code.write("flow.py", FLOW.replace('"one"', '"two"'))
    code.write("added.py", "x = 1")
    (code.root / "helper.py").unlink()
    two = code.run("flow.py")
    done = code.flowc("show", f"Code/{one.id}", "--diff", two.id)
    assert done.code == 0, done.err
    assert done.out == (
        f"--- /dev/null\n+++ Code/{two.id}/added.py\n@@ -0,0 +1 @@\n+x = 1\n\\ No newline at end of file\n"
        f"--- Code/{one.id}/flow.py\n+++ Code/{two.id}/flow.py\n@@ -7,7 +7,7 @@\n \n     @step\n     def end(self):\n"
        '-        print("one")\n+        print("two")\n \n if __name__ == "__main__":\n     Code()\n'
        f"--- Code/{one.id}/helper.py\n+++ /dev/null\n@@ -1 +0,0 @@\n-HELP = 1\n"
    )
    assert code.flowc("show", "Code/latest", "--diff", f"Code/{two.id}").out == ""
    assert code.flowc("show", "Code/latest", "--diff", ".").out == ""
    code.write("added.py", "x = 2\n")
    here = code.flowc("show", "Code/latest", "--diff", ".").out
    assert here == (
        f"--- Code/{two.id}/added.py\n+++ here/added.py\n@@ -1 +1 @@\n-x = 1\n\\ No newline at end of file\n+x = 2\n"
    )


def test_what_cannot_be_compared_is_told(code: Project) -> None:
    run = code.run("flow.py")
    assert code.python("flow.py", "run", FLOWC_KEEP_SOURCES="no").code == 0
    done = code.flowc("show", f"Code/{run.id}", "--diff", "latest")
    assert (done.code, done.out) == (1, "")
    assert (
        f"error: run Code/{code.latest().id} has no recorded code\nhint: runs do not record code for flows with @secrets"
        in done.err
    )
    done = code.flowc("show", f"Code/{run.id}", "--diff", "nope")
    assert "error: flow 'Code' has no run 'nope'" in done.err
    for words in (("--json",), ()):
        pathspec = f"Code/{run.id}" if words else f"Code/{run.id}/start"
        assert "--diff compares the code of two runs" in code.flowc("show", pathspec, "--diff", "latest", *words).err
