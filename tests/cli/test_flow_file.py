"""The command line of a flow's own file, with Metaflow's names, options and streams."""

from __future__ import annotations

import json
import pickle
from typing import TYPE_CHECKING

import pytest

from flowc import __version__

if TYPE_CHECKING:
    from project import Project

FLOW = '''
    import sys
    from metaflow import FlowSpec, Parameter, step, catch, retry, timeout, current

    class Own(FlowSpec):
        """What it is about."""
        alpha = Parameter("alpha", default=3)
        fail = Parameter("fail", default=False)

        @retry(times=2)
        @timeout(minutes=1)
        @step
        def start(self):
            """Begins.

            In two lines."""
            self.items = ["a", "b"]
            self._hidden = "h"
            self.long = "x" * 2000
            print("out", current.retry_count)
            print("err", current.retry_count, file=sys.stderr)
            assert current.retry_count == 1
            self.next(self.work, foreach="items")

        @catch(var="why")
        @step
        def work(self):
            print("item", self.input)
            self.next(self.join)

        @step
        def join(self, inputs):
            assert not self.fail
            self.next(self.left, self.right)

        @step
        def left(self):
            self.next(self.meet)

        @step
        def right(self):
            self.next(self.meet)

        @step
        def meet(self, inputs):
            self.next(self.end)

        @step
        def end(self):
            pass

    if __name__ == "__main__":
        Own()
    '''
HEADER = f"flowc {__version__} executing Own for user:ann"


@pytest.fixture
def flow(project: Project) -> Project:
    project.environment["METAFLOW_USER"] = "ann"
    project.write("flow.py", FLOW)
    return project


@pytest.fixture
def ran(flow: Project) -> Project:
    flow.run("flow.py")
    return flow


# -- its descriptions --------------------------------------------------------------------------------------------------


def test_without_a_command_it_is_checked(flow: Project) -> None:
    done = flow.python("flow.py")
    assert (done.code, done.out) == (0, "Own: 7 steps, no faults\n")
    assert done.err.splitlines()[0] == HEADER
    assert "'flow.py run' runs the flow on this machine." in done.err
    flow.write("flow.py", FLOW.replace("self.next(self.end)", "pass"))
    assert flow.python("flow.py").code == 1


def test_show(flow: Project) -> None:
    done = flow.python("flow.py", "show")
    assert done.code == 0
    assert done.out.splitlines()[:9] == [
        "@timeout", "@retry", "Step start", "    Begins.", "", "    In two lines.", "    => work", "@catch", "Step work",
    ]  # fmt: skip
    assert "    => left, right\n" in done.out
    assert done.err.splitlines() == [HEADER, "", "What it is about.", ""]
    assert flow.python("flow.py", "--quiet", "show").err == ""


def test_output_dot(flow: Project) -> None:
    lines = flow.python("flow.py", "output-dot").out.splitlines()
    assert (lines[0], lines[-1]) == ("digraph Own {", "}")
    assert [line for line in lines if "->" in line] == [
        "join -> left;", "join -> right;", "left -> meet;", "meet -> end;", "right -> meet;", "start -> work;",
        "work -> join;",
    ]  # fmt: skip
    (start,) = (line for line in lines if line.startswith('"start"'))
    assert '<b>start</b> | <font point-size="10">foreach</font>' in start


def test_output_raw(flow: Project) -> None:
    text = flow.python("flow.py", "output-raw").out
    assert "[start foreach (flow.py line 12)]\n    in_funcs=\n    out_funcs=[work]\n    matching_join=[join]\n" in text
    assert "decorators=timeout<seconds=60> | retry<times=2 minutes_between_retries=2.0>" in text
    done = flow.python("flow.py", "output-raw", "--json")
    info = json.loads(done.out)
    assert info["graph_structure"] == ["start", [["work"]], "join", [["left"], ["right"]], "meet", "end"]
    steps = info["graph"]
    assert {name: node["type"] for name, node in steps.items()} == {
        "start": "split-foreach", "work": "linear", "join": "split-static", "left": "linear", "right": "linear",
        "meet": "join", "end": "end",
    }  # fmt: skip
    assert (steps["start"]["foreach_artifact"], steps["join"]["matching_join"]) == ("items", "meet")
    assert steps["work"]["decorators"][0]["attributes"] == {"var": "why", "print_exception": True}


