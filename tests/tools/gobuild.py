"""Small Go programs that call real components: Argo's validator, the API server, the cron library.

`make test` reads their recorded answers (`tools.recorded`); `make test-go` builds and runs the programs.

Sources are in `go/<name>/`, the required modules in `versions.py`. A program is built once and kept outside of the
repository, in `$FLOWC_TEST_CACHE` or `~/.cache/flowc-tests`, under a name that depends on its sources and versions;
after that, neither `go` nor a network is needed. There is no go.mod to maintain: each program requires one module at
one version, and this module's go.mod fixes the versions of all others. Go's checksum database verifies the downloads.

    PYTHONPATH=tests python -m tools.gobuild     builds all of them now, with a line each (`make test-go` does)
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from tools import versions

T = TypeVar("T")

SOURCES = Path(__file__).parent / "go"


class GoUnavailable(Exception):
    """`go` is not installed, or a module cannot be downloaded; the program itself may be correct."""


@dataclass(frozen=True)
class Module:
    path: str
    version: str

    def __str__(self) -> str:
        return f"{self.path}@{self.version}"


@dataclass(frozen=True)
class Program:
    name: str  # the program's source is in the directory of this name in SOURCES
    module: Module
    tags: str = ""


def argo_module(version: str) -> Module:
    return Module(f"github.com/argoproj/argo-workflows/v{version.split('.')[0]}", f"v{version}")


def argolint(version: str) -> Program:
    return Program("argolint", argo_module(version), tags=f"argo{version.split('.')[0]}")


CRDCHECK = Program("crdcheck", Module("k8s.io/apiextensions-apiserver", f"v{versions.KUBERNETES_MODULES}"))
CRON = Program("cron", Module("github.com/robfig/cron/v3", f"v{versions.ROBFIG_CRON}"))
PROGRAMS = (CRON, CRDCHECK, *map(argolint, versions.ARGO))
CRDS = "manifests/base/crds/full"  # the directory of the full CRDs in Argo's Go module


def build(program: Program) -> Path:
    """Return the program's binary, and build it if it is not in the cache. Raises GoUnavailable."""
    sources = sorted((SOURCES / program.name).glob("*.go"))
    digest = hashlib.sha256(f"{program} {platform.system()} {platform.machine()}".encode())
    for source in sources:
        digest.update(source.name.encode() + b"\0" + source.read_bytes() + b"\0")

    def make(target: Path) -> None:
        work = target / "src"
        work.mkdir()
        for source in sources:
            shutil.copy(source, work)
        require = f"require {program.module.path} {program.module.version}"
        (work / "go.mod").write_text(f"module flowc.test/{program.name}\n\ngo 1.25\n\n{require}\n")
        flags = ["-mod=mod", f"-tags={program.tags}"]
        # Fetch the modules before compiling, to tell a fault of the network from a fault of the code.
        go("list", *flags, "-deps", ".", cwd=work, blame=GoUnavailable)
        small = ["-trimpath", "-buildvcs=false", "-ldflags=-s -w"]
        go("build", *flags, *small, "-o", str(target / program.name), ".", cwd=work, blame=RuntimeError)
        shutil.rmtree(work)

    name = f"{program.name}-{program.module.version}-{digest.hexdigest()[:16]}"
    return cached(cache() / name, make) / program.name


def module_files(module: Module, directory: str) -> Path:
    """Return a copy of the files in a directory of a Go module, kept in the cache. Raises GoUnavailable."""

    def make(target: Path) -> None:
        answer = go("mod", "download", "-json", str(module), cwd=target, blame=GoUnavailable)
        (target / "files").mkdir()
        for file in (Path(json.loads(answer)["Dir"]) / directory).iterdir():
            # copy the content only: the mode of files in Go's cache is read-only
            shutil.copyfile(file, target / "files" / file.name)

    return cached(cache() / f"{module}-{directory}".replace("/", "-"), make) / "files"


def or_skip(what: Callable[[], T]) -> T:
    """Return the result of `what`; if Go is unavailable, skip the test, or fail it if FLOWC_TEST_REQUIRE_GO=1.

    Tests that need the S3 gateway call this function. Other tests need no Go, because they compare with the recorded
    output of Go programs.

    All tests that need Go must call this one function, so that pytest reports their skips in one line. A test must call
    the function from its body, because pytest reports a skip in a fixture at the test that uses the fixture.
    """
    import pytest

    global _missing
    if _missing is None:
        try:
            return what()
        except GoUnavailable as error:
            if os.environ.get("FLOWC_TEST_REQUIRE_GO") == "1":
                raise
            # the error is kept, so that later tests are skipped without another attempt to reach the network
            _missing = str(error)
    pytest.skip(f"NOT TESTED with an S3 gateway: {_missing}")


_missing: str | None = None


def cache() -> Path:
    if chosen := os.environ.get("FLOWC_TEST_CACHE"):
        return Path(chosen)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "flowc-tests"


def cached(done: Path, make: Callable[[Path], None]) -> Path:
    """Return the directory `done`; if it is missing, `make` fills it.

    Several processes may call the function at the same time.
    """
    if done.exists():
        return done
    done.parent.mkdir(parents=True, exist_ok=True)
    with _lock(done.with_name(f"{done.name}.lock")):
        if not done.exists():  # another process may have created it while this process waited for the lock
            with tempfile.TemporaryDirectory(
                dir=done.parent, prefix=f"{done.name}.", ignore_cleanup_errors=True
            ) as work:
                (target := Path(work) / "new").mkdir()
                make(target)
                target.rename(done)  # renaming makes the directory complete or missing, even after a kill
    return done


@contextlib.contextmanager
def _lock(path: Path) -> Iterator[None]:
    with path.open("w") as file:
        # closing the file releases the lock, which happens at the end of the process at the latest
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def go(*arguments: str, cwd: Path, blame: type[Exception]) -> str:
    """Return the output of a `go` command, without cgo and workspaces."""
    if (program := shutil.which("go")) is None:
        raise GoUnavailable("`go` is not installed")
    environment = os.environ | {"CGO_ENABLED": "0", "GOWORK": "off", "GO111MODULE": "on"}
    done = subprocess.run([program, *arguments], cwd=cwd, env=environment, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        lines = (done.stderr or done.stdout).strip().splitlines()
        # The reason of a skipped test is one line; after a failed compilation, the whole output is needed.
        detail = lines[-1] if lines and blame is GoUnavailable else "\n".join(lines)
        raise blame(f"`go {' '.join(arguments[:2])}` failed: {detail}")
    return done.stdout


def main() -> None:
    jobs: list[tuple[str, Callable[[], Path]]] = [
        (f"{p.name} with {p.module}", lambda p=p: build(p))  # type: ignore[misc]
        for p in PROGRAMS
    ]
    jobs += [
        (f"CRDs of {argo_module(v)}", lambda v=v: module_files(argo_module(v), CRDS))  # type: ignore[misc]
        for v in versions.ARGO
    ]
    for label, job in jobs:
        print(f"{label}: up to three minutes the first time", end=" … ", flush=True)
        start = time.monotonic()
        try:
            job()
        except GoUnavailable as error:
            print(flush=True)
            sys.exit(f"error: {label}: {error}")
        print(f"{time.monotonic() - start:.1f} s", flush=True)


if __name__ == "__main__":
    main()
