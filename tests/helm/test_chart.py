"""The rendered chart is accepted by helm and Kubernetes, equals the golden files, and grants only necessary rights."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from flowc import __version__
from flowc_runtime.base.config.config_keys import BY_KEY
from flowc_runtime.base.contract import UI_TOKEN
from project import ROOT
from tools import argo, kubernetes
from tools.helm import CHART, helm, objects, render
from tools.parsed_command import parsed_parameters

from .cases import CASES, EVERYTHING, Values

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from project import Project

HERE = Path(__file__).parent
ARGO_IS_THERE = "--api-versions=argoproj.io/v1alpha1/Workflow"


def find(docs: list[dict[str, Any]], kind: str, name: str) -> dict[str, Any]:
    (found,) = (doc for doc in docs if (doc["kind"], doc["metadata"]["name"]) == (kind, name))
    return found


def is_test(doc: dict[str, Any]) -> bool:
    return bool(doc["metadata"].get("annotations", {}).get("helm.sh/hook") == "test")


def test_lint() -> None:
    helm("lint", "--strict", CHART)


def test_version() -> None:
    (chart,) = argo.load((CHART / "Chart.yaml").read_text("utf-8"))
    assert chart["version"] == chart["appVersion"] == __version__


@pytest.mark.parametrize("case", ["default", "everything", "ui"])
def test_golden(case: str, golden: Callable[[Path, str], None]) -> None:
    golden(HERE / "golden" / f"{case}.yaml", render(CASES[case]))


@pytest.mark.parametrize("page", ["docs/guide/deploying.md", "helm/flowc/README.md"])
def test_helm_takes_the_values_of_a_page(page: str) -> None:
    """The documented commands that install the chart have values that helm accepts."""
    text = (ROOT / page).read_text(encoding="utf-8")
    (values,) = re.findall(r"^helm install flowc helm/flowc [^`]*?--set (\S+)$", text, re.MULTILINE)
    store = re.search(r"store\.url=([^,]+)", values)
    assert store is not None
    assert store[1] in helm("template", "flowc", CHART, "--namespace", "flows", "--set", values)


@pytest.mark.parametrize("values", CASES.values(), ids=CASES)
def test_kubernetes_takes_it(values: Values) -> None:
    assert kubernetes.schema_errors(objects(values)) == []


def test_kubernetes_would_not_take_a_slip() -> None:
    """`schema_errors`, which the tests above use, finds faults in a manifest that is broken on purpose."""
    role = find(objects(), "Role", "flowc-executor")
    role["rules"][0]["verb"] = role["rules"][0].pop("verbs")
    unknown, missing = sorted(kubernetes.schema_errors([role]), key=lambda error: "required" in error)
    assert "'verb' was unexpected" in unknown
    assert "'verbs' is a required property" in missing


@pytest.mark.parametrize("values", CASES.values(), ids=CASES)
def test_metadata(values: Values) -> None:
    """All objects are in the release's namespace and have the recommended labels."""
    for doc in objects(values):
        assert doc["metadata"]["namespace"] == "flows"
        labels = doc["metadata"]["labels"]
        assert labels["app.kubernetes.io/name"] == "flowc"
        assert labels["app.kubernetes.io/instance"] == "flowc"
        assert labels["app.kubernetes.io/version"] == __version__
        assert labels["app.kubernetes.io/managed-by"] == "Helm"
        assert (labels.get("app.kubernetes.io/component") == "test") == is_test(doc)
        assert (labels.get("app.kubernetes.io/component") == "ui") == (doc["metadata"]["name"] == "flowc-ui")


