"""Writing images without a container engine: a docker archive is a tar file with a config, a manifest and a layer."""

from __future__ import annotations

import hashlib
import io
import json
import platform
import shutil
import tarfile
import tempfile
from pathlib import Path

ARCHITECTURE = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())
USERS = "root:x:0:0:root:/:/bin/false\nargo:x:8737:8737::/tmp:/bin/false\nuser:x:1000:1000::/tmp:/bin/false\n"


def archive(tree: Path, name: str, entrypoint: str, target: Path, *, user: str = "") -> Path:
    """Write the file tree as an image of one layer; equal trees give equal bytes, and so the same image."""
    with tempfile.TemporaryDirectory(dir=target.parent) as work:
        layer = Path(work) / "layer.tar"
        with tarfile.open(layer, "w") as tar:
            tar.add(tree, arcname=".", filter=_anonymous)
        digest = hashlib.sha256(layer.read_bytes()).hexdigest()
        config = _json(
            architecture=ARCHITECTURE,
            os="linux",
            config={
                "Entrypoint": [entrypoint],
                "Env": ["PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"],
                "User": user,
            },
            rootfs={"type": "layers", "diff_ids": [f"sha256:{digest}"]},
        )
        config_name = f"{hashlib.sha256(config).hexdigest()}.json"
        manifest = json.dumps([{"Config": config_name, "RepoTags": [name], "Layers": [f"{digest}.tar"]}]).encode()
        with tarfile.open(target, "w") as tar:
            for file_name, content in ((config_name, config), ("manifest.json", manifest)):
                entry = tarfile.TarInfo(file_name)
                entry.size = len(content)
                tar.addfile(entry, io.BytesIO(content))
            tar.add(layer, arcname=f"{digest}.tar", filter=_anonymous)
    return target


def of_binary(binary: Path, name: str, target: Path, *, path: str, user: str = "") -> Path:
    """Write an image that contains a static program, and the files that most programs expect: users, certificates, a
    /tmp."""
    with tempfile.TemporaryDirectory(dir=target.parent) as work:
        tree = Path(work)
        tree.chmod(0o755)
        minimal(tree)
        (tree / path.lstrip("/")).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(binary, tree / path.lstrip("/"))
        return archive(tree, name, path, target, user=user)


def minimal(tree: Path) -> None:
    """Create the files that every program expects."""
    for directory in ("etc/ssl/certs", "tmp"):
        (tree / directory).mkdir(parents=True, exist_ok=True)
    (tree / "tmp").chmod(0o1777)
    (tree / "etc/passwd").write_text(USERS)
    if (bundle := Path("/etc/ssl/certs/ca-certificates.crt")).exists():
        shutil.copy(bundle, tree / "etc/ssl/certs")


def _anonymous(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    entry.uid = entry.gid = entry.mtime = 0
    entry.uname = entry.gname = ""
    return entry


def _json(**fields: object) -> bytes:
    return json.dumps(fields, sort_keys=True).encode()
