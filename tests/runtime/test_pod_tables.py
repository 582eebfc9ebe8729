"""The tables for pods in a configuration file: every key, and errors with their lines."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from flowc_ir import Kubernetes, Resources, Retry, SecurityContext, Timeout, Toleration
from flowc_runtime.base.config.config_file import find_file
from flowc_runtime.base.config.pod_tables import KEYS, LIMITS, PodTable
from flowc_runtime.base.config.task_limits import TaskLimits
from flowc_runtime.base.errors import ConfigurationError

if TYPE_CHECKING:
    from pathlib import Path

    from flowc_runtime.base.config.config_file import ConfigFile


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def read(here: Path, text: str, name: str = "flowc.toml") -> ConfigFile:
    (here / name).write_text(text)
    file = find_file()
    assert file is not None
    return file


def faults(here: Path, text: str, name: str = "flowc.toml") -> list[tuple[str, str]]:
    with pytest.raises(ConfigurationError) as caught:
        read(here, text, name)
    return [(fault.message, fault.hint) for fault in caught.value.faults]


OF_POD: dict[str, tuple[str, Kubernetes]] = {
    "image": ('"a:1"', Kubernetes(image="a:1")),
    "image-pull-policy": ('"Always"', Kubernetes(image_pull_policy="Always")),
    "image-pull-secrets": ('["a", "b"]', Kubernetes(image_pull_secrets=("a", "b"))),
    "service-account": ('"flows"', Kubernetes(service_account="flows")),
    "node-selector": ('{ disk = "ssd" }', Kubernetes(node_selector=(("disk", "ssd"),))),
    "tolerations": (
        '[{ key = "gpu", operator = "Equal", value = "a", effect = "NoExecute", toleration-seconds = 30 }, {}]',
        Kubernetes(
            tolerations=(
                Toleration(key="gpu", operator="Equal", value="a", effect="NoExecute", toleration_seconds=30),
                Toleration(),
            )
        ),
    ),
    "labels": ('{ "a.b/team" = "x" }', Kubernetes(labels=(("a.b/team", "x"),))),
    "annotations": ('{ owner = "me" }', Kubernetes(annotations=(("owner", "me"),))),
    "gpu-vendor": ('"amd"', Kubernetes(gpu_vendor="amd")),
    "extended-resources": (
        '{ "a.b/x" = 1, "a.b/y" = "2k" }',
        Kubernetes(extended_resources=(("a.b/x", "1"), ("a.b/y", "2k"))),
    ),
    "persistent-volume-claims": ('{ data = "/data" }', Kubernetes(persistent_volume_claims=(("data", "/data"),))),
    "security-context": (
        "{ run-as-user = 1000, run-as-group = 2, run-as-non-root = true, privileged = false, "
        "allow-privilege-escalation = false }",
        Kubernetes(
            security_context=SecurityContext(
                run_as_user=1000,
                run_as_group=2,
                run_as_non_root=True,
                privileged=False,
                allow_privilege_escalation=False,
            )
        ),
    ),
}
OF_LIMITS: dict[str, tuple[str, TaskLimits]] = {
    "resources": (
        '{ cpu = 0.5, memory = "4Gi", gpu = 1, disk = 100, shared-memory = "64Mi" }',
        TaskLimits(resources=Resources(cpu="0.5", memory=4096, gpu=1, disk=100, shared_memory=64)),
    ),
    "environment": ('{ LEVEL = "high", N = 3 }', TaskLimits(environment=(("LEVEL", "high"), ("N", "3")))),
    "retry": ('{ times = 3, wait = "1m30s" }', TaskLimits(retry=Retry(times=3, wait_seconds=90))),
    "timeout": ('"1h30m"', TaskLimits(timeout=Timeout(seconds=5400))),
}


@pytest.mark.parametrize("key", OF_POD)
def test_each_key_of_a_pod(here: Path, key: str) -> None:
    value, pod = OF_POD[key]
    pods = read(here, f"[overrides.big]\n{key} = {value}\n").pods
    assert pods is not None
    assert pods.overrides == {"big": PodTable(pod)}


@pytest.mark.parametrize("key", OF_LIMITS)
def test_each_key_of_a_task(here: Path, key: str) -> None:
    value, limits = OF_LIMITS[key]
    pods = read(here, f"[defaults]\n{key} = {value}\n").pods
    assert pods is not None
    assert pods.defaults == PodTable(limits=limits)


def test_no_key_is_without_a_test_and_every_example_is_valid(here: Path) -> None:
    assert {*KEYS} == {*OF_POD, *OF_LIMITS}
    lines = "".join(f"{key.example}\n" for key in KEYS.values())
    pods = read(here, f"[overrides.all]\n{lines}").pods
    assert pods is not None
    assert [*LIMITS] == ["resources", "environment", "retry", "timeout"]
    assert all(pods.overrides["all"].limits)


def test_other_notations_of_tables(here: Path) -> None:
    text = """
        [tool.flowc.defaults]
        resources.memory = 100
        retry = 2

        [tool.flowc.overrides."very big".resources]
        cpu = 3

        [[tool.flowc.overrides."very big".tolerations]]
        key = "gpu"
        """
    pods = read(here, text, "pyproject.toml").pods
    assert pods is not None
    assert pods.defaults.limits == TaskLimits(retry=Retry(times=2), resources=Resources(memory=100))
    pod = Kubernetes(tolerations=(Toleration(key="gpu"),))
    assert pods.overrides == {"very big": PodTable(pod, TaskLimits(resources=Resources(cpu="3")))}


def test_the_defaults_of_image_and_service_account_are_the_settings(here: Path) -> None:
    file = read(here, 'store = "x"\n[defaults]\nimage = "a:1"\nservice-account = "b"\n')
    assert file.values == {"store": "x", "image": "a:1", "service-account": "b"}
    assert (file.place("image"), file.place("store")) == ("flowc.toml:3", "flowc.toml:1")
    assert file.pods is not None
    assert file.pods.defaults == PodTable()


FAULTY = [
    ("[defaults]\nretri = 1\n", "2: [defaults] has no key 'retri'", "did you mean 'retry'?"),
    ("[defaults]\nnode_selector = {}\n", "2: [defaults] has no key 'node_selector'", "did you mean 'node-selector'?"),
    ("[defaults]\nxyz = 1\n", "2: [defaults] has no key 'xyz'", f"its keys are {', '.join(KEYS)}"),
    ("[defaults]\nmemory = 1\n", "2: [defaults] has no key 'memory'", "write resources = { memory = … }"),
    ("[defaults]\noverride = 1\n", "2: [defaults] has no key 'override'", "name the override in the step's code"),
    ("[default]\nretry = 1\n", "1: there is no setting 'default'", "did you mean 'defaults'?"),
    ("[overide.big]\n", "1: there is no setting 'overide'", "did you mean 'overrides'?"),
    ("defaults = 3\n", "1: defaults is 3, not a table", "write [defaults], and a line for each value"),
    ("overrides = 3\n", "1: overrides is 3, not a table", "write [overrides.NAME]"),
    ("[overrides]\nretry = 3\n", "2: [overrides]: 'retry' is not a table", "write [overrides.NAME]"),
    ("[steps.train]\nretry = 3\n", "2: [steps.train]: 'retry' is not a table of a step", "write [steps.FLOW.STEP]"),
    ("[defaults]\nretry = -1\n", "2: [defaults]: retry: times is -1, not a whole number", "write retry = 3"),
    (
        "[defaults]\nretry = {time = 1}\n",
        "2: [defaults]: retry has no 'time': did you mean 'times'?",
        "write retry = 3",
    ),
    ("[defaults]\ntimeout = 0\n", "2: [defaults]: timeout is 0, not at least one second", 'write timeout = "1h"'),
    ("[defaults]\nresources = 3\n", "2: [defaults]: resources is 3, not a table of amounts", "write resources = {"),
    (
        "[overrides.big.resources]\ncpu = 1\nmemry = 2\n",
        "3: [overrides.big]: resources has no 'memry': did you mean 'memory'?",
        'write resources = { cpu = 2, memory = "4Gi" }',
    ),
    (
        '[overrides.big.resources]\ncpu = 1\nmemory = "lots"\n',
        "3: [overrides.big]: resources: memory is 'lots', not a number of MiB",
        "write resources = {",
    ),
    ('[defaults]\nenvironment = { "a-b" = 1 }\n', "2: [defaults]: environment: 'a-b' is not the name", "write env"),
    ("[overrides.x]\nimage = 3\n", "2: [overrides.x]: image is 3, not a string", 'write image = "registry/flows:3"'),
    ("[defaults]\nimage = 3\n", "2: [defaults]: image is 3, not a string", 'write image = "registry/flows:3"'),
    (
        'image = "a"\n[defaults]\nimage = "b"\n',
        "3: [defaults]: image is written twice: it is the setting in flowc.toml:1",
        "remove one of them",
    ),
    (
        '[overrides.x]\nimage-pull-policy = "always"\n',
        '2: [overrides.x]: image-pull-policy is "always", not one of Always, IfNotPresent, Never',
        "write image-pull-policy",
    ),
    ('[overrides.x]\nimage-pull-secrets = "a"\n', 'image-pull-secrets is "a", not a list of strings', "write image-"),
    ('[overrides.x.labels]\nb = "c"\na = true\n', "3: [overrides.x]: labels: a is true, not a string", "write labels"),
    ("[overrides.x]\nnode-selector = 3\n", "node-selector is 3, not a table of strings", "write node-selector"),
    ('[overrides.x]\ntolerations = "gpu"\n', 'tolerations is "gpu", not a list of tables', "write tolerations"),
    ("[overrides.x]\ntolerations = [3]\n", "tolerations: item 1 is 3, not a table", "write tolerations"),
    (
        "[overrides.x]\ntolerations = [{}, { keys = 1 }]\n",
        "2: [overrides.x]: tolerations: item 2 has no 'keys': did you mean 'key'?",
        "write tolerations",
    ),
    (
        "[overrides.x]\ntolerations = [{ key = 1 }]\n",
        "tolerations: item 1: key is 1, not a string",
        "write tolerations",
    ),
    (
        '[overrides.x.security-context]\nrun-as-user = "me"\n',
        '2: [overrides.x]: security-context: run-as-user is "me", not a whole number',
        "write security-context",
    ),
    (
        '[overrides.x]\npersistent-volume-claims = { a = "data" }\n',
        'persistent-volume-claims: a is "data", not an absolute path such as /data',
        "write persistent",
    ),
    ('[overrides.x]\ngpu-vendor = "intel"\n', 'gpu-vendor is "intel", not one of nvidia, amd', "write gpu-vendor"),
    ("[overrides.x]\nextended-resources = { a = 1.5 }\n", "extended-resources: a is 1.5, not a string", "write ext"),
    (
        '[overrides.big]\n[steps.Flow.a]\noverride = "bgi"\n',
        "3: there is no [overrides.bgi]",
        "did you mean 'big'?",
    ),
    ('[steps.Flow.a]\noverride = "big"\n', "2: there is no [overrides.big]", "the file has no table [overrides.NAME]"),
    ("[steps.Flow.a]\noverride = 3\n", "2: [steps.Flow.a]: override is 3, not a string", 'write override = "NAME"'),
]


@pytest.mark.parametrize(("text", "message", "hint"), FAULTY)
def test_a_fault_has_its_line(here: Path, text: str, message: str, hint: str) -> None:
    ((found, helps),) = faults(here, text)
    assert found.startswith("flowc.toml:")
    assert message in found.removeprefix("flowc.toml:")
    assert helps.startswith(hint)


def test_all_faults_are_reported_at_once(here: Path) -> None:
    text = """\
[tool.flowc]
stroe = "x"
[tool.flowc.defaults]
retry = "many"
resources = { cpu = "x", memory = "y" }
[tool.flowc.steps."a flow".train]
labels = { a = 1, b = "x", c = 2 }
"""
    assert [message.partition(": ")[0] for message, _ in faults(here, text, "pyproject.toml")] == [
        f"pyproject.toml:{line}" for line in (2, 4, 5, 5, 7, 7)
    ]
