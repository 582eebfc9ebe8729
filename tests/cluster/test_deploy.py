"""flowc's commands for a cluster, run against a real cluster in a namespace of their own."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cluster import description, tenant
from cluster.kind_cluster import Kubectl
from cluster.shell import wait_for
from cluster.support import Cluster
from flowc.targets.argo.cluster.api import connect
from flowc.targets.argo.cluster.difference import essence
from flowc.targets.argo.cluster.errors import ClusterError
from flowc.targets.argo.cluster.resource_kinds import ResourceKind
from flowc_runtime.store.records.run_store import RunStore
from flowc_runtime.store.records.store import Store
from project import Finished, Project

NAMESPACE = "flowc-deploy"
FLOW = """
from metaflow import FlowSpec, JSONType, Parameter, schedule, step

{decorator}
class {name}(FlowSpec):
    text = Parameter("text", default="world")
    seconds = Parameter("seconds", default=0.0)
    json = Parameter("json", type=JSONType, default=None)

    @step
    def start(self):
        import time
        for number in range(3):
            print("said", number, flush=True)
            time.sleep(self.seconds / 3)
        assert self.text != "fail", "as it was told to"
        self.next(self.end)

    @step
    def end(self):
        print("{says}", end="")
"""
# Texts that a shell, YAML, JSON, Go's templates or the kubelet could misread.
AWKWARD = {
    "quotes": "\"'`\\",
    "lines": "one\ntwo\r\n\tthree\n",
    "shell": "$HOME $(touch x) `id` ${X} $$(X) %s",
    "argo": "{{workflow.name}} {{=1+1}} {{inputs.parameters.path}} {{",
    "emoji": "😀 é \u2028 \x1b[0m \x7f",
    "marker": 'json:"x"',
    "words": "null",
    "empty": "",
    "equals": "a=b=c",
    "go": "<&>" * 128,
    "long": "x" * 16_384,
}


class User:
    """A user of the cluster with a directory of flows."""

    def __init__(self, project: Project, cluster: Cluster) -> None:
        found = description.read(Path(os.environ[description.VARIABLE]))
        assert found is not None
        self.project = project
        self.kubectl = Kubectl(found.kubectl, found.kubeconfig)
        self.store = Store.open(cluster.store)
        del project.environment["PYTHONWARNINGS"]
        project.environment |= {
            **cluster.store_environment,
            "KUBECONFIG": str(found.kubeconfig),
            "FLOWC_NAMESPACE": NAMESPACE,
            "FLOWC_IMAGE": cluster.image,
            "FLOWC_CLUSTER_STORE": cluster.store,
            "FLOWC_STORE": cluster.store,
        }

    def flow(self, name: str, *, says: str = "done", scheduled: bool = False) -> None:
        decorator = '@schedule(cron="0 3 1 1 *", timezone="Europe/Berlin")' if scheduled else ""
        text = FLOW.format(name=name, says=says, decorator=decorator)
        self.project.write(f"{name.lower()}/flow.py", text)

    def flowc(self, *arguments: str, **environment: str) -> Finished:
        return self.project.flowc(*arguments, **environment)

    def does(self, *arguments: str) -> str:
        """Run a command that must succeed and return its output."""
        done = self.flowc(*arguments)
        assert done.code == 0, done.err
        return done.out

    def get(self, *what: str) -> Any:
        return json.loads(self.kubectl("-n", NAMESPACE, "get", *what, "-o", "json"))

    def trigger(self, flow: str, *arguments: str) -> str:
        return self.does("trigger", flow, *arguments).strip()

    def run(self, flow: str, run: str) -> RunStore:
        return self.store.run(flow, run)

    def until(self, run: str, phase: str, seconds: float = 60) -> None:
        def status() -> dict[str, Any]:
            return dict(json.loads(self.does("status", run, "--json")))

        wait_for(lambda: status()["phase"] == phase, lambda: f"{status()}: {run} was not {phase}", seconds)


@pytest.fixture(scope="module")
def namespace(cluster: Cluster) -> Iterator[Kubectl]:
    """Create the namespace for flows."""
    found = description.read(Path(os.environ[description.VARIABLE]))
    assert found is not None
    kubectl = Kubectl(found.kubectl, found.kubeconfig)
    tenant.install(kubectl, NAMESPACE, found.environment)
    yield kubectl
    kubectl("delete", "namespace", NAMESPACE, "--wait=false")


@pytest.fixture
def user(namespace: Kubectl, project: Project, cluster: Cluster) -> User:
    return User(project, cluster)


# -- deploy and diff ---------------------------------------------------------------------------------------------------


@pytest.mark.smoke
def test_deploy_says_what_it_does_and_diff_what_it_would(user: User) -> None:
    user.flow("Twice", scheduled=True)
    assert user.flowc("diff", "twice/flow.py").code == 1
    first = user.does("deploy", "twice/flow.py").splitlines()
    assert [line.split()[-1] for line in first[:3]] == ["created"] * 3
    assert [line.partition("/")[0] for line in first[:3]] == ["configmap", "workflowtemplate", "cronworkflow"]
    assert first[3] == f"twice is deployed in namespace {NAMESPACE}; flowc trigger twice starts a run"
    before = user.get("workflowtemplates,cronworkflows,configmaps", "-l", "flowc.dev/flow=twice")
    again = user.does("deploy", "twice/flow.py").splitlines()
    assert [line.split()[-1] for line in again[:3]] == ["unchanged"] * 3
    assert again[3].startswith("nothing to do")
    assert user.get("workflowtemplates,cronworkflows,configmaps", "-l", "flowc.dev/flow=twice") == before
    done = user.flowc("diff", "twice/flow.py")
    assert (done.code, done.out, done.err) == (0, "", "")


def test_a_new_schedule_is_taken_up_at_once(user: User) -> None:
    """Argo's controller postpones a schedule for 20 minutes if it has not seen the schedule's template yet."""
    user.flow("Prompt", scheduled=True)
    user.does("deploy", "prompt/flow.py")

    def lines() -> list[str]:
        return _of_controller(user, f"{NAMESPACE}/prompt")

    wait_for(lambda: any("added" in line for line in lines()), lambda: f"{lines()}: it was not added", every=1)
    assert not any("level=error" in line for line in lines())


def _of_controller(user: User, about: str) -> list[str]:
    """Return the lines of the controller's log that contain `about`."""
    log = user.kubectl("-n", "argo", "logs", "deploy/workflow-controller", "--tail=-1")
    return [line for line in log.splitlines() if about in line]


