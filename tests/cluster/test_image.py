"""The runtime image: what is in it and what it costs."""

from __future__ import annotations

import json

import pytest

from argo import flows
from cluster import docker_daemon, engine, measure, runtime_image
from cluster.engine import Engine
from cluster.support import FIGURES, Cluster
from flowc.backends.argo import Settings, compile_flow

PROGRAM = """
import importlib.util as util, json, os, sys
wanted = ["flowc_runtime", "flowc.ir", "metaflow", "cloudpickle", "obstore"]
refused = ["pip", "hera", "yaml", "kubernetes", "flowc.frontend", "flowc.backends", "flowc.cli", "flowc_emulator", "rich"]
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
    """The engine that built the image; a cluster that was given has its own."""
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
