"""The contents of the runtime image, read from the Dockerfile, and an equal environment without docker."""

from __future__ import annotations

import re
import shutil
import sys
import venv
from importlib import metadata
from pathlib import Path

from project import ROOT

REQUIREMENTS = ROOT / "runtime_image/dependencies/requirements.txt"


def context() -> list[str]:
    """Return the paths that the Dockerfile can copy: .dockerignore excludes everything else."""
    return [line[1:] for line in (ROOT / ".dockerignore").read_text("utf-8").split() if line.startswith("!")]


def requirements() -> dict[str, str]:
    """Return package -> version for the packages that the image installs."""
    lines = (line.strip() for line in REQUIREMENTS.read_text("utf-8").splitlines())
    return dict(line.split("==") for line in lines if line and not line.startswith("#"))


def lay_out(target: Path, parts: list[str]) -> None:
    """Copy these files and directories of the repository, each to its destination."""
    for part in parts:
        (target / part).parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / part).is_dir():
            shutil.copytree(ROOT / part, target / part, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / part, target / part)


def copy_packages(target: Path, work: Path) -> None:
    """Copy our own packages as the Dockerfile does, from a directory that contains only files that it may copy."""
    lay_out(work, context())
    copied = re.findall(r"^COPY (\S+) /source/(\S+)$", (ROOT / "Dockerfile").read_text("utf-8"), re.MULTILINE)
    assert len(copied) >= 3
    for source, package in copied:
        shutil.copytree(work / source, target / package)


def stand_in(target: Path) -> Path:
    """Create an environment with the image's packages, copied from this environment; return its Python."""
    venv.create(target, with_pip=False, symlinks=True)
    (site,) = target.glob("lib/python3*/site-packages")
    copy_packages(site, target / "context")
    for name in requirements():
        for file in metadata.files(name) or ():
            if ".." not in file.parts and "__pycache__" not in file.parts:
                (site / file).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(file.locate(), site / file)
    return target / "bin" / Path(sys.executable).name
