"""The entry point of pods, called as a manifest calls it: as a process, with arguments and environment variables."""

from __future__ import annotations

import json
import signal
from typing import TYPE_CHECKING, Any

import pytest

from flowc_runtime.pod.integrity import digest_of

if TYPE_CHECKING:
    from flowc_runtime.store.records.run_store import RunStore
    from project import Finished, Project

FLOW = """
    import os, signal, sys
    from metaflow import FlowSpec, step, retry, catch, Parameter, current

    class Pods(FlowSpec):
        mode = Parameter("mode", default="ok")
        alpha = Parameter("alpha", type=float)

        @step
        def start(self):
            print("out", self.mode)
            print("err", file=sys.stderr)
            self.items = ["a", "b"]
            self.next(self.work, foreach="items")

        @catch(var="why")
        @retry(times=1)
        @step
        def work(self):
            if self.mode == "raise":
                raise ValueError("boom")
            if self.mode == "kill":
                os.kill(os.getpid(), signal.SIGKILL)
            if self.mode == "sleep":
                print("asleep")
                signal.pause()
            self.got = self.input, current.retry_count
            self.next(self.join)

        @step
        def join(self, inputs):
            self.got = [inp.got for inp in inputs]
            self.next(self.end)

        @step
        def end(self):
            if self.mode == "ok":
                raise ValueError("at the end")
    """


class Cluster:
    """The pods of a workflow; the methods call the entry point as pods do."""

    def __init__(self, project: Project) -> None:
        self.project = project
        project.write("code/flow.py", FLOW)
        (project.root / "ir.json").write_text(project.flowc("ir", "code/flow.py").out)
        self.environment = {
            "FLOWC_STORE": f"file://{project.root}/.flowc",
            "FLOWC_RUN": "pods-x7",
            "FLOWC_IR": str(project.root / "ir.json"),
            "FLOWC_CODE": str(project.root / "code"),
            "FLOWC_OUT": str(project.root / "out"),
            "FLOWC_POD": "pods-x7-work-1",
            "FLOWC_POD_UID": "u-1",
            "FLOWC_NODE": "node-1",
        }
        self.run: RunStore = project.store.run("Pods", "pods-x7")

    def call(self, *arguments: str, **environment: str) -> Finished:
        return self.project.python("-m", "flowc_runtime", *arguments, **self.environment | environment)

    def start(self, mode: str = "ok") -> Finished:
        parameters = json.dumps([{"name": "mode", "value": mode}, {"name": "alpha", "value": "0.5"}])
        return self.call("task", "start", "--path", "0", "--retry", "0", FLOWC_PARAMETERS=parameters)

    def count(self) -> str:
        return (self.project.root / "out" / "count").read_text()


@pytest.fixture
def cluster(project: Project) -> Cluster:
    return Cluster(project)


def test_the_start_step_begins_the_run_and_says_how_many(cluster: Cluster) -> None:
    done = cluster.start()
    assert (done.code, done.out, done.err) == (0, "out ok\n", "err\n")
    assert cluster.count() == "2"
    record = cluster.run.record()
    assert (record["target"], record["parameters"]) == ("argo", {"mode": "ok", "alpha": 0.5})
    assert (record["user"], record["namespace"]) == ("argo", "user:argo")
    assert record["process"]["pod"] == "pods-x7-work-1"
    assert {"runtime:argo-workflows", f"user:{record['user']}"} <= cluster.run.system_tags()
    assert cluster.run.task("start", "0")["process"]["node"] == "node-1"
    log = cluster.run.objects.get(cluster.run.log_key("start", "0", 1))
    assert b"out ok\n" in log
    assert b"err\n" in log


def test_the_run_records_the_revision_that_was_deployed(cluster: Cluster) -> None:
    revision = {"commit": "a" * 40, "branch": "main", "dirty": ["staged"]}
    cluster.environment["FLOWC_REVISION"] = json.dumps(revision)
    cluster.start()
    assert cluster.run.record()["revision"] == revision
    for value in ("", "{", "7"):
        cluster.environment |= {"FLOWC_REVISION": value, "FLOWC_RUN": f"pods-{len(value)}-{value.isdigit()}"}
        assert cluster.start().code == 0
        assert "revision" not in cluster.project.store.run("Pods", cluster.environment["FLOWC_RUN"]).record()