def test_version_and_help(flow: Project) -> None:
    assert flow.python("flow.py", "version").out == f"flowc {__version__}\n"
    assert flow.python("flow.py", "--version").out == f"flowc {__version__}\n"
    shown = flow.python("flow.py", "help")
    assert shown.out == flow.python("flow.py", "--help").out
    for name in ("run", "check", "show", "dump", "logs", "tag", "output-dot", "output-raw", "version", "help"):
        assert f"  {name} " in shown.out
        assert flow.python("flow.py", name, "--help").code == 0


# -- commands that read runs -------------------------------------------------------------------------------------------


def test_dump_prints_values_on_stdout(ran: Project) -> None:
    run = ran.latest().id
    done = ran.python("flow.py", "dump", f"{run}/start")
    assert done.code == 0
    assert done.out.splitlines() == [
        "alpha [size: 5 type: <class 'int'>] = 3",
        "fail [size: 4 type: <class 'bool'>] = False",
        "items [size: 24 type: <class 'list'>] = ['a', 'b']",
        "long [size: 2018 type: <class 'str'>] = < artifact too large >",
    ]
    assert done.err.splitlines() == [HEADER, f"Dumping output of run_id={run} step=start task_id=start-0"]


def test_dump_chooses(ran: Project) -> None:
    def names(*arguments: str) -> list[str]:
        done = ran.python("flow.py", "--quiet", "dump", *arguments)
        assert (done.code, done.err) == (0, "")
        return [line.partition(" ")[0] for line in done.out.splitlines()]

    assert "_hidden" in names("latest/start/0", "--private")
    assert names("latest/start", "--include", "items,alpha") == ["alpha", "items"]
    assert names("latest/work").count("why") == 2
    assert names("Own/latest/work/0.1").count("why") == 1
    shown = ran.python("flow.py", "dump", "latest/start", "--max-value-size", "3000").out
    assert f"= {'x' * 2000}\n" in shown
    keys = ran.python("flow.py", "dump", "latest/start", "--max-value-size", "0").out
    assert keys.count("< artifact too large >") == len(keys.splitlines()) == 4


def test_dump_to_a_file(ran: Project) -> None:
    done = ran.python("flow.py", "--quiet", "dump", "latest/work", "--file", "out.pickle")
    assert (done.code, done.out, done.err) == (0, "", "")
    run = ran.latest().id
    got = pickle.loads((ran.root / "out.pickle").read_bytes())
    common = {"alpha": 3, "fail": False, "items": ["a", "b"], "long": "x" * 2000, "why": None}
    assert got == {f"{run}/work/work-0.0": common, f"{run}/work/work-0.1": common}
    nowhere = ran.python("flow.py", "--quiet", "dump", "latest/work", "--file", "no/where")
    assert (nowhere.code, nowhere.err) == (1, "error: cannot write no/where: No such file or directory\n")


def test_logs_go_to_stdout(ran: Project) -> None:
    def logs(*arguments: str) -> str:
        done = ran.python("flow.py", "--quiet", "logs", *arguments)
        assert (done.code, done.err) == (0, "")
        return done.out

    assert logs("latest/work") == "item a\nitem b\n"
    assert logs("latest/work/0.1") == "item b\n"
    assert logs("show", "latest/start", "--stdout") == "out 1\n"
    assert logs("--stderr", "latest/start") == "err 1\n"
    assert logs("--attempt", "0", "--stdout", "latest/start") == "out 0\n"
    assert logs("latest/start") == "out 1\nerr 1\n"
    assert logs("latest/join") == ""
    clock, text = logs("--timestamps", "--stdout", "latest/start").rsplit(" out", 1)
    assert (len(clock), text) == (len("2026-01-01 12:00:00.000"), " 1\n")


