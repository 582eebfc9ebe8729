"""Argo's controller on a cluster, from Argo's manifest for cluster installations, with full CRDs and without a UI."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from cluster import go_builds, images
from cluster.kind_cluster import Kubectl
from cluster.shell import FILES, CommandFailed, run, scratch
from tools import versions
from tools.gobuild import argo_module

NAMESPACE = "argo"
USER = "8737"


def version(wanted: str) -> str:
    """Return the pinned version that `wanted` names: a complete version, or its beginning, such as 4."""
    for known in versions.ARGO:
        if known == wanted or known.startswith(f"{wanted}."):
            return known
    raise CommandFailed(f"ARGO={wanted}: the pinned versions are {', '.join(versions.ARGO)} (tests/tools/versions.py)")


def archives(binaries: Path, argo_version: str, work: Path) -> list[Path]:
    """Write two archives with images of the controller and the executor, which have the names of Argo's images."""
    return [
        images.of_binary(
            binaries / name,
            f"quay.io/argoproj/{name}:v{argo_version}",
            work / f"{name}.tar",
            path=f"/bin/{name}",
            user=USER if name == "workflow-controller" else "",
        )
        for name in ("workflow-controller", "argoexec")
    ]


def install(kubectl: Kubectl, argo_version: str) -> None:
    """Apply Argo's manifests, changed by our kustomization, and wait for the controller."""
    source = go_builds.downloaded(argo_module(argo_version)) / "manifests"
    with tempfile.TemporaryDirectory(dir=scratch(), prefix="argo.") as work:
        shutil.copytree(source, Path(work) / "manifests", copy_function=shutil.copyfile)
        run("chmod", "-R", "u+w", work)
        overlay = (FILES / "argo-kustomization.yaml").read_text().replace("@VERSION@", f"v{argo_version}")
        (Path(work) / "kustomization.yaml").write_text(overlay)
        namespace = f"{{apiVersion: v1, kind: Namespace, metadata: {{name: {NAMESPACE}}}}}\n"
        (Path(work) / "namespace.yaml").write_text(namespace)
        kubectl.apply(kubectl("kustomize", work))


def wait(kubectl: Kubectl) -> None:
    """Wait until the controller runs."""
    kubectl("-n", NAMESPACE, "rollout", "status", "deployment/workflow-controller", "--timeout=120s", timeout=150)


def installed(kubectl: Kubectl) -> bool:
    return kubectl.has("customresourcedefinition", "workflows.argoproj.io")
