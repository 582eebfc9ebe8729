"""An S3 gateway in the cluster; pods and this machine use the same address."""

from __future__ import annotations

from pathlib import Path

from cluster import images
from cluster.kind_cluster import Kubectl, node_address
from cluster.shell import FILES
from tools import versions

IMAGE = f"ghcr.io/versity/versitygw:v{versions.VERSITYGW}"
COMMAND = "/usr/local/bin/versitygw"
PORT = 30900
STORE = "s3://flowc"
# no secrets: only this machine and its cluster can reach the gateway
ACCESS_KEY, SECRET_KEY = "flowc-tests", "flowc-tests-secret"


def archive(binaries: Path, work: Path) -> Path:
    return images.of_binary(binaries / "versitygw", IMAGE, work / "versitygw.tar", path=COMMAND)


def install(kubectl: Kubectl) -> None:
    manifest = (FILES / "s3.yaml").read_text()
    values = {"IMAGE": IMAGE, "COMMAND": COMMAND, "ACCESS_KEY": ACCESS_KEY, "SECRET_KEY": SECRET_KEY}
    for name, value in values.items():
        manifest = manifest.replace(f"@{name}@", value)
    kubectl.apply(manifest)


def wait(kubectl: Kubectl) -> None:
    kubectl("-n", "flowc-s3", "rollout", "status", "deployment/s3", "--timeout=120s", timeout=150)


def environment(kubectl: Kubectl) -> dict[str, str]:
    """Return the variables from which S3 clients such as obstore read the store's address and credentials."""
    return {
        "AWS_ACCESS_KEY_ID": ACCESS_KEY,
        "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
        "AWS_ENDPOINT_URL": f"http://{node_address(kubectl)}:{PORT}",
        "AWS_REGION": "us-east-1",
        "AWS_ALLOW_HTTP": "true",
    }
