"""The command line of `flowc run` and of a flow's own file."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from project import Project

FLOW = """
    from metaflow import FlowSpec, step, Parameter, JSONType

    class Options(FlowSpec):
        \"\"\"Shows its options.\"\"\"
        alpha = Parameter("alpha", default=0.1, help="How fast.")
        learning = Parameter("learning-rate", type=float)
        who = Parameter("who", required=True, type=str)
        data = Parameter("data", type=JSONType, default='{"a": 1}')
        verbose = Parameter("verbose", default=False)
        made = Parameter("made", type=int, default=lambda: len("four"))

        @step
        def start(self):
            self.all = [self.alpha, self.learning, self.who, self.data, self.verbose, self.made]
            self.next(self.end)

        @step
        def end(self):
            pass

    if __name__ == "__main__":
        Options()
    """


@pytest.fixture
def options(project: Project) -> Project:
    project.write("flow.py", FLOW)
    return project


def ran(project: Project, *arguments: str, **environment: str) -> object:
    return project.artifacts(project.run("flow.py", *arguments, **environment), "end")["all"]


def test_parameters(options: Project) -> None:
    assert ran(options, "--who", "x") == [0.1, None, "x", {"a": 1}, False, 4]
    given = (
        "--who=",
        "--alpha",
        "1e3",
        "--learning-rate",
        "2",
        "--data",
        "[1, null]",
        "--verbose",
        "yes",
        "--made",
        "7",
    )
    assert ran(options, *given) == [1000.0, 2.0, "", [1, None], True, 7]


@pytest.mark.parametrize(
    "text", ["'\"", "a\nb", "$HOME", "$(touch x)", "`id`", "{{x}}", "🎉", "-x", "--who", "x" * 64_000]
)
def test_any_text_arrives_as_it_is(options: Project, text: str) -> None:
    value = ran(options, f"--who={text}")
    assert isinstance(value, list)
    assert value[2] == text
    assert not (options.root / "x").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "Missing option '--who'"),
        (["--who", "x", "--alpha", "fast"], "Invalid value for '--alpha': 'fast' is not a float"),
        (["--who", "x", "--made", "1.5"], "Invalid value for '--made': '1.5' is not an int"),
        (["--who", "x", "--verbose", "maybe"], "Invalid value for '--verbose'"),
        (["--who", "x", "--data", "{"], "Invalid value for '--data'"),
        (["--who", "x", "--alhpa", "1"], "Did you mean one of: '--alpha'"),
        (["--who", "x", "--max-workers", "0"], "Invalid value for '--max-workers'"),
        (["--who", "x", "--store", "ftp://x"], "cannot open the store"),
        (["--who", "x", "extra"], "unexpected extra argument"),
    ],
)
def test_a_wrong_command_line(options: Project, arguments: list[str], message: str) -> None:
    done = options.flowc("run", "flow.py", *arguments)
    assert message in done.err, done.err
    assert done.code == 2
    assert not (options.root / ".flowc").exists()


def test_help_lists_the_parameters(options: Project) -> None:
    for done in (options.flowc("run", "flow.py", "--help"), options.python("flow.py", "run", "--help")):
        assert done.code == 0
        assert "Shows its options." in done.out
        assert "--alpha FLOAT" in done.out
        assert "How fast. [default: 0.1]" in done.out
        assert "--learning-rate FLOAT" in done.out


def test_run_without_a_flow(options: Project) -> None:
    assert options.flowc("run").code == 2
    assert "Run FLOW.\n" in options.flowc("run", "--help").out
    done = options.flowc("run", "nope.py")
    assert done.code == 2
    assert "'nope.py' does not exist" in done.err


def test_options_before_the_flow(options: Project) -> None:
    done = options.flowc("run", "--max-workers", "1", "--local", "flow.py", "--who", "x")
    assert done.code == 0, done.err


def test_the_run_id_is_written_before_anything_runs(options: Project) -> None:
    options.run("flow.py", "--who", "x", "--run-id-file", "id.txt")
    assert (options.root / "id.txt").read_text() == options.latest().id


@pytest.mark.parametrize("option", ["--run-id-file", "--runner-attribute-file"])
def test_a_file_that_cannot_be_written(options: Project, option: str) -> None:
    done = options.flowc("run", "flow.py", "--who", "x", option, "nowhere/file")
    assert (done.code, done.err) == (1, "error: cannot write nowhere/file: No such file or directory\n")
    assert "failed" in options.flowc("runs").out
    assert not options.latest().steps()


def test_a_flows_own_command_line(options: Project) -> None:
    done = options.python("flow.py", "run", "--who", "x", "--max-workers", "1")
    assert done.code == 0, done.err
    assert options.python("flow.py", "check").out == "Options: 2 steps, no faults\n"
    assert "Shows its options." in options.python("flow.py", "--help").out
    wrong = options.python("flow.py", "rnu")
    assert wrong.code == 2
    assert "Did you mean 'run'?" in wrong.err


def test_a_default_that_fails(options: Project) -> None:
    options.write("flow.py", FLOW.replace('len("four")', "1 / 0"))
    done = options.flowc("run", "flow.py", "--who", "x")
    assert done.code == 1
    assert "error[bad-default]" in done.err
    assert ran(options, "--who", "x", "--made", "3")[-1:] == [3]  # type: ignore[index]


def test_another_directory_and_no_user(options: Project) -> None:
    (options.root / "elsewhere").mkdir()
    done = options.python(
        "-c",
        "import os, sys; os.chdir('elsewhere'); sys.argv = ['flowc', 'run', '../flow.py', '--who', 'x']; "
        "from flowc.cli import main; main()",
        HOME="/nonexistent",
    )
    assert done.code == 0, done.err


def test_several_runs_at_once(options: Project) -> None:
    processes = [options.start("-m", "flowc", "run", "flow.py", "--who", str(number)) for number in range(5)]
    for process in processes:
        _, err = process.communicate(timeout=60)
        assert process.returncode == 0, err
    ids = options.store.runs("Options")
    assert len(ids) == 5
    names = {options.artifacts(options.store.run("Options", run), "end")["all"][2] for run in ids}
    assert names == set("01234")


def test_a_store_found_upward_and_one_that_is_named(options: Project) -> None:
    options.run("flow.py", "--who", "x")
    (options.root / "deep").mkdir()
    done = options.flowc("run", "flow.py", "--who", "x", "--store", "other")
    assert done.code == 0
    assert (options.root / "other" / "flows").is_dir()
    assert len(options.store.runs("Options")) == 1
    options.run("flow.py", "--who", "x", FLOWC_STORE=f"file://{options.root}/.flowc")
    assert len(options.store.runs("Options")) == 2
