"""`make image`: the runtime image, its size, and the time until the first line of user code."""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from pathlib import Path

from cluster import docker_daemon, engine, runtime_image
from cluster.engine import Engine
from cluster.shell import FILES, Missing, root, run, say, scratch
from cluster.stages import stage

LIMIT = 0.25  # seconds that the runtime may need in addition to the start of Python
FLOW = """\
from metaflow import FlowSpec, step


class FirstFlow(FlowSpec):
    @step
    def start(self):
        print("first", flush=True)
        self.next(self.end)

    @step
    def end(self):
        pass
"""


def image() -> None:
    """Build the image with the existing engine or our own, and print its size and start time."""
    root().mkdir(parents=True, exist_ok=True)
    was_running = docker_daemon.running()
    chosen, offline = _engine()
    try:
        runtime_image.build(chosen, runtime_image.PLAIN, offline=offline)
        print(f"{runtime_image.PLAIN.name}: {size(chosen) / 1e6:.0f} MB")
        if chosen.program == "buildah":
            say("buildah runs no containers as a cluster does: cold start not measured")
            return
        with stage("cold start measured"):
            bare, first_line = cold_start(chosen, runtime_image.PLAIN.name)
        print(f"cold start: the user's first line after {first_line:.3f} s; a bare python -c pass takes {bare:.3f} s")
    finally:
        if offline and not was_running:
            docker_daemon.stop()


def _engine() -> tuple[Engine, bool]:
    """Return an engine for building, and whether to build without a registry."""
    if not docker_daemon.running():
        if (found := engine.find()) is not None and engine.can_pull(found):
            return found, False
        if shutil.which("buildah") and engine.can_pull(Engine("buildah")):
            return Engine("buildah"), False
    try:
        return engine.own(), True
    except Missing as error:
        raise Missing(f"neither docker, podman nor buildah is there and can pull images, and: {error}") from error


def cold_start(chosen: Engine, name: str) -> tuple[float, float]:
    """Measure in a read-only container; return the seconds of a bare Python, and of the runtime.

    The runtime is measured until the first line of the user's code.
    """
    with tempfile.TemporaryDirectory(dir=scratch(), prefix="coldstart.") as work:
        code = Path(work) / "code"
        code.mkdir()
        (code / "flow.py").write_text(FLOW)
        (Path(work) / "ir.json").write_text(run(sys.executable, "-m", "flowc", "ir", code / "flow.py"))
        shutil.copy(FILES / "coldstart.py", work)
        run("chmod", "-R", "a+rX", work)
        options = ["--rm", "--read-only", "--tmpfs", "/tmp", "--network", "none", "--volume", f"{work}:/flowc:ro"]
        options += ["--env", "FLOWC_CODE=/flowc/code", "--env", "FLOWC_IR=/flowc/ir.json"]
        answer = json.loads(chosen.run("run", *options, name, "python", "/flowc/coldstart.py"))
    return answer["bare"], answer["first_line"]


def size(chosen: Engine) -> int:
    """Return the size of the image in bytes, including its base image."""
    if chosen.program == "buildah":
        return sum(
            int(entry["size"])
            for entry in [json.loads(chosen.run("inspect", "--type", "image", runtime_image.PLAIN.name))["OCIv1"]]
            if "size" in entry
        )
    return int(chosen.run("inspect", "--type", "image", "--format", "{{.Size}}", runtime_image.PLAIN.name))
