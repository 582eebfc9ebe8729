"""@kubernetes, @secrets, @project and triggers in Argo's manifests, and the errors for unsupported options."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowc.targets import BackendError
from flowc.targets.argo import Settings, compile_flow, names
from flowc_ir import Flow, Kubernetes, Project, Resources, Secret, SecurityContext, Span, Toleration, Trigger
from targets.argo import flows

ONE = flows.flow(["start", "end"])
HERE = Span("flow.py", 3, 1)


def with_pod(**options: Any) -> Flow:
    resources = options.pop("resources", None)
    return flows.with_policies(ONE, "end", kubernetes=Kubernetes(**options), resources=resources)


def template(flow: Flow, name: str = "step-end", **settings: Any) -> Any:
    manifests = compile_flow(flow, flows.CODE, Settings(**settings)).manifests
    return next(one for one in manifests[1]["spec"]["templates"] if one["name"] == name)


def container(**options: Any) -> Any:
    return template(with_pod(**options))["container"]


def refused(flow: Flow, **settings: Any) -> list[tuple[str, str]]:
    with pytest.raises(BackendError) as raised:
        compile_flow(flow, flows.CODE, Settings(**settings))
    return [(fault.code, fault.message) for fault in raised.value.diagnostics]


def test_image_and_who_runs_it() -> None:
    made = template(with_pod(image="repo/image:1", image_pull_policy="Never", service_account="trainer"))
    assert (made["container"]["image"], made["container"]["imagePullPolicy"]) == ("repo/image:1", "Never")
    assert made["serviceAccountName"] == "trainer"
    # The exit handler is not a step, so it uses the image of `compile`, not the image of a step.
    finish = template(with_pod(image="repo/image:1"), "finish")
    assert finish["container"]["image"] == Settings().image


def test_only_argo_s_own_containers_get_the_token_of_the_service_account() -> None:
    """Only Argo's own containers, `init` and `wait` in both versions of Argo, get the token of the service account."""
    spec = compile_flow(ONE, flows.CODE, Settings()).manifests[1]["spec"]
    patch = json.loads(spec["podSpecPatch"])
    assert patch["automountServiceAccountToken"] is False
    (volume,) = patch["volumes"]
    assert [next(iter(source)) for source in volume["projected"]["sources"]] == [
        "serviceAccountToken", "configMap", "downwardAPI",
    ]  # fmt: skip
    mount = {"name": volume["name"], "mountPath": "/var/run/secrets/kubernetes.io/serviceaccount", "readOnly": True}
    for kind, name in (("initContainers", "init"), ("containers", "wait")):
        (container,) = patch[kind]
        assert (container["name"], container["volumeMounts"]) == (name, [mount])
    for made in spec["templates"]:
        assert "podSpecPatch" not in made
        assert volume["name"] not in json.dumps(made)
    assert "{{" not in spec["podSpecPatch"]  # Argo would expand this


def test_a_step_that_names_a_service_account_gets_its_token() -> None:
    made = template(with_pod(service_account="trainer"))
    assert json.loads(made["podSpecPatch"]) == {"automountServiceAccountToken": True}
    assert "podSpecPatch" not in template(with_pod(service_account="trainer"), "finish")


def test_where_it_runs() -> None:
    toleration = Toleration(key="gpu", operator="Equal", value="yes", effect="NoExecute", toleration_seconds=5)
    made = template(with_pod(node_selector=(("disk", "ssd"),), tolerations=(toleration,)))
    assert made["nodeSelector"] == {"disk": "ssd"}
    assert made["tolerations"] == [
        {"key": "gpu", "operator": "Equal", "value": "yes", "effect": "NoExecute", "tolerationSeconds": 5}
    ]


def test_flowc_keeps_its_own_labels() -> None:
    made = template(with_pod(labels=(("flowc.dev/step", "mine"), ("team", "blue")), annotations=(("a/b", "c d"),)))
    assert made["metadata"]["labels"]["flowc.dev/step"] == "{{inputs.parameters.step}}"
    assert made["metadata"]["labels"]["team"] == "blue"
    assert made["metadata"]["annotations"] == {"a/b": "c d"}


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"resources": Resources(gpu=2)}, {"requests": {"nvidia.com/gpu": "2"}, "limits": {"nvidia.com/gpu": "2"}}),
        (
            {"resources": Resources(gpu=1), "gpu_vendor": "amd"},
            {"requests": {"amd.com/gpu": "1"}, "limits": {"amd.com/gpu": "1"}},
        ),
        (
            {"resources": Resources(cpu="1", memory=2, disk=3), "qos": "guaranteed"},
            {
                "requests": {"cpu": "1", "memory": "2Mi", "ephemeral-storage": "3Mi"},
                "limits": {"cpu": "1", "memory": "2Mi", "ephemeral-storage": "3Mi"},
            },
        ),
        (
            {"extended_resources": (("example.com/dongle", "1"),)},
            {"requests": {"example.com/dongle": "1"}, "limits": {"example.com/dongle": "1"}},
        ),
        ({"qos": "besteffort"}, None),
    ],
)
def test_amounts(options: dict[str, Any], expected: Any) -> None:
    assert container(**options).get("resources") == expected