def test_names_that_look_like_numbers() -> None:
    """Names that look like numbers are quoted, because the YAML parser would otherwise read them as numbers."""
    values = {
        "image": {"repository": "123", "tag": "1e3", "pullSecrets": ["0x10"]},
        "serviceAccount": {"name": "1e3"},
        "deployers": [{"kind": "ServiceAccount", "name": "123", "namespace": "null"}],
        "store": {"existingSecret": "123"},
    }
    docs = objects(values, release="1e3", namespace="1234")
    assert kubernetes.schema_errors(docs) == []
    workflow = embedded(docs)
    assert workflow["spec"]["serviceAccountName"] == "1e3"
    container = next(t["container"] for t in workflow["spec"]["templates"] if "container" in t)
    assert container["image"] == "123:1e3"
    assert container["envFrom"] == [{"secretRef": {"name": "123", "optional": True}}]


# -- rights


def rules(doc: dict[str, Any]) -> list[tuple[str, str, str]]:
    return [
        (group, " ".join(rule["resources"]), " ".join(rule["verbs"]))
        for rule in doc["rules"]
        for group in rule["apiGroups"]
    ]


def test_rights_of_pods() -> None:
    """The role has only the rights that Argo's executor needs."""
    docs = [doc for doc in objects() if not is_test(doc)]
    assert [doc["kind"] for doc in docs] == ["ServiceAccount", "Role", "RoleBinding"]
    _, role, binding = docs
    assert rules(role) == [("argoproj.io", "workflowtaskresults", "create patch")]
    assert binding["roleRef"] == {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "flowc-executor"}
    assert binding["subjects"] == [{"kind": "ServiceAccount", "name": "flowc", "namespace": "flows"}]


def test_rights_of_deployers() -> None:
    docs = objects(EVERYTHING)
    assert rules(find(docs, "Role", "flowc-deployer")) == [
        ("argoproj.io", "workflowtemplates cronworkflows workflows", "get list watch create update patch delete"),
        ("", "configmaps", "get list create patch delete"),
        ("", "pods", "get list watch"),
        ("", "pods/log", "get"),
    ]
    assert find(docs, "RoleBinding", "flowc-deployer")["subjects"] == [
        {"kind": "User", "name": "ada@example.com", "apiGroup": "rbac.authorization.k8s.io"},
        {"kind": "Group", "name": "data:science", "apiGroup": "rbac.authorization.k8s.io"},
        {"kind": "ServiceAccount", "name": "ci", "namespace": "ci"},
        {"kind": "ServiceAccount", "name": "here", "namespace": "flows"},
    ]


def test_rights_of_the_test() -> None:
    """The test has its own account and role, which are helm hooks: they exist only during the test."""
    docs = [doc for doc in objects() if is_test(doc)]
    assert rules(find(docs, "Role", "flowc-test")) == [("argoproj.io", "workflows", "create get")]
    assert find(docs, "RoleBinding", "flowc-test")["subjects"] == [
        {"kind": "ServiceAccount", "name": "flowc-test", "namespace": "flows"}
    ]
    for doc in docs:
        assert doc["metadata"]["annotations"]["helm.sh/hook-delete-policy"] == "before-hook-creation,hook-succeeded"


@pytest.mark.parametrize("values", CASES.values(), ids=CASES)
def test_nothing_reaches_beyond_the_namespace(values: Values) -> None:
    kinds = {doc["kind"] for doc in objects(values)}
    assert kinds.isdisjoint({"ClusterRole", "ClusterRoleBinding", "Namespace", "CustomResourceDefinition"})


def test_the_test_pod_is_restricted() -> None:
    """The pods satisfy the Pod Security Standard "restricted"."""
    spec = find(objects(), "Pod", "flowc-test")["spec"]
    assert spec["securityContext"]["runAsNonRoot"]
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert {next(iter(volume.keys() - {"name"})) for volume in spec["volumes"]} == {"configMap"}
    for container in spec["containers"]:
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }


# -- the page


def page_container(values: Values) -> dict[str, Any]:
    (container,) = find(objects(values), "Deployment", "flowc-ui")["spec"]["template"]["spec"]["containers"]
    return dict(container)


def test_the_page_is_optional() -> None:
    assert "flowc-ui" not in {doc["metadata"]["name"] for doc in objects(EVERYTHING)}