def test_logs_say_on_stderr_what_they_are_of(ran: Project) -> None:
    done = ran.python("flow.py", "logs", "latest/work/0.0")
    assert done.err.splitlines() == [
        HEADER, f"Dumping logs of run_id={ran.latest().id} step=work task_id=work-0.0", "stdout", "stderr",
    ]  # fmt: skip


def test_a_step_whose_task_has_failed(flow: Project) -> None:
    flow.python("flow.py", "run", "--fail", "true")
    done = flow.python("flow.py", "dump", "latest/join")
    assert done.code == 0
    assert "task join/0 has failed; it left no artifacts" in done.err
    assert "AssertionError" in flow.python("flow.py", "logs", "latest/join").out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["dump", "latest"], "not a path: 'latest'"),
        (["logs", "a/b/c/d"], "not a path: 'a/b/c/d'"),
        (["logs", "7/start"], "flow 'Own' has no run '7'"),
        (["logs", "latest/nope"], "has no tasks of a step 'nope'"),
        (["logs", "scrub", "latest/nope"], "has no tasks of a step 'nope'"),
    ],
)
def test_what_is_not_there(ran: Project, arguments: list[str], message: str) -> None:
    done = ran.python("flow.py", *arguments)
    assert (done.code, message in done.err) == (1, True), done.err


# -- options before the command ----------------------------------------------------------------------------------------


def test_quiet_prints_what_the_flow_prints(flow: Project) -> None:
    for done in (
        flow.python("flow.py", "--quiet", "run"),
        flow.python("flow.py", "run", "--quiet"),
        flow.flowc("run", "--local", "--quiet", "flow.py"),
        flow.python("flow.py", "run", METAFLOW_QUIET="1"),
        flow.flowc("run", "flow.py", METAFLOW_QUIET="1"),
    ):
        assert done.code == 0
        assert done.out.splitlines() == ["[start] out 0", "[start #2] out 1", *done.out.splitlines()[2:]]
        assert {line.partition("]")[0] for line in done.err.splitlines()[2:]} >= {"[start"}
        assert "runs with" not in done.err
        assert "succeeded" not in done.err
        assert "done" not in done.err
    failed = flow.python("flow.py", "--quiet", "run", "--fail", "true")
    assert failed.code == 1
    assert "AssertionError" in failed.err


def test_the_local_values_are_accepted(flow: Project) -> None:
    done = flow.python(
        "flow.py", "--metadata=local", "--environment", "local", "--datastore", "local", "--event-logger",
        "nullSidecarLogger", "--monitor=nullSidecarMonitor", "--no-pylint", "--package-suffixes", ".py", "--namespace",
        "user:bob", "run",
    )  # fmt: skip
    assert done.code == 0, done.err
    assert flow.latest().record().get("namespace") == "user:bob"


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--metadata", "service"], 2, "'--metadata': 'service' is not supported: flowc needs no metadata service"),
        (["--metadata", "nonsense"], 2, "Invalid value for '--metadata'"),
        (["--datastore", "spin"], 2, "use local, s3, gs or azure"),
        (["--environment", "nonsense"], 2, "Invalid value for '--environment'"),
        (["--event-logger", "debugLogger"], 2, "flowc has no event loggers"),
        (["--monitor", "debugMonitor"], 2, "flowc has no monitors"),
        (["--package-suffixes", ".csv,"], 2, "is a list such as .sql,.csv"),
        (["--mode", "spin"], 2, "there are no modes"),
        (["--nonsense"], 2, "No such option"),
        (["--datastore", "s3"], 2, "set METAFLOW_DATASTORE_SYSROOT_S3"),
        (["--datastore-root", "s3://bucket"], 2, "add --datastore s3"),
    ],
)
def test_other_values_are_refused(flow: Project, arguments: list[str], code: int, message: str) -> None:
    for done in (flow.python("flow.py", *arguments, "run"), flow.flowc("run", "flow.py", *arguments)):
        assert (done.code, message in done.err) == (code, True), done.err
    assert not (flow.root / ".flowc").exists()


