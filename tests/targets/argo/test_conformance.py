"""A flow in the emulator and its compiled manifests in the simulated controller have the same tasks and artifacts."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml

from compare import summary
from conformance import FLOWS
from ir.test_golden_ir import CASES
from targets.argo.controller import play

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flowc_runtime.store.records.run_store import RunStore
    from project import Project


def played(
    project: Project,
    file: str,
    *options: str,
    cluster_secrets: Mapping[str, Mapping[str, str]] | None = None,
    store: str | None = None,
    environment: Mapping[str, str] | None = None,
    **parameters: str,
) -> RunStore:
    """Compile the flow and run its manifests, in a new store or in `store`.

    `environment` has variables that the image sets.
    """
    done = project.flowc("compile", file, *options)
    assert done.code == 0, done.err
    manifests = list(yaml.safe_load_all(done.out))
    image = {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": project.environment["PYTHONPATH"],
        "PYTHONWARNINGS": "error",
        **(environment or {}),
    }
    work = project.root / "cluster"
    work.mkdir()
    url = store or f"file://{project.root}/.cluster"
    workflow = play(manifests, url, work, parameters, name="played", environment=image,
                    secrets=cluster_secrets)  # fmt: skip
    (config,) = [manifest for manifest in manifests if manifest["kind"] == "ConfigMap"]
    from flowc_runtime.store.records.store import Store

    (flow,) = Store.open(url).flows()
    run = Store.open(url).run(flow, "played")
    assert config["immutable"]
    assert (workflow.phase == "Succeeded") == (run.status()["state"] == "succeeded"), workflow.logs()
    return run


@pytest.mark.parametrize("golden", CASES, ids=lambda path: path.name)
def test_golden_flows(project: Project, golden: Path) -> None:
    for file in golden.glob("*.py"):
        project.write(file.name, file.read_text())
    local = project.run("flow.py")
    assert summary(played(project, "flow.py")) == summary(local)


@pytest.mark.parametrize("name", FLOWS)
def test_flows(project: Project, name: str) -> None:
    state, source = FLOWS[name]
    project.write("flow.py", source)
    done = project.flowc("run", "flow.py")
    assert done.code == (0 if state == "succeeded" else 1), done.err
    local = summary(project.latest())
    assert local["state"] == state
    other = summary(played(project, "flow.py"))
    assert other == local


def test_every_run_of_a_deployment_has_its_tags(project: Project) -> None:
    project.write("flow.py", (CASES[0] / "flow.py").read_text())
    tags = ["nightly", "{{workflow.name}} $(HOME) ü"]
    run = played(project, "flow.py", "--tag", tags[0], "--tag", tags[1])
    assert run.user_tags() == set(tags)
    assert run.record().get("tags") == tags
    assert "runtime:argo-workflows" in run.system_tags()


def test_a_tag_that_is_none_is_refused(project: Project) -> None:
    project.write("flow.py", (CASES[0] / "flow.py").read_text())
    done = project.flowc("compile", "flow.py", "--tag", "")
    assert done.code == 2
    assert "a tag cannot be empty" in done.err