def test_volumes_are_mounted() -> None:
    made = template(
        with_pod(
            resources=Resources(memory=100, shared_memory=5),
            use_tmpfs=True,
            tmpfs_path="/fast",
            persistent_volume_claims=(("data", "/data"),),
        )
    )
    assert made["volumes"] == [
        {"name": "shm", "emptyDir": {"medium": "Memory", "sizeLimit": "5Mi"}},
        # no size is given for /fast, so it has half of the memory: 50 MiB
        {"name": "tmpfs", "emptyDir": {"medium": "Memory", "sizeLimit": "50Mi"}},
        {"name": "claim-0", "persistentVolumeClaim": {"claimName": "data"}},
    ]
    mounts = {mount["name"]: mount["mountPath"] for mount in made["container"]["volumeMounts"]}
    assert (mounts["shm"], mounts["tmpfs"], mounts["claim-0"]) == ("/dev/shm", "/fast", "/data")
    assert {"name": "METAFLOW_TEMPDIR", "value": "/fast"} in made["container"]["env"]


def test_secrets_of_the_cluster() -> None:
    flow = flows.with_policies(
        with_pod(secrets=("one", "two")), "end", secrets=(Secret(type="kubernetes", id="two"),
                                                         Secret(type="kubernetes", id="three"))
    )  # fmt: skip
    sources = template(flow)["container"]["envFrom"][1:]
    assert sources == [{"secretRef": {"name": name}} for name in ("one", "two", "three")]


def test_pull_secrets_are_the_workflow_s() -> None:
    manifest = compile_flow(with_pod(image_pull_secrets=("pull",)), flows.CODE, Settings()).manifests[1]
    assert manifest["spec"]["imagePullSecrets"] == [{"name": "pull"}]


def test_a_user_of_its_own_stays_confined() -> None:
    security = container(security_context=SecurityContext(run_as_user=5, run_as_non_root=True))["securityContext"]
    assert security == {
        "runAsUser": 5,
        "runAsNonRoot": True,
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "readOnlyRootFilesystem": True,
    }


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"compute_pool": "big"}, "has compute_pool='big', which flowc does not support on Argo"),
        ({"port": 80}, "has port=80"),
        ({"executable": "python3"}, "has executable='python3'"),
        ({"hostname_resolution_timeout": 5}, "has hostname_resolution_timeout"),
        ({"namespace": "other"}, "asks for namespace 'other'"),
        ({"security_context": SecurityContext(privileged=True)}, "asks to be privileged"),
        ({"security_context": SecurityContext(allow_privilege_escalation=True)}, "asks for privilege escalation"),
        ({"security_context": SecurityContext(run_as_user=0)}, "asks to run as root"),
        ({"security_context": SecurityContext(run_as_non_root=False)}, "asks to run as root"),
        ({"qos": "besteffort", "resources": Resources(cpu="1")}, "has qos besteffort and amounts of cpu or memory"),
        ({"labels": (("a b", "c"),)}, "has an invalid label 'a b': 'c' in labels"),
        ({"node_selector": (("a", "b c"),)}, "has an invalid label 'a': 'b c' in node_selector"),
        ({"annotations": (("a b", "c"),)}, "has the key 'a b', which Kubernetes does not accept"),
        ({"secrets": ("My Secret",)}, "names 'My Secret', which is not a valid name in Kubernetes"),
        ({"persistent_volume_claims": (("data", "/tmp"),)}, "mounts a volume at '/tmp', which is reserved for flowc"),
        (
            {"persistent_volume_claims": (("a", "/d"), ("b", "/d/"))},
            "mounts a volume at '/d/', which is the directory of another",
        ),
        ({"image": ""}, "has the image '', not a valid reference"),
        *(({"image": f"repo{blank}image:1"}, "has the image 'repo") for blank in " \t\n\r\xa0\u3000\0"),
        ({"image": " image:1"}, "has the image ' image:1', not a valid reference"),
        ({"image": "repo/$(HOME)"}, "has the image 'repo/$(HOME)', not a valid reference"),
        *(
            (
                {where: (("workflows.argoproj.io/workflow", "x"),)},
                f"has 'workflows.argoproj.io/workflow' in {where}, which",
            )
            for where in ("labels", "annotations")
        ),
        ({"image": "{{workflow.name}}"}, "has '{{' in image, which Argo would expand as a template"),
    ],
)
def test_refused(options: dict[str, Any], message: str) -> None:
    ((code, said),) = refused(with_pod(**options))
    assert code == "argo-pod-option"
    assert f"step 'end': @kubernetes {message}" in said


