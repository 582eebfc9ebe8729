"""Commands and progress lines, shared by all parts of the harness."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

from tools import gobuild

Answer = TypeVar("Answer")
FILES = Path(__file__).parent / "files"


class Missing(Exception):
    """This machine lacks something that a cluster needs; the message says what to do."""


class CommandFailed(Exception):
    """A command failed, is not installed or took too long, or an awaited event did not occur in time.

    The message has the last lines of the command's output, or names the awaited event.
    """


def root() -> Path:
    """Return the directory of files that are kept after `down`: binaries, root file systems, images of the daemon."""
    return gobuild.cache() / "cluster"


def state() -> Path:
    """Return the directory of the running cluster's files: its description, kubeconfig, logs."""
    directory = root() / "state"
    directory.mkdir(parents=True, exist_ok=True)
    return directory


def scratch() -> Path:
    """Return the directory for temporary files; `down` also deletes those of a harness that was killed."""
    directory = root() / "scratch"
    directory.mkdir(parents=True, exist_ok=True)
    return directory


def run(
    *command: str | Path,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    stdin: str | None = None,
    timeout: float | None = None,
) -> str:
    """Run a command and return its stdout. Raises CommandFailed."""
    words = [str(word) for word in command]
    try:
        done = subprocess.run(
            words,
            cwd=cwd,
            env=os.environ | (env or {}),
            input=stdin,
            stdin=subprocess.DEVNULL if stdin is None else None,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
    except FileNotFoundError as error:
        raise CommandFailed(f"{words[0]} is not installed") from error
    except subprocess.TimeoutExpired as error:
        raise CommandFailed(f"`{' '.join(words[:3])}` took longer than {timeout} s") from error
    if done.returncode != 0:
        tail = "\n".join((done.stderr or done.stdout).strip().splitlines()[-15:])
        raise CommandFailed(f"`{' '.join(words[:4])}` ended with {done.returncode}:\n{tail}")
    return done.stdout


def succeeds(*command: str | Path, env: Mapping[str, str] | None = None, timeout: float | None = 30) -> bool:
    """Return whether the command succeeds."""
    try:
        run(*command, env=env, timeout=timeout)
    except CommandFailed:
        return False
    return True


def say(text: str) -> None:
    """Print a line of progress on stderr; stdout is for results."""
    print(f"cluster: {text}", file=sys.stderr, flush=True)


def wait_until(condition: Callable[[], bool], what: str, seconds: float = 60) -> None:
    """Poll `condition` until it is true; raise CommandFailed after `seconds`."""
    wait_for(condition, lambda: f"{what} did not happen", seconds, every=0.1)


def wait_for(
    ask: Callable[[], Answer | None], failure: Callable[[], str], seconds: float = 60, *, every: float = 0.5
) -> Answer:
    """Return the first true answer of `ask`, which is called again after `every` seconds.

    Raises:
        CommandFailed: no answer is true within `seconds`. The error's text comes from `failure`, which may query the
        cluster.
    """
    end = time.monotonic() + seconds
    while not (answer := ask()):
        if time.monotonic() > end:
            raise CommandFailed(f"{failure()} within {seconds:.0f} s")
        time.sleep(every)
    return answer


def install_packages(commands: Mapping[str, str]) -> None:
    """Install Debian's packages (command -> package) whose commands are missing. Raises Missing if that is impossible."""
    packages = sorted(
        {package for command, package in commands.items() if not shutil.which(command, path=_search_path())}
    )
    if not packages:
        return
    if not shutil.which("apt-get"):
        raise Missing(f"{', '.join(packages)}: this is no Debian, so the harness cannot install them itself")
    say(f"apt-get install {' '.join(packages)}")
    environment = {"DEBIAN_FRONTEND": "noninteractive"}
    run("apt-get", "update", "-qq", env=environment)
    run("apt-get", "install", "-y", "-qq", "--no-install-recommends", *packages, env=environment)


def _search_path() -> str:
    # on Debian, the PATH of ordinary users lacks these directories
    return f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin"
