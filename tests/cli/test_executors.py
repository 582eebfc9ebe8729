"""The setting `executor`: local runs, mocked runs, runs on a cluster, and executors of packages."""

from __future__ import annotations

import json
import signal
import textwrap
from typing import TYPE_CHECKING, Any, cast

import pytest

from kubernetes_api import MOUNTED, KubernetesApi
from plugins import install_faulty, install_plugins
from project import read_until

if TYPE_CHECKING:
    from project import Project

FLOW = """
    from metaflow import FlowSpec, IncludeFile, JSONType, Parameter, step

    import helper

    class Train(FlowSpec):
        rows = Parameter("rows", default=2)
        options = Parameter("options", type=JSONType, default='{"x": [1.5]}')
        late = Parameter("late", default=lambda context: "computed")
        none = Parameter("none", type=str, default=None)
        table = IncludeFile("table", default="table.csv")

        @step
        def start(self):
            self.items = list(range(self.rows))
            self.next(self.each, foreach="items")

        @step
        def each(self):
            self.double = helper.double(self.input)
            self.next(self.join)

        @step
        def join(self, inputs):
            self.total = sum(given.double for given in inputs)
            self.next(self.end)

        @step
        def end(self):
            if self.total > 10:
                raise ValueError("too large")
            self.seen = (self.rows, self.options, self.late, self.none, self.table)
            print("the total is", self.total)

    if __name__ == "__main__":
        Train()
    """
SEEN = (3, {"x": [1.5]}, "computed", None, "a,b\n")


@pytest.fixture
def made(project: Project) -> Project:
    install_plugins(project)
    project.write("flow.py", FLOW)
    project.write("helper.py", "def double(x): return 2 * x\n")
    project.write("table.csv", "a,b\n")
    return project


def test_without_a_setting_a_run_is_made_here(made: Project) -> None:
    assert made.flowc("run", "flow.py", "--rows", "3").code == 0
    assert made.artifacts(made.latest(), "end")["seen"] == SEEN


def test_the_executor_of_a_package_gets_the_flow_its_code_and_its_parameters(made: Project) -> None:
    done = made.flowc(
        "run", "flow.py", "--rows", "3", "--tag", "mine", "--run-id-file", "id", FLOWC_EXECUTOR="directory"
    )
    assert done.code == 0, done.err
    assert "the total is 6" in done.out
    run = made.latest()
    assert made.artifacts(run, "end")["seen"] == SEEN
    assert (made.root / "id").read_text() == run.id
    assert run.user_tags() == {"mine"}


def test_the_option_and_the_file_choose_it(made: Project) -> None:
    made.write("flowc.toml", 'executor = "directory"\n')
    note = "a module that the flow imports will not be packaged"
    done = made.flowc("run", "flow.py")
    assert (done.code, note in done.err) == (0, False), done.err
    assert len(made.store.runs("Train")) == 1
    for words in (["--local"], ["--executor", "local"], ["--executor=mock"], ["--mock"]):
        assert made.flowc("run", *words, "flow.py").code == 0
    runs = [made.store.run("Train", run) for run in made.store.runs("Train")]
    files = [cast("Any", run.record()["parameters"]["table"])["file"] for run in runs]
    assert [file.startswith("parameters/") for file in files] == [True, False, False, False, False]  # `write_job` does
    mocked = [made.store.run("Train", run).task("end", "0").get("mocked", False) for run in made.store.runs("Train")]
    assert mocked == [False, False, False, True, True]


def test_tasks_elsewhere_have_the_settings_of_the_file(project: Project) -> None:
    install_plugins(project)
    project.write("flowc.toml", 'executor = "directory"\npickler = "zipped"\nsecrets = "dotenv:team.env"\n')
    project.write("team.env", "TOKEN=four\n")
    project.write("pipe.py", """
        import os
        from flowc.pipeline import Pipeline, PythonTask
        def measure(): return len(os.environ["TOKEN"])
        pipe = Pipeline(steps=[PythonTask(function=measure, returns=["size"], secrets=["TOKEN"])])
        """)  # fmt: skip
    done = project.flowc("run", "pipe.py:pipe")
    assert done.code == 0, done.err
    ref = project.latest().task("measure", "0")["artifacts"]["size"]
    assert ref["pickler"]["name"] == "zipped"


