"""Creates the Workflow that is beside this file, waits for its end and says how it went; a pod of `helm test` runs it.

The Workflow belongs to this pod, so that it goes when the pod goes. Only the standard library: the image has no
Kubernetes client, and needs none.
"""

from __future__ import annotations

import json
import os
import ssl
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

Api = Callable[[str, str, Any], Any]

ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
POLL_SECONDS = 1.0


class Refused(Exception):
    """The API server did not do what it was asked."""


def main() -> int:
    """Exit code 0 if the Workflow succeeds."""
    namespace = (ACCOUNT / "namespace").read_text()
    manifest = json.loads(Path(__file__).with_name("workflow.json").read_text())
    owner = {"apiVersion": "v1", "kind": "Pod", "name": os.environ["POD_NAME"], "uid": os.environ["POD_UID"]}
    manifest["metadata"]["ownerReferences"] = [owner]
    try:
        return run(request, namespace, manifest, float(os.environ["TIMEOUT_SECONDS"]))
    except Refused as error:
        print(f"FAILED: {error}")
        return 1


def run(api: Api, namespace: str, manifest: Any, timeout: float) -> int:
    """Create the Workflow and follow it, with a line for each pod that ends."""
    workflows = f"/apis/argoproj.io/v1alpha1/namespaces/{namespace}/workflows"
    name = api("POST", workflows, manifest)["metadata"]["name"]
    print(f"workflow {name} in namespace {namespace}", flush=True)
    told: set[str] = set()
    deadline = time.monotonic() + timeout
    while True:
        status = api("GET", f"{workflows}/{name}", None).get("status") or {}
        tell_pods(status.get("nodes") or {}, told)
        phase = status.get("phase")
        if phase == "Succeeded":
            print("passed: Argo ran the flow, and its pods passed values on through the store")
            return 0
        if phase in ("Failed", "Error"):
            print(": ".join(filter(None, (f"FAILED: the Workflow ended as {phase}", status.get("message")))))
            break
        if time.monotonic() > deadline:
            print(f"FAILED: not at its end after {timeout:.0f} s: " + waiting_for(phase))
            break
        time.sleep(POLL_SECONDS)
    print("what its pods said, as long as they are there:")
    print(f"  kubectl logs -n {namespace} -l workflows.argoproj.io/workflow={name} -c main --prefix")
    return 1


def tell_pods(nodes: dict[str, Any], told: set[str]) -> None:
    """Print a line for each pod that has ended since the last call."""
    for key, node in sorted(nodes.items(), key=lambda item: item[1].get("finishedAt") or ""):
        if node.get("type") == "Pod" and node.get("finishedAt") and key not in told:
            told.add(key)
            print(": ".join(filter(None, (node["phase"], node["displayName"], node.get("message")))), flush=True)


def waiting_for(phase: str | None) -> str:
    """What to look at when nothing moves."""
    if phase is None:
        return "Argo's controller has not taken it up; does it run, and does it watch this namespace?"
    return f"{phase}; `kubectl get pods` and `kubectl get events` may say what its pods wait for"


def request(method: str, path: str, body: Any) -> Any:
    """The API server's answer to this pod's service account."""
    host, port = os.environ["KUBERNETES_SERVICE_HOST"], os.environ["KUBERNETES_SERVICE_PORT"]
    asked = urllib.request.Request(
        f"https://{f'[{host}]' if ':' in host else host}:{port}{path}",
        method=method,
        data=None if body is None else json.dumps(body).encode(),
        headers={
            "Authorization": f"Bearer {(ACCOUNT / 'token').read_text()}",
            "Content-Type": "application/json",
        },
    )
    # Ignore the image's proxy variables: the API server is inside the cluster.
    trust = urllib.request.HTTPSHandler(context=ssl.create_default_context(cafile=str(ACCOUNT / "ca.crt")))
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), trust)
    try:
        with opener.open(asked, timeout=30) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as error:
        if error.code == 404 and method == "POST":
            raise Refused("the cluster has no Argo Workflows (its CRDs are missing)") from None
        raise Refused(f"{method} {path}: {error.code} {error.read().decode(errors='replace')}") from None
    except OSError as error:
        raise Refused(f"{method} {path}: {error}") from None


if __name__ == "__main__":
    sys.exit(main())
