"""`up` and `down`: create and delete a cluster in one of three ways.

KUBECONFIG is set                  use that cluster: install Argo and a namespace; variables name the image and the store
an engine runs and can pull        use kind's node image, and Argo's and the gateway's images from their registries
otherwise                          build all images from Go modules and Debian packages, in our own docker daemon
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from pathlib import Path

from cluster import argo, description, docker_daemon, engine, go_builds, node_image, runtime_image, s3_gateway, tenant
from cluster.description import Cluster
from cluster.engine import Engine
from cluster.kind_cluster import Kind, Kubectl
from cluster.shell import Missing, root, say, scratch, state
from cluster.stages import stage

NAMESPACE = "flowc-test"
STORE_VARIABLES = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_ENDPOINT_URL", "AWS_REGION", "AWS_ALLOW_HTTP")


def up(argo_version: str) -> Cluster:
    """Create a cluster with Argo, a store and a namespace for flows, or update the running one."""
    with stage("up"):
        root().mkdir(parents=True, exist_ok=True)
        given = os.environ.get("KUBECONFIG")
        ours = str(state() / "kubeconfig")  # `cluster env` has set KUBECONFIG to the harness's own file in this shell
        cluster = _given(argo_version, given) if given and given != ours else _made(argo_version)
        description.write(cluster)
    return cluster


def down() -> None:
    """Delete everything that `up` started, also after an interruption. Compiled programs stay in the cache."""
    cluster = description.read()
    if cluster is not None and cluster.origin == "given":
        kubectl = Kubectl(cluster.kubectl, cluster.kubeconfig)
        kubectl("delete", "namespace", cluster.namespace, "--ignore-not-found", "--wait=false")
    elif docker_daemon.running() or docker_daemon.crashed():
        docker_daemon.start()
        own = Engine("docker", docker_daemon.host())
        _delete_kind(own)
        if "kind" in own.run("network", "ls", "--format", "{{.Name}}").split():
            own.run("network", "rm", "kind")
    elif (found := engine.find()) is not None:
        _delete_kind(found)
    docker_daemon.stop()
    shutil.rmtree(root() / "scratch", ignore_errors=True)
    description.forget()


def _delete_kind(of: Engine) -> None:
    """Delete the cluster, if it exists; without the program kind, the machine has no cluster."""
    built = sorted((root() / "bin").glob("kind-*/kind"))
    program = built[-1] if built else shutil.which("kind")
    if program and (kind := Kind(Path(program), of)).exists():
        kind.delete()


# -- the three ways to get a cluster


def _given(argo_version: str, kubeconfig: str) -> Cluster:
    """Use the cluster that KUBECONFIG names."""
    say(f"KUBECONFIG is set: using the cluster of {kubeconfig}")
    image, store = os.environ.get("FLOWC_TEST_IMAGE"), os.environ.get("FLOWC_TEST_STORE")
    if not image or not store:
        raise Missing(
            "with KUBECONFIG set, FLOWC_TEST_IMAGE names the runtime image (`make image`, then push it to where the nodes "
            "can pull it) and FLOWC_TEST_STORE the store (s3://bucket/prefix, with AWS_… for credentials)"
        )
    program = shutil.which("kubectl")
    if program is None:
        raise Missing("kubectl is not installed")
    kubectl = Kubectl(program, kubeconfig)
    if argo.installed(kubectl):
        say("Argo is there already and stays as it is")
    else:
        with stage(f"Argo {argo_version}"):
            argo.install(kubectl, argo_version)
            argo.wait(kubectl)
    environment = {name: os.environ[name] for name in STORE_VARIABLES if name in os.environ}
    tenant.install(kubectl, NAMESPACE, environment)
    return Cluster(
        origin="given",
        argo=argo_version,
        kubectl=program,
        kubeconfig=kubeconfig,
        namespace=NAMESPACE,
        image=image,
        image_with_ml=os.environ.get("FLOWC_TEST_IMAGE_ML", image),
        runtime={},
        store=store,
        environment=environment,
        shell={"KUBECONFIG": kubeconfig},
    )


def _made(argo_version: str) -> Cluster:
    """Create a kind cluster on the existing engine if it can pull images, otherwise on the harness's own engine."""
    if not docker_daemon.running() and (found := engine.find()) is not None and engine.can_pull(found):
        say(f"{found.program} is there and can pull images: kind with its own node image")
        kind = Kind(Path(shutil.which("kind") or _build(go_builds.KIND) / "kind"), found)
        kubectl = shutil.which("kubectl") or str(_build(go_builds.KUBERNETES) / "kubectl")
        return _fill(kind, kubectl, None, argo_version, offline=False)
    say("no container engine that can pull images: building them from Go modules and Debian packages")
    docker_daemon.check()
    binaries = _binaries(argo_version)
    own = engine.own()
    node = node_image.ensure(own, binaries)
    kind = Kind(_build(go_builds.KIND) / "kind", own)
    return _fill(kind, str(binaries.path("kubectl")), node, argo_version, offline=True)


