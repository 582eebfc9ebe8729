"""Wheels that tests build, and virtual environments to install them into; no package index is needed."""

from __future__ import annotations

import base64
import hashlib
import shutil
import subprocess
import sys
import venv
import zipfile
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

ROOT = Path(__file__).parents[2]
CORE = ("chevron", "click", "cloudpickle", "markdown-it-py", "mdurl", "rich", "pygments", "tomli")
"""Return the distributions that flowc's wheel requires, directly and indirectly."""


def write_wheel(
    directory: Path, name: str, version: str, files: Mapping[str, str], requires: str = "", entry_points: str = ""
) -> Path:
    """Write a wheel with these files (path -> text), as a package index would offer it."""
    module = name.replace("-", "_")
    info = f"{module}-{version}.dist-info"
    requirement = f"Requires-Dist: {requires}\n" if requires else ""
    contents = {
        **files,
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{requirement}",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    if entry_points:
        contents[f"{info}/entry_points.txt"] = entry_points
    record = "".join(f"{file},sha256={_digest(text)},{len(text)}\n" for file, text in contents.items())
    path = directory / f"{module}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as wheel:
        for file, text in {**contents, f"{info}/RECORD": f"{record}{info}/RECORD,,\n"}.items():
            wheel.writestr(file, text)
    return path


def _digest(text: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()


def flowc_wheel(directory: Path) -> Path:
    """Build flowc's own wheel."""
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", str(ROOT)]
    subprocess.run([*command, "--wheel-dir", str(directory)], check=True)
    (wheel,) = directory.glob("flowc-*.whl")
    return wheel


def make_environment(directory: Path) -> Path:
    """Create a virtual environment with pip and flowc's requirements, copied from the current environment; return its Python."""
    venv.create(directory, symlinks=True)
    copy_distributions(directory, "pip", *CORE)
    return directory / "bin" / "python"


def copy_distributions(environment: Path, *names: str) -> None:
    """Copy packages of the current environment into another one with the same Python, with bytecode and file times."""
    (site,) = environment.glob("lib/python3*/site-packages")
    for name in names:
        try:
            files = metadata.files(name) or []
        except metadata.PackageNotFoundError:
            # the environment may lack a package that its Python does not need, such as tomli
            continue
        for file in files:
            source = Path(str(file.locate()))
            # a path with `..` belongs to a program, which is not copied; a listed file of bytecode may not exist
            if ".." not in file.parts and source.exists():
                (site / file).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(source, site / file)