def test_a_switch_says_where_it_leads(cluster: Cluster) -> None:
    cluster.project.write("code/flow.py", """
        from metaflow import FlowSpec, step

        class Pods(FlowSpec):
            @step
            def start(self):
                self.next(self.again)

            @step
            def again(self):
                self.count = getattr(self, "count", 0) + 1
                self.next({1: self.again, 2: self.end}, condition="count")

            @step
            def end(self):
                print("count", self.count)
        """)  # fmt: skip
    (cluster.project.root / "ir.json").write_text(cluster.project.flowc("ir", "code/flow.py").out)
    assert cluster.call("task", "start", "--path", "0", "--retry", "0").code == 0
    for path, choice in (("0~0", "again"), ("0~1", "end")):
        assert cluster.call("task", "again", "--path", path, "--retry", "0").code == 0
        assert (cluster.project.root / "out" / "choice").read_text() == choice
    assert cluster.call("task", "end", "--path", "0", "--retry", "0").out == "count 2\n"
    assert "no task '0.1'" in cluster.call("task", "again", "--path", "0.1", "--retry", "0").err


def test_a_flow_in_a_package(cluster: Cluster) -> None:
    """The root of the code is the directory that contains the package, so relative imports and pickles work."""
    flow = """
        from metaflow import FlowSpec, step

        from . import tools
        from .deep.kinds import Item

        class Kept:
            pass

        class Pods(FlowSpec):
            @step
            def start(self):
                self.kept, self.item = Kept(), Item(tools.double(4))
                self.next(self.end)

            @step
            def end(self):
                print(__name__, type(self.kept) is Kept, self.item.n, Item.__module__)
                if self.item.n == 8:
                    raise ValueError("as it should")
        """
    project = cluster.project
    for name, text in {
        "code/pkg/__init__.py": "from .flows import Pods\n",  # importing the package imports the flow's module
        "code/pkg/flows.py": flow,
        "code/pkg/tools.py": "def double(n):\n    return 2 * n\n",
        "code/pkg/deep/kinds.py": "class Item:\n    def __init__(self, n):\n        self.n = n\n",
    }.items():
        project.write(name, text)
    path = f"{project.root}/code:{project.environment['PYTHONPATH']}"
    (project.root / "ir.json").write_text(project.flowc("ir", "pkg.flows:Pods", PYTHONPATH=path).out)
    assert json.loads((project.root / "ir.json").read_text())["code"]["file"] == "pkg/flows.py"
    assert cluster.call("task", "start", "--path", "0", "--retry", "0").code == 0
    done = cluster.call("task", "end", "--path", "0", "--retry", "0")
    assert (done.code, done.out) == (1, "pkg.flows True 8 pkg.deep.kinds\n"), done.err
    error = cluster.run.attempt("end", "0", 1)["error"]  # type: ignore[index]
    assert error["frames"][-1]["file"] == "pkg/flows.py"
    begun = cluster.run.attempt("start", "0", 1)
    assert begun is not None
    assert begun["artifacts"]["kept"]["type"] == "pkg.flows.Kept"


def test_pods_compute_their_tasks_ids(cluster: Cluster) -> None:
    """Each pod computes its task's id, which is unique in the run.

    The flow `Ids` in conformance.py has all kinds of steps.
    """
    cluster.project.write(
        "code/flow.py",
        """
        from metaflow import FlowSpec, current, parallel, step

        class Pods(FlowSpec):
            @step
            def start(self):
                print(current.task_id)
                self.next(self.left, self.right)

            @step
            def left(self):
                print(current.task_id, current.pathspec, current.task.id)
                self.next(self.gang, num_parallel=2)

            @parallel
            @step
            def gang(self):
                print(current.task_id, current.parallel.control_task_id)
                self.next(self.gathered)

            @step
            def gathered(self, inputs):
                self.tid = current.task_id
                self.next(self.join)

            @step
            def right(self):
                self.tid = current.task_id
                self.next(self.join)

            @step
            def join(self, inputs):
                self.merge_artifacts(inputs)
                self.next(self.end)

            @step
            def end(self):
                pass
        """,
    )
    (cluster.project.root / "ir.json").write_text(cluster.project.flowc("ir", "code/flow.py").out)

    def pod(step: str, path: str = "0") -> Finished:
        return cluster.call("task", step, "--path", path, "--retry", "0")

    assert pod("start").out == "start-0\n"
    assert pod("left").out == "left-0 Pods/pods-x7/left/left-0 left-0\n"
    assert [pod("gang", path).out for path in ("0.0", "0.1")] == ["gang-0.0 gang-0.0\n", "gang-0.1 gang-0.0\n"]
    assert [pod(step).code for step in ("gathered", "right")] == [0, 0]
    failed = pod("join")
    assert failed.code != 0
    assert "UnhandledInMergeArtifactsException" in failed.err
    assert "tid" in failed.err


