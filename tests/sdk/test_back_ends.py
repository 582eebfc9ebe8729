"""Names of unsupported back ends can be imported, have no effect in local runs, and are refused for a cluster."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from project import Project

FLOW = """
    from metaflow import {names}

    {of_flow}
    class Demo(FlowSpec):
        {of_step}
        @step
        def start(self):
            {code}
            self.next(self.end)

        @step
        def end(self):
            print("the end")

    if __name__ == "__main__":
        Demo()
    """
BATCH = {"names": "FlowSpec, batch, step", "of_step": '@batch(cpu=2, queue="q")'}
SENSOR = {
    "names": "FlowSpec, airflow_s3_key_sensor, step",
    "of_flow": '@airflow_s3_key_sensor(bucket_key="a")\n    @airflow_s3_key_sensor(bucket_key="b")',
}
COMPILE = ("compile", "--target", "argo", "flow.py", "--image", "i", "--store", "s3://bucket/prefix")


def write(project: Project, **parts: str) -> None:
    project.write("flow.py", FLOW.format(**{"of_flow": "", "of_step": "", "code": "pass"} | parts))


@pytest.mark.parametrize(
    ("parts", "note"),
    [
        (BATCH, "note: @batch of step 'start' is for AWS Batch and has no effect on this machine; flowc runs on"),
        (SENSOR, "note: @airflow_s3_key_sensor is for Airflow and has no effect on this machine; wait for"),
    ],
)
def test_a_run_on_this_machine_says_that_they_have_no_effect(
    project: Project, parts: dict[str, str], note: str
) -> None:
    write(project, **parts)
    for command in ("check", "run"):
        done = project.python("flow.py", command)
        assert done.code == 0, done.err
        assert done.err.count(note) == 1
    done = project.python("flow.py", "resume", "end")
    assert done.code == 0, done.err
    assert note in done.err


def test_for_all_steps_by_the_command_line(project: Project) -> None:
    write(project, names="FlowSpec, step")
    done = project.python("flow.py", "run", "--with", "batch:cpu=4")
    assert done.code == 0, done.err
    assert "note: @batch of steps 'start', 'end' is for AWS Batch" in done.err


@pytest.mark.parametrize(
    ("parts", "error"),
    [
        (BATCH, "error[argo-other-back-end]: step 'start' has @batch, which is for AWS Batch"),
        (SENSOR, "error[argo-other-back-end]: flow 'Demo' has @airflow_s3_key_sensor, which is for Airflow"),
    ],
)
def test_for_a_cluster_they_are_refused(project: Project, parts: dict[str, str], error: str) -> None:
    write(project, **parts)
    done = project.flowc(*COMPILE)
    assert done.code == 1
    assert error in done.err
    assert done.out == ""


@pytest.mark.parametrize("name", ["R", "step_functions", "package_sources", "batch"])
def test_what_is_imported_and_not_used(project: Project, name: str) -> None:
    write(project, names=f"FlowSpec, {name}, step")
    done = project.python("flow.py", "run")
    assert done.code == 0, done.err
    assert name not in done.err
    assert project.flowc(*COMPILE).code == 0


def test_what_is_used_is_refused_with_its_place(project: Project) -> None:
    write(project, names="FlowSpec, R, step, step_functions as client", code='client("s3"); R.x')
    for done in (project.python("flow.py", "run"), project.flowc("check", "flow.py")):
        assert done.code == 1
        assert "error[unsupported-feature]: metaflow's 'R' is not supported\n  --> flow.py:1:" in done.err
        assert "error[unsupported-feature]: metaflow's 'step_functions' is not supported\n  --> flow.py:1:" in done.err
    assert project.store.flows() == []


def test_a_module_beside_the_flow_that_uses_one(project: Project) -> None:
    project.write("helper.py", "from metaflow import R, step_functions as unused\nR.metadata('s3')\n")
    write(project, names="FlowSpec, step\n    import helper")
    done = project.flowc("run", "flow.py")
    assert done.code == 1
    assert "'R' of Metaflow is not supported by flowc; flowc runs flows in Python; call R from a step" in done.err
