"""Root file systems made of Debian packages, which replace images if no image can be pulled."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

from cluster.shell import root, run
from cluster.stages import stage
from tools import gobuild

SUITE = "bookworm"  # this release has containerd and runc for the node, and Python 3.11 for the runtime image
_RUBBISH = ("var/cache/apt", "var/lib/apt/lists", "usr/share/doc", "usr/share/man", "usr/share/locale", "var/log")


def file_system(name: str, packages: tuple[str, ...]) -> Path:
    """Return a minimal Debian with these packages, created once."""
    digest = hashlib.sha256(" ".join((SUITE, *packages)).encode()).hexdigest()[:12]
    done = root() / f"debian-{SUITE}-{name}-{digest}"

    def make(target: Path) -> None:
        with stage(f"Debian's packages for the {name}"):
            _debootstrap(target, packages)

    return gobuild.cached(done, make)


def _debootstrap(target: Path, packages: tuple[str, ...]) -> None:
    target.chmod(0o755)
    downloads = root() / "deb"  # all file systems use the same downloaded packages
    downloads.mkdir(exist_ok=True)
    run(
        "debootstrap", "--variant=minbase", f"--cache-dir={downloads}", f"--include={','.join(packages)}", SUITE, target
    )
    for directory in _RUBBISH:
        for path in (target / directory).iterdir():
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