def test_kubectl_does_the_same(user: User) -> None:
    user.flow("Same", scheduled=True)
    manifests = user.does("compile", "same/flow.py")
    user.kubectl("apply", "--server-side", "-f", "-", stdin=manifests)
    by_kubectl = [
        essence(item)
        for item in user.get("configmaps,workflowtemplates,cronworkflows", "-l", "flowc.dev/flow=same")["items"]
    ]
    assert len(by_kubectl) == 3
    assert "nothing to do" in user.does("deploy", "same/flow.py")
    user.does("delete", "same", "--yes")
    user.does("deploy", "same/flow.py")
    by_flowc = [
        essence(item)
        for item in user.get("configmaps,workflowtemplates,cronworkflows", "-l", "flowc.dev/flow=same")["items"]
    ]
    assert by_flowc == by_kubectl
    out = user.kubectl("apply", "--server-side", "--field-manager", "flowc", "-f", "-", stdin=manifests)
    assert out.count("serverside-applied") == 3


def test_what_a_flow_no_longer_has_goes_only_when_asked(user: User) -> None:
    user.flow("Older", scheduled=True)
    user.does("deploy", "older/flow.py")
    user.does("suspend", "Older")
    assert "(suspended; flowc unsuspend older)" in user.does("deploy", "older/flow.py")
    user.flow("Older", says="something else")
    done = user.flowc("diff", "older/flow.py")
    assert done.code == 1
    assert '-            print("done", end="")\n+            print("something else", end="")\n' in done.out
    done = user.flowc("deploy", "older/flow.py")
    assert "warning: cronworkflow/older still starts runs" in done.err
    assert "1 ConfigMap with older code kept" in done.err
    assert [line.split()[1] for line in done.out.splitlines()[:2]] == ["created", "changed"]
    pruned = user.does("deploy", "older/flow.py", "--prune").splitlines()
    assert [line.split()[-1] for line in pruned[:4]] == ["unchanged", "unchanged", "deleted", "deleted"]
    kept = user.get("configmaps,workflowtemplates,cronworkflows", "-l", "flowc.dev/flow=older")["items"]
    assert sorted(item["kind"] for item in kept) == ["ConfigMap", "WorkflowTemplate"]


def test_a_field_that_another_manager_wants(user: User) -> None:
    user.flow("Shared")
    other = user.does("compile", "shared/flow.py", "--image", "other:1")
    user.kubectl("apply", "--server-side", "--field-manager", "other", "-f", "-", stdin=other)
    done = user.flowc("deploy", "shared/flow.py")
    assert (done.code, done.out) == (1, "")
    error, hint = done.err.splitlines()
    assert error.startswith(
        "error: workflowtemplate/shared is also managed by 'other', which sets another value of .spec"
    )
    assert hint == "hint: --force-conflicts takes over these fields"
    assert user.flowc("diff", "shared/flow.py").code == 2
    assert "workflowtemplate/shared changed" in user.does("deploy", "shared/flow.py", "--force-conflicts")
    assert "other:1" not in json.dumps(user.get("workflowtemplate", "shared")["spec"])


