"""The chart in a namespace that enforces the restricted standard, from `helm install` to `helm uninstall`."""

from __future__ import annotations

import copy
import json
import os
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cluster import description
from cluster.shell import CommandFailed, wait_until
from cluster.support import Cluster
from tools.helm import CHART, HelmError, helm

GOLDEN = Path(__file__).parents[1] / "golden"
COMES_AND_GOES = ("events", "events.events.k8s.io", "endpoints", "endpointslices.discovery.k8s.io")


class Tenant:
    """helm in a separate namespace."""

    def __init__(self, cluster: Cluster, kubeconfig: str, directory: Path) -> None:
        self.cluster = copy.copy(cluster)
        self.cluster.namespace = self.namespace = f"flowc-helm-{uuid.uuid4().hex[:6]}"
        self.values = directory / "values.json"
        self._environment = {"KUBECONFIG": kubeconfig}

    def helm(self, command: str, *arguments: str | Path) -> str:
        return helm(command, "flowc", *arguments, "--namespace", self.namespace, **self._environment)

    def install(self, command: str = "install", **values: dict[str, Any]) -> None:
        """Install or upgrade the chart, with the cluster's image and store, and with `values`."""
        store = self.cluster.store_environment
        image, _, tag = self.cluster.image.rpartition(":")
        given: dict[str, dict[str, Any]] = {
            "image": {"repository": image, "tag": tag},
            "store": {
                "url": f"{self.cluster.store}/{self.namespace}",
                "create": True,
                "endpoint": store.get("AWS_ENDPOINT_URL", ""),
                "region": store.get("AWS_REGION", ""),
                "allowHttp": store.get("AWS_ALLOW_HTTP") == "true",
                "accessKeyId": store.get("AWS_ACCESS_KEY_ID", ""),
                "secretAccessKey": store.get("AWS_SECRET_ACCESS_KEY", ""),
            },
        }
        for name, value in values.items():
            given[name] = given.get(name, {}) | value if isinstance(value, dict) else value
        self.values.write_text(json.dumps(given))
        self.helm(command, CHART, "--values", self.values)

    def test(self) -> None:
        """Run `helm test`; on failure, the error contains the output of the test's pod, which helm does not print."""
        try:
            self.helm("test")
        except HelmError as error:
            raise AssertionError(f"{error}\n{self.cluster.kubectl('logs', 'flowc-test')}") from None

    def objects(self) -> set[str]:
        """Return all objects in the namespace, of every kind."""
        kinds = self.cluster.kubectl("api-resources", "--namespaced", "--verbs=list", "-o", "name").split()
        wanted = ",".join(kind for kind in kinds if kind not in COMES_AND_GOES and not kind.endswith("metrics.k8s.io"))
        return set(self.cluster.kubectl("get", wanted, "-o", "name", "--ignore-not-found").split())

    def may(self, account: str, verb: str, what: str) -> bool:
        """Return whether a service account of the namespace may use a verb on a kind of object."""
        user = f"system:serviceaccount:{self.namespace}:{account}"
        try:
            return self.cluster.kubectl("auth", "can-i", verb, what, "--as", user, "--quiet") == ""
        except CommandFailed:
            return False


@pytest.fixture
def tenant(cluster: Cluster, tmp_path: Path) -> Iterator[Tenant]:
    """Create a namespace that enforces the restricted standard; delete it afterwards."""
    found = description.read(Path(os.environ[description.VARIABLE]))
    assert found is not None
    tenant = Tenant(cluster, found.kubeconfig, tmp_path)
    labels = {"pod-security.kubernetes.io/enforce": "restricted"}
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": tenant.namespace, "labels": labels}}
    cluster.kubectl("create", "-f", "-", stdin=json.dumps(namespace))
    try:
        always = {"configmap/kube-root-ca.crt", "serviceaccount/default"}
        wait_until(lambda: tenant.objects() == always, "a namespace with the objects of every namespace", 30)
        yield tenant
    finally:
        cluster.kubectl("delete", "namespace", tenant.namespace, "--wait=false")


