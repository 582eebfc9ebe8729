"""A failed pipeline is retried by the flow's name or the run's id; a program retries it through a variable."""

from __future__ import annotations

import os
import signal
import subprocess
from typing import TYPE_CHECKING

import pytest

from project import read_until

if TYPE_CHECKING:
    from pathlib import Path

    from flowc_runtime.store.records.run_store import RunStore
    from project import Finished, Project

FLAKY = """
    import os
    from flowc.pipeline import Pipeline, PythonTask

    def base(k: int):
        print("base runs")
        return k * 10

    def fails(base):
        assert "FLOWC_RETRY_RUN" not in os.environ and "RUNNABLE_RETRY_RUN_ID" not in os.environ
        if not os.path.exists("mended"):
            raise RuntimeError("not yet")
        return base + 1

    def make(name):
        return Pipeline(name=name, steps=[
            PythonTask(name="base", function=base, returns=["base"]),
            PythonTask(name="fails", function=fails, returns=["y"]),
        ])

    first = make("first-of-two")
    second = make("")
    """
PROGRAM = (
    FLAKY
    + """
    if __name__ == "__main__":
        import json
        parameters = json.loads(os.environ.get("GIVEN", '{"k": 2}'))
        print("y", make("inner").execute(parameters)["y"])
    """
)


@pytest.fixture
def flaky(project: Project) -> Project:
    project.write("flaky.py", FLAKY)
    project.write("program.py", PROGRAM)
    return project


def mend(project: Project) -> None:
    project.write("mended", "")


def ran(done: Finished) -> list[str]:
    return [line.split()[1] for line in done.err.splitlines() if line.startswith("done ")]


def newest(project: Project, flow: str) -> RunStore:
    return project.store.run(flow, project.store.runs(flow)[-1])


# -- flowc retry -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("file", "flow"), [("flaky.py:first", "first_of_two"), ("flaky.py:second", "second")])
def test_a_pipeline_is_retried_by_the_name_of_its_flow(flaky: Project, file: str, flow: str) -> None:
    assert flaky.flowc("run", "--local", file, "--k", "3").code == 1
    mend(flaky)
    done = flaky.flowc("retry", flow)
    assert (done.code, ran(done)) == (0, ["fails"]), done.err
    assert flaky.artifacts(newest(flaky, flow), "fails")["y"] == 31


@pytest.mark.parametrize("form", ["{flow}/{run}", "{run}", "{flow}/latest"])
def test_a_run_is_retried_by_its_name(flaky: Project, form: str) -> None:
    assert flaky.flowc("run", "--local", "flaky.py:second", "--k", "3").code == 1
    origin = newest(flaky, "second").id
    mend(flaky)
    done = flaky.flowc("retry", form.format(flow="second", run=origin))
    assert (done.code, ran(done)) == (0, ["fails"]), done.err
    assert newest(flaky, "second").record()["origin"] == origin
    # retry the original run, not the retry, and start at the step `base`
    done = flaky.flowc("retry", f"second/{origin}", "base")
    assert (done.code, ran(done)) == (0, ["base", "fails"]), done.err


def test_functions_notebooks_and_yaml_are_retried_by_their_names(flaky: Project) -> None:
    flaky.write("work.py", "import os\ndef alone(x: int = 1):\n    assert os.path.exists('mended')\n    return x\n")
    flaky.write("listed.yaml", "steps:\n- python: work.alone\n  returns: [x]\n")
    assert flaky.flowc("run", "work.py:alone", "--x", "4").code == 1
    assert flaky.flowc("run", "listed.yaml", "--x", "5").code == 1
    mend(flaky)
    for flow, value in (("alone", 4), ("listed", 5)):
        assert flaky.flowc("retry", flow).code == 0
        assert newest(flaky, flow).record()["parameters"] == {"x": value}


def test_what_cannot_be_retried_fails(flaky: Project) -> None:
    assert flaky.flowc("run", "--local", "flaky.py:second", "--k", "3").code == 1
    failed = newest(flaky, "second").id
    again = flaky.flowc("retry", f"second/{failed}")
    assert again.code == 1, again.err
    mend(flaky)
    assert flaky.flowc("retry").code == 0
    succeeded = newest(flaky, "second").id
    for words, code, message in (
        ([f"second/{succeeded}"], 1, f"run second/{succeeded} succeeded: there is nothing to retry"),
        ([f"second/{failed}x"], 1, f"flow 'second' has no run '{failed}x'"),
        (["third/1"], 1, "no run of a flow 'third'"),
        ([f"second/{failed}/fails"], 2, f"is a part of a run: write second/{failed} fails"),
        (
            ["flaky.py:first", "--origin-run-id", f"second/{failed}"],
            1,
            "is a run of flow 'second', not of 'first_of_two'",
        ),
        ([], 1, "has no failed run of any flow"),
    ):
        done = flaky.flowc("retry", *words)
        assert (done.code, message in done.err) == (code, True), done.err
    assert len(flaky.store.runs("second")) == 3


