"""What is known of the cluster that is up: written last by `up`, read by the tests and by `down`."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from cluster.shell import state

VARIABLE = "FLOWC_TEST_CLUSTER"  # the file, for the tests


@dataclass(frozen=True)
class Cluster:
    origin: Literal["kind", "given"]  # made by the harness, or named by KUBECONFIG
    argo: str
    kubectl: str
    kubeconfig: str
    namespace: str
    image: str
    image_with_ml: str
    runtime: dict[str, str]  # the two images as they were loaded: name -> digest
    store: str
    environment: dict[str, str]  # for a program of this machine that opens the store
    shell: dict[str, str]  # for a person who looks around


def path() -> Path:
    return state() / "cluster.json"


def write(cluster: Cluster) -> None:
    path().write_text(json.dumps(asdict(cluster), indent=1))
    path().chmod(0o600)  # credentials are in it


def read(file: Path | None = None) -> Cluster | None:
    """The cluster that is up, as far as the file knows."""
    try:
        return Cluster(**json.loads((file or path()).read_text()))
    except (FileNotFoundError, TypeError):  # none, or one that another version of this file wrote
        return None


def forget() -> None:
    path().unlink(missing_ok=True)