def test_a_pod_takes_over_what_a_cached_step_has_left(cluster: Cluster) -> None:
    """A pod with a cached task does not run the step; it writes the outputs that Argo reads, such as `count`."""
    cluster.project.write("code/flow.py", """
        from flowc.steps import cache
        from metaflow import FlowSpec, step

        class Pods(FlowSpec):
            @cache
            @step
            def start(self):
                print("computing")
                self.items = ["a", "b", "c"]
                self.next(self.each, foreach="items")

            @step
            def each(self):
                self.next(self.join)

            @step
            def join(self, inputs):
                self.next(self.end)

            @step
            def end(self):
                pass
        """)  # fmt: skip
    (cluster.project.root / "ir.json").write_text(cluster.project.flowc("ir", "code/flow.py").out)
    start = ("task", "start", "--path", "0", "--retry", "0")
    assert cluster.call(*start).out == "computing\n"
    (cluster.project.root / "out" / "count").unlink()
    assert cluster.call(*start, FLOWC_RUN="pods-2").out == ""
    assert cluster.count() == "3"
    assert cluster.project.store.run("Pods", "pods-2").task("start", "0")["cached"]["run"] == "pods-x7"
    assert cluster.call(*start, FLOWC_RUN="pods-3", FLOWC_CACHE="0").out == "computing\n"


def test_a_whole_flow_by_hand(cluster: Cluster) -> None:
    cluster.start()
    for path in ("0.0", "0.1"):
        assert cluster.call("task", "work", "--path", path, "--retry", "0").code == 0
    assert cluster.call("task", "join", "--path", "0", "--retry", "0").code == 0
    assert cluster.project.artifacts(cluster.run, "join")["got"] == [("a", 0), ("b", 0)]
    done = cluster.call("task", "end", "--path", "0", "--retry", "0")
    assert done.code == 1
    assert "ValueError: at the end" in done.err
    assert cluster.run.status()["failed"] == "end/0"
    assert cluster.call("finish", "--status", "Failed").code == 0
    assert cluster.run.status() == cluster.run.status() | {"state": "failed", "message": "ValueError: at the end"}


@pytest.mark.parametrize("mode", ["raise", "kill"])
def test_a_failure_is_retried_and_then_caught(cluster: Cluster, mode: str) -> None:
    cluster.start(mode)
    first = cluster.call("task", "work", "--path", "0.0", "--retry", "0")
    assert first.code == 1
    assert cluster.run.status()["state"] == "running"  # a retry follows
    record = cluster.run.attempt("work", "0.0", 1)
    assert record is not None
    assert record["outcome"] == "failed"
    second = cluster.call("task", "work", "--path", "0.0", "--retry", "1")
    if mode == "kill":
        assert second.code == 1
        assert "killed by SIGKILL" in second.err
        assert cluster.call("task", "work", "--path", "0.0", "--retry", "2").code == 0
    else:
        assert second.code == 0
    done = cluster.run.task("work", "0.0")
    assert done["outcome"] == "caught"
    assert cluster.project.artifacts(cluster.run, "work", "0.0")["why"].exception.startswith(
        "boom" if mode == "raise" else "the process was killed by SIGKILL"
    )


def test_an_attempts_number_is_the_stores(cluster: Cluster) -> None:
    """After `argo retry`, Argo counts attempts from 0 again; the store continues with the next number."""
    cluster.start("raise")
    for _ in range(3):
        cluster.call("task", "work", "--path", "0.0", "--retry", "0")
    assert cluster.run.attempts("work") == {"0.0": [1, 2, 3]}


def test_a_second_start_keeps_the_runs_record(cluster: Cluster) -> None:
    cluster.start("ok")
    cluster.start("kill")
    assert cluster.run.record()["parameters"]["mode"] == "ok"
    second = cluster.run.attempt("start", "0", 2)
    assert second is not None
    assert second["superseded"]