def test_a_pipeline_that_a_program_makes_names_the_way_to_retry_it(flaky: Project) -> None:
    failed = flaky.python("program.py")
    run = newest(flaky, "inner").id
    assert f"resume: run the program again with FLOWC_RETRY_RUN=inner/{run}\n" in failed.err
    done = flaky.flowc("retry", "inner")
    assert done.code == 1
    assert "program.py has no flow 'inner'" in done.err
    assert "FLOWC_RETRY_RUN=RUN" in done.err


# -- a variable --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("variable", "form"), [("FLOWC_RETRY_RUN", "inner/{}"), ("FLOWC_RETRY_RUN", "{}"), ("RUNNABLE_RETRY_RUN_ID", "{}")]
)
def test_a_variable_retries_the_run_of_a_program(flaky: Project, variable: str, form: str) -> None:
    assert flaky.python("program.py").code == 1
    origin = newest(flaky, "inner").id
    again = flaky.python("program.py", **{variable: form.format(origin)})
    assert (again.code, ran(again)) == (1, []), again.err  # it fails again
    mend(flaky)
    # the retry takes the value of its parameter from the failed run
    done = flaky.python("program.py", GIVEN="{}", **{variable: form.format(origin)})
    assert (done.code, ran(done), done.out.splitlines()[-1]) == (0, ["fails"], "y 21"), done.err
    assert newest(flaky, "inner").record()["origin"] == origin
    changed = flaky.python("program.py", GIVEN='{"k": 3}', **{variable: form.format(origin)})
    assert (changed.code, changed.out.splitlines()[-1]) == (0, "y 31"), changed.err


def test_an_unknown_run_in_the_variable_fails(flaky: Project) -> None:
    mend(flaky)
    for name in ("20260101-000000-000abc", "inner/x", "other/x"):
        done = flaky.python("program.py", FLOWC_RETRY_RUN=name)
        assert done.code == 1, done.out
        assert "no run" in done.err
    assert flaky.store.flows() == []


def test_a_run_of_another_flow_of_the_program_is_left_for_that_flow(flaky: Project) -> None:
    flaky.write("both.py", PROGRAM.split("if __name__")[0] + """
    if __name__ == "__main__":
        done = [make(name).execute({"k": 1}, check=False).status for name in ("one", "two")]
        print("END", done)
        """)  # fmt: skip
    assert flaky.python("both.py").out.splitlines()[-1] == "END ['failed', 'failed']"
    mend(flaky)
    done = flaky.python("both.py", FLOWC_RETRY_RUN="two/latest")
    assert done.out.splitlines()[-1] == "END ['succeeded', 'succeeded']"
    assert "note: FLOWC_RETRY_RUN names a run of flow 'two': this is a new run of another flow" in done.err
    assert ran(done) == ["base", "fails", "fails"]


def test_a_variable_retries_a_run_of_a_flow_class(project: Project) -> None:
    project.write("flow.py", """
        import os
        from metaflow import FlowSpec, step

        class Flaky(FlowSpec):
            @step
            def start(self):
                self.next(self.end)

            @step
            def end(self):
                assert "FLOWC_RETRY_RUN" not in os.environ and os.path.exists("mended")

        if __name__ == "__main__":
            Flaky()
        """)  # fmt: skip
    assert project.flowc("run", "flow.py").code == 1
    run = project.latest().id
    assert project.python("flow.py", "run", FLOWC_RETRY_RUN="x").code == 1
    project.write("mended", "")
    done = project.python("flow.py", "run", FLOWC_RETRY_RUN=run)
    assert (done.code, ran(done)) == (0, ["end"]), done.err
    assert f"note: FLOWC_RETRY_RUN is set: this retries run {run}\n" in done.err
    done = project.flowc("run", "flow.py", FLOWC_RETRY_RUN="Flaky/latest")
    assert done.code == 1
    assert "succeeded: there is nothing to retry" in done.err


