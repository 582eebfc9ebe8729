"""The container engine: docker or podman (installed, or started by the harness), or buildah, which only builds."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cluster import docker_daemon
from cluster.shell import CommandFailed, run, say, succeeds
from tools import versions

PROBE = f"registry.k8s.io/pause:{versions.PAUSE}"  # a small image (300 kB), which every pod of a cluster needs


@dataclass(frozen=True)
class Engine:
    program: str  # the name of the program: docker, podman or buildah
    host: str = ""  # the address of the harness's own daemon

    def environment(self) -> dict[str, str]:
        """Return the environment in which docker, kind and similar programs find this engine."""
        own = {"DOCKER_HOST": self.host, "DOCKER_BUILDKIT": "0"} if self.host else {}
        own |= {"KIND_EXPERIMENTAL_PROVIDER": "podman"} if self.program == "podman" else {}
        return {**os.environ, **own}

    def run(self, *arguments: str | Path, stdin: str | None = None, timeout: float | None = None) -> str:
        return run(self.program, *arguments, env=self.environment(), stdin=stdin, timeout=timeout)

    def has(self, image: str) -> bool:
        return succeeds(self.program, "inspect", "--type", "image", image, env=self.environment())

    def identity(self, image: str) -> str:
        """Return the digest of the image with this name."""
        return self.run("inspect", "--type", "image", "--format", "{{.Id}}", image).strip()

    def remove_others(self, image: str) -> None:
        """Remove images that have this name and another tag, which are left from earlier contents of the image."""
        repository = image.rpartition(":")[0]
        for other in self.run("images", "--format", "{{.Repository}}:{{.Tag}}", repository).split():
            if other != image:
                self.run("rmi", other)

    def save(self, images: Sequence[str], target: Path) -> Path:
        """Return the images as one archive that containerd reads."""
        several = ["--multi-image-archive"] if self.program == "podman" else []
        self.run("save", *several, "-o", target, *images)
        return target


def find() -> Engine | None:
    """Return an engine that is installed, answers, and can run containers."""
    for program in ("docker", "podman"):
        if shutil.which(program) and succeeds(program, "info", timeout=10):
            return Engine(program)
    return None


def can_pull(engine: Engine) -> bool:
    """Return whether images can be pulled from a registry."""
    say(f"whether {engine.program} can pull images … (a minute at most)")
    try:
        engine.run("pull", PROBE, timeout=60)
    except CommandFailed:
        return False
    return True


def own() -> Engine:
    """Return the harness's own docker engine. Raises Missing if the daemon cannot run."""
    docker_daemon.check()
    docker_daemon.start()
    return Engine("docker", docker_daemon.host())
