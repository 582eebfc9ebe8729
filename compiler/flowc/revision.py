"""The git revision of a flow's code: commit, branch and the kinds of uncommitted changes.

Commit and branch are read from the repository's own files. The changes come from `git status`, which runs in the
background while a run begins. If git does not answer within a second, the changes are recorded as unknown. Addresses of
remotes, which may contain passwords, are neither read nor kept.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import time
from typing import TYPE_CHECKING, Final

from flowc import git
from flowc_ir.late import LateModule
from flowc_ir.late.pattern import late_pattern

if TYPE_CHECKING:
    import subprocess

    from flowc_runtime.store.records.record_types import RevisionRecord
else:  # imported at first use, because the import costs start-up time
    subprocess = LateModule("subprocess")

SECONDS: Final = 1.0  # time limit for git
_STATUS: Final = (
    "status", "--porcelain=v2", "-z", "--branch", "--no-ahead-behind", "--no-renames", "--untracked-files=normal",
)  # fmt: skip
_COMMIT: Final = late_pattern(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_MUCH = 64 << 20  # limit of git's output in bytes; git prints an entry for each changed file
_LINKS = 5  # the maximum number of symbolic references to follow
_STORE = b".flowc"  # flowc's own store does not count as a change of the code


class Look:
    """A query of the git revision of a directory. The constructor starts the query, which runs in the background."""

    def __init__(self, directory: str) -> None:
        self._deadline = time.monotonic() + SECONDS
        self._process: subprocess.Popen[bytes] | None = None
        self._revision: RevisionRecord | None = None
        top = git.work_tree(os.path.realpath(directory))
        if top is None:
            return
        self._revision = read_head(top)
        with contextlib.suppress(OSError):  # no git
            self._process = subprocess.Popen(
                [*git.COMMAND, *_STATUS],
                cwd=top,
                env=git.environment(),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                # Hazard: git gets its own session, so that Ctrl-C does not reach it and that it can be killed together
                # with its children.
                start_new_session=True,
            )

    def result(self) -> RevisionRecord | None:
        """Return the revision; wait for git until the query's time limit.

        Returns:
            None outside a repository. Otherwise a dict with `commit` and `branch`, if they exist, and `dirty`: the
            kinds of uncommitted changes (`staged`, `unstaged`, `untracked`), or `unknown` if git gave no answer in
            time.
        """
        if self._revision is None:
            return None
        output = self._output()
        told = parse_status(output) if output is not None else {}
        found: RevisionRecord = {}
        for name in ("commit", "branch"):
            if value := self._revision.get(name) or told.get(name):
                found[name] = str(value)
        found["dirty"] = told.get("dirty", ["unknown"])
        return found

    def close(self) -> None:
        """End the query and wait for git's process. Without this wait, a later wait for any child process could return
        git's process."""
        if (process := self._process) is None:
            return
        self._process = None
        # No other process can have git's process id, because this process has not waited for git yet.
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
        assert process.stdout is not None
        process.stdout.close()
        process.wait()

    def _output(self) -> bytes | None:
        """Return the output of git; None if git fails, or exceeds its time limit or size limit."""
        if (process := self._process) is None:
            return None
        assert process.stdout is not None
        descriptor, output = process.stdout.fileno(), bytearray()
        try:
            while True:
                ready, _, _ = select.select([descriptor], [], [], max(self._deadline - time.monotonic(), 0))
                if not ready or len(output) > _MUCH:
                    return None
                if not (part := os.read(descriptor, 1 << 16)):
                    break
                output += part
            with contextlib.suppress(subprocess.TimeoutExpired):
                return bytes(output) if process.wait(max(self._deadline - time.monotonic(), 0.05)) == 0 else None
            return None
        finally:
            self.close()


def parse_status(output: bytes) -> RevisionRecord:
    """Parse the output of `git status --porcelain=v2 -z --branch`.

    Args:
        output: header lines, then one entry for each change, separated by null bytes.

    Returns:
        A dict with `commit` and `branch`, if they exist, and `dirty`, the kinds of changes. Files of flowc's own store
        do not count as changes.
    """
    found: RevisionRecord = {}
    dirty: set[str] = set()
    for entry in output.split(b"\0"):
        if entry.startswith(b"# branch.oid ") and _COMMIT.fullmatch(commit := entry[13:].decode()):
            found["commit"] = commit
        elif entry.startswith(b"# branch.head ") and entry[14:] != b"(detached)":
            found["branch"] = entry[14:].decode(errors="replace")
        elif entry.startswith(b"? "):
            if _STORE not in entry[2:].rstrip(b"/").split(b"/"):
                dirty.add("untracked")
        elif entry[:2] in (b"1 ", b"2 ", b"u "):
            if entry[2:3] != b"." and entry[:1] != b"u":
                dirty.add("staged")
            if entry[3:4] != b".":
                dirty.add("unstaged")
    found["dirty"] = [kind for kind in ("staged", "unstaged", "untracked") if kind in dirty]
    return found


# -- the repository's own files ----------------------------------------------------------------------------------------


def read_head(top: str) -> RevisionRecord:
    """Return commit and branch of a work tree, read from plain files.

    The result has no branch if the head is detached, and no commit if the branch is new. The result is empty if the
    repository stores its references in the form `reftable`.
    """
    try:
        directory = _git_directory(top)
        common = os.path.join(directory, _first_line(f"{directory}/commondir") or "")
        if os.path.isdir(f"{common}/reftable"):
            return {}
        head = _first_line(f"{directory}/HEAD") or ""
        if _COMMIT.fullmatch(head):
            return {"commit": head}
        name = head.removeprefix("ref: ")
        commit = _resolve(name, directory, common)
    except (OSError, UnicodeDecodeError):
        return {}
    found: RevisionRecord = {"branch": name.removeprefix("refs/heads/")} if name != head else {}
    return {**found, "commit": commit} if commit else found


def _git_directory(top: str) -> str:
    """Return the directory of a work tree's repository. In a linked worktree, the directory contains the file
    `commondir`, which names the directory that all worktrees share."""
    place = f"{top}/.git"
    if os.path.isdir(place):
        return place
    return os.path.join(top, (_first_line(place) or "").removeprefix("gitdir: "))


def _first_line(path: str) -> str | None:
    try:
        with open(path, encoding="utf-8") as file:
            return file.readline().strip()
    except FileNotFoundError:
        return None


def _resolve(name: str, directory: str, common: str) -> str | None:
    for _ in range(_LINKS):
        if ".." in name.split("/") or not name.startswith("refs/"):
            return None
        value = _first_line(f"{directory}/{name}") or _first_line(f"{common}/{name}") or _packed(name, common)
        if value is None or _COMMIT.fullmatch(value):
            return value
        name = value.removeprefix("ref: ")
    return None


def _packed(name: str, common: str) -> str | None:
    """Return the commit of a reference from the file `packed-refs`; None if the file does not have the reference."""
    try:
        with open(f"{common}/packed-refs", encoding="utf-8", errors="replace") as file:
            for line in file:
                commit, _, reference = line.rstrip("\n").partition(" ")
                if reference == name:
                    return commit
    except FileNotFoundError:
        pass
    return None