def test_a_failed_run_elsewhere_fails_here(made: Project) -> None:
    done = made.flowc("run", "flow.py", "--rows", "4", FLOWC_EXECUTOR="directory")
    assert done.code == 1
    assert "ValueError: too large" in done.err
    assert made.latest().status()["state"] == "failed"


def test_a_flow_s_own_file_runs_here(made: Project) -> None:
    """`python flow.py run`, `resume` and `spin` always run on this machine, as users of Metaflow expect."""
    faulty = {"FLOWC_EXECUTOR": "nowhere"}
    assert made.python("flow.py", "run", **faulty).code == 0
    assert made.flowc("resume", "flow.py", **faulty).code == 0
    assert made.flowc("spin", "flow.py", "end", **faulty).code == 0
    assert "--executor" not in made.python("flow.py", "run", "--help").out
    assert "--executor" not in made.flowc("resume", "--help").out
    assert "--executor NAME" in made.flowc("run", "--help").out


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("directori", "did you mean 'directory'?"),
        ("argoo", "did you mean 'argo'?"),
        ("cloud", "install the package that provides it; the executors are local, mock, argo, directory"),
    ],
)
def test_an_unknown_executor_lists_the_known_ones(made: Project, name: str, hint: str) -> None:
    done = made.flowc("run", "flow.py", FLOWC_EXECUTOR=name)
    assert (done.code, done.err) == (2, f"error: there is no executor '{name}'\nhint: {hint}\n")
    made.write("program.py", PROGRAM)
    done = made.python("program.py", FLOWC_EXECUTOR=name)
    assert (done.code, done.err.splitlines()[-1]) == (
        1, f"flowc.pipeline.errors.PipelineError: there is no executor '{name}': {hint} "
        "(`executor` in flowc.toml, or FLOWC_EXECUTOR)",
    )  # fmt: skip
    assert made.store.flows() == []


def test_a_target_that_runs_nothing_is_no_executor(made: Project) -> None:
    done = made.flowc("run", "flow.py", "--executor", "svg")
    assert (done.code, done.err.splitlines()[0]) == (
        2, "error: flows are only compiled for the target 'svg', which does not run them",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--executor", "argo", "--local"], "--executor argo and --local exclude each other"),
        (["--executor", "argo", "--mock"], "--executor argo and --mock exclude each other"),
        (["--executor", "directory", "--patch", "start=1"], "--patch is only for runs on this machine: add --local"),
        (["--executor", "directory", "--durability", "none"], "--durability is only for runs on this machine"),
        (["--executor", "directory", "--no-cache"], "--cache is only for runs on this machine"),
        (["--executor", "directory", "--log-format", "json"], "--log-format is only for runs on this machine"),
        (["--executor", "argo", "--max-workers", "2"], "--max-workers is only for runs on this machine"),
        (["--executor", "directory", "--rows", "x"], "'--rows'"),
    ],
)
def test_options_that_do_not_fit_are_refused(made: Project, words: list[str], message: str) -> None:
    done = made.flowc("run", "flow.py", *words, FLOWC_CLUSTER_STORE="s3://bucket")
    assert (done.code, message in done.err) == (2, True), done.err
    assert made.store.flows() == []


@pytest.mark.parametrize(
    ("module", "message"),
    [
        ("EXECUTOR = 'x'", "faulty:EXECUTOR is a str, not a flowc.executors.Executor"),
        ("import nowhere_at_all", "cannot be loaded from faulty:EXECUTOR: ModuleNotFoundError"),
        ("class E:\n    def execute(self, job): return 0\nEXECUTOR = E()\n",
         "the executor 'faulty' has returned 0, not a flowc.executors.ExecutorResult"),
        ("from flowc.executors import ExecutorError\nclass E:\n    def execute(self, job):\n"
         "        raise ExecutorError('no machine is free', 'wait')\nEXECUTOR = E()\n",
         "error: no machine is free\nhint: wait\n"),
    ],
)  # fmt: skip
def test_a_faulty_executor(made: Project, module: str, message: str) -> None:
    install_faulty(made, "faulty", "[flowc.executors]\nfaulty = faulty:EXECUTOR\n", module)
    done = made.flowc("run", "flow.py", FLOWC_EXECUTOR="faulty")
    assert (done.code, message in done.err) == (1, True), done.err


