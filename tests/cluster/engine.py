"""The container engine: docker or podman, the user's own or the harness's; buildah too, which only builds."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cluster import docker_daemon
from cluster.shell import CommandFailed, run, say, succeeds
from tools import versions

PROBE = f"registry.k8s.io/pause:{versions.PAUSE}"  # 300 kB, and every cluster needs it


@dataclass(frozen=True)
class Engine:
    program: str  # docker, podman or buildah
    host: str = ""  # the daemon's address, where it is the harness's own

    def environment(self) -> dict[str, str]:
        """The environment in which docker, kind and the like find this engine."""
        own = {"DOCKER_HOST": self.host, "DOCKER_BUILDKIT": "0"} if self.host else {}
        own |= {"KIND_EXPERIMENTAL_PROVIDER": "podman"} if self.program == "podman" else {}
        return {**os.environ, **own}

    def run(self, *arguments: str | Path, stdin: str | None = None, timeout: float | None = None) -> str:
        return run(self.program, *arguments, env=self.environment(), stdin=stdin, timeout=timeout)

    def has(self, image: str) -> bool:
        return succeeds(self.program, "inspect", "--type", "image", image, env=self.environment())

    def identity(self, image: str) -> str:
        """The digest of what is under this name now."""
        return self.run("inspect", "--type", "image", "--format", "{{.Id}}", image).strip()

    def remove_others(self, image: str) -> None:
        """Remove the images that had this name with another tag: each edit of what goes into one makes a new tag."""
        repository = image.rpartition(":")[0]
        for other in self.run("images", "--format", "{{.Repository}}:{{.Tag}}", repository).split():
            if other != image:
                self.run("rmi", other)

    def save(self, images: Sequence[str], target: Path) -> Path:
        """The images as one archive that containerd reads."""
        several = ["--multi-image-archive"] if self.program == "podman" else []
        self.run("save", *several, "-o", target, *images)
        return target


def find() -> Engine | None:
    """An engine that is installed and answers, and can run containers."""
    for program in ("docker", "podman"):
        if shutil.which(program) and succeeds(program, "info", timeout=10):
            return Engine(program)
    return None


def can_pull(engine: Engine) -> bool:
    """Whether images can be had from a registry."""
    say(f"whether {engine.program} can pull images … (a minute at most)")
    try:
        engine.run("pull", PROBE, timeout=60)
    except CommandFailed:
        return False
    return True


def own() -> Engine:
    """The harness's own docker. Raises Missing where that cannot be."""
    docker_daemon.check()
    docker_daemon.start()
    return Engine("docker", docker_daemon.host())
