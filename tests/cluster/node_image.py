"""The image of kind's nodes, built like kind's images/base/Dockerfile: Debian, containerd, kubelet, control plane.

The images of the control plane are imported into the node's containerd store, as by `kind build node-image`.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from cluster import debian, docker_daemon, go_builds, images
from cluster.engine import Engine
from cluster.shell import FILES, run, scratch, state, wait_until
from cluster.stages import stage
from tools import versions

PACKAGES = (
    *("systemd", "systemd-sysv", "containerd", "runc", "containernetworking-plugins", "iptables", "nftables"),
    *("conntrack", "ethtool", "iproute2", "kmod", "procps", "mount", "util-linux", "ca-certificates", "curl", "jq"),
    *("hostname", "socat"),
)
UNWANTED_UNITS = (
    "lib/systemd/system/sysinit.target.wants/systemd-tmpfiles-setup.service",
    "lib/systemd/system/multi-user.target.wants/*",
    "lib/systemd/system/local-fs.target.wants/*",
    "lib/systemd/system/basic.target.wants/*",
    "lib/systemd/system/sockets.target.wants/*udev*",
    "lib/systemd/system/sockets.target.wants/*initctl*",
    "etc/systemd/system/*.wants/*",
)
NODE_FILES = ("bridge-cni.sh", "bridge-cni.service", "default-cni.yaml")
STATIC_PODS = ("kube-apiserver", "kube-controller-manager", "kube-scheduler", "kube-proxy", "etcd")


@dataclass(frozen=True)
class Binaries:
    """The directories of the node's programs; compiling them takes most of the time of the first `up`."""

    kubernetes: Path
    etcd: Path
    coredns: Path
    crictl: Path
    pause: Path

    def path(self, name: str) -> Path:
        home = {"etcd": self.etcd, "coredns": self.coredns, "crictl": self.crictl, "pause": self.pause}
        return home.get(name, self.kubernetes) / name


def name() -> str:
    """Return the image's name, whose tag is a digest of everything that the image contains."""
    parts = [repr(go_builds.NODE), go_builds.KIND.module.version, debian.SUITE, *PACKAGES, *UNWANTED_UNITS]
    parts += [(FILES / file).read_text() for file in (*NODE_FILES, "pause.go")]
    parts.append(Path(__file__).read_text())
    digest = hashlib.sha256("\n".join(parts).encode()).hexdigest()[:12]
    return f"flowc.test/node:v{versions.KUBERNETES}-{digest}"


def file_system() -> Path:
    """Return the root file system of the node: Debian with the necessary packages."""
    return debian.file_system("node", PACKAGES)


def ensure(engine: Engine, binaries: Binaries) -> str:
    """Return the image; build it if the engine does not have it."""
    image = name()
    if not engine.has(image):
        base = file_system()
        with stage("node image"), tempfile.TemporaryDirectory(dir=scratch(), prefix="node.") as work:
            node = Path(work) / "root"
            run("cp", "-a", base, node)
            _files_of_kind(node)
            _units(node)
            _containerd(node, _official_name("pause", binaries))
            _programs(node, binaries)
            _images(node, binaries, Path(work))
            entrypoint = 'ENTRYPOINT ["/usr/local/bin/entrypoint","/sbin/init"]'
            _import(engine, node, image, ["ENV container=docker", entrypoint])
            engine.remove_others(image)
    return image


def _files_of_kind(node: Path) -> None:
    files = go_builds.downloaded(go_builds.KIND.module) / "images/base/files"
    run("cp", "-r", "--no-preserve=mode", f"{files}/.", node)  # files of Go modules have no executable bits
    for program in (*(node / "kind/bin").iterdir(), node / "usr/local/bin/entrypoint"):
        program.chmod(0o755)
    (node / "kind/version").write_text(f"v{versions.KUBERNETES}")
    (node / "kind/manifests").mkdir(exist_ok=True)
    shutil.copy(FILES / "default-cni.yaml", node / "kind/manifests")


def _units(node: Path) -> None:
    """Enable the services containerd, kubelet and the network in the node, and disable all other services of Debian."""
    for pattern in UNWANTED_UNITS:
        for unit in node.glob(pattern):
            unit.unlink()
    journal = node / "etc/systemd/journald.conf"
    journal.write_text(f"{journal.read_text()}ReadKMsg=no\n")
    shutil.copy(FILES / "bridge-cni.service", node / "etc/systemd/system")
    shutil.copy(FILES / "bridge-cni.sh", node / "kind/bin")
    (node / "kind/bin/bridge-cni.sh").chmod(0o755)
    run("chroot", node, "systemctl", "enable", "kubelet", "containerd", "undo-mount-hacks", "bridge-cni")
    run("chroot", node, "systemctl", "mask", "systemd-binfmt")
    _link(node / "sbin/init", "/lib/systemd/systemd")


