"""Real git repositories for tests."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

WHO = {
    "GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@example.org", "GIT_COMMITTER_NAME": "a",
    "GIT_COMMITTER_EMAIL": "a@example.org", "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1",
}  # fmt: skip


def git(directory: Path, *arguments: str) -> str:
    """Run git in a directory and return its output."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    done = subprocess.run(
        ["git", *arguments], cwd=directory, env=kept | WHO, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"git {arguments}: {done.stderr}"
    return done.stdout.strip()


def repository(directory: Path, *ignored: str, commits: bool = False) -> Path:
    """Turn a directory into a repository that ignores these patterns; with `commits`, commit its files."""
    if shutil.which("git") is None:
        pytest.skip("git is not installed")
    directory.mkdir(parents=True, exist_ok=True)
    git(directory, "init", "-q", "-b", "main", ".")
    if ignored:
        (directory / ".gitignore").write_text("".join(f"{pattern}\n" for pattern in ignored))
    if commits:
        commit(directory)
    return directory


def commit(directory: Path, message: str = "all") -> str:
    """Commit all files and return the id of the commit."""
    git(directory, "add", "-A")
    git(directory, "commit", "-q", "--allow-empty", "-m", message)
    return git(directory, "rev-parse", "HEAD")
