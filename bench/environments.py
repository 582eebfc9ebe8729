"""Virtual environments in which other programs are measured, each created once in the bench's cache directory."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from bench.measure import ROOT
from metaflow.metaflow_version import API_VERSION

METAFLOW = (f"metaflow-{API_VERSION}", (f"metaflow=={API_VERSION}", "numpy"))


def cache() -> Path:
    """Return the directory of the environments: `FLOWC_BENCH_CACHE`, or a directory below the user's cache
    directory."""
    given = os.environ.get("FLOWC_BENCH_CACHE")
    return Path(given) if given else Path(os.environ.get("XDG_CACHE_HOME", "~/.cache")).expanduser() / "flowc-bench"


def make_environment(name: str, packages: tuple[str, ...]) -> str:
    """Return the path of the Python interpreter in a virtual environment with these packages; the environment is
    created on first use."""
    place = cache() / name
    python = place / "bin" / "python"
    stamp = place / "made"
    if not stamp.exists():
        print(f"installing {', '.join(packages)} into {place}", file=sys.stderr)
        subprocess.run([sys.executable, "-m", "venv", "--clear", place], check=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", *packages], check=True)
        stamp.touch()
    return str(python)


def make_checkout(commit: str, extra: str) -> str:
    """Return the path of the Python interpreter in a virtual environment with flowc at a commit; the environment is
    created on first use.

    Args:
        commit: a commit of this repository.
        extra: the extra of flowc to install.
    """
    place = cache() / f"flowc-{commit[:12]}-{extra}"
    python = place / "environment" / "bin" / "python"
    stamp = place / "made"
    if not stamp.exists():
        print(f"installing flowc of {commit} into {place}", file=sys.stderr)
        (place / "source").mkdir(parents=True, exist_ok=True)
        archive = subprocess.run(["git", "archive", commit], cwd=ROOT, check=True, stdout=subprocess.PIPE).stdout
        subprocess.run(["tar", "-x", "-C", place / "source"], input=archive, check=True)
        subprocess.run([sys.executable, "-m", "venv", "--clear", place / "environment"], check=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", f"{place / 'source'}[{extra}]"], check=True)
        stamp.touch()
    return str(python)