def _containerd(node: Path, pause: str) -> None:
    for program in ("containerd", "ctr", "containerd-shim-runc-v2"):
        _link(node / "usr/local/bin" / program, f"/usr/bin/{program}")  # kind's systemd units expect this path
    (node / "opt/cni/bin").mkdir(parents=True, exist_ok=True)
    (node / "etc/cni/net.d").mkdir(parents=True, exist_ok=True)
    (node / "etc/kubernetes/manifests").mkdir(parents=True, exist_ok=True)
    for plugin in (node / "usr/lib/cni").iterdir():
        shutil.copy(plugin, node / "opt/cni/bin")
    spec = json.loads(run("chroot", node, "ctr", "oci", "spec"))
    spec.setdefault("hooks", {}).setdefault("createContainer", []).append({"path": "/kind/bin/mount-product-files.sh"})
    spec["process"].pop("rlimits", None)
    (node / "etc/containerd/cri-base.json").write_text(json.dumps(spec))
    config = node / "etc/containerd/config.toml"
    lines = []
    for line in config.read_text().splitlines():
        if line.strip().startswith("sandbox_image"):
            line = f'{line[: len(line) - len(line.lstrip())]}sandbox_image = "{pause}"'
        # If the kernel refuses a lower OOM score, every sandbox would fail with "can't get final child's PID".
        lines.append(line.replace("restrict_oom_score_adj = false", "restrict_oom_score_adj = true"))
    config.write_text("\n".join(lines) + "\n")


def _programs(node: Path, binaries: Binaries) -> None:
    for program in ("kubeadm", "kubelet", "kubectl", "crictl"):
        shutil.copy(binaries.path(program), node / "usr/bin")


def _images(node: Path, binaries: Binaries, work: Path) -> None:
    """Import the control plane's images with a containerd of this machine, whose root is the node's directory."""
    store = node / "var/lib/containerd"
    shutil.rmtree(store, ignore_errors=True)
    with _containerd_on(store) as socket:
        for program in (*STATIC_PODS, "coredns", "pause"):
            tree = work / program
            path = "coredns" if program == "coredns" else "pause" if program == "pause" else f"usr/local/bin/{program}"
            (tree / path).parent.mkdir(parents=True)
            tree.chmod(0o755)
            images.minimal(tree)
            shutil.copy(binaries.path(program), tree / path)
            if program == "kube-proxy":
                _iptables(node, tree)
            file = images.archive(tree, _official_name(program, binaries), f"/{path}", work / f"{program}.tar")
            run("ctr", "-a", socket, "-n", "k8s.io", "images", "import", "--no-unpack", file)
            shutil.rmtree(tree)
            file.unlink()


def _iptables(node: Path, tree: Path) -> None:
    """Copy the files of iptables, which kube-proxy calls: the program, its libraries, and those of its extensions."""
    for directory in ("lib", "lib64", "sbin"):
        (tree / "usr" / directory).mkdir(parents=True, exist_ok=True)
        (tree / directory).symlink_to(f"usr/{directory}")
    (tree / "run").mkdir()
    shutil.copy(node / "usr/sbin/xtables-nft-multi", tree / "usr/sbin")
    for tool in ("iptables", "ip6tables"):
        for suffix in ("", "-save", "-restore"):
            (tree / "usr/sbin" / f"{tool}{suffix}").symlink_to("xtables-nft-multi")
    (extensions,) = (node / "usr/lib").glob("*-linux-gnu/xtables")
    inside = f"/{extensions.relative_to(node)}"
    shutil.copytree(extensions, tree / inside.lstrip("/"))
    script = f"ldd /usr/sbin/xtables-nft-multi {inside}/*.so"
    wanted = {
        word for word in run("chroot", node, "sh", "-c", script).split() if word.startswith("/lib") and word[-1] != ":"
    }
    for library in wanted:
        (tree / library.lstrip("/")).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy((node / library.lstrip("/")).resolve(), tree / library.lstrip("/"))
    for table in ("protocols", "services"):
        if (node / "etc" / table).exists():
            shutil.copy(node / "etc" / table, tree / "etc")


@contextlib.contextmanager
def _containerd_on(store: Path) -> Iterator[str]:
    """Run a containerd that keeps its content in `store`; yield its socket."""
    with tempfile.TemporaryDirectory(dir=docker_daemon.run_directory()) as work:
        socket = f"{work}/containerd.sock"
        Path(work, "config.toml").write_text(
            f'version = 2\nroot = "{store}"\nstate = "{work}/state"\n'
            f'disabled_plugins = ["io.containerd.grpc.v1.cri"]\n[grpc]\n  address = "{socket}"\n'
        )
        with (state() / "containerd-import.log").open("wb") as log:
            command = ["containerd", "--config", f"{work}/config.toml"]
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )
        try:
            wait_until(lambda: Path(socket).exists(), "the start of containerd", 20)
            yield socket
        finally:
            process.terminate()
            process.wait()


def _official_name(program: str, binaries: Binaries) -> str:
    """Return the name of the image that kubeadm uses for a program of Kubernetes `versions.KUBERNETES`."""
    version = f"v{versions.KUBERNETES}"
    asked = run(binaries.path("kubeadm"), "config", "images", "list", "--kubernetes-version", version).split()
    (image,) = (image for image in asked if f"/{program}:" in image)
    pins = {"etcd": f"{versions.ETCD}-0", "coredns": f"v{versions.COREDNS}", "pause": versions.PAUSE}
    pinned = pins.get(program, version)
    assert image.endswith(f":{pinned}"), f"kubeadm wants {image}, tests/tools/versions.py has {pinned}"
    return image


def _import(engine: Engine, tree: Path, image: str, changes: list[str]) -> None:
    options = [word for change in changes for word in ("--change", change)]
    with subprocess.Popen(["tar", "-C", tree, "-c", "."], stdout=subprocess.PIPE) as tar:
        command = [engine.program, "import", *options, "-", image]
        subprocess.run(command, env=engine.environment(), stdin=tar.stdout, stdout=subprocess.DEVNULL, check=True)


def _link(path: Path, target: str) -> None:
    path.unlink(missing_ok=True)
    path.symlink_to(target)
