"""A cluster that kind creates, and kubectl for this cluster."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cluster.engine import Engine
from cluster.shell import FILES, run, state, succeeds

NAME = "flowc"


@dataclass(frozen=True)
class Kubectl:
    """kubectl for one cluster."""

    program: str
    kubeconfig: str

    def __call__(self, *arguments: str | Path, stdin: str | None = None, timeout: float | None = 120) -> str:
        return run(self.program, "--kubeconfig", self.kubeconfig, *arguments, stdin=stdin, timeout=timeout)

    def json(self, *arguments: str) -> dict[str, Any]:
        """Return the output of `kubectl … -o json`."""
        answer: dict[str, Any] = json.loads(self(*arguments, "-o", "json"))
        return answer

    def apply(self, manifests: str) -> None:
        self("apply", "--server-side", "--force-conflicts", "-f", "-", stdin=manifests)

    def has(self, *resource: str) -> bool:
        return succeeds(self.program, "--kubeconfig", self.kubeconfig, "get", *resource)


@dataclass(frozen=True)
class Kind:
    program: Path
    engine: Engine

    @property
    def kubeconfig(self) -> Path:
        return state() / "kubeconfig"

    def _run(self, *arguments: str | Path) -> str:
        return run(self.program, *arguments, env=self.engine.environment())

    def exists(self) -> bool:
        return NAME in self._run("get", "clusters").split()

    def create(self, image: str | None) -> None:
        """Create a cluster and wait for its node; the default is kind's own node image."""
        options = ["--name", NAME, "--config", str(FILES / "kind.yaml"), "--kubeconfig", str(self.kubeconfig)]
        self._run("create", "cluster", *options, *(["--image", image] if image else []), "--wait", "180s")

    def delete(self) -> None:
        self._run("delete", "cluster", "--name", NAME, "--kubeconfig", self.kubeconfig)
        self.kubeconfig.unlink(missing_ok=True)

    def load(self, archive: Path) -> None:
        """Load the images of an archive into the node's containerd."""
        self._run("load", "image-archive", "--name", NAME, archive)


def node_address(kubectl: Kubectl) -> str:
    """Return the first node's address on the cluster's network, which this machine reaches too."""
    (node, *_) = kubectl.json("get", "nodes")["items"]
    addresses: dict[str, str] = {entry["type"]: entry["address"] for entry in node["status"]["addresses"]}
    return addresses["InternalIP"]
