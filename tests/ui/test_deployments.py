"""The page of deployments: what is on the cluster, and the schedules that runs have recorded."""

from __future__ import annotations

import html
import re
import socket
import threading
import time
from datetime import datetime, timezone
from typing import TYPE_CHECKING

import pytest

from flowc.cron.firing_times import firing_times
from flowc.targets.deployment import TargetError
from flowc.ui.page_data import cluster_look
from flowc.ui.page_data.cluster_look import PATIENCE, ClusterAnswer, ClusterLook, ask_cluster
from flowc.ui.pages.deployments import SHOWN
from kubeconfig import KUBECONFIG
from kubernetes_api import KubernetesApi
from project import wait_until

from .acting_server import acting

if TYPE_CHECKING:
    from project import Project

FLOW = """
    from metaflow import FlowSpec, Parameter, schedule, step

    @schedule(cron="30 2 * * *", timezone="Europe/Paris")
    class DailyFlow(FlowSpec):
        word = Parameter("word", default="none")

        @step
        def start(self):
            print("the word is", self.word)
            self.next(self.end)

        @step
        def end(self):
            pass
"""
NOW = datetime(2026, 3, 27, 12, tzinfo=timezone.utc)


@pytest.fixture
def flow(project: Project) -> Project:
    project.write("daily.py", FLOW)
    return project


# -- firing times


def test_five_firing_times_over_a_clock_change() -> None:
    """On 29 March 2026, clocks in Paris skip the time from 2 to 3 o'clock; flowc.cron finds the times as Argo does."""
    found = firing_times(["30 2 * * *"], "Europe/Paris", NOW, SHOWN)
    assert found.note == ""
    assert [time.strftime("%d %H:%M %Z") for time in found.times] == [
        "28 02:30 CET", "30 02:30 CEST", "31 02:30 CEST", "01 02:30 CEST", "02 02:30 CEST",
    ]  # fmt: skip


def test_several_schedules_are_merged() -> None:
    times = firing_times(["0 6 * * *", "0 18 * * *", "0 6 * * MON"], "UTC", NOW, SHOWN).times
    assert [time.strftime("%d %H") for time in times] == ["27 18", "28 06", "28 18", "29 06", "29 18"]


@pytest.mark.parametrize(("cron", "zone", "note"), [
    ("0 25 * * *", "UTC", "a schedule is not valid"),
    ("@every 1h", "UTC", "from the start of the cluster's controller"),
    ("0 6 30 2 *", "UTC", "no time of the next five years"),
    ("0 6 * * *", "Europe/Atlantis", "does not know the time zone Europe/Atlantis"),
    ("0 6 * * *", "../../etc/passwd", "does not know the time zone"),
])  # fmt: skip
def test_no_firing_times(cron: str, zone: str, note: str) -> None:
    found = firing_times([cron], zone, NOW, SHOWN)
    assert not found.times
    assert note in found.note


# -- without a cluster


def test_without_a_cluster_the_recorded_schedules_are_shown(flow: Project) -> None:
    flow.run("daily.py")
    with acting(flow) as server:
        page = server.get("deployments")
    text = html.unescape(page.text)
    assert page.status == 200
    assert "No kubeconfig names a cluster: " in text
    assert '<a class="row" href="./flow/DailyFlow">DailyFlow</a>' in text
    assert "<code>30 2 * * *</code>" in text
    assert "Europe/Paris" in text
    assert len(re.findall(r"<time datetime=\"[^\"]+\">\w{3} \d{4}-\d\d-\d\d 02:30 CES?T</time>", text)) >= 4
    assert "state succeeded" in text


def test_a_cluster_that_does_not_answer(flow: Project) -> None:
    flow.write("kubeconfig", KUBECONFIG)
    with acting(flow, KUBECONFIG=str(flow.root / "kubeconfig")) as server:
        text = server.get("deployments").text
        assert "The cluster does not answer at http://127.0.0.1:1: Connection refused" in text
        assert "No flow with a run in this store has a schedule." in text