def test_what_reads_a_changed_parameter_runs_again(project: Project) -> None:
    project.write("reads.py", """
        import os
        from flowc.pipeline import Pipeline, PythonTask, ShellTask

        def one(a: int = 1): return a
        def two(b: int = 1): return b
        def three(c: int | None = None, **rest): return c, sorted(rest)
        def fails():
            if not os.path.exists("mended"):
                raise RuntimeError

        flow = Pipeline(name="reads", parameters={"d": "x"}, steps=[
            PythonTask(name="one", function=one, returns=["x"]),
            PythonTask(name="two", function=two, returns=["y"]),
            ShellTask(name="shell", command="export z=$d", returns=["z"]),
            PythonTask(name="three", function=three, returns=["c3", "names"]),
            PythonTask(name="fails", function=fails),
        ])
        """)  # fmt: skip
    assert project.flowc("run", "reads.py").code == 1
    mend(project)
    for words, again in (
        # `shell` always runs again, because flowc cannot know which parameters a shell command reads
        (["--c", "4"], ["shell", "three", "fails"]),
        (["--b", "5"], ["two", "shell", "three", "fails"]),
    ):
        done = project.flowc("resume", "reads.py", "--origin-run-id", project.store.runs("reads")[0], *words)
        assert done.code == 0, done.err
        assert ran(done) == again, done.err


# -- records -----------------------------------------------------------------------------------------------------------


def test_a_killed_run_is_recorded_as_killed_and_retried(flaky: Project) -> None:
    flaky.write("slow.py", """
        import os, signal
        from flowc.pipeline import Pipeline, PythonTask

        def base():
            return 1

        def slow(base):
            if not os.path.exists("mended"):
                print("slow runs", flush=True)
                signal.pause()
            return base

        if __name__ == "__main__":
            print(Pipeline(name="slow", steps=[
                PythonTask(name="base", function=base, returns=["base"]),
                PythonTask(name="slow", function=slow, returns=["y"]),
            ]).execute()["y"])
        """)  # fmt: skip
    program = flaky.start("slow.py")
    read_until(program.stdout, "slow runs")
    record = newest(flaky, "slow").record()
    os.kill(record["process"]["pid"], signal.SIGKILL)
    program.communicate()
    assert program.returncode != 0
    runs = flaky.flowc("runs", "slow")
    assert " killed " in runs.out, runs.out
    mend(flaky)
    done = flaky.python("slow.py", FLOWC_RETRY_RUN=f"slow/{record['run']}")
    assert (done.code, ran(done)) == (0, ["slow"]), done.err


def test_the_records_of_a_pipeline_have_the_revision_of_its_code(flaky: Project, tmp_path: Path) -> None:
    def git(*words: str) -> str:
        command = ["git", "-c", "user.name=n", "-c", "user.email=e@x", *words]
        return subprocess.run(command, cwd=tmp_path, check=True, capture_output=True, text=True).stdout.strip()

    git("init", "-q", "-b", "main")
    git("add", "flaky.py", "program.py")
    git("commit", "-q", "-m", "first")
    mend(flaky)
    git("add", "mended")  # the file is staged in git but not committed
    assert flaky.python("program.py").code == 0
    assert newest(flaky, "inner").record()["revision"] == {
        "commit": git("rev-parse", "HEAD"),
        "branch": "main",
        "dirty": ["staged"],
    }
    assert newest(flaky, "inner").record()["code"].startswith("sha256:")


# -- the executor of the configuration ---------------------------------------------------------------------------------


@pytest.mark.parametrize("words", [["-m", "flowc", "run", "flaky.py:second", "--k", "2"], ["program.py"]])
def test_a_retry_names_the_executor_that_it_does_not_use(flaky: Project, words: list[str]) -> None:
    assert flaky.python(*words).code == 1
    mend(flaky)
    (name,) = flaky.store.flows()
    note = (
        "note: the retry runs on this machine, not with the executor 'argo' (FLOWC_EXECUTOR); "
        "unset FLOWC_RETRY_RUN for a new run with it\n"
    )
    done = flaky.python(*words, FLOWC_RETRY_RUN=f"{name}/latest", FLOWC_EXECUTOR="argo")
    assert (done.code, note in done.err) == (0, True), done.err
    flaky.root.joinpath("mended").unlink()
    assert flaky.python(*words).code == 1
    mend(flaky)
    done = flaky.python(*words, FLOWC_RETRY_RUN=f"{name}/latest")
    assert (done.code, "the retry runs on this machine" in done.err) == (0, False), done.err


def test_a_retry_with_the_executor_mock_runs_no_code(flaky: Project) -> None:
    assert flaky.flowc("run", "flaky.py:second", "--k", "2").code == 1
    (name,) = flaky.store.flows()
    done = flaky.flowc("run", "flaky.py:second", FLOWC_RETRY_RUN=f"{name}/latest", FLOWC_EXECUTOR="mock")
    assert (done.code, ran(done)) == (0, []), done.err
    assert "mocked fails: nothing ran" in done.err


def test_the_option_of_another_executor_is_refused_for_a_retry(flaky: Project) -> None:
    done = flaky.flowc("run", "--executor", "argo", "flaky.py:second", FLOWC_RETRY_RUN="latest")
    assert done.code == 2
    assert "--executor has no effect on the retry that FLOWC_RETRY_RUN asks for: it runs on this machine" in done.err