BOOM = "class E:\n    def execute(self, job):\n        raise RuntimeError('boom execute')\nEXECUTOR = E()\n"


def test_an_error_of_an_executor_is_reported_with_its_traceback(made: Project) -> None:
    install_faulty(made, "faulty", "[flowc.executors]\nfaulty = faulty:EXECUTOR\n", BOOM)
    made.write("program.py", PROGRAM)
    for words in (["-m", "flowc", "run", "flow.py"], ["-m", "flowc", "run", "program.py:pipe"], ["program.py"]):
        done = made.python(*words, FLOWC_EXECUTOR="faulty")
        assert done.code == 1
        told, _, after = done.err.partition(
            "error: the executor 'faulty' failed: RuntimeError: boom execute\n"
            "hint: fix the package that provides the executor 'faulty', or set another executor\n"
        )
        lines = told.splitlines()
        assert lines[0] == "Traceback (most recent call last):"
        assert lines[1].endswith('faulty.py", line 3, in execute'), told
        assert lines[-1] == "RuntimeError: boom execute"
        assert told.count("  File ") == 1
        assert ("RunFailed: the run of the pipeline failed" in after) == (words == ["program.py"]), done.err


# -- a cluster ---------------------------------------------------------------------------------------------------------


def test_a_run_on_a_cluster(made: Project) -> None:
    with KubernetesApi(made) as api:
        done = made.flowc(
            "run", "flow.py", "--rows", "3", "--tag", "mine", "--run-id-file", "id", FLOWC_EXECUTOR="argo"
        )
    assert done.code == 0, done.err
    run = made.latest()
    assert made.artifacts(run, "end")["seen"] == SEEN
    assert (run.record()["target"], run.user_tags()) == ("argo", {"mine"})
    assert (made.root / "id").read_text() == run.id == api.workflows[0]["metadata"]["name"]
    lines = done.err.splitlines()
    assert lines[0] == f"Train/{run.id} runs in namespace mine, store {MOUNTED}"
    assert lines[-1] == f"Train/{run.id} succeeded"
    assert {line.split()[1] for line in api.requests} == {"configmaps", "workflows"}  # what is deployed stays


def test_a_run_on_a_cluster_fails(made: Project) -> None:
    with KubernetesApi(made):
        done = made.flowc("run", "flow.py", "--rows", "4", FLOWC_EXECUTOR="argo")
    run = made.latest()
    assert done.code == 1
    assert f"Train/{run.id} failed: " in done.err
    assert done.err.splitlines()[-1] == f"logs: flowc logs Train/{run.id} --store {MOUNTED}"


def test_ctrl_c_ends_only_the_wait(made: Project) -> None:
    with KubernetesApi(made) as api:
        api.hold.clear()
        with made.start("-m", "flowc", "run", "flow.py", FLOWC_EXECUTOR="argo") as process:
            read_until(process.stderr, "Running, 0/1 pods")
            process.send_signal(signal.SIGINT)
            _, err = process.communicate()
        name = api.workflows[0]["metadata"]["name"]
        assert (process.returncode, err) == (
            130, f"{name} continues on the cluster: flowc status {name}, flowc terminate {name}\n",
        )  # fmt: skip
    assert made.latest().status()["state"] == "succeeded"


def test_a_run_that_is_deleted_meanwhile(made: Project) -> None:
    with KubernetesApi(made) as api:
        api.hold.clear()
        with made.start("-m", "flowc", "run", "flow.py", FLOWC_EXECUTOR="argo") as process:
            read_until(process.stderr, "Running, 0/1 pods")
            name = api.workflows[0]["metadata"]["name"]
            del api.objects[f"workflows/{name}"]
            _, err = process.communicate()
        assert (process.returncode, err.splitlines()[0]) == (
            1, f"error: the run {name} has been deleted from the cluster",
        )  # fmt: skip


# -- pipelines of programs ---------------------------------------------------------------------------------------------

