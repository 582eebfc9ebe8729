"""The runtime image: its contents, size and start time."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
import yaml

from cluster import docker_daemon, engine, measure, runtime_image
from cluster.engine import Engine
from cluster.support import FIGURES, Cluster
from flowc.targets.argo import Settings, compile_flow
from image_flows import FLOWS
from targets.argo import flows
from targets.argo.controller import play

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from targets.argo.controller import Pod

PROGRAM = """
import importlib.util as util, json, os, sys
wanted = ["flowc_runtime", "flowc_ir", "flowc.steps", "metaflow", "click", "cloudpickle", "markdown_it", "obstore"]
refused = ["pip", "hera", "yaml", "kubernetes", "flowc.frontends", "flowc.targets", "flowc.cli", "flowc_emulator", "rich"]
def there(name):
    try:
        return util.find_spec(name) is not None
    except ModuleNotFoundError:
        return False
print(json.dumps({"missing": [n for n in wanted if not there(n)], "left": [n for n in refused if there(n)],
                  "user": os.getuid()}))
"""


@pytest.fixture(scope="module")
def host(cluster: Cluster) -> Engine:
    """Return the engine that built the image; skip the test if the image was built elsewhere."""
    found = engine.own() if docker_daemon.running() else engine.find()
    if found is None or not found.has(runtime_image.PLAIN.name):
        pytest.skip("the image was built elsewhere")
    return found


def test_it_holds_the_runtime_and_no_compiler(host: Engine) -> None:
    options = ["--rm", "--read-only", "--tmpfs", "/tmp", "--network", "none"]
    answer = json.loads(host.run("run", *options, runtime_image.PLAIN.name, "python", "-c", PROGRAM))
    assert answer == {"missing": [], "left": [], "user": 1000}


def test_what_it_costs(host: Engine) -> None:
    bare, first = measure.cold_start(host, runtime_image.PLAIN.name)
    assert first > bare
    FIGURES.append(f"image: {measure.size(host) / 1e6:.0f} MB")
    FIGURES.append(f"cold start: the user's first line {first - bare:.3f} s after a bare Python's end ({bare:.3f} s)")
    text = compile_flow(flows.chain(100), flows.CODE, Settings()).to_yaml()
    FIGURES.append(f"YAML: {len(text.encode()) / 100:.0f} bytes a step, for 100 steps")


@pytest.fixture(scope="module")
def pods(
    host: Engine, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Path, Callable[[Pod], tuple[int, str]]]]:
    """Yield a directory, and a function that runs the test's pods one after another in one container, to save time."""
    work = tmp_path_factory.mktemp("pods")
    options = ["--rm", "--detach", "--user", "0", "--network", "none", "--volume", f"{work}:{work}"]
    container = host.run("run", *options, runtime_image.PLAIN.name, "sleep", "infinity").strip()

    def run(pod: Pod) -> tuple[int, str]:
        given = [f"--env={name}={value}" for name, value in pod.env.items() if name not in ("PATH", "PYTHONPATH")]
        command = [host.program, "exec", *given, container, "python", *pod.command[1:]]
        done = subprocess.run(command, env=host.environment(), capture_output=True, text=True, check=False)
        return done.returncode, done.stdout + done.stderr

    yield work, run
    host.run("kill", container)


@pytest.mark.parametrize("name", FLOWS)
def test_a_flow_of_each_decorator_runs(pods: tuple[Path, Callable[[Pod], tuple[int, str]]], name: str) -> None:
    """Flows with every decorator run in the image, as in `tests/runtime/test_image.py`."""
    work = pods[0] / name.replace(" ", "-")
    (work / "code").mkdir(parents=True)
    for file, text in FLOWS[name].items():
        (work / "code" / file).write_text(text)
    command = [sys.executable, "-m", "flowc", "compile", str(work / "code/flow.py"), "--environment", "local"]
    manifests = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    done = play(yaml.safe_load_all(manifests), f"file://{work}/store", work / "played", run=pods[1])
    assert done.phase == "Succeeded", done.logs()
    assert "ran in the image" in done.logs()