def test_rights_of_the_page() -> None:
    """The page's account may only read, and only what the page of deployments shows."""
    docs = objects(CASES["ui"])
    assert rules(find(docs, "Role", "flowc-ui")) == [
        ("argoproj.io", "workflows workflowtemplates cronworkflows", "get list watch")
    ]
    bound = [
        doc
        for doc in docs
        if doc["kind"] == "RoleBinding" and {"name": "flowc-ui"}.items() <= doc["subjects"][0].items()
    ]
    assert [doc["roleRef"]["name"] for doc in bound] == ["flowc-ui"]
    assert find(docs, "Deployment", "flowc-ui")["spec"]["template"]["spec"]["serviceAccountName"] == "flowc-ui"


def test_the_page_is_restricted() -> None:
    spec = find(objects(CASES["ui"]), "Deployment", "flowc-ui")["spec"]["template"]["spec"]
    assert spec["securityContext"]["runAsNonRoot"]
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert {next(iter(volume.keys() - {"name"})) for volume in spec["volumes"]} == {"emptyDir"}
    container = page_container(CASES["ui"])
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert container["readinessProbe"]["httpGet"] == {"path": "/healthz", "port": "http"}
    assert container["resources"]["limits"] == {"memory": "1Gi"}


@pytest.mark.parametrize(
    "values", [CASES["ui"], {"ui": {"enabled": True, "tokenSecret": "t"}}], ids=["public", "plain"]
)
def test_flowc_takes_the_command_of_the_page(values: Values) -> None:
    """The command line has only options that `flowc ui` has, and none that lets the page act."""
    container = page_container(values)
    assert container["command"] == ["flowc", "ui"]
    given = parsed_parameters("ui", container["args"])
    assert given["public_url"] == values["ui"].get("publicUrl")
    assert given["store_url"] == values.get("store", {"url": "s3://flowc"})["url"]
    assert (given["host"], given["port"]) == ("0.0.0.0", container["ports"][0]["containerPort"])
    assert not given["allow_actions"]
    assert [each["name"] for each in container["env"]] == [UI_TOKEN]


def test_the_store_of_the_page() -> None:
    """The page reads the store with the same Secret as the pods of flows."""
    assert page_container(CASES["ui"])["envFrom"] == [{"secretRef": {"name": "bucket-keys", "optional": False}}]
    plain = page_container({"ui": {"enabled": True, "tokenSecret": "t"}})
    assert plain["envFrom"] == [{"secretRef": {"name": "flowc-store", "optional": True}}]


def test_the_ways_to_the_page() -> None:
    """The Ingress leads to the Service, and the Service to the pod."""
    docs = objects(CASES["ui"])
    ingress, service = find(docs, "Ingress", "flowc-ui")["spec"], find(docs, "Service", "flowc-ui")["spec"]
    assert ingress["rules"][0]["host"] == "flows.example.org"
    (path,) = ingress["rules"][0]["http"]["paths"]
    assert (path["path"], path["pathType"]) == ("/team/runs", "Prefix")
    assert path["backend"]["service"] == {"name": "flowc-ui", "port": {"name": service["ports"][0]["name"]}}
    assert ingress["tls"] == [{"hosts": ["flows.example.org"], "secretName": "flows-tls"}]
    pod = find(docs, "Deployment", "flowc-ui")["spec"]["template"]
    assert service["selector"].items() <= pod["metadata"]["labels"].items()
    assert service["ports"][0]["targetPort"] in [port["name"] for port in pod["spec"]["containers"][0]["ports"]]


# -- the store


def test_secret() -> None:
    secret = find(objects(EVERYTHING), "Secret", "flowc-store")
    assert secret["stringData"] == {
        "AWS_ENDPOINT_URL": "http://s3.storage.svc:7070",
        "AWS_REGION": "eu-west-1",
        "AWS_ALLOW_HTTP": "true",
        "AWS_ACCESS_KEY_ID": "0123",
        "AWS_SECRET_ACCESS_KEY": 'quote"colon:hash#brace{{',
    }


