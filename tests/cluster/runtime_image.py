"""The runtime image, which is built from the Dockerfile in the root of the repository.

If no image can be pulled, the base image is our own Debian, and wheels are downloaded before the build, which has no
network.
"""

from __future__ import annotations

import hashlib
import platform
import shutil
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import image as contents
from cluster import debian
from cluster.engine import Engine
from cluster.shell import root, run, scratch
from cluster.stages import stage
from tools import gobuild

# The extra packages of images for the digits example and for notebooks.
ML = "numpy==2.4.6 scikit-learn==1.9.1 nbclient==0.11.0 ipykernel==7.4.0"
PYTHON = "3.11"  # the version of Python in the Debian release `debian.SUITE`


@dataclass(frozen=True)
class Image:
    name: str
    extra: str = ""  # packages besides requirements.txt


PLAIN = Image("flowc.test/flowc-runtime:test")
WITH_ML = Image("flowc.test/flowc-runtime:test-ml", ML)


def build(engine: Engine, image: Image, *, offline: bool) -> None:
    """Build the Dockerfile; `offline` means without a registry and an index."""
    with stage(f"image {image.name}"), tempfile.TemporaryDirectory(dir=scratch(), prefix="context.") as work:
        context = Path(work)
        contents.lay_out(context, ["Dockerfile", *contents.context()])
        arguments = {"EXTRA_PIP": image.extra}
        options: list[str] = []
        if offline:
            wheels = _wheels(image.extra)
            for wheel in wheels.iterdir():
                shutil.copy(wheel, context / "runtime_image/dependencies")
            (pip,) = wheels.glob("pip-*.whl")  # pip can run directly from its wheel
            arguments |= {"PIP": f"/opt/flowc/bin/python /dependencies/{pip.name}/pip", "PIP_OPTIONS": "--no-index"}
            arguments |= {"BASE": _base(engine)}
            options = ["--network", "none"]
        options += [word for name, value in arguments.items() for word in ("--build-arg", f"{name}={value}")]
        verb = "bud" if engine.program == "buildah" else "build"
        engine.run(verb, *options, "--tag", image.name, context)


def file_system() -> Path:
    """Return the root file system of the base image."""
    return debian.file_system("runtime", ("python3", "ca-certificates", "tzdata"))


def _base(engine: Engine) -> str:
    """Build a base image from Debian packages with Python, and return its name."""
    tree = file_system()
    name = f"flowc.test/python:{PYTHON}-{tree.name.rsplit('-', 1)[-1]}"
    if not engine.has(name):
        with tempfile.NamedTemporaryFile(dir=scratch(), suffix=".tar") as archive:
            run("tar", "-C", tree, "-cf", archive.name, ".")
            engine.run("import", archive.name, name)
    return name


def _wheels(extra: str) -> Path:
    """Download the wheels that the build installs, and pip's wheel, for the Python of the base image."""
    wanted = ["pip", *extra.split(), *(f"{name}=={version}" for name, version in contents.requirements().items())]
    digest = hashlib.sha256(" ".join([PYTHON, platform.machine(), *wanted]).encode()).hexdigest()[:12]
    machine = platform.machine()
    platforms = [f"manylinux_2_{minor}_{machine}" for minor in (36, 28, 27, 24, 17)] + [f"manylinux2014_{machine}"]

    def make(target: Path) -> None:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--only-binary", ":all:", "--dest", str(target)]
        command += ["--python-version", PYTHON, "--implementation", "cp"]
        command += [word for name in platforms for word in ("--platform", name)]
        with stage(f"wheels for the image: {', '.join(wanted)}"):
            run(*command, *wanted)

    return gobuild.cached(root() / f"wheels-{digest}", make)
