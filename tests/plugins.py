"""The test package `every_kind` with one plugin of each kind; programs find it through their import path."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from project import Project

PLACE = Path(__file__).parent / "every_kind"
CATALOG = "EVERY_KIND_CATALOG"
"""The environment variable that names the directory of the test package's catalog."""


def install_plugins(project: Project) -> None:
    """Let programs of a project find the test package, whose plugins then keep their data in the project."""
    environment = project.environment
    environment["PYTHONPATH"] = os.pathsep.join([str(PLACE), environment["PYTHONPATH"]])
    environment[CATALOG] = str(project.root / "catalog")


def install_faulty(project: Project, name: str, points: str, module: str = "") -> None:
    """Install a distribution with this text of entry_points.txt, and optionally a module, for programs of a project."""
    place = project.root / "site" / name
    info = place / f"{name}-1.dist-info"
    info.mkdir(parents=True, exist_ok=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1\n")
    (info / "entry_points.txt").write_text(points)
    (place / f"{name}.py").write_text(module)
    project.environment["PYTHONPATH"] = os.pathsep.join([str(place), project.environment["PYTHONPATH"]])