@pytest.mark.parametrize("way", ["claim", "tmpfs"])
@pytest.mark.parametrize(
    "path",
    [
        "/", "//", "/.", "/flowc", "/flowc/", "//flowc", "/flowc/code", "/flowc/code/lib", "/flowc/ir", "/./flowc", "/x/../flowc",
        "/tmp", "/tmp/", "/tmp/flowc/out", "/dev/shm", "/dev", "/dev/shm/x", "/argo/inputs", "/var/run/argo",
        "/run/argo/outputs", "/var/run", "/var/run/secrets/kubernetes.io/serviceaccount", "/runs", "/runs/", "/runs/store",
        "/runs/store/blobs", "/x:ro",
    ],
)  # fmt: skip
def test_no_volume_hides_what_flowc_argo_or_the_system_has(path: str, way: str) -> None:
    asked = (
        {"persistent_volume_claims": (("data", path),)} if way == "claim" else {"use_tmpfs": True, "tmpfs_path": path}
    )
    ((code, message),) = refused(with_pod(**asked), store="file:///runs/store", store_claim="runs")
    assert (code, f"mounts a volume at {path!r}, which " in message) == ("argo-pod-option", True)


@pytest.mark.parametrize(
    "path", ["/data", "/tmp/scratch", "/flowcs", "/flow", "/runs2", "/home/user", "/var/data", "/devices"]
)
def test_other_directories_are_free(path: str) -> None:
    pod = with_pod(persistent_volume_claims=(("data", path), ("more", f"{path}/more")))
    template(pod, store="file:///runs/store", store_claim="runs")


def test_prefixes_that_look_like_argo_s_are_the_user_s() -> None:
    labels = (("argoproj.io/x", "1"), ("my.workflows.argoproj.io/x", "1"), ("workflows.argoproj.io", "1"))
    assert template(with_pod(labels=labels))["metadata"]["labels"].items() >= set(labels)


def test_the_workflow_s_own_namespace_is_fine() -> None:
    template(with_pod(namespace="mine"), namespace="mine")


@pytest.mark.parametrize("kind", ["env", "dotenv", "files", "inline"])
def test_local_secrets_are_refused(kind: str) -> None:
    flow = flows.with_policies(ONE, "end", secrets=(Secret(type=kind, id="MY_KEY"),))
    ((code, message),) = refused(flow)
    assert code == "argo-local-secret"
    assert message == f"step 'end': the secret 'MY_KEY' ({kind}) is on this machine, not in a pod"


def test_a_provider_of_the_user_s_works_in_pods() -> None:
    flow = flows.with_policies(ONE, "end", secrets=(Secret(type="vault.Vault", id="MY_KEY"),))
    compile_flow(flow, flows.CODE, Settings())


def test_triggers_are_refused() -> None:
    triggers = (Trigger(kind="event", name="data", where=HERE), Trigger(kind="finish", name="Other", where=HERE))
    assert [code for code, _ in refused(replace(ONE, triggers=triggers))] == ["argo-trigger"] * 2


# -- names of flows in projects ----------------------------------------------------------------------------------------


def named(name: str, branch: str, flow: str = "TrainFlow") -> str:
    return names.deployment_name(replace(ONE, name=flow, project=Project(name=name, branch=branch)))


@pytest.mark.parametrize(
    ("project", "branch", "name"),
    [
        ("demo", "prod", "demo.prod.train-flow"),
        ("my_demo", "test.try_1", "my-demo.test.try-1.train-flow"),
        ("demo", "user.ann", "demo.user.ann.train-flow"),
        ("demo", "user.Ann Smith", "demo.user.ann-smith-x716955af.train-flow"),
    ],
)
def test_names_in_a_project(project: str, branch: str, name: str) -> None:
    assert named(project, branch) == name


NAME = st.text("ab_0", min_size=1, max_size=30)
BRANCH = st.sampled_from(["test", "prod", "user"]).flatmap(lambda kind: NAME.map(lambda name: f"{kind}.{name}"))


@given(st.lists(st.tuples(NAME, st.just("prod") | BRANCH), min_size=2, max_size=2, unique=True))
def test_names_in_projects_are_valid_and_never_alike(pair: list[tuple[str, str]]) -> None:
    made = [named(project, branch) for project, branch in pair]
    assert made[0] != made[1]
    for name in made:
        assert len(name) <= names.MAX_FLOW
        assert "." in name
        assert all(part and part[0] != "-" != part[-1] for part in name.split("."))
