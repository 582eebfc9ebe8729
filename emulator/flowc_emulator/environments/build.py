"""Build environments in the cache `~/.cache/flowc/envs/DIGEST`: an environment is built once, by one process at a time.

An environment is built in its final directory, because its scripts contain the full path of their interpreter. The
marker file of an environment is written last, so an environment with this file is complete. A process builds an
environment if it holds the environment's lock and finds no marker file. The kernel releases the lock of a killed
process.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from flowc_emulator.environments import interpreters, pythons
from flowc_emulator.environments.interpreters import BuildError
from flowc_ir import json_text
from flowc_runtime.base.user_cache import cache_home

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from flowc_emulator.environments.spec import Spec

_MARK = "flowc.json"
_TOLD = 8  # The number of last lines of a failed installer that an error shows.
# Environment variables of pip -> the equivalent variables of uv, to which flowc passes the same values.
_PIP_TO_UV = {
    "PIP_INDEX_URL": "UV_DEFAULT_INDEX",
    "PIP_EXTRA_INDEX_URL": "UV_INDEX",
    "PIP_FIND_LINKS": "UV_FIND_LINKS",
    "PIP_CERT": "SSL_CERT_FILE",
}


def ensure(spec: Spec, say: Callable[[str], None]) -> str:
    """Return the path of an environment's interpreter; build the environment if it is not in the cache.

    Args:
        spec: the environment.
        say: called with a message before a build, and before waiting for another process that builds the environment.

    Raises:
        BuildError: the installer failed or is missing, or the cache cannot be written; the message contains the
            installer's last lines.
    """
    home = Path(cache_home(), "envs", spec.digest)
    if _is_ready(home):
        return _python(home)
    try:
        home.parent.mkdir(parents=True, exist_ok=True)
        with _locked(home.with_suffix(".lock"), say):
            if not _is_ready(home):
                say(f"building environment {spec.digest} ({spec})")
                _build(spec, home)
    except OSError as error:
        raise BuildError(f"cannot build the environment {home}: {error}") from error
    return _python(home)


def _is_ready(home: Path) -> bool:
    """Return whether the environment is complete and its interpreter, a symbolic link, still exists."""
    return (home / _MARK).exists() and os.path.exists(_python(home))


def _python(home: Path) -> str:
    return str(home / "bin" / "python")


@contextmanager
def _locked(path: Path, say: Callable[[str], None]) -> Iterator[None]:
    with open(path, "w", encoding="ascii") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(f"waiting for another process that builds environment {path.stem}")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _build(spec: Spec, home: Path) -> None:
    shutil.rmtree(home, ignore_errors=True)
    try:
        for command in commands(spec, home):
            _call(command, spec)
        mark = home / f"{_MARK}.new"
        mark.write_text(
            json_text.dumps({"python": spec.python, "pypi": spec.pypi, "conda": spec.conda}), encoding="utf-8"
        )
        mark.rename(home / _MARK)
    except BaseException:
        shutil.rmtree(home, ignore_errors=True)
        raise


def commands(spec: Spec, home: Path) -> Iterator[Sequence[str]]:
    """Yield the commands that build an environment, in order.

    Args:
        spec: the environment.
        home: the environment's directory, which does not exist yet.

    Raises:
        BuildError: the environment has packages of conda, and no program that installs them is on PATH.
    """
    uv, path = interpreters.uv(), spec.interpreter.path
    if spec.conda:
        conda = interpreters.conda()
        if conda is None:
            raise BuildError(
                f"packages of @conda ({', '.join(spec.conda)}) need micromamba, mamba or conda, and none is on PATH; "
                "install one, or take the packages from PyPI with @pypi"
            )
        channels = (os.environ.get("CONDA_CHANNELS") or "conda-forge").split(",")
        chosen = [part for channel in channels for part in ("-c", channel.strip())]
        python = pythons.for_conda(spec.python)
        yield (conda, "create", "--yes", "--quiet", "--prefix", str(home), *chosen, python, "pip", *spec.conda)
    elif uv:
        yield (*uv, "venv", "--quiet", "--no-project", "--python", path or spec.python, str(home))
    else:
        assert path is not None, "an interpreter without a path comes from uv or conda"
        # Installing pip into each environment takes two seconds, so the pip of this interpreter installs packages into
        # all environments.
        without = ("--without-pip",) if interpreters.pip() or not spec.pypi else ()
        yield (path, "-m", "venv", *without, str(home))
    if not spec.pypi:
        return
    if uv:
        alone = ("--no-index",) if os.environ.get("PIP_NO_INDEX", "").lower() in ("1", "true", "yes", "on") else ()
        yield (*uv, "pip", "install", "--quiet", *alone, "--python", _python(home), "--", *spec.pypi)
    else:
        other = interpreters.pip()
        pip = (*other, "--python", _python(home)) if other and not spec.conda else (_python(home), "-m", "pip")
        # `--quiet` is not passed, because it would hide the package indexes that pip used.
        yield (*pip, "install", "--no-input", "--disable-pip-version-check", "--", *spec.pypi)


def _call(command: Sequence[str], spec: Spec) -> None:
    environment = interpreters.environment()
    for pip, uv in _PIP_TO_UV.items():
        if pip in environment:
            environment.setdefault(uv, environment[pip])
    done = subprocess.run(
        command,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    )
    if done.returncode != 0:
        lines = [line.strip()[:300] for line in done.stdout.splitlines() if line.strip()][-_TOLD:]
        told = "".join(f"\n  {line}" for line in lines) or f" exit code {done.returncode}"
        raise BuildError(f"cannot build an environment ({spec}); the installer says:{told}")
