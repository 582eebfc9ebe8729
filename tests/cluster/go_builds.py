"""The programs of a cluster, compiled from Go modules: Kubernetes, etcd, CoreDNS, crictl, kind, Argo, the S3 gateway.

Each program is built once and kept outside the repository (`tools.gobuild`); its name contains the versions. The
programs are linked statically, so the image of a program needs only one file.
"""

from __future__ import annotations

import hashlib
import json
import platform
import shutil
from dataclasses import dataclass
from pathlib import Path

from tools import gobuild, versions
from tools.gobuild import GoUnavailable, Module, argo_module

SOURCES = Path(__file__).parent / "files"


@dataclass(frozen=True)
class Build:
    """A `go build` of `commands` (file name -> package) in a new module that requires `module`."""

    name: str
    module: Module
    commands: tuple[tuple[str, str], ...]
    replace: tuple[tuple[str, Module], ...] = ()
    kubernetes: str = ""  # if given, go.mod uses this version's published modules, not the local directories
    link: str = ""  # flags for the linker
    added: tuple[tuple[str, str], ...] = ()  # files to add to the module: path in the module -> a name in SOURCES


def _kubernetes(version: str) -> Build:
    main, stamp = "k8s.io/kubernetes", "k8s.io/component-base/version"
    names = (
        "kube-apiserver",
        "kube-controller-manager",
        "kube-scheduler",
        "kube-proxy",
        "kubelet",
        "kubeadm",
        "kubectl",
    )
    minor = version.split(".")[1]
    return Build(
        name="kubernetes",
        module=Module(main, f"v{version}"),
        commands=tuple((name, f"{main}/cmd/{name}") for name in names),
        kubernetes=version,
        link=f"-X {stamp}.gitVersion=v{version} -X {stamp}.gitMajor=1 -X {stamp}.gitMinor={minor}",
    )


def _crictl(version: str) -> Build:
    """Return the build of crictl. The Go module is published under another path than its go.mod declares, so the build
    replaces the declared path by the published one.
    """
    declared, published = "github.com/kubernetes-sigs/cri-tools", "sigs.k8s.io/cri-tools"
    return Build(
        name="crictl",
        module=Module(declared, f"v{version}"),
        commands=(("crictl", f"{declared}/cmd/crictl"),),
        replace=((declared, Module(published, f"v{version}")),),
        kubernetes=version,
    )


def argo(version: str) -> Build:
    module = argo_module(version)
    return Build(
        name="argo",
        module=module,
        commands=tuple((name, f"{module.path}/cmd/{name}") for name in ("workflow-controller", "argoexec")),
        link=f"-X {module.path}.version=v{version}",
        added=(("workflow/executor/osspecific/signal_linux.go", "signal_linux.go.in"),),
    )


def _simple(name: str, module: str, version: str, package: str = "") -> Build:
    return Build(name=name, module=Module(module, f"v{version}"), commands=((name, f"{module}{package}"),))


KUBERNETES = _kubernetes(versions.KUBERNETES)
CRICTL = _crictl(versions.CRI_TOOLS)
ETCD = _simple("etcd", "go.etcd.io/etcd/server/v3", versions.ETCD)
COREDNS = _simple("coredns", "github.com/coredns/coredns", versions.COREDNS)
KIND = _simple("kind", "sigs.k8s.io/kind", versions.KIND)
S3 = _simple("versitygw", "github.com/versity/versitygw", versions.VERSITYGW, "/cmd/versitygw")
NODE = (KUBERNETES, ETCD, COREDNS, CRICTL)  # the programs that the node image contains


def build(what: Build, root: Path) -> Path:
    """Return the directory with the binaries, below `root`; build it if it is missing. Raises GoUnavailable."""
    return gobuild.cached(place(what, root), lambda target: _compile(what, target))


def place(what: Build, root: Path) -> Path:
    """Return the directory for the binaries below `root`, without creating it."""
    digest = hashlib.sha256(f"{what} {platform.machine()}".encode())
    for _, source in what.added:
        digest.update((SOURCES / source).read_bytes())
    return root / f"{what.name}-{what.module.version}-{digest.hexdigest()[:12]}"


def build_pause(root: Path) -> Path:
    """Return the directory with the program `pause`, the only program that is not built from a Go module."""
    source = SOURCES / "pause.go"
    digest = hashlib.sha256(source.read_bytes() + platform.machine().encode()).hexdigest()[:12]
    flags = ["-trimpath", "-buildvcs=false", "-ldflags=-s -w"]

    def make(target: Path) -> None:
        gobuild.go("build", *flags, "-o", str(target / "pause"), str(source), cwd=target, blame=RuntimeError)

    return gobuild.cached(root / f"pause-v{versions.PAUSE}-{digest}", make)


def _compile(what: Build, target: Path) -> None:
    work = target / "src"
    work.mkdir()
    (work / "go.mod").write_text(_go_mod(what, work))
    packages = [package for _, package in what.commands]
    # Fetch the modules before compiling, to tell a fault of the network from a fault of the code.
    gobuild.go("list", "-mod=mod", "-deps", *packages, cwd=work, blame=GoUnavailable)
    flags = ["-mod=mod", "-trimpath", "-buildvcs=false", f"-ldflags=-s -w {what.link}"]
    gobuild.go("build", *flags, "-o", f"{target}/", *packages, cwd=work, blame=RuntimeError)
    for name, package in what.commands:
        if not (
            built := target / name
        ).exists():  # Go names the binary after the last element of the package's path, without a version
            (target / package.removesuffix("/v3").rsplit("/", 1)[-1]).rename(built)
    shutil.rmtree(work)


def _go_mod(what: Build, work: Path) -> str:
    require = {what.module}
    replace = [f"{path} => {module.path} {module.version}" for path, module in what.replace]
    if what.kubernetes:
        require.add(Module("k8s.io/kubernetes", f"v{what.kubernetes}"))
        replace += _published_staging(what.kubernetes)
    if what.added:
        _copy_with_additions(what, work / "module")
        replace.append(f"{what.module.path} => ./module")
    lines = [f"require {module.path} {module.version}" for module in sorted(require, key=str)]
    lines += [f"replace {line}" for line in replace]
    return f"module flowc.test/{what.name}\n\ngo 1.25\n\n" + "\n".join(lines) + "\n"


def _published_staging(version: str) -> list[str]:
    """Return lines that replace the local directories of Kubernetes' libraries in go.mod by published modules."""
    go_mod = downloaded(Module("k8s.io/kubernetes", f"v{version}")) / "go.mod"
    published = f"v0{version.removeprefix('1')}"
    local = [line.split(" => ")[0].strip() for line in go_mod.read_text().splitlines() if "=> ./staging" in line]
    return [f"{path} => {path} {published}" for path in local]


def _copy_with_additions(what: Build, copy: Path) -> None:
    shutil.copytree(
        downloaded(what.module), copy, copy_function=shutil.copyfile
    )  # copy the content only: the mode of the original is read-only
    for directory in (copy, *(path for path in copy.rglob("*") if path.is_dir())):
        directory.chmod(0o755)
    for path, source in what.added:
        if not (copy / path).exists():
            (copy / path).write_text((SOURCES / source).read_text().replace("@MODULE@", what.module.path))


def downloaded(module: Module) -> Path:
    """Return the module's directory in Go's cache, which is read-only."""
    answer = gobuild.go("mod", "download", "-json", str(module), cwd=Path("/"), blame=GoUnavailable)
    return Path(json.loads(answer)["Dir"])
