"""`flowc compile` and `flowc doctor` as commands."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
import yaml

from small_flows import two_steps

if TYPE_CHECKING:
    from pathlib import Path

    from project import Project

FLOW = two_steps(
    "Made",
    imports="FlowSpec, step, schedule",
    decorators='@schedule(cron="0 6 * * MON-FRI", timezone="Europe/Berlin")',
    guard=False,
)


@pytest.fixture
def made(project: Project) -> Project:
    project.write("flow.py", FLOW)
    return project


def kinds(text: str) -> list[str]:
    return [manifest["kind"] for manifest in yaml.safe_load_all(text)]


def test_to_stdout_and_to_a_file(made: Project) -> None:
    first = made.flowc("compile", "--target", "argo", "flow.py")
    assert first.code == 0, first.err
    assert kinds(first.out) == ["ConfigMap", "WorkflowTemplate", "CronWorkflow"]
    done = made.flowc("compile", "flow.py", "-o", "build/out.yaml")
    assert done.out == ""
    assert "kubectl apply --server-side -f build/out.yaml" in done.err
    assert (made.root / "build/out.yaml").read_text() == first.out
    done = made.flowc("compile", "flow.py", "--kind", "workflow", "-o", "build/run.yaml")
    # the hint names `kubectl create`, since `kubectl apply` does not work for generated names
    assert "kubectl create -f build/run.yaml" in done.err
    assert made.flowc("compile", "flow.py", PYTHONHASHSEED="7").out == first.out


def test_settings_come_from_the_command_line_then_the_environment(made: Project) -> None:
    environment = {
        "FLOWC_IMAGE": "team/image:1",
        "FLOWC_CLUSTER_STORE": "s3://team/flows",
        "FLOWC_NAMESPACE": "team",
        "FLOWC_SERVICE_ACCOUNT": "runner",
    }
    _, template, cron = yaml.safe_load_all(made.flowc("compile", "flow.py", **environment).out)
    text = yaml.safe_dump(template)
    assert "team/image:1" in text
    assert "s3://team/flows" in text
    assert template["metadata"]["namespace"] == cron["metadata"]["namespace"] == "team"
    assert template["spec"]["serviceAccountName"] == "runner"
    given = made.flowc("compile", "flow.py", "--image", "mine:2", "--namespace", "me", **environment)
    assert 'image: "mine:2"' in given.out
    assert "namespace: me" in given.out


def test_a_store_on_a_volume(made: Project) -> None:
    done = made.flowc("compile", "flow.py", "--store", "file:///data/runs", "--store-claim", "flows")
    _, template, _ = yaml.safe_load_all(done.out)
    volume = template["spec"]["volumes"][-1]
    assert volume == {"name": "store", "persistentVolumeClaim": {"claimName": "flows"}}
    containers = [each["container"] for each in template["spec"]["templates"] if "container" in each]
    assert all({"name": "store", "mountPath": "/data/runs"} in each["volumeMounts"] for each in containers)


@pytest.mark.parametrize(
    ("kind", "expected"),
    [("workflow", ["ConfigMap", "Workflow"]), ("cron", ["ConfigMap", "WorkflowTemplate", "CronWorkflow"])],
)
def test_kinds(made: Project, kind: str, expected: list[str]) -> None:
    assert kinds(made.flowc("compile", "flow.py", "--kind", kind).out) == expected


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["nope.py"], 2, "'nope.py' does not exist"),
        (["flow.py", "--image", "a b"], 2, "setting image"),
        (["flow.py", "--store", "file:///data"], 2, "name its claim with --store-claim"),
        (["flow.py", "--store", "file:///tmp/x", "--store-claim", "c"], 2, "an absolute directory, not /, /tmp"),
        (["flow.py", "--store", "s3://b", "--store-claim", "c"], 2, "setting store_claim"),
        (["flow.py", "--store", "ftp://b"], 2, "s3://, gs:// or az:// and a bucket"),
        (["flow.py", "--kind", "job"], 2, "Invalid value for '--kind'"),
        (["flow.py", "--target", "airflow"], 2, "Invalid value for '--target'"),
        (["plain.py", "--kind", "cron"], 1, "error[no-schedule]"),
        (["flow.py", "-o", "plain.py/out.yaml"], 1, "error: cannot write plain.py/out.yaml: File exists\n"),
    ],
)
def test_what_is_refused(made: Project, arguments: list[str], code: int, message: str) -> None:
    made.write("plain.py", FLOW.replace("@schedule", "# @schedule"))
    done = made.flowc("compile", *arguments)
    assert done.code == code
    assert message in done.err
    assert done.out == ""


def test_without_hera_it_says_what_to_install(made: Project) -> None:
    made.write("nohera/hera/__init__.py", "raise ModuleNotFoundError('No module named hera', name='hera')")
    path = f"{made.root}/nohera{os.pathsep}{made.environment['PYTHONPATH']}"
    done = made.flowc("compile", "flow.py", PYTHONPATH=path)
    assert done.code == 1
    assert "hint: pip install 'flowc[argo]'" in done.err


def test_doctor(project: Project) -> None:
    done = project.flowc("doctor")
    assert done.code == 0, done.out
    assert "ok  metaflow is flowc's" in done.out
    assert "ok  hera" in done.out


def test_doctor_says_how_to_get_what_is_missing(project: Project) -> None:
    extras = {"hera": "argo", "kubernetes": "cluster", "yaml": "yaml", "obstore": "s3"}
    program = (
        f"import sys; sys.modules.update(dict.fromkeys({list(extras)})); sys.argv = ['flowc', 'doctor']; "
        "from flowc.cli import main; main()"
    )
    done = project.python("-c", program)
    assert done.code == 0, done.out
    missing = [line for line in done.out.splitlines() if line.startswith("missing")]
    assert [line.rpartition(": ")[2] for line in missing] == [
        f"pip install 'flowc[{extra}]'" for extra in extras.values()
    ]


def test_doctor_sees_another_metaflow(project: Project, tmp_path: Path) -> None:
    project.write("other/metaflow/__init__.py", "")
    dist = "other/metaflow-2.19.0.dist-info"
    project.write(f"{dist}/METADATA", "Metadata-Version: 2.1\nName: metaflow\nVersion: 2.19.0\n")
    project.write(f"{dist}/top_level.txt", "metaflow\n")
    project.write(f"{dist}/RECORD", "metaflow/__init__.py,,\n")
    ours = project.environment["PYTHONPATH"]
    done = project.flowc("doctor", PYTHONPATH=f"{ours}{os.pathsep}{tmp_path}/other")
    assert done.code == 1
    assert "BAD  the distribution 'metaflow' also installs a `metaflow`: run `flowc doctor --repair`" in done.out
    done = project.flowc("doctor", PYTHONPATH=f"{tmp_path}/other{os.pathsep}{ours}")
    assert done.code == 1
    assert "BAD  the package 'metaflow' is not flowc's: it is in" in done.out


# -- surprising schedules ----------------------------------------------------------------------------------------------

NEW_YORK = 'cron="30 2 * * *", timezone="America/New_York"'
ASKED = 'cron="0 6 * * MON-FRI", timezone="Europe/Berlin"'


def with_schedule(project: Project, words: str) -> None:
    project.write("flow.py", FLOW.replace(ASKED, words) + '\n    if __name__ == "__main__":\n        Made()\n')


@pytest.mark.parametrize(
    "command",
    [
        ["-m", "flowc", "check", "flow.py"],
        ["-m", "flowc", "compile", "flow.py", "-o", "made.yaml"],
        ["-m", "flowc", "compile", "flow.py", "--kind", "cron", "-o", "made.yaml"],
        ["-m", "flowc", "deploy", "flow.py"],
        ["flow.py", "check"],
        ["flow.py", "deploy"],
        ["flow.py"],
    ],
    ids=" ".join,
)
def test_a_schedule_that_clock_changes_skip_is_a_warning(project: Project, command: list[str]) -> None:
    with_schedule(project, NEW_YORK)
    done = project.python(*command)
    assert done.code == (1 if "deploy" in command else 0), done.err  # there is no cluster
    assert "warning[schedule-clock-change]: '30 2 * * *' is skipped on 20" in done.err
    assert "\n  --> flow.py:3:2\n" in done.err
    assert "\nhint: choose a time outside 02:00-03:00, or timezone='UTC'\n\n1 warning\n" in done.err
    if "check" in command:
        assert done.out == "Made: 2 steps, no faults, 1 warning\n"


def test_a_schedule_that_never_fires_is_a_warning(project: Project) -> None:
    with_schedule(project, 'cron=["0 0 30 2 *", "0 0 31 4,6 *", "0 6 * * *"]')
    done = project.flowc("check", "flow.py")
    assert (done.code, done.out) == (0, "Made: 2 steps, no faults, 2 warnings\n")
    assert done.err.count("warning[schedule-never-fires]") == 2
    assert "\nwarning[" in project.flowc("compile", "flow.py", "-o", "made.yaml").err


@pytest.mark.parametrize("command", [["run", "--local"], ["compile", "--kind", "workflow", "-o", "m.yaml"], ["ir"]])
def test_what_no_schedule_starts_has_no_warning(project: Project, command: list[str]) -> None:
    with_schedule(project, NEW_YORK)
    done = project.flowc(*command, "flow.py")
    assert (done.code, "warning" in done.err) == (0, False), done.err


def test_a_schedule_that_fires_as_it_says_has_no_warning(made: Project) -> None:
    assert made.flowc("check", "flow.py") == (0, "Made: 2 steps, no faults\n", "")
