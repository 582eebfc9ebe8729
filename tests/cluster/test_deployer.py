"""`Deployer` against a real cluster: a program deploys a flow, runs it, ends a run, and deletes the flow."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from cluster import description, tenant
from cluster.kind_cluster import Kubectl
from cluster.support import Cluster
from project import Project

NAMESPACE = "flowc-deployer"
FLOW = """
    from metaflow import FlowSpec, JSONType, Parameter, step

    class Train(FlowSpec):
        alpha = Parameter("alpha", default=1.5)
        n_items = Parameter("n-items", default=3)
        data = Parameter("data", type=JSONType, default=None)
        seconds = Parameter("seconds", default=0)

        @step
        def start(self):
            import time
            time.sleep(self.seconds)
            self.next(self.end)

        @step
        def end(self):
            self.given = [self.alpha, self.n_items, self.data]

    if __name__ == "__main__":
        Train()
    """


@pytest.fixture(scope="module")
def namespace(cluster: Cluster) -> Iterator[str]:
    """Create the namespace for flows."""
    found = description.read(Path(os.environ[description.VARIABLE]))
    assert found is not None
    kubectl = Kubectl(found.kubectl, found.kubeconfig)
    tenant.install(kubectl, NAMESPACE, found.environment)
    yield str(found.kubeconfig)
    kubectl("delete", "namespace", NAMESPACE, "--wait=false")


@pytest.fixture
def user(namespace: str, project: Project, cluster: Cluster) -> Project:
    del project.environment["PYTHONWARNINGS"]
    project.environment |= {
        **cluster.store_environment,
        "KUBECONFIG": namespace,
        "FLOWC_NAMESPACE": NAMESPACE,
        "FLOWC_IMAGE": cluster.image,
        "FLOWC_CLUSTER_STORE": cluster.store,
    }
    project.write("train.py", FLOW)
    return project


def test_deployer(user: Project) -> None:
    user.write(
        "program.py",
        """
        from metaflow import DeployedFlow, Deployer

        deployed = Deployer("train.py", show_output=False).argo_workflows(name="nightly")
        deployed = deployed.create(max_workers=2, tags=["team:blue"])
        print(deployed.name, deployed.flow_name, deployed.namespace)
        done = deployed.trigger(alpha=2.5, n_items=4, data={"a": [None]})
        slow = deployed.trigger(seconds=600)
        done.wait_for_run(check_interval=1, timeout=120)
        done.wait_for_completion(check_interval=1, timeout=120)
        print(done.status, done.is_running, done.run.successful, done.run.data.given, *done.run.user_tags)

        again = DeployedFlow.from_deployment("nightly")
        print(again.flow_name, again.metadata == deployed.metadata, [flow.name for flow in again.list_argo_workflows()])
        slow = DeployedFlow.get_triggered_run("nightly", slow.id)
        slow.wait_for_run(check_interval=1, timeout=120)
        print(slow.suspend(), slow.status, slow.unsuspend(), slow.is_running)
        try:
            again.delete()
        except Exception as error:
            print(type(error).__name__)
        print(slow.terminate(), slow.is_running, slow.run.status)
        print(again.delete(), again.delete())
        """,
    )
    ended = user.python("program.py", timeout=400)
    assert ended.code == 0, ended.err
    assert ended.out.splitlines() == [
        f"nightly Train {NAMESPACE}",
        "Succeeded False True [2.5, 4, {'a': [None]}] team:blue",
        "Train True ['nightly']",
        "True Suspended True True",
        "MetaflowException",
        "True False interrupted",
        "True False",
    ]
