"""Local runs and cluster runs of one flow have equal tasks, parents, artifacts, attempts, failures and states."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import pytest

from cluster import docker_daemon, engine
from cluster.shell import wait_for
from cluster.support import FIGURES, Cluster
from compare import summary
from conformance import FLOWS
from flowc_runtime.pod.arguments import encode
from flowc_runtime.store.records.run_store import RunStore
from flowc_runtime.store.records.store import Store
from ir.test_golden_ir import CASES
from project import Project

EXAMPLES = Path(__file__).parents[2] / "examples"
# The default memory limit of containers; the flow below needs more memory.
LIMITS = {
    "apiVersion": "v1",
    "kind": "LimitRange",
    "metadata": {"name": "tests"},
    "spec": {"limits": [{"type": "Container", "default": {"memory": "1280Mi"}, "defaultRequest": {"memory": "32Mi"}}]},
}
HOG = """
    import os, signal
    from metaflow import FlowSpec, step, catch

    class Hog(FlowSpec):
        @step
        def start(self):
            self.before = 1
            self.next(self.hog)

        @catch(var="why")
        @step
        def hog(self):
            if "FLOWC_POD" not in os.environ:
                os.kill(os.getpid(), signal.SIGKILL)  # what the kernel does in the pod
            kept = []
            while True:
                kept.append(bytearray(os.urandom(1 << 20)) * 16)
            self.next(self.end)

        @step
        def end(self):
            pass
    """


class Started(NamedTuple):
    """A flow that runs on the cluster, and the directory of its local run."""

    project: Project
    workflow: str


@pytest.fixture(scope="module")
def store(cluster: Cluster) -> Iterator[Store]:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in cluster.environment.items():
            if name.startswith("AWS_"):
                patch.setenv(name, value)
        yield Store.open(cluster.store)


@pytest.fixture(scope="module")
def started(
    cluster: Cluster, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[dict[str, Started]]:
    """Submit the flows of all selected tests before a test waits, so that the cluster's slow pods run concurrently."""
    wanted = {item.callspec.params.get("name") for item in request.session.items if hasattr(item, "callspec")}
    cluster.kubectl("apply", "-f", "-", stdin=json.dumps(LIMITS))
    found: dict[str, Started] = {}
    for name, sources in _flows().items():
        if name not in wanted:
            continue
        project = Project(tmp_path_factory.mktemp(name))
        for file, text in sources.items():
            project.write(file, text)
        image = cluster.image_with_ml if name == "digits" else None
        found[name] = Started(project, cluster.submit(project.root / "flow.py", image=image))
    yield found
    ended = [cluster.workflow(each.workflow)["status"] for each in found.values()]
    pods = sum(node["type"] == "Pod" for status in ended for node in status.get("nodes", {}).values())
    first, last = (min(_time(s["startedAt"]) for s in ended), max(_time(s["finishedAt"]) for s in ended))
    seconds = (last - first).total_seconds()
    FIGURES.append(
        f"conformance: {len(found)} flows, {pods} pods in {seconds:.0f} s, {pods / seconds:.2f} pods a second"
    )


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


def _flows() -> dict[str, dict[str, str]]:
    # The golden `kubernetes` is left out: it requires an image, a GPU and volumes that no test cluster has.
    flows = {
        case.name: {file.name: file.read_text() for file in case.glob("*.py")}
        for case in CASES
        if case.name != "kubernetes"
    }
    flows |= {name: {"flow.py": source} for name, (_, source) in FLOWS.items()}
    digits = {file.name: file.read_text() for file in (EXAMPLES / "digits").glob("*.py")}
    flows["digits"] = digits | {"flow.py": digits.pop("digits.py")}
    flows["Hog"] = {"flow.py": HOG}
    return flows


# One flow for each construct, for `make test-cluster ARGS="-m smoke"`.
SMOKE = {
    "branch",
    "configs",
    "foreach_in_branch",
    "gang",
    "loop",
    "parameters",
    "policies",
    "switch",
    "Attempts",
    "Fails",
}


