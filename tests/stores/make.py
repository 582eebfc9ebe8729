"""Create the golden store of a version: `python tests/stores/make.py tests/stores/v2 [TREE]`.

TREE is the checkout of flowc that writes the store; by default this one. The directory must contain the flow
`kept.py`; the program adds `store/`, `spin/` (the store of tasks of `spin`), the IR and the manifests. The store of a
released version is never created again.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
PACKAGES = ("sdk", "compiler", "emulator", "runtime_image")
PLACE = Path("/tmp/kept")  # the path occurs in records, so it is a path that says nothing about the machine
_STYLES = re.compile(r"(?s)<(style|script)\b.*?</\1>")  # large parts of cards that the tests do not need
NEUTRAL = {"host": "example", "when": 1e9, "pid": 1, "started": "1", "peak_rss": 1 << 24}


def main(directory: Path, tree: Path) -> None:
    """Create the golden store."""
    PLACE.mkdir()
    try:
        shutil.copy(directory / "kept.py", PLACE)
        _run_all(tree)
        _take(directory)
    finally:
        shutil.rmtree(PLACE)


def _run_all(tree: Path) -> None:
    _flow(tree, "run", "--tag", "first", "--run-id-file", "first")
    first = (PLACE / "first").read_text()
    _flow(tree, "run", "--run-id-file", "failed", fails=True)
    _flow(tree, "resume", "--run-id-file", "resumed")
    _flow(tree, "spin", f"{first}/work/0.2", "--persist")
    _flowc(tree, "tag", "add", f"Kept/{first}", "a tag/with a slash")
    (PLACE / "ir.json").write_text(_flowc(tree, "ir", "kept.py") + "\n")
    _flowc(tree, "compile", "--target", "argo", "kept.py", "--image", "flowc-runtime:golden", "-o", "manifests.yaml")


def _flow(tree: Path, *arguments: str, fails: bool = False) -> str:
    return _python(tree, "kept.py", "--quiet", *arguments, fails=fails)


def _flowc(tree: Path, *arguments: str) -> str:
    return _python(tree, "-m", "flowc", *arguments)


def _python(tree: Path, *arguments: str, fails: bool = False) -> str:
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(PLACE),
        "PYTHONPATH": os.pathsep.join(str(tree / part) for part in PACKAGES),
        "METAFLOW_USER": "somebody",
    } | ({"KEPT_FAILS": "1"} if fails else {})
    done = subprocess.run(
        [sys.executable, *arguments], cwd=PLACE, env=environment, capture_output=True, text=True, check=False
    )
    if (done.returncode != 0) != fails:
        raise SystemExit(f"{' '.join(arguments)} exited with {done.returncode}:\n{done.stdout}{done.stderr}")
    return done.stdout


def _take(directory: Path) -> None:
    """Move the created files to the directory, and replace values that identify this machine."""
    for name, made in (("store", ".flowc"), ("spin", ".flowc_spin")):
        shutil.rmtree(directory / name, ignore_errors=True)
        shutil.copytree(PLACE / made, directory / name, ignore=shutil.ignore_patterns("tmp"))
        for path in sorted((directory / name).rglob("*.json")):
            text = path.read_text(encoding="utf-8", errors="surrogatepass")
            path.write_text(_dumped(_neutral(json.loads(text))), encoding="utf-8", errors="surrogatepass")
    for page in (directory / "store").rglob("*.html"):
        page.write_text(_STYLES.sub("", page.read_text(encoding="utf-8")), encoding="utf-8")
    for name in ("ir.json", "manifests.yaml"):
        shutil.copy(PLACE / name, directory)


def _neutral(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: NEUTRAL.get(key, _neutral(inner)) for key, inner in value.items()}
    return [_neutral(inner) for inner in value] if isinstance(value, list) else value


def _dumped(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]).resolve() if sys.argv[2:] else ROOT)
