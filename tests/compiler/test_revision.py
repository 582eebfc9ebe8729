"""The revision of a directory, in real git repositories: clean, changed, in conflict, without a commit, damaged."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

import pytest

from flowc.revision import SECONDS, Look, read_head
from flowc_runtime.store.records.revision import shown
from repository import commit, git, repository


def look(directory: Path) -> dict[str, object] | None:
    found = Look(str(directory)).result()
    return None if found is None else dict(found)


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    root = tmp_path / "repo"
    root.mkdir()
    (root / "a.py").write_text("1\n")
    return repository(root, "ignored.py", commits=True)


def head(root: Path) -> str:
    return git(root, "rev-parse", "HEAD")


def own_children() -> set[str]:
    """Return the child processes of this thread; other children of this process belong to other tests."""
    return set(Path(f"/proc/self/task/{threading.get_native_id()}/children").read_text().split())


def test_clean(repo: Path) -> None:
    (repo / "ignored.py").touch()
    expected = {"commit": head(repo), "branch": "main", "dirty": []}
    assert look(repo) == expected
    (repo / "deep" / "er").mkdir(parents=True)
    assert look(repo / "deep" / "er") == expected


def test_what_has_changed(repo: Path) -> None:
    def dirty() -> object:
        found = look(repo)
        assert found is not None
        return found["dirty"]

    (repo / "new.py").touch()
    assert dirty() == ["untracked"]
    git(repo, "add", "new.py")
    assert dirty() == ["staged"]
    (repo / "a.py").write_text("2\n")
    assert dirty() == ["staged", "unstaged"]
    (repo / "ä\n.py").touch()
    assert dirty() == ["staged", "unstaged", "untracked"]
    commit(repo)
    git(repo, "mv", "a.py", "b.py")
    assert dirty() == ["staged"]
    commit(repo)
    (repo / "b.py").unlink()
    assert dirty() == ["unstaged"]


def test_a_conflict(repo: Path) -> None:
    git(repo, "checkout", "-q", "-b", "other")
    (repo / "a.py").write_text("theirs\n")
    commit(repo)
    git(repo, "checkout", "-q", "main")
    (repo / "a.py").write_text("ours\n")
    ours = commit(repo)
    with pytest.raises(AssertionError, match=r"git \("):
        git(repo, "merge", "other")
    assert look(repo) == {"commit": ours, "branch": "main", "dirty": ["unstaged"]}


def test_the_store_of_older_runs_is_no_change(repo: Path) -> None:
    (repo / "flows" / ".flowc" / "blobs").mkdir(parents=True)
    (repo / "flows" / ".flowc" / "blobs" / "x").touch()
    (repo / "flows" / "keep.py").touch()
    commit(repo)
    git(repo, "rm", "-rq", "--cached", "flows/.flowc")
    git(repo, "commit", "-qm", "without")
    assert look(repo) == {"commit": head(repo), "branch": "main", "dirty": []}


def test_heads_of_every_kind(repo: Path, tmp_path: Path) -> None:
    first = head(repo)
    git(repo, "checkout", "-q", "-b", "feature/größe")
    assert read_head(str(repo)) == {"commit": first, "branch": "feature/größe"}
    git(repo, "pack-refs", "--all")
    assert not (repo / ".git" / "refs" / "heads" / "main").exists()
    assert look(repo) == {"commit": first, "branch": "feature/größe", "dirty": []}
    # git now writes the reference to a file of its own, which takes precedence over the file `packed-refs`
    second = commit(repo)
    assert read_head(str(repo)) == {"commit": second, "branch": "feature/größe"}
    git(repo, "symbolic-ref", "refs/heads/alias", "refs/heads/main")
    git(repo, "symbolic-ref", "HEAD", "refs/heads/alias")
    assert read_head(str(repo)) == {"commit": first, "branch": "alias"}
    git(repo, "checkout", "-q", "--detach", second)
    assert look(repo) == {"commit": second, "dirty": []}
    git(repo, "tag", "-a", "-m", "x", "v1")
    git(repo, "checkout", "-q", "v1")
    assert look(repo) == {"commit": second, "dirty": []}


def test_a_repository_without_a_commit(tmp_path: Path) -> None:
    assert look(repository(tmp_path / "new")) == {"branch": "main", "dirty": []}


def test_a_worktree_and_a_submodule(repo: Path, tmp_path: Path) -> None:
    git(repo, "worktree", "add", "-q", "-b", "side", "../tree")
    tree = tmp_path / "tree"
    moved = commit(tree)
    git(repo, "pack-refs", "--all")
    assert look(tree) == {"commit": moved, "branch": "side", "dirty": []}
    outer = repository(tmp_path / "outer", commits=True)
    git(outer, "-c", "protocol.file.allow=always", "submodule", "add", "-q", str(repo), "sub")
    assert look(outer / "sub") == {"commit": head(repo), "branch": "main", "dirty": []}
    assert look(outer) == {"commit": head(outer), "branch": "main", "dirty": ["staged"]}


def test_a_form_of_references_that_only_git_reads(repo: Path) -> None:
    """In the format `reftable`, the file HEAD does not contain the branch."""
    expected = look(repo)
    (repo / ".git" / "reftable").mkdir()
    assert read_head(str(repo)) == {}
    assert look(repo) == expected


@pytest.mark.parametrize(
    "damage", ["", "ref: refs/heads/../../../etc/passwd", "ref: nonsense", "\xff", "ref: refs/heads/loop"]
)
def test_a_damaged_head_is_no_error(repo: Path, damage: str) -> None:
    (repo / ".git" / "refs" / "heads" / "loop").write_text("ref: refs/heads/loop\n")
    (repo / ".git" / "HEAD").write_bytes(damage.encode("latin-1"))
    found = look(repo)
    assert found is not None
    assert "commit" not in found


def test_outside_of_a_repository(tmp_path: Path) -> None:
    assert look(tmp_path) is None


def test_the_address_of_a_remote_is_not_in_it(repo: Path) -> None:
    git(repo, "remote", "add", "origin", "https://me:hunter2@example.org/repo.git")
    git(repo, "config", "branch.main.remote", "origin")
    git(repo, "config", "branch.main.merge", "refs/heads/main")
    assert "hunter2" not in str(look(repo))


def test_without_git_commit_and_branch_are_known(repo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    commit_now = head(repo)
    monkeypatch.setenv("PATH", "/nowhere")
    assert look(repo) == {"commit": commit_now, "branch": "main", "dirty": ["unknown"]}


def program(directory: Path, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    directory.mkdir()
    (directory / "git").write_text(f"#!/bin/sh\n{text}\n")
    (directory / "git").chmod(0o755)
    monkeypatch.setenv("PATH", f"{directory}:{os.environ['PATH']}")


@pytest.mark.parametrize("how", ["sleep 600", "yes & sleep 600", "sleep 600 & exit 0", "trap '' TERM; sleep 600"])
def test_a_git_that_takes_too_long_is_ended(
    repo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    commit_now = head(repo)
    program(tmp_path / "bin", f"echo $$ > {tmp_path}/pid; {how}", monkeypatch)
    began = time.monotonic()
    assert look(repo) == {"commit": commit_now, "branch": "main", "dirty": ["unknown"]}
    # 29 seconds are tolerance for a busy machine; without the time limit, the call would take ten minutes
    assert time.monotonic() - began < SECONDS + 29
    if (pid := tmp_path / "pid").exists():
        # on a very busy machine, flowc may end the program before it has written its pid
        with pytest.raises(ChildProcessError):
            os.waitpid(int(pid.read_text()), os.WNOHANG)  # the process has ended, and flowc has waited for it


def test_a_git_that_fails_is_unknown(repo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    commit_now = head(repo)
    program(tmp_path / "bin", "echo '? x'; exit 128", monkeypatch)
    assert look(repo) == {"commit": commit_now, "branch": "main", "dirty": ["unknown"]}


def test_a_look_that_nobody_needs_leaves_nothing(repo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program(tmp_path / "bin", "sleep 600", monkeypatch)
    descriptors, children = set(os.listdir("/proc/self/fd")), own_children()
    one = Look(str(repo))
    assert own_children() > children
    one.close()
    one.close()
    assert set(os.listdir("/proc/self/fd")) <= descriptors
    assert own_children() <= children


def test_no_program_of_the_repository_s_is_started_and_no_lock_is_taken(repo: Path) -> None:
    marker = repo.parent / "called"
    git(repo, "config", "core.fsmonitor", f"touch {marker}; false")
    index = (repo / ".git" / "index").stat().st_mtime_ns
    os.utime(repo / "a.py", (1, 1))  # only the file's time changes, which usually makes git update its index
    assert look(repo) == {"commit": head(repo), "branch": "main", "dirty": []}
    assert not marker.exists()
    assert (repo / ".git" / "index").stat().st_mtime_ns == index


def test_how_it_is_told() -> None:
    assert shown({"commit": "0123456789abcdef", "branch": "main", "dirty": []}) == "0123456789ab on main"
    assert shown({"commit": "0123456789abcdef", "dirty": ["staged", "untracked"]}) == (
        "0123456789ab, with staged changes, untracked files"
    )
    assert shown({"branch": "main", "dirty": ["unknown"]}) == "no commit on main, perhaps with changes"