def cluster_run(store: Store, project: Project, workflow: str) -> RunStore:
    return store.run(project.latest().flow, workflow)


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.smoke] if name in SMOKE else []) for name in _flows()]
)
def test_laptop_and_cluster_agree(cluster: Cluster, store: Store, started: dict[str, Started], name: str) -> None:
    project, workflow = started[name]
    expected = "failed" if FLOWS.get(name, ("",))[0] == "failed" else "succeeded"
    local = project.flowc("run", "flow.py")
    assert local.code == (expected == "failed"), local.err
    phase = cluster.wait(workflow, 900)
    assert phase == ("Failed" if expected == "failed" else "Succeeded"), cluster.explain(workflow)
    there, here = summary(cluster_run(store, project, workflow)), summary(project.latest())
    assert there == here


AWKWARD = [
    "quotes ' and \" and \\",
    "two\nlines\r\n",
    "$HOME $(HOME) ${HOME} $(touch x)",
    "`id`",
    "{{x}} {{workflow.name}} {{=1+1}}",
    "\x1b[31m\x7f\x00"[:-1],
    "🎉 ü \u200b \U000e0001",
    "json:1",
    "",
    " ",
    "x" * 64_000,
]
PARAMETERS = """
    from metaflow import FlowSpec, step, Parameter, JSONType

    class Given(FlowSpec):
        text = Parameter("text", required=True, type=str)
        data = Parameter("data", type=JSONType)

        @step
        def start(self):
            self.seen = self.text, self.data
            self.next(self.end)

        @step
        def end(self):
            pass
    """


def test_every_awkward_string_arrives(cluster: Cluster, store: Store, tmp_path: Path) -> None:
    project = Project(tmp_path)
    template = cluster.deploy(project.write("flow.py", PARAMETERS))
    # `data` has only a part of `text`: Argo passes both to the first pod, in base64, in one variable of at most 128
    # KiB.
    given = [(text, {"deep": [text[:1000], None, 1.5]}) for text in AWKWARD]
    names = [
        cluster.start(template, {"text": encode("str", text), "data": encode("json", data)}) for text, data in given
    ]
    for name, (text, data) in zip(names, given, strict=True):
        cluster.succeed(name)
        run = store.run("Given", name)
        assert run.record()["parameters"] == {"text": text, "data": data}
        assert project.artifacts(run, "end")["seen"] == (text, data)


SLEEPER = """
    import time
    from metaflow import FlowSpec, step, retry, current

    class Sleeper(FlowSpec):
        @step
        def start(self):
            self.next(self.work)

        @retry(times=2, minutes_between_retries=0)
        @step
        def work(self):
            print("attempt", current.retry_count)
            if current.retry_count == 0:
                time.sleep(600)
            self.attempt = current.retry_count
            self.next(self.end)

        @step
        def end(self):
            pass
    """


def test_a_deleted_pod_is_tried_again(cluster: Cluster, store: Store, tmp_path: Path) -> None:
    project = Project(tmp_path)
    name = cluster.submit(project.write("flow.py", SLEEPER))
    pod = _running_pod(cluster, name, "attempt 0")
    cluster.kubectl("delete", "pod", pod, "--wait=false")
    cluster.succeed(name)
    run = store.run("Sleeper", name)
    assert project.artifacts(run, "end")["attempt"] == 1
    lost = run.attempt("work", "0", 1)
    assert lost is not None
    assert lost["exit"].get("signal") == "SIGTERM"
    assert run.status()["state"] == "succeeded"


def _running_pod(cluster: Cluster, workflow: str, line: str) -> str:
    def pod() -> str | None:
        running = [pod["metadata"]["name"] for pod in cluster.pods(workflow) if pod["status"]["phase"] == "Running"]
        return next((name for name in running if line in cluster.kubectl("logs", name, "-c", "main")), None)

    return wait_for(pod, lambda: f"no pod of {workflow} printed {line!r}", 120)