def test_a_cluster_that_is_silent(flow: Project) -> None:
    """A server that accepts connections and answers nothing delays the page by no more than PATIENCE."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        flow.write("kubeconfig", KUBECONFIG.replace("127.0.0.1:1", f"127.0.0.1:{silent.getsockname()[1]}"))
        with acting(flow, KUBECONFIG=str(flow.root / "kubeconfig")) as server:
            began = time.monotonic()
            assert "The cluster has not answered within 2 s." in server.get("deployments").text
            assert PATIENCE <= time.monotonic() - began < 5 * PATIENCE


def test_the_cluster_is_asked_once_at_a_time() -> None:
    asked: list[int] = []
    go = threading.Event()

    def ask() -> ClusterAnswer:
        asked.append(1)
        go.wait()
        return ClusterAnswer(problem="done")

    look = ClusterLook(ask, patience=0.01)
    assert "has not answered" in look.answer().problem
    assert "has not answered" in look.answer().problem
    assert len(asked) == 1
    go.set()
    wait_until(lambda: look.answer().problem == "done", "the answer does not arrive")
    assert look.answer().problem == "done"
    assert len(asked) == 1  # the answer is still fresh


@pytest.mark.parametrize(("error", "problem"), [
    (TargetError("there is no package", "install it"), "There is no package: install it."),
    (RuntimeError("a plugin failed"), "The cluster cannot be asked: RuntimeError: a plugin failed."),
])  # fmt: skip
def test_errors_are_one_sentence(monkeypatch: pytest.MonkeyPatch, error: Exception, problem: str) -> None:
    def fail(deployment: object) -> None:
        raise error

    monkeypatch.setattr(cluster_look, "operations_of", fail)
    assert ask_cluster() == ClusterAnswer(problem=problem)


# -- with a cluster


def test_deployed_flows(flow: Project) -> None:
    with KubernetesApi(flow) as api:
        assert flow.flowc("deploy", "daily.py").code == 0
        api.objects["cronworkflows/daily-flow"]["status"] = {"lastScheduledTime": "2026-01-02T01:30:00Z"}
        with acting(flow) as server:
            text = server.get("deployments").text
            assert 'data-key="daily-flow"' in text
            assert "namespace mine, deployed 2026-01-01T00:00:00Z" in text
            assert "<code>30 2 * * *</code>" in text
            assert len(re.findall(r"<time datetime=\"[^\"]+\">\w{3} \d{4}-", text)) == 5
            assert "started by the schedule 2026-01-02T01:30:00Z" in text
            assert "flowc diff daily.py" in text
            assert "do/" not in text


def test_a_suspended_schedule(flow: Project) -> None:
    with KubernetesApi(flow) as api:
        assert flow.flowc("deploy", "daily.py").code == 0
        api.objects["cronworkflows/daily-flow"]["spec"]["suspend"] = True
        with acting(flow) as server:
            text = server.get("deployments").text
            assert "no run starts: the schedule is suspended" in text
            assert not re.findall(r"<time datetime=\"[^\"]+\">\w{3} \d{4}-", text)


def test_trigger_and_diff(flow: Project) -> None:
    with KubernetesApi(flow) as api:
        assert flow.flowc("deploy", "daily.py").code == 0
        with acting(flow, "--allow-actions") as server:
            text = server.get("deployments").text
            assert 'href="./do/trigger?of=daily-flow"' in text
            assert 'href="./do/diff?of=daily.py"' in text
            done = server.finished(server.form("trigger", "daily-flow").send(parameters="word=--x $(y)"))
            assert "exit code 0" in done, done
            (workflow,) = api.workflows
            assert "--x $(y)" in str(workflow["spec"]["arguments"])
            wait_until(lambda: workflow["status"]["phase"] != "Running", "the run does not end")
            assert workflow["status"] == {"phase": "Succeeded", "message": ""}
            run = flow.store.run("DailyFlow", workflow["metadata"]["name"])
            assert run.record()["parameters"]["word"] == "--x $(y)"
            wrong = server.finished(server.form("trigger", "daily-flow").send(parameters="context=other"))
            assert "exit code 2" in wrong
            for name in ("--context=other", "Daily", "a b"):
                assert server.form("trigger", name).send().status == 400
            flow.write("daily.py", FLOW.replace("30 2", "45 3"))
            different = server.finished(server.form("diff", "daily.py").send())
            assert "45 3" in different