def test_a_deleted_pod_leaves_a_record(cluster: Cluster) -> None:
    cluster.start("sleep")
    with cluster.project.start(
        "-m", "flowc_runtime", "task", "work", "--path", "0.1", "--retry", "0", **cluster.environment
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "asleep\n"
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)  # it would wait forever
    assert process.returncode == 1
    record = cluster.run.attempt("work", "0.1", 1)
    assert record is not None
    assert record["exit"]["signal"] == "SIGTERM"


@pytest.mark.parametrize(
    ("arguments", "environment", "code", "message"),
    [
        (["task", "nope", "--path", "0", "--retry", "0"], {}, 79, "has no step 'nope'"),
        (["task", "work", "--path", "0.x", "--retry", "0"], {}, 79, "not an index path"),
        (["task", "work", "--path", "0.0", "--retry", "0"], {"FLOWC_STORE": ""}, 79, "FLOWC_STORE is not set"),
        (["task", "work", "--path", "0.0", "--retry", "0"], {"FLOWC_STORE": "ftp://x"}, 79, "cannot open the store"),
        (["task", "work", "--path", "0.0", "--retry", "0"], {"FLOWC_IR": "/nope"}, 79, "cannot read the IR"),
        (
            ["task", "work", "--path", "0.0", "--retry", "0"],
            {"FLOWC_CODE_DIGEST": "sha256:0"},
            79,
            "is not the code that",
        ),
        (["task", "join", "--path", "0", "--retry", "0"], {}, 79, "needs work/0.0, but that task is not done"),
        (["task", "work"], {}, 2, "required"),
    ],
)
def test_what_does_not_fit_is_refused(
    cluster: Cluster, arguments: list[str], environment: dict[str, str], code: int, message: str
) -> None:
    cluster.start()
    done = cluster.call(*arguments, **environment)
    assert message in done.err
    assert done.code == code


def digest(cluster: Cluster) -> str:
    code = cluster.project.root / "code"
    files = [(f"code/{path.relative_to(code)}", path.read_bytes()) for path in code.rglob("*.py")]
    return digest_of([*files, ("ir/ir.json", (cluster.project.root / "ir.json").read_bytes())])


@pytest.mark.parametrize("damage", ["changed", "added", "gone", "renamed", "IR"])
def test_code_that_is_not_what_was_compiled_is_never_imported(cluster: Cluster, damage: str) -> None:
    root = cluster.project.root
    cluster.project.write("code/lib/helper.py", "HELP = 1\n")
    cluster.environment["FLOWC_CODE_DIGEST"] = digest(cluster)
    started = cluster.start()
    assert started.code == 0, started.err
    (root / "code" / "__pycache__").mkdir(exist_ok=True)
    # importing the flow creates such a file, which does not count as a change of the code
    (root / "code" / "__pycache__" / "flow.pyc").write_bytes(b"")
    work = ("task", "work", "--path", "0.0", "--retry", "0")
    assert cluster.call(*work).code == 0
    marker = f"open({str(root / 'imported')!r}, 'w')\n"
    match damage:
        case "changed":
            cluster.project.write("code/flow.py", marker + FLOW)
        case "added":
            cluster.project.write("code/sitecustomize.py", marker)
        case "gone":
            (root / "code" / "lib" / "helper.py").unlink()
        case "renamed":
            (root / "code" / "lib" / "helper.py").rename(root / "code" / "lib" / "other.py")
        case _:
            ir = json.loads((root / "ir.json").read_text())
            (root / "ir.json").write_text(json.dumps({**ir, "doc": "changed"}))
    done = cluster.call("task", "work", "--path", "0.1", "--retry", "0")
    assert done.code == 79
    assert done.err.startswith(
        f"flowc: the code in {root}/code is not the code that was compiled: its digest is sha256:"
    )
    assert done.err.endswith("its ConfigMap was changed: deploy the flow again\n")
    ended = cluster.call("finish", "--status", "Failed")
    # `finish` succeeds, because Argo would otherwise report the whole workflow as failed, without this message
    assert ended.code == 0
    assert "is not the code that was compiled" in cluster.run.status()["message"]
    assert not (root / "imported").exists()


def test_an_ir_with_a_step_that_leads_nowhere_is_refused(cluster: Cluster) -> None:
    file = cluster.project.root / "ir.json"
    ir = json.loads(file.read_text())
    (index,) = (number for number, node in enumerate(ir["nodes"]) if node["id"] == "join")
    ir["nodes"][index]["next"] = "nowhere"
    file.write_text(json.dumps(ir))
    done = cluster.start()
    problem = f"flow.nodes[{index}].next: step 'join' leads to 'nowhere', which is not a step"
    assert (done.code, done.err) == (79, f"flowc: cannot read the IR {file}: {problem}\n")