# -- runs --------------------------------------------------------------------------------------------------------------


@pytest.mark.smoke
def test_a_run_from_trigger_to_its_records(user: User) -> None:
    user.flow("Awkward")
    user.does("deploy", "awkward/flow.py")
    given = json.dumps(AWKWARD, ensure_ascii=False)
    text = "".join(AWKWARD.values())
    arguments = ["--param", f"text={text}", "--param", f"json={given}", "--run-id-file", "id"]
    run = user.trigger("Awkward", *arguments)
    assert (user.project.root / "id").read_text() == run
    followed = user.flowc("logs", f"Awkward/{run}", "--follow")
    assert followed.code == 0, followed.err
    assert followed.out == "[start/0] said 0\n[start/0] said 1\n[start/0] said 2\n[end/0] done\n"
    assert followed.err.splitlines()[-1] == f"Awkward/{run} succeeded"
    assert user.run("Awkward", run).record()["parameters"] == {"text": text, "seconds": 0.0, "json": AWKWARD}
    user.until(run, "Succeeded")
    status = user.does("status", run)
    assert f"logs: flowc logs Awkward/{run} --store {user.store.objects.url}" in status
    assert run in user.does("status", "awkward")
    assert user.does("runs", "--cluster", "Awkward").startswith(f"{run}  Succeeded")
    assert user.flowc("suspend", run).err == f"error: run {run} has ended: Succeeded\n"
    assert user.does("delete", run, "--yes") == f"workflow/{run} deleted\n"
    assert user.run("Awkward", run).status()["state"] == "succeeded"


@pytest.mark.smoke
def test_a_run_that_fails(user: User) -> None:
    user.flow("Failing")
    user.does("deploy", "failing/flow.py")
    run = user.trigger("failing/flow.py", "-p", "text=fail")
    followed = user.flowc("logs", f"Failing/{run}/start", "--follow", "--stdout")
    assert (followed.code, followed.out) == (1, "[start/0] said 0\n[start/0] said 1\n[start/0] said 2\n")
    assert followed.err.splitlines()[-1] == f"Failing/{run} failed: start/0: AssertionError: as it was told to"
    user.until(run, "Failed")
    status = user.does("status", f"Failing/{run}").splitlines()
    (failed,) = (line for line in status if line.startswith("failed"))
    assert failed.startswith("failed start/0: ")
    assert failed.endswith("Error (exit code 1)")
    assert status[-1] == f"logs: flowc logs Failing/{run}/start/start-0 --store {user.store.objects.url}"


@pytest.mark.parametrize("now", [False, True], ids=["stop", "now"])
def test_hold_and_end_a_run(user: User, now: bool) -> None:
    name = "HeldNow" if now else "Held"
    user.flow(name)
    user.does("deploy", f"{name.lower()}/flow.py")
    run = user.trigger(name, "-p", "seconds=600")
    user.until(run, "Running")
    wait_for(user.run(name, run).exists, lambda: f"{run} had no record", every=0.2)
    assert user.does("suspend", run) == f"run {run} is suspended: started tasks continue, no others start\n"
    assert "(suspended)" in user.does("status", run)
    assert user.does("unsuspend", run) == f"run {run} continues\n"
    refused = user.flowc("delete", name, "--yes")
    assert refused.err.splitlines()[0] == f"error: run {run} is active"
    assert user.does("terminate", run, *["--now"] * now) == f"run {run} is terminated\n"
    status = user.run(name, run).status()
    assert status["state"] == "interrupted"
    assert status["message"].startswith("terminated by ")
    deleted = user.does("delete", name, "--yes")
    assert [line.split("/")[0] for line in deleted.splitlines()] == ["workflowtemplate", "configmap"]
    assert (
        user.get("configmaps,workflowtemplates", "-l", f"flowc.dev/flow={'held-now' if now else 'held'}")["items"] == []
    )


def test_hold_a_schedule(user: User) -> None:
    user.flow("Nightly", scheduled=True)
    user.does("deploy", "nightly/flow.py")
    assert user.does("suspend", "Nightly") == "the schedule of nightly is suspended: it starts no runs\n"
    assert user.get("cronworkflow", "nightly")["spec"]["suspend"] is True
    assert user.does("suspend", "nightly") == "the schedule of nightly is already suspended\n"
    assert "0 3 1 1 * Europe/Berlin (suspended)" in user.does("status", "nightly")
    assert user.does("unsuspend", "nightly") == "the schedule of nightly starts runs again\n"
    assert "suspend" not in user.get("cronworkflow", "nightly")["spec"]


# -- resume ------------------------------------------------------------------------------------------------------------

