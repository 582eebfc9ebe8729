"""The golden stores: one store for each version of the formats, created by `make.py` and never deleted."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from project import Project

STORES = sorted(Path(__file__).parent.glob("v*"), key=lambda path: int(path.name[1:]))


def opened(store: Path, project: Project) -> None:
    """Copy a golden store, the store of its tasks of `spin`, and its flow to a user's directory."""
    shutil.copytree(store / "store", project.root / ".flowc")
    shutil.copytree(store / "spin", project.root / ".flowc_spin")
    (project.root / ".flowc_spin/below.url").write_text(project.store.objects.url)
    shutil.copy(store / "kept.py", project.root)
