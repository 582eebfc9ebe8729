"""Features that need real pods: a gang whose tasks communicate, options and Secrets of a step's pods, an exit hook."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from cluster.support import Cluster
from flowc_runtime.store.records.store import Store
from project import Project

GANG = """
    import os, socket, time
    from metaflow import FlowSpec, current, parallel, step

    class Meeting(FlowSpec):
        @step
        def start(self):
            self.next(self.train, num_parallel=3)

        @parallel
        @step
        def train(self):
            place = current.parallel
            self.address = (place.main_ip, os.environ["MF_PARALLEL_MAIN_IP"])
            if place.node_index == 0:
                with socket.create_server(("", 29500)) as server:
                    server.settimeout(240)
                    friends = [server.accept()[0] for _ in range(place.num_nodes - 1)]
                    self.heard = sorted(int(friend.makefile().readline()) for friend in friends)
            else:
                end = time.monotonic() + 240
                while True:
                    try:
                        friend = socket.create_connection((place.main_ip, 29500), timeout=5)
                        break
                    except OSError:
                        assert time.monotonic() < end
                        time.sleep(0.2)
                friend.sendall(f"{place.node_index}\\n".encode())
                self.heard = []
            self.next(self.join)

        @step
        def join(self, inputs):
            self.heard = [each.heard for each in inputs]
            self.addresses = [each.address for each in inputs]
            self.next(self.end)

        @step
        def end(self):
            pass
    """
OPTIONS = """
    import os
    from metaflow import FlowSpec, current, environment, exit_hook, kubernetes, secrets, step

    def tell(run):
        print("it was", run.pathspec if hasattr(run, "pathspec") else run)

    @exit_hook(on_success=[tell])
    class Options(FlowSpec):
        @secrets(sources=[{"type": "kubernetes", "id": "flow-secret"}])
        @kubernetes(memory=128, labels={"team": "blue"}, annotations={"example.com/why": "a test"}, use_tmpfs=True, tmpfs_size=16)
        @step
        def start(self):
            assert os.environ["TOKEN"] == "s3cr3t {{x}} $(HOME)"
            assert not os.path.exists("/var/run/secrets/kubernetes.io/serviceaccount")  # that is Argo's own
            with open("/metaflow_temp/file", "w") as file:
                file.write("written")
            self.next(self.a)

        @kubernetes(cpu=0.1, memory=128, service_account="flowc")
        @step
        def a(self):
            assert os.path.getsize("/var/run/secrets/kubernetes.io/serviceaccount/token")
            self.next(self.end)

        @step
        def end(self):
            pass
    """
LONG = """
    from metaflow import FlowSpec, step

    class Long(FlowSpec):
        @step
        def start(self):
            self.n = 0
            self.next(self.turn)

        @step
        def turn(self):
            self.n += 1
            self.more = True
            self.next({True: self.turn, False: self.end}, condition="more")

        @step
        def end(self):
            pass
    """


@pytest.fixture
def store(cluster: Cluster) -> Iterator[Store]:
    yield Store.open(cluster.store)


def test_the_tasks_of_a_gang_meet(cluster: Cluster, store: Store, tmp_path: Path) -> None:
    project = Project(tmp_path)
    name = cluster.submit(project.write("flow.py", GANG))
    cluster.succeed(name, 400)
    run = store.run("Meeting", name)
    found = project.artifacts(run, "join")
    assert found["heard"] == [[1, 2], [], []]
    assert len({address for both in found["addresses"] for address in both}) == 1
    begun = run.beginning("train", "0.0", 1)
    assert begun is not None
    assert found["addresses"][0][0] == begun["process"]["ip"]


@pytest.mark.smoke
def test_options_secrets_and_a_hook(cluster: Cluster, store: Store, tmp_path: Path) -> None:
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "flow-secret"},
        "stringData": {"TOKEN": "s3cr3t {{x}} $(HOME)"},
    }
    cluster.kubectl("apply", "-f", "-", stdin=json.dumps(secret))
    project = Project(tmp_path)
    name = cluster.submit(project.write("flow.py", OPTIONS))
    cluster.succeed(name)
    (first,) = [pod for pod in cluster.pods(name) if pod["metadata"]["labels"].get("flowc.dev/step") == "start"]
    assert first["metadata"]["labels"]["team"] == "blue"
    assert first["metadata"]["annotations"]["example.com/why"] == "a test"
    (last,) = [pod for pod in cluster.pods(name) if "flowc.dev/step" not in pod["metadata"]["labels"]]
    assert f"it was Options/{name}" in cluster.kubectl("logs", last["metadata"]["name"], "-c", "main")
    assert store.run("Options", name).status()["state"] == "succeeded"


def test_a_loop_without_end_is_ended_with_words(cluster: Cluster, store: Store, tmp_path: Path) -> None:
    """A loop that exceeds the limit of iterations fails with a message.

    The limit is set to one level of nested calls, because the real limit of 970 iterations would take half an hour.
    """
    project = Project(tmp_path)
    manifests = cluster.flowc(
        "compile", project.write("flow.py", LONG), "--store", cluster.store, "--image", cluster.image
    )
    assert '"96:10"' in manifests
    cluster.kubectl("apply", "--server-side", "-f", "-", stdin=manifests.replace('"96:10"', '"1:10"'))
    name = cluster.start("long")
    assert cluster.wait(name, 600) == "Failed"
    status = store.run("Long", name).status()
    assert status["failed"] == "turn/0~19"
    assert "cannot begin iteration 20" in status["message"]