def test_max_log_size_is_refused(flow: Project) -> None:
    done = flow.python("flow.py", "run", "--max-log-size", "1")
    assert (done.code, "logs have no size limit" in done.err) == (2, True)


def test_pylint_is_told_and_not_run(flow: Project) -> None:
    assert "does not run Pylint" in flow.python("flow.py", "--pylint", "check").err
    assert "Pylint" not in flow.python("flow.py", "check").err


def test_a_store_is_chosen_before_the_command(flow: Project) -> None:
    for arguments in (["--datastore-root", "there", "run"], ["run", "--datastore-root", "there"]):
        assert flow.python("flow.py", *arguments, FLOWC_STORE="elsewhere").code == 0
    assert not (flow.root / "elsewhere").exists()
    assert not (flow.root / ".flowc").exists()
    assert flow.python("flow.py", "--datastore-root", "there", "--quiet", "logs", "latest/work/0.0").out == "item a\n"


def test_a_parameter_comes_before_an_option_of_its_name(project: Project) -> None:
    project.write(
        "flow.py",
        """
        from metaflow import FlowSpec, Parameter, step

        class Named(FlowSpec):
            quiet = Parameter("quiet", default="no")
            environment = Parameter("environment", default="dev")

            @step
            def start(self):
                self.seen = [self.quiet, self.environment]
                self.next(self.end)

            @step
            def end(self):
                pass

        if __name__ == "__main__":
            Named()
        """,
    )
    assert project.python("flow.py", "run", "--quiet", "very", "--environment", "prod").code == 0
    assert project.artifacts(project.latest(), "end")["seen"] == ["very", "prod"]
    assert project.python("flow.py", "--quiet", "run").err == ""


# -- what programs pass to `run` ---------------------------------------------------------------------------------------


def test_files_about_the_run(flow: Project) -> None:
    done = flow.python("flow.py", "run", "--run-id-file", "id", "--runner-attribute-file", "attributes")
    assert done.code == 0, done.err
    run = flow.latest().id
    assert (flow.root / "id").read_text() == run
    attributes = json.loads((flow.root / "attributes").read_text())
    assert (attributes["run_id"], attributes["flow_name"]) == (run, "Own")
    assert attributes["metadata"].startswith("local@")


def test_options_from_the_environment(flow: Project) -> None:
    for done in (
        flow.python("flow.py", "run", METAFLOW_RUN_MAX_WORKERS="3", METAFLOW_RUN_RUN_ID_FILE="id"),
        flow.flowc("run", "flow.py", METAFLOW_RUN_MAX_WORKERS="3", METAFLOW_RUN_RUN_ID_FILE="id"),
    ):
        assert "runs with 3 workers" in done.err
        assert (flow.root / "id").read_text() == flow.latest().id
    assert flow.python("flow.py", "run", METAFLOW_RUN_MAX_WORKERS="none").code == 2


# -- missing commands and objects --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (["argo-workflows", "create"], "flowc deploy flow.py"),
        (["argo-workflows", "--name", "x", "trigger", "--alpha", "3"], "flowc trigger Own"),
        (["argo-workflows", "status", "--help"], "flowc status Own"),
        (["step-functions", "create"], "flowc compile flow.py --target stepfunctions"),
        (["airflow", "create", "x.py"], "flowc deploy flow.py"),
        (["batch", "list"], "flowc deploy flow.py"),
        (["kubernetes", "list"], "flowc deploy flow.py"),
        (["package", "info"], "flowc compile flow.py"),
        (["step", "start", "--run-id", "1"], "python flow.py run"),
        (["init", "--run-id", "1"], "python flow.py run"),
    ],
)
def test_commands_that_are_refused_say_what_to_do(flow: Project, arguments: list[str], hint: str) -> None:
    done = flow.python("flow.py", *arguments)
    assert done.code == 1
    assert f"error: flowc has no command '{arguments[0]}" in done.err
    assert hint in done.err


def test_an_unknown_command(flow: Project) -> None:
    done = flow.python("flow.py", "rnu")
    assert (done.code, "Did you mean 'run'?" in done.err) == (2, True)
    assert flow.python("flow.py", "nonsense").code == 2