@pytest.mark.parametrize(
    ("action", "noun"),
    [
        ({"function": "fit", "module": "models"}, "a function"),
        ({"notebook": "plot.ipynb"}, "a notebook"),
        ({"shell": "true"}, "a shell command"),
        ({"stub": True}, "a stub"),
    ],
)
def test_a_kind_of_step_that_cannot_be_run_is_refused(cluster: Cluster, action: dict[str, Any], noun: str) -> None:
    file = cluster.project.root / "ir.json"
    ir = json.loads(file.read_text())
    next(node for node in ir["nodes"] if node["id"] == "work")["run"] = action
    file.write_text(json.dumps(ir))
    done = cluster.start()
    rest = "write it as a method with @step, or write all steps without a class"
    told = f"flowc: step 'work' is {noun} beside methods of a flow class: {rest}\n"
    assert (done.code, done.out, done.err) == (79, "", told)


def test_bad_code_or_parameters_fail_the_attempt(cluster: Cluster) -> None:
    bad = cluster.call("task", "start", "--path", "0", "--retry", "0",
                       FLOWC_PARAMETERS='[{"name": "mode", "value": "m"}, {"name": "alpha", "value": "abc"}]')  # fmt: skip
    assert bad.code == 79
    assert "alpha" in bad.err
    assert "'abc' is not a float" in cluster.run.status()["message"]
    cluster.environment["FLOWC_RUN"] = "another"
    cluster.start()
    cluster.project.write("code/flow.py", "import nope\n")
    done = cluster.call("task", "work", "--path", "0.0", "--retry", "0")
    assert done.code == 1
    assert "No module named 'nope'" in done.err
    record = cluster.project.store.run("Pods", "another").attempt("work", "0.0", 1)
    assert record is not None
    assert "No module named 'nope'" in record.get("error", {})["message"]


def test_the_end_of_a_run_never_fails(cluster: Cluster) -> None:
    cluster.start()
    assert cluster.call("finish", "--status", "Succeeded").code == 0
    assert cluster.run.status()["state"] == "succeeded"
    done = cluster.call("finish", "--status", "Failed", FLOWC_STORE="file:///dev/null/nowhere")
    assert done.code == 0
    assert "cannot record the end of the run" in done.err


def test_a_run_whose_first_pod_never_began_is_recorded_as_failed(cluster: Cluster) -> None:
    assert cluster.call("finish", "--status", "Error").code == 0
    status = cluster.run.status()
    assert (status["state"], status["message"]) == ("failed", "the workflow ended as Error")


def test_a_run_that_has_hardly_begun_does_not_spoil_the_list(cluster: Cluster) -> None:
    (cluster.project.root / ".flowc/flows/Pods/runs/early/tasks/start").mkdir(parents=True)
    done = cluster.project.flowc("runs")
    assert done.code == 0, done.err
    assert "Pods/early  beginning" in done.out


def test_exit_hooks_are_called_by_the_pod_that_ends_the_run(cluster: Cluster) -> None:
    """Exit hooks run in a process of their own, whose death changes neither the record nor the pod's exit code."""
    hooks = """
        import os
        from metaflow import FlowSpec, exit_hook, step

        def told(run):
            print(repr(run), run.successful, run["start"].task.finished)

        def dies():
            os.abort()

        @exit_hook(on_success=[dies, told], on_error=[told])
        class Pods(FlowSpec):
            @step
            def start(self):
                self.next(self.end)

            @step
            def end(self):
                pass
        """
    project = cluster.project
    project.write("code/flow.py", hooks)
    (project.root / "ir.json").write_text(project.flowc("ir", "code/flow.py").out)
    for step in "start", "end":
        assert cluster.call("task", step, "--path", "0", "--retry", "0").code == 0
    done = cluster.call("finish", "--status", "Succeeded")
    assert (done.code, done.out) == (0, "run Pods/pods-x7: Succeeded\nRun('Pods/pods-x7') True True\n")
    assert done.err.endswith("flowc: exit hook dies failed: it was killed by SIGABRT; the run's outcome is unchanged\n")
    assert "in dies" in done.err  # the fatal signal printed a traceback, which contains the function's name
    assert cluster.run.status()["state"] == "succeeded"
    assert cluster.call("finish", "--status", "Failed").out.endswith("Run('Pods/pods-x7') True True\n")