def _fill(kind: Kind, kubectl_program: str, node: str | None, argo_version: str, *, offline: bool) -> Cluster:
    """Create a kind cluster with Argo, the store and the images; slow parts run concurrently."""
    kubectl = Kubectl(kubectl_program, str(kind.kubeconfig))
    before = description.read()
    fresh = not kind.exists()
    if not fresh and before is not None and before.argo != argo_version:
        with stage(f"the cluster that is up has Argo {before.argo}: deleting it"):
            kind.delete()
        fresh = True

    def create() -> None:
        if fresh:
            with stage("kind create cluster"):
                kind.create(node)

    def build_images() -> None:
        for image in (runtime_image.PLAIN, runtime_image.WITH_ML):
            runtime_image.build(kind.engine, image, offline=offline)

    _side_by_side(create, build_images)
    runtime = {image.name: kind.engine.identity(image.name) for image in (runtime_image.PLAIN, runtime_image.WITH_ML)}
    known = runtime if not fresh and before is not None and before.runtime == runtime else {}
    with (
        tempfile.TemporaryDirectory(dir=scratch(), prefix="images.") as work,
        stage("images loaded, manifests applied"),
    ):
        _side_by_side(
            lambda: _load(kind, argo_version if offline and fresh else None, runtime.keys() - known.keys(), Path(work)),
            lambda: _apply(kubectl, argo_version),
        )
    with stage("Argo and the S3 gateway ready"):
        argo.wait(kubectl)
        s3_gateway.wait(kubectl)
    return Cluster(
        origin="kind",
        argo=argo_version,
        kubectl=kubectl_program,
        kubeconfig=str(kind.kubeconfig),
        namespace=NAMESPACE,
        image=runtime_image.PLAIN.name,
        image_with_ml=runtime_image.WITH_ML.name,
        runtime=runtime,
        store=s3_gateway.STORE,
        environment=s3_gateway.environment(kubectl),
        shell={
            "KUBECONFIG": str(kind.kubeconfig),
            "PATH": f"{Path(kubectl_program).parent}:{kind.program.parent}:{os.environ['PATH']}",
            **({"DOCKER_HOST": kind.engine.host} if kind.engine.host else {}),
        },
    )


def _load(kind: Kind, argo_version: str | None, runtime: Collection[str], work: Path) -> None:
    """Load the images that the node cannot pull; with `argo_version`, also the images of Argo and of the gateway."""
    if argo_version is not None:
        for archive in argo.archives(_build(go_builds.argo(argo_version)), argo_version, work):
            kind.load(archive)
        kind.load(s3_gateway.archive(_build(go_builds.S3), work))
    if runtime:
        kind.load(kind.engine.save(sorted(runtime), work / "runtime.tar"))  # the images share layers


def _apply(kubectl: Kubectl, argo_version: str) -> None:
    argo.install(kubectl, argo_version)
    s3_gateway.install(kubectl)
    tenant.install(kubectl, NAMESPACE, s3_gateway.environment(kubectl))


# -- builds


def _build(what: go_builds.Build) -> Path:
    place = go_builds.place(what, root() / "bin")
    with nullcontext() if place.exists() else stage(f"{what.name} {what.module.version} compiled"):
        return go_builds.build(what, root() / "bin")


def _binaries(argo_version: str) -> node_image.Binaries:
    """Build all programs and root file systems for a cluster without a registry; later calls find them in the cache."""
    builds = [*go_builds.NODE, go_builds.KIND, go_builds.argo(argo_version), go_builds.S3]

    def compile_all() -> None:
        for what in builds:
            _build(what)

    def bootstrap() -> None:
        node_image.file_system()
        runtime_image.file_system()

    _side_by_side(compile_all, bootstrap)
    return node_image.Binaries(
        kubernetes=_build(go_builds.KUBERNETES),
        etcd=_build(go_builds.ETCD),
        coredns=_build(go_builds.COREDNS),
        crictl=_build(go_builds.CRICTL),
        pause=go_builds.build_pause(root() / "bin"),
    )


def _side_by_side(*jobs: Callable[[], None]) -> None:
    """Run all jobs concurrently, wait for all of them, then raise the first failure, if any."""
    with ThreadPoolExecutor(len(jobs)) as pool:
        for future in [pool.submit(job) for job in jobs]:
            future.result()