@pytest.mark.smoke
def test_a_schedule_fires(cluster: Cluster, store: Store, tmp_path: Path) -> None:
    now = datetime.now(ZoneInfo("America/New_York"))
    soon = [now + timedelta(seconds=seconds) for seconds in (75, 195, 315)]
    schedules = [f"{at.minute} {at.hour} * * *" for at in soon]
    project = Project(tmp_path)
    project.write(
        "flow.py",
        f"""
        from metaflow import FlowSpec, step, schedule

        @schedule(cron={schedules}, timezone="America/New_York")
        class Fires(FlowSpec):
            @step
            def start(self):
                self.next(self.end)

            @step
            def end(self):
                pass
        """,
    )
    template = cluster.deploy(project.root / "flow.py")
    cron: dict[str, Any] = cluster.get("cronworkflow", template)
    assert cron["spec"]["schedules"] == schedules
    # The controller may learn of the CronWorkflow before the template; the annotation, as in docs/argo.md, makes it
    # look again.
    cluster.kubectl("annotate", "--overwrite", "cronworkflow", template, "flowc.dev/applied=again")
    selector = f"workflows.argoproj.io/cron-workflow={template}"
    workflows = wait_for(
        lambda: cluster.get("workflows", "-l", selector)["items"], lambda: "the CronWorkflow did not fire", 420, every=1
    )
    name = workflows[0]["metadata"]["name"]
    cluster.succeed(name)
    assert store.run("Fires", name).status()["state"] == "succeeded"
    cluster.kubectl("delete", "cronworkflow", template)


def test_wide(cluster: Cluster, store: Store, tmp_path: Path) -> None:
    """All artifacts of a foreach over 200 items are right, and the size of the Workflow object stays small."""
    project = Project(tmp_path)
    project.write(
        "flow.py",
        """
        from metaflow import FlowSpec, step

        class Wide(FlowSpec):
            @step
            def start(self):
                self.items = list(range(200))
                self.next(self.square, foreach="items")

            @step
            def square(self):
                self.squared = self.input ** 2
                self.next(self.join)

            @step
            def join(self, inputs):
                self.squares = [inp.squared for inp in inputs]
                self.next(self.end)

            @step
            def end(self):
                pass
        """,
    )
    began = time.monotonic()
    name = cluster.submit(project.root / "flow.py")
    cluster.succeed(name, 1500)
    seconds = time.monotonic() - began
    size = len(json.dumps(cluster.workflow(name), separators=(",", ":")))
    FIGURES.append(f"200-way foreach: {seconds:.0f} s, {204 / seconds:.2f} pods a second, Workflow {size:,} bytes")
    assert project.artifacts(store.run("Wide", name), "end")["squares"] == [number**2 for number in range(200)]
    assert size < 300_000


def test_a_store_on_a_volume(cluster: Cluster, tmp_path: Path) -> None:
    """The store can be on a volume claim; another pod with the same image reads the store's contents."""
    claim = {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": "runs"},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "100Mi"}}},
    }
    cluster.kubectl("apply", "-f", "-", stdin=json.dumps(claim))
    _open_to_all(cluster)
    project = Project(tmp_path)
    project.write("flow.py", (Path(__file__).parents[1] / "golden" / "foreach" / "flow.py").read_text())
    options = ["--store", "file:///data/runs", "--store-claim", "runs", "--image", cluster.image]
    manifests = cluster.flowc("compile", project.root / "flow.py", *options)
    applied = cluster.kubectl("apply", "--server-side", "--force-conflicts", "-f", "-", "-o", "name", stdin=manifests)
    (template,) = (name.split("/")[1] for name in applied.split() if name.startswith("workflowtemplate"))
    # the Workflow succeeds only if its last pod has read the results of the other pods
    cluster.succeed(cluster.start(template))
    cluster.kubectl("delete", "workflowtemplate", template)


def _open_to_all(cluster: Cluster) -> None:
    """Make a volume writable for pods: kind's volumes are directories of root, which fsGroup does not change."""
    wait_for(lambda: cluster.get("pvc", "runs")["status"]["phase"] == "Bound", lambda: "the claim was not bound")
    volume = cluster.get("pv", cluster.get("pvc", "runs")["spec"]["volumeName"])["spec"]
    if "hostPath" in volume:
        (node,) = (each["metadata"]["name"] for each in cluster.get("nodes")["items"])
        host = engine.own() if docker_daemon.running() else engine.find()
        assert host is not None
        host.run("exec", node, "install", "-d", "-m", "0777", volume["hostPath"]["path"])
