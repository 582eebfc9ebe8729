"""A namespace for flows, with restricted pods, a service account with minimal rights, and a Secret for the store."""

from __future__ import annotations

import json
from collections.abc import Mapping

from cluster.kind_cluster import Kubectl
from cluster.shell import FILES

SECRET = "flowc-store"  # the Secret whose keys become environment variables of every pod of a flow


def install(kubectl: Kubectl, namespace: str, credentials: Mapping[str, str]) -> None:
    kubectl.apply((FILES / "tenant.yaml").read_text().replace("@NAMESPACE@", namespace))
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": SECRET, "namespace": namespace},
        "stringData": dict(credentials),
    }
    kubectl.apply(json.dumps(secret))