MENDED = """
from metaflow import FlowSpec, card, current, step
from metaflow.cards import Markdown

class Mended(FlowSpec):
    @step
    def start(self):
        self.items = [1, 2, 3]
        self.next(self.work, foreach="items")

    @card
    @step
    def work(self):
        assert self.input != 2 or {there}, "broken here"
        self.value = self.input**2
        current.card.append(Markdown(f"the value is {{self.value}}"))
        self.next(self.join)

    @step
    def join(self, inputs):
        self.values = [given.value for given in inputs]
        self.next(self.end)

    @step
    def end(self):
        assert {here}, "broken there"
        self.total = sum(self.values)
"""


def test_a_run_is_resumed_on_the_cluster_and_that_one_here(user: User) -> None:
    """Each resumed run executes only unfinished tasks, and has the right results, wherever the first run was."""

    def begun(run: RunStore) -> list[str]:
        return sorted(f"{step}/{path}" for step in run.steps() for path in run.tasks_run(step))

    def mend(**works: bool) -> None:
        user.project.write("flow.py", MENDED.format(**works))

    mend(there=False, here=False)
    assert user.flowc("run", "--local", "flow.py", "--max-workers", "1", "--run-id-file", "id").code == 1
    first = user.run("Mended", (user.project.root / "id").read_text())
    assert begun(first) == ["start/0", "work/0.0", "work/0.1"]
    mend(there=True, here=False)
    name = user.does("resume", "flow.py", "--target", "argo", "--tag", "again").strip()
    user.until(name, "Failed", 120)
    second = user.run("Mended", name)
    assert begun(second) == ["end/0", "join/0", "work/0.1", "work/0.2"]
    assert second.record()["origin"] == first.id
    assert second.user_tags() == {"again"}
    mend(there=True, here=True)
    user.does("resume", "flow.py", "--origin-run-id", name)
    third = user.run("Mended", user.store.runs("Mended")[-1])
    assert begun(third) == ["end/0"]
    assert third.record()["origin"] == name
    assert "total: int, 5 bytes = 14" in user.does("dump", f"Mended/{third.id}/end")
    for task, value in (("work-0.0", 1), ("0.1", 4)):
        assert f"the value is {value}" in user.does("card", "get", f"Mended/{third.id}/work/{task}")


# -- errors ------------------------------------------------------------------------------------------------------------


def test_names_and_parameters_that_there_are_not(user: User) -> None:
    user.flow("Named")
    user.does("deploy", "named/flow.py")
    done = user.flowc("trigger", "nmaed")
    assert done.code == 1
    assert (
        done.err == f"error: there is no deployed flow 'nmaed' in namespace {NAMESPACE}\nhint: did you mean 'named'?\n"
    )
    assert user.flowc("status", "nmaed").code == 1
    done = user.flowc("trigger", "named", "-p", "txet=1")
    assert done.code == 2
    assert "there is no parameter 'txet'; did you mean 'text'?" in done.err
    done = user.flowc("trigger", "named", "-p", "seconds=soon")
    assert done.code == 2
    assert "parameter 'seconds': 'soon' is not a float" in done.err
    assert user.flowc("terminate", "named").code == 1
    assert "no schedule" in user.flowc("suspend", "named").err
    done = user.flowc("deploy", "named/flow.py", "--namespace", "flowc-nowhere")
    assert (done.code, done.err.splitlines()[0]) == (1, "error: there is no namespace 'flowc-nowhere'")


def test_what_somebody_may_not_do(user: User) -> None:
    """The pods' own service account may neither read nor deploy flows."""
    user.flow("Barred")
    token = user.kubectl("-n", NAMESPACE, "create", "token", "flowc").strip()
    kubeconfig = json.loads(user.kubectl("config", "view", "--raw", "-o", "json"))
    kubeconfig["users"] = [{"name": kubeconfig["users"][0]["name"], "user": {"token": token}}]
    user.project.write("barred.json", json.dumps(kubeconfig))
    for command, verb, what in (
        (["deploy", "barred/flow.py"], "get", "workflowtemplates.argoproj.io"),  # the deployed revision
        (["status"], "list", "workflowtemplates.argoproj.io"),
        (["trigger", "barred"], "get", "workflowtemplates.argoproj.io"),
    ):
        done = user.flowc(*command, "--kubeconfig", "barred.json")
        assert done.code == 1
        error, hint = done.err.splitlines()
        assert error == f"error: you may not {verb} {what} in namespace {NAMESPACE}"
        assert f'verbs ["{verb}"] allows it' in hint


def test_a_kind_that_the_cluster_does_not_know(user: User) -> None:
    cluster = connect(kubeconfig=user.project.environment["KUBECONFIG"], namespace=NAMESPACE)
    unknown = ResourceKind("Flow", "flows", "argoproj.example", "v1")
    for ask in (lambda: cluster.get(unknown, "a"), lambda: cluster.search(unknown)):
        with pytest.raises(ClusterError, match="Argo Workflows is not installed there"):
            ask()