@pytest.mark.smoke
def test_the_life_of_a_release(tenant: Tenant) -> None:
    """After install, test, a run, upgrade, test and uninstall, no object is left in the namespace."""
    before = tenant.objects()
    tenant.install()
    installed = tenant.objects()
    assert installed - before == {
        "serviceaccount/flowc",
        "role.rbac.authorization.k8s.io/flowc-executor",
        "rolebinding.rbac.authorization.k8s.io/flowc-executor",
        "secret/flowc-store",
        "secret/sh.helm.release.v1.flowc.v1",
    }
    tenant.test()
    wait_until(lambda: tenant.objects() == installed, "the deletion of the test's objects", 60)

    run = tenant.cluster.submit(GOLDEN / "foreach" / "flow.py")
    tenant.cluster.succeed(run)

    tenant.install(
        "upgrade",
        serviceAccount={"name": "flows"},
        defaultRequests={"enabled": True, "cpu": "10m", "memory": "32Mi"},
        quota={"enabled": True, "hard": {"pods": "20", "requests.memory": "8Gi"}},
        networkPolicy={
            "enabled": True,
            "apiServer": {"to": [{"ipBlock": {"cidr": "0.0.0.0/0"}}]},
            "store": {"to": [{"ipBlock": {"cidr": "0.0.0.0/0"}}], "ports": [7070, 30900]},
        },
    )
    accounts = {name for name in tenant.objects() if name.startswith("serviceaccount/")}
    assert accounts == {"serviceaccount/default", "serviceaccount/flows"}
    tenant.test()

    tenant.helm("uninstall", "--wait")
    # delete the objects that the flow has created
    tenant.cluster.kubectl("delete", "workflow,workflowtemplate,configmap", "-l", "flowc.dev/flow")
    wait_until(lambda: tenant.objects() == before, "an empty namespace", 60)


def test_rights_are_enough_and_no_more(tenant: Tenant) -> None:
    """A deployer can deploy, run and watch a flow; the flow's pods have no rights except to report to Argo."""
    deployer = {"kind": "ServiceAccount", "name": "ci"}
    tenant.install(deployers=[deployer])  # type: ignore[arg-type]
    user = ("--as", f"system:serviceaccount:{tenant.namespace}:ci")
    as_user = copy.copy(tenant.cluster)
    as_user.kubectl = lambda *words, **more: tenant.cluster.kubectl(*user, *words, **more)  # type: ignore[method-assign]
    for _ in range(2):  # the second deployment finds unchanged objects, which requires other rights than creating them
        template = as_user.deploy(GOLDEN / "linear" / "flow.py")
    run = as_user.start(template)
    as_user.succeed(run)
    assert as_user.pods(run)
    as_user.explain(run)
    as_user.kubectl("delete", "workflow,workflowtemplate,configmap", "-l", "flowc.dev/flow")

    assert tenant.may("flowc", "create", "workflowtaskresults.argoproj.io")
    for verb, what in (
        ("get", "workflowtaskresults.argoproj.io"),
        ("create", "workflows.argoproj.io"),
        ("get", "pods"),
        ("get", "secrets"),
        ("create", "pods"),
    ):
        assert not tenant.may("flowc", verb, what), f"pods may {verb} {what}"
    for verb, what in (("get", "secrets"), ("create", "pods"), ("create", "roles"), ("create", "pods/exec")):
        assert not tenant.may("ci", verb, what), f"deployers may {verb} {what}"


def test_a_test_that_fails_says_why(tenant: Tenant) -> None:
    """If `helm test` fails, the output shows the error, and the README's command deletes the test's objects."""
    before = tenant.objects()
    tenant.install(store={"url": "s3://there-is-no-such-bucket"})
    with pytest.raises(HelmError, match="pod flowc-test failed"):
        tenant.helm("test")
    said = tenant.cluster.kubectl("logs", "flowc-test")
    assert "FAILED: the Workflow ended as Failed" in said
    (command,) = (line.strip() for line in said.splitlines() if line.startswith("  kubectl "))
    (_, *words) = command.split()
    assert "the bucket of s3://there-is-no-such-bucket does not exist" in tenant.cluster.kubectl(*words)

    tenant.helm("uninstall", "--wait")
    readme = (CHART / "README.md").read_text()
    (cleaning,) = (line for line in readme.splitlines() if line.startswith("kubectl delete"))
    (_, *words) = cleaning.replace("--namespace flows", f"--namespace {tenant.namespace}").split()
    tenant.cluster.kubectl(*words)
    wait_until(lambda: tenant.objects() == before, "an empty namespace", 60)
