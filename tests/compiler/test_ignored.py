"""Files that git ignores, in real repositories: names, links, nested repositories, and failures of git."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from flowc.git import work_tree
from flowc.ignored import NoGitError, UnknownError, ignored
from repository import git, repository


def files(root: Path, *names: str) -> dict[str, str]:
    """Create files with these names; return name -> path."""
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.is_symlink():
            path.write_text("x = 1\n")
    return {name: str(root / name) for name in names}


def test_patterns_of_every_kind_count(tmp_path: Path) -> None:
    root = repository(tmp_path, "local_*.py", "*.log.py", "!keep.log.py", "/gen/", "data/*")
    (root / ".git" / "info" / "exclude").write_text("excluded.py\n")
    asked = files(
        root, "flow.py", "local_settings.py", "sub/local_x.py", "a.log.py", "keep.log.py", "gen/a.py", "sub/gen/a.py",
        "data/a.csv", "excluded.py",
    )  # fmt: skip
    assert ignored(asked) == {
        "local_settings.py",
        "sub/local_x.py",
        "a.log.py",
        "gen/a.py",
        "data/a.csv",
        "excluded.py",
    }


def test_odd_names_are_names(tmp_path: Path) -> None:
    root = repository(tmp_path, "secret*", "*.[x]")
    odd = ["secret\n.py", ":(top)flow.py", "[ab].py", "ä ü.py", "secret 'q'.py", "-v.py", "*.py", "a\\b.py"]
    assert ignored(files(root, *odd)) == {"secret\n.py", "secret 'q'.py"}


def test_what_is_tracked_is_not_ignored(tmp_path: Path) -> None:
    root = repository(tmp_path, "local.py")
    asked = files(root, "local.py")
    git(root, "add", "-f", "local.py")
    assert ignored(asked) == frozenset()


def test_patterns_of_what_is_kept(tmp_path: Path) -> None:
    root = repository(tmp_path, "*.py")
    asked = files(root, "_version.py", "a/_version.py", "gen/x.py", "gen/a/y.py", "z.py")
    assert ignored(asked, exceptions=["_version.py", "gen/x*"]) == {"gen/a/y.py", "z.py"}


def test_links(tmp_path: Path) -> None:
    """A link is ignored if its target is ignored, because the target would be packaged.

    git refuses paths that lead through a link.
    """
    root = repository(tmp_path / "repo", "secret.py", "hidden/")
    other = repository(tmp_path / "other", "theirs.py")
    files(root, "secret.py", "lib/a.py", "lib/secret.py", "hidden/b.py")
    files(other, "theirs.py", "open.py")
    outside = tmp_path / "outside"
    files(outside, "secret.py")
    (root / "alias.py").symlink_to("secret.py")
    (root / "link").symlink_to("lib")
    (root / "shown").symlink_to("hidden")
    (root / "other").symlink_to(other)
    (root / "outside").symlink_to(outside)
    asked = {name: str(root / name) for name in (
        "alias.py", "link/a.py", "link/secret.py", "shown/b.py", "other/theirs.py", "other/open.py", "outside/secret.py",
    )}  # fmt: skip
    assert ignored(asked) == {"alias.py", "link/secret.py", "shown/b.py", "other/theirs.py"}
    for both in (["alias.py", "secret.py"], ["secret.py", "alias.py"]):  # `alias.py` is a link to `secret.py`
        assert ignored({name: str(root / name) for name in both}) == set(both)


def test_a_link_that_is_ignored_itself(tmp_path: Path) -> None:
    root = repository(tmp_path, "current.py")
    files(root, "a.py")
    (root / "current.py").symlink_to("a.py")
    assert ignored({"current.py": str(root / "current.py")}) == {"current.py"}


def test_a_repository_in_a_repository_has_its_own_patterns(tmp_path: Path) -> None:
    root = repository(tmp_path, "outer.py")
    repository(root / "inner", "inner.py")
    asked = files(root, "outer.py", "inner.py", "inner/outer.py", "inner/inner.py")
    assert ignored(asked) == {"outer.py", "inner/inner.py"}


def test_a_submodule(tmp_path: Path) -> None:
    """flowc runs git inside a nested repository, because the outer repository's git refuses paths in it."""
    other = repository(tmp_path / "other", "inner.py", commits=True)
    root = repository(tmp_path / "root", "outer.py", commits=True)
    git(root, "-c", "protocol.file.allow=always", "submodule", "add", "-q", str(other), "sub")
    assert ignored(files(root, "sub/outer.py", "sub/inner.py", "outer.py")) == {"sub/inner.py", "outer.py"}


def test_a_worktree(tmp_path: Path) -> None:
    root = repository(tmp_path / "main", "secret.py", commits=True)
    git(root, "worktree", "add", "-q", "../tree")
    assert work_tree(str(tmp_path / "tree")) == str(tmp_path / "tree")
    assert ignored(files(tmp_path / "tree", "secret.py", "a.py")) == {"secret.py"}


def test_outside_of_any_repository_git_is_not_called(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    assert ignored(files(tmp_path, "a.py")) == frozenset()


@pytest.mark.parametrize("outer", [False, True])
@pytest.mark.parametrize("fault", ["empty", "headless", "no objects", "lost link", "lost worktree"])
def test_a_broken_repository_is_told(tmp_path: Path, fault: str, outer: bool) -> None:
    """A broken repository is an error, because git would then use the rules of a repository in a parent directory."""
    if outer:
        repository(tmp_path)
    root = repository(tmp_path / "root", "secret.py")
    place = root / ".git"
    match fault:
        case "headless":
            (place / "HEAD").unlink()
        case "no objects":
            shutil.rmtree(place / "objects")
        case _:
            shutil.rmtree(place)
    match fault:
        case "empty":
            place.mkdir()
        case "lost link":
            place.symlink_to("nowhere")
        case "lost worktree":
            place.write_text("gitdir: /nowhere/at/all\n")
    with pytest.raises(UnknownError, match=r"git fails in .*/root: fatal: not a git repository"):
        ignored(files(root / "below", "secret.py", "a.py"))


def test_the_variables_of_a_hook_mean_another_repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = repository(tmp_path / "root", "secret.py")
    other = repository(tmp_path / "other")
    monkeypatch.setenv("GIT_DIR", str(other / ".git"))
    monkeypatch.setenv("GIT_WORK_TREE", str(other))
    monkeypatch.setenv("GIT_LITERAL_PATHSPECS", "1")
    assert ignored(files(root, "secret.py", "a.py")) == {"secret.py"}


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_a_repository_of_another_user(tmp_path: Path) -> None:
    root = repository(tmp_path, "secret.py")
    for path in [root, *root.rglob("*")]:
        os.chown(path, 12345, 12345)
    assert ignored(files(root, "secret.py", "a.py")) == {"secret.py"}


def test_without_git(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = repository(tmp_path, "secret.py")
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(NoGitError, match="is a work tree of git, and git is not installed"):
        ignored(files(root, "secret.py"))


def test_a_git_that_fails_or_hangs_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = repository(tmp_path / "root")
    asked = files(root, "a.py")
    (root / ".git" / "config").write_text("[core\n")
    with pytest.raises(UnknownError, match=r"git fails in .*: fatal: bad config"):
        ignored(asked)
    slow = tmp_path / "bin" / "git"
    slow.parent.mkdir()
    slow.write_text("#!/bin/sh\nexec sleep 60\n")
    slow.chmod(0o755)
    monkeypatch.setenv("PATH", str(slow.parent), prepend=":")
    with pytest.raises(UnknownError, match="takes longer than 0 s"):
        ignored(asked, seconds=0.2)