PROGRAM = """
    import json, sys
    from flowc.pipeline import Map, Pipeline, PythonTask, RunFailed, pickled

    class Box:
        def __init__(self, x):
            self.x = x

    def load(rows: int = 2):
        return list(range(rows)), Box(5)

    def add(item, box):
        return item + box.x

    pipe = Pipeline(name="program", steps=[
        PythonTask(function=load, returns=["items", pickled("box")]),
        Map(name="m", iterate_on="items", iterate_as="item",
            branch=PythonTask(function=add, returns=["sums"]).as_pipeline()),
    ])
    if __name__ == "__main__":
        done = pipe.execute({"rows": 3}, **json.loads(sys.argv[1] if sys.argv[1:] else "{}"))
        print("sums", done["sums"], done.run.successful)
    """


@pytest.mark.parametrize("executor", ["local", "directory", "argo"])
def test_a_program_follows_the_setting(made: Project, executor: str) -> None:
    made.write("program.py", PROGRAM)
    with KubernetesApi(made) as api:
        done = made.python("program.py", FLOWC_EXECUTOR=executor)
    assert done.code == 0, done.err
    assert "sums [5, 6, 7] True\n" in done.out
    assert len(api.workflows) == (executor == "argo")


def test_a_mocked_program(made: Project) -> None:
    made.write("program.py", PROGRAM)
    done = made.python("program.py", FLOWC_EXECUTOR="mock")
    assert (done.code, done.out) == (0, "sums [None] True\n"), done.err
    done = made.python("program.py", json.dumps({"patches": {"load": {"items": [1], "box": 2}}}), FLOWC_EXECUTOR="mock")
    assert (done.code, done.out) == (0, "sums [None] True\n"), done.err


def test_patches_and_events_need_this_machine(made: Project) -> None:
    made.write("program.py", PROGRAM)
    done = made.python("program.py", json.dumps({"patches": {"add": 1}}), FLOWC_EXECUTOR="directory")
    assert (
        "PipelineError: patches replace steps of runs on this machine, but the executor is 'directory': "
        "set the variable FLOWC_EXECUTOR=local"
    ) in done.err
    code = "import asyncio, program\nasync def f():\n    async for e in program.pipe.execute_streaming(): pass\n"
    done = made.python("-c", f"{code}asyncio.run(f())", FLOWC_EXECUTOR="directory")
    assert (
        "PipelineError: events are read from tasks of runs on this machine, but the executor is 'directory'" in done.err
    )
    assert made.python("program.py", json.dumps({"mock": True}), FLOWC_EXECUTOR="directory").out == "sums [None] True\n"


def test_unit_tests_run_here(made: Project) -> None:
    made.write("program.py", PROGRAM)
    code = "import program; from flowc.testing import run_pipeline; print(run_pipeline(program.pipe).outputs['sums'])"
    assert made.python("-c", code, FLOWC_EXECUTOR="nowhere").out == "[5, 6]\n"


RUNS = """
    from flowc.executors import ExecutorResult
    from flowc.targets.deployment import Deployment, Operations, TargetError
    from flowc.targets.target import Target

    def run(checked, given, options):
        WHAT

    OPERATIONS = Operations(place=(), list_runs=print, resume=print, run=run)
    TARGET = Target(name="system", about="", settings=dict, lower=print, emit=str, deployment=Deployment(
        system="a system", commands={}, operations="system:OPERATIONS"))
    """


@pytest.mark.parametrize(
    ("what", "message", "traced"),
    [
        (
            "raise RuntimeError('no machine')",
            "error: the target 'system' failed: RuntimeError: no machine\nhint: fix",
            True,
        ),
        ("raise TargetError('it is off', 'switch it on')", "error: it is off\nhint: switch it on\n", False),
        ("return 0", "error: the target 'system' has returned 0, not a flowc.executors.ExecutorResult\n", False),
    ],
)
def test_an_error_of_a_target_that_runs_flows_is_reported(made: Project, what: str, message: str, traced: bool) -> None:
    install_faulty(made, "system", "[flowc.targets]\nsystem = system:TARGET\n",
                   textwrap.dedent(RUNS.replace("WHAT", what)))  # fmt: skip
    done = made.flowc("run", "flow.py", FLOWC_EXECUTOR="system")
    assert (done.code, message in done.err, "Traceback" in done.err) == (1, True, traced), done.err
