"""The file that describes the running cluster: `up` writes it at its end; the tests and `down` read it."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from cluster.shell import state

VARIABLE = "FLOWC_TEST_CLUSTER"  # the variable through which the tests get the path of the description


@dataclass(frozen=True)
class Cluster:
    origin: Literal["kind", "given"]  # "kind" if the harness has created the cluster, "given" if KUBECONFIG names it
    argo: str
    kubectl: str
    kubeconfig: str
    namespace: str
    image: str
    image_with_ml: str
    runtime: dict[str, str]  # the digests of these two images, by their names
    store: str
    environment: dict[str, str]  # variables for programs on this machine that open the store
    shell: dict[str, str]  # variables for a person's shell


def path() -> Path:
    return state() / "cluster.json"


def write(cluster: Cluster) -> None:
    path().write_text(json.dumps(asdict(cluster), indent=1))
    path().chmod(0o600)  # the file contains credentials


def read(file: Path | None = None) -> Cluster | None:
    """Return the description of the running cluster; None if the file is missing or of another version."""
    try:
        return Cluster(**json.loads((file or path()).read_text()))
    except (FileNotFoundError, TypeError):  # the file is missing, or of another version
        return None


def forget() -> None:
    path().unlink(missing_ok=True)
