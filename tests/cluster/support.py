"""Functions for tests on a cluster: compile and start a flow, wait for its end, and read its records."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cluster.description import Cluster as Description
from cluster.kind_cluster import Kubectl
from cluster.shell import wait_for

ENDED = ("Succeeded", "Failed", "Error")
FIGURES: list[str] = []  # measurements of the tests, printed at the end of the run


class Cluster:
    """The cluster of this test run.

    `store` is the address of the store, which is the same for pods and for this machine. `store_environment` has the
    variables with which a program of this machine opens the store; the fixture also sets them in the tests' own
    process. `environment` is a complete environment for a child process.
    """

    def __init__(self, description: Description) -> None:
        self.namespace = description.namespace
        self.image = description.image
        self.image_with_ml = description.image_with_ml
        self.argo = description.argo
        self.store = description.store
        self.store_environment = description.environment
        self.environment = {"PATH": os.environ["PATH"], "HOME": "/tmp", **description.environment}
        self._kubectl = Kubectl(description.kubectl, description.kubeconfig)

    def kubectl(self, *arguments: str, stdin: str | None = None, timeout: float = 120) -> str:
        """Return the output of kubectl, in the tests' namespace. Raises CommandFailed."""
        return self._kubectl("--namespace", self.namespace, *arguments, stdin=stdin, timeout=timeout)

    def get(self, *what: str) -> dict[str, Any]:
        """Return an object, or a list of objects."""
        answer: dict[str, Any] = json.loads(self.kubectl("get", *what, "-o", "json"))
        return answer

    def flowc(self, *arguments: str | Path, cwd: Path | None = None) -> str:
        """Run a command of flowc on this machine and return its output.

        Raises AssertionError with the output if the command fails.
        """
        done = subprocess.run(
            [sys.executable, "-m", "flowc", *map(str, arguments)],
            env=self.environment,
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert done.returncode == 0, f"flowc {' '.join(map(str, arguments))}\n{done.stdout}{done.stderr}"
        return done.stdout

    def deploy(self, flow_file: Path, *options: str, image: str | None = None) -> str:
        """Compile the flow and apply it; return the name of its WorkflowTemplate."""
        settings = ["--store", self.store, "--image", image or self.image, *options]
        manifests = self.flowc("compile", "--target", "argo", flow_file, *settings)
        applied = self.kubectl("apply", "--server-side", "-f", "-", "-o", "name", stdin=manifests).split()
        (template,) = (name.split("/")[1] for name in applied if name.startswith("workflowtemplate"))
        return template

    def start(self, template: str, parameters: Mapping[str, str] | None = None) -> str:
        """Submit a WorkflowTemplate, like `argo submit --from`; return the name of the Workflow, which is the run's id.

        If the controller is busy and does not know a new template yet, the template is submitted again.
        """

        def started() -> str | None:
            name = self._create(template, parameters)
            status = self._first_status(name)
            if status.get("phase") != "Error" or "not found" not in status.get("message", ""):
                return name
            self.kubectl("delete", "workflow", name)
            return None

        failure = f"the controller did not find the WorkflowTemplate {template}"
        return wait_for(started, lambda: failure, every=1)

    def _first_status(self, name: str) -> dict[str, Any]:
        def status() -> dict[str, Any] | None:
            found: dict[str, Any] = self.workflow(name).get("status", {})
            return found if found.get("phase") else None

        return wait_for(status, lambda: f"the controller did not take up {name}", every=0.3)

    def _create(self, template: str, parameters: Mapping[str, str] | None) -> str:
        arguments = {"parameters": [{"name": name, "value": value} for name, value in (parameters or {}).items()]}
        workflow = {
            "apiVersion": "argoproj.io/v1alpha1",
            "kind": "Workflow",
            "metadata": {"generateName": f"{template}-"},
            "spec": {"workflowTemplateRef": {"name": template}, "arguments": arguments},
        }
        return self.kubectl("create", "-f", "-", "-o", "name", stdin=json.dumps(workflow)).strip().split("/")[1]

    def submit(self, flow_file: Path, parameters: Mapping[str, str] | None = None, *, image: str | None = None) -> str:
        """Deploy a flow and start it; return the name of the Workflow, which is the run's id."""
        return self.start(self.deploy(flow_file, image=image), parameters)

    def wait(self, name: str, seconds: float = 300) -> str:
        """Wait for the end of the Workflow and return its phase.

        Raises CommandFailed with the state of the Workflow's nodes.
        """
        wait_for(lambda: self.phase(name) in ENDED, lambda: f"{self.explain(name)}\n{name} did not end", seconds)
        return self.phase(name)

    def phase(self, name: str) -> str:
        return self.kubectl("get", "workflow", name, "-o", "jsonpath={.status.phase}")

    def workflow(self, name: str) -> dict[str, Any]:
        return self.get("workflow", name)

    def pods(self, name: str) -> list[dict[str, Any]]:
        """Return the existing pods of a Workflow; successful pods are deleted after a minute."""
        pods: list[dict[str, Any]] = self.get("pods", "-l", f"workflows.argoproj.io/workflow={name}")["items"]
        return pods

    def explain(self, name: str) -> str:
        """Return the failed nodes of a Workflow and the last lines of its pods, for the report of a failed test."""
        lines = []
        for node in self.workflow(name)["status"].get("nodes", {}).values():
            if node["phase"] not in ("Succeeded", "Omitted", "Skipped"):
                lines.append(f"{node['displayName']}: {node['phase']} {node.get('message', '')}".rstrip())
        selector = f"workflows.argoproj.io/workflow={name}"
        lines.append(self.kubectl("logs", "-l", selector, "-c", "main", "--tail=20", "--prefix", "--ignore-errors"))
        return "\n".join(lines)

    def succeed(self, name: str, seconds: float = 300) -> None:
        """Wait for the Workflow; fail the test with the reason unless it succeeds."""
        phase = self.wait(name, seconds)
        assert phase == "Succeeded", f"{name}: {phase}\n{self.explain(name)}"
