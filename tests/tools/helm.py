"""The chart rendered by helm; the program `helm` comes from the package `helm-binary`, or from the PATH."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tools import argo

CHART = Path(__file__).parents[2] / "helm" / "flowc"


class HelmError(Exception):
    """helm failed; the message is its output."""


def helm(*arguments: str | Path, **environment: str) -> str:
    """Return the output of a helm command. If there is no helm, skip the test. Raises HelmError."""
    program = shutil.which("helm", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}")
    if program is None:
        pytest.skip("NOT TESTED: the Helm chart, as there is no helm command")
    done = subprocess.run(
        [program, *map(str, arguments)],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )
    if done.returncode != 0:
        raise HelmError(f"{done.stdout}{done.stderr}")
    return done.stdout


def render(
    values: Mapping[str, Any] | None = None,
    *flags: str,
    chart: Path = CHART,
    release: str = "flowc",
    namespace: str = "flows",
) -> str:
    """Return the chart's manifests with these values."""
    given = [f"--set-json={name}={json.dumps(value)}" for name, value in (values or {}).items()]
    return helm("template", release, chart, "--namespace", namespace, *given, *flags)


def objects(
    values: Mapping[str, Any] | None = None, *, release: str = "flowc", namespace: str = "flows"
) -> list[dict[str, Any]]:
    """Return the chart's manifests as objects."""
    return argo.load(render(values, release=release, namespace=namespace))
