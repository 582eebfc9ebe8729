"""The guide shows the real output of commands on a cluster."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from cluster import description
from cluster.support import Cluster
from documents import BLOCK, commands, matches, normal
from project import ROOT

MARK = "<!-- checked on a cluster -->"
PAGES = [path for path in sorted((ROOT / "docs" / "guide").glob("*.md")) if MARK in path.read_text(encoding="utf-8")]
RUN = re.compile(r"\b\d{8}-\d{6}-[a-z0-9]+\b")
DEPLOYED = ("prices-flow", "nightly-flow")


@pytest.fixture
def environment(cluster: Cluster, tmp_path: Path) -> Iterator[dict[str, str]]:
    """Write flowc.toml as in the guide, but with this cluster's values; delete the guide's flows afterwards."""
    (tmp_path / "flowc").write_text(f'#!/bin/sh\nexec "{sys.executable}" -m flowc "$@"\n')
    (tmp_path / "flowc").chmod(0o755)
    found = description.read(Path(os.environ[description.VARIABLE]))
    assert found is not None
    store = f"{cluster.store}/guide-{uuid.uuid4()}"
    yield cluster.environment | {
        "KUBECONFIG": found.kubeconfig,
        "PATH": f"{tmp_path}:{cluster.environment['PATH']}",
        "FLOWC_IMAGE": cluster.image,
        "FLOWC_CLUSTER_STORE": store,
        "FLOWC_STORE": store,
        "FLOWC_NAMESPACE": cluster.namespace,
    }
    for name in DEPLOYED:
        cluster.kubectl("delete", "cronworkflow,workflow,workflowtemplate,configmap", "-l", f"flowc.dev/flow={name}")


@pytest.mark.smoke
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_page(page: Path, cluster: Cluster, tmp_path: Path, environment: dict[str, str]) -> None:
    directory = tmp_path / "houses"
    directory.mkdir()
    runs: dict[str, str] = {}  # run id in the guide -> run id in this test
    for block in BLOCK.finditer(page.read_text(encoding="utf-8")):
        if block["name"]:
            (directory / block["name"]).write_text(block["text"], encoding="utf-8")
        if block["kind"] != "checked on a cluster":
            continue
        for command in commands(block["text"]):
            line = RUN.sub(lambda found, here=runs: here.get(found[0], found[0]), command.line)
            done = subprocess.run(
                ["sh", "-c", f"{line} 2>&1"],
                cwd=directory,
                env=environment,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=300,
                check=False,
            )
            text = done.stdout.replace(environment["FLOWC_STORE"], "s3://houses/runs").replace(
                cluster.namespace, "flows"
            )
            expected = [normal(each) for each in command.expected]
            assert matches(expected, [normal(each) for each in text.splitlines()]), f"$ {line}\n{done.stdout}"
            runs |= zip(RUN.findall("\n".join(command.expected)), RUN.findall(text), strict=False)