def test_secret_is_nowhere_else() -> None:
    assert render(EVERYTHING).count("colon:hash#brace") == 1


def test_secret_without_keys() -> None:
    """If no keys are given, the Secret has none: empty keys would override the cloud identity of the pods."""
    assert find(objects(CASES["cloud-identity"]), "Secret", "flowc-store")["stringData"] == {"AWS_REGION": "us-west-2"}


@pytest.mark.parametrize("case", ["default", "existing"])
def test_no_secret(case: str) -> None:
    assert "Secret" not in {doc["kind"] for doc in objects(CASES[case])}


# -- the test's flow


def embedded(docs: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the Workflow that the pod of `helm test` submits."""
    (workflow,) = argo.load(find(docs, "ConfigMap", "flowc-test")["data"]["workflow.json"])
    assert isinstance(workflow, dict)
    return workflow


@pytest.mark.parametrize("values", CASES.values(), ids=CASES)
def test_embedded_workflow(values: Values, argo_version: str) -> None:
    """Argo accepts the test's Workflow, which contains the flow's code and no placeholder of the chart."""
    docs = objects(values)
    workflow = embedded(docs)
    assert argo.schema_errors([workflow], argo_version) == []
    volumes = {volume["name"]: volume for volume in workflow["spec"]["volumes"]}
    find(docs, "ConfigMap", volumes["code"]["configMap"]["name"])
    assert "chart-" not in str(workflow).replace("flowc-chart-test", "")


# -- notes


@pytest.fixture
def notes(tmp_path: Path) -> Iterator[Callable[..., str]]:
    """Return a function that renders NOTES.txt as part of a manifest: helm prints notes only with a cluster."""
    chart = tmp_path / "flowc"
    shutil.copytree(CHART, chart)
    (chart / "templates" / "NOTES.txt").rename(chart / "notes")
    (chart / "templates" / "notes.yaml").write_text('notes: {{ tpl (.Files.Get "notes") . | toJson }}\n')

    def printed(values: Values, *flags: str) -> str:
        (text,) = (doc["notes"] for doc in argo.load(render(values, *flags, chart=chart)) if "notes" in doc)
        return str(text)

    yield printed


@pytest.mark.parametrize("case", CASES)
def test_notes(case: str, notes: Callable[..., str], golden: Callable[[Path, str], None]) -> None:
    golden(HERE / "golden" / f"notes-{case}.txt", notes(CASES[case], ARGO_IS_THERE))


def test_notes_miss_argo(notes: Callable[..., str]) -> None:
    assert "WARNING: this cluster has no Argo Workflows" in notes({})
    assert "WARNING" not in notes({}, ARGO_IS_THERE)


def test_what_the_notes_export_is_what_the_compiler_reads(notes: Callable[..., str], project: Project) -> None:
    """A flow that is compiled with the exported values uses the chart's account, Secret, image and store."""
    exported = dict(re.findall(r"^  export (\w+)=(.*)$", notes(CASES["existing"]), flags=re.MULTILINE))
    # `store-secret` is exported, because the store is a bucket, which needs credentials
    keys = ("image", "cluster-store", "namespace", "service-account", "store-secret")
    assert set(exported) == {BY_KEY[key].variable for key in keys}
    flow = CHART / "files" / "test" / "flow" / "flow.py"
    project.environment |= exported
    done = project.python("-m", "flowc", "compile", str(flow))
    assert (done.code, done.err) == (0, "")
    code, template = argo.load(done.out)
    assert {code["metadata"]["namespace"], template["metadata"]["namespace"]} == {"flows"}
    of_chart = embedded(objects(CASES["existing"]))["spec"]
    assert template["spec"] == of_chart | {"templates": template["spec"]["templates"]}
    assert [t.get("container") for t in template["spec"]["templates"]] == [
        t.get("container") for t in of_chart["templates"]
    ]
