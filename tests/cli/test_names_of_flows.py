"""An option after FLOW sets a parameter only if the flow still has this parameter after its mutators have run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from project import Project

HEAD = """
from metaflow import Config, FlowMutator, FlowSpec, Parameter, current, project, step

class Steps(FlowSpec):
    @step
    def start(self):
        self.project = current.get("branch_name")
        self.of_class = getattr(self, "branch", None)
        self.next(self.end)

    @step
    def end(self):
        pass

class remove(FlowMutator):
    def pre_mutate(self, mutable_flow):
        for name, parameter in list(mutable_flow.parameters):
            mutable_flow.remove_parameter(parameter.name)

class add(FlowMutator):
    def pre_mutate(self, mutable_flow):
        mutable_flow.add_parameter("branch", Parameter("branch", default="d"))
        mutable_flow.add_parameter("production", Parameter("production", is_flag=True))
"""
SHADOWED = """
class Written(Steps):
    branch = Parameter("branch", default="p")
    suffixes = Parameter("package-suffixes", default="p")
    cached = Parameter("cache", default="p")

@project(name="x")
class Given(Written):
    branch = "constant"
    suffixes = "constant"
    cached = "constant"
"""
REMOVED = """
@remove
@project(name="x")
class Given(Steps):
    branch = Parameter("branch", default="p")
    suffixes = Parameter("package-suffixes", default="p")
    cached = Parameter("cache", default="p")
"""
MAIN = """
if __name__ == "__main__":
    Given()
"""
WAYS = [("-m", "flowc", "run", "flow.py"), ("flow.py", "run")]


@pytest.mark.parametrize("words", WAYS, ids=" ".join)
@pytest.mark.parametrize("written", [SHADOWED, REMOVED], ids=["shadowed", "removed"])
def test_an_option_is_flowc_s_where_the_flow_has_no_such_parameter_any_more(
    project: Project, written: str, words: tuple[str, ...]
) -> None:
    project.write("flow.py", HEAD + written + MAIN)
    project.write("query.sql", "select 1")
    done = project.python(*words, "--branch", "zz", "--cache", "--package-suffixes", ".sql")
    assert done.code == 0, done.err
    run = project.latest()
    assert project.artifacts(run, "end")["project"] == "test.zz"
    assert run.executes().by_id()["start"].cache is not None
    plain = project.python(*words, "--branch", "zz")
    assert plain.code == 0, plain.err
    assert project.latest().executes().code.digest != run.executes().code.digest  # the file was packaged
    assert "--cache TEXT" not in project.python(*words, "--help").out


@pytest.mark.parametrize("words", WAYS, ids=" ".join)
@pytest.mark.parametrize("decorator", ["", '@project(name="x")', '@project(name="x", branch="y")'])
def test_the_branch_is_the_flow_s_if_a_mutator_adds_it(
    project: Project, decorator: str, words: tuple[str, ...]
) -> None:
    project.write("flow.py", f"{HEAD}\n@add\n{decorator}\nclass Given(Steps):\n    pass\n{MAIN}")
    done = project.python(*words, "--production", "--branch", "zz")
    assert done.code == 0, done.err
    record = project.latest().record()
    assert record["parameters"] == {"branch": "zz", "production": True}
    assert "test.zz" not in str(project.artifacts(project.latest(), "end")["project"])


def test_the_branch_of_a_flow_without_a_project_is_refused_as_before(project: Project) -> None:
    project.write("flow.py", f"{HEAD}\n@remove\nclass Given(Steps):\n    pass\n{MAIN}")
    for words in WAYS:
        done = project.python(*words, "--branch", "zz")
        assert done.code == 2
        assert "--branch is for flows with @project, and Given has none" in done.err


def test_another_class_may_be_named_where_a_mutator_removes_the_parameter_of_that_name(project: Project) -> None:
    flows = '@remove\nclass Given(Steps):\n    flow = Parameter("flow", default="p")\n\nclass Other(Steps):\n    pass\n'
    project.write("flow.py", HEAD + flows + MAIN)
    done = project.flowc("run", "flow.py", "--flow", "Other")
    assert done.code == 0, done.err
    assert project.store.flows() == ["Other"]


def test_a_parameter_that_its_own_value_takes_away(project: Project) -> None:
    """A command is refused if an option's value decides whether the flow has a parameter with the option's name."""
    project.write(
        "flow.py",
        f"""{HEAD}
class sometimes(FlowMutator):
    def pre_mutate(self, mutable_flow):
        if dict(mutable_flow.configs)["mode"].value == "on":
            mutable_flow.add_parameter("given", Parameter("config-value", default="d"))

@sometimes
class Given(Steps):
    mode = Config("mode", default_value={{"value": "off"}})
{MAIN}""",
    )
    for words in WAYS:
        done = project.python(*words, "--config-value", "mode", '{"value": "on"}')
        assert done.code == 1
        assert "error: the value of --config-value decides whether the flow has a parameter of this name" in done.err
        assert "hint: write flowc's options before" in done.err


def test_options_of_one_dash_are_flowc_s(project: Project) -> None:
    project.write("flow.py", HEAD + '\nclass Given(Steps):\n    o = Parameter("o", default="p")\n' + MAIN)
    first = project.run("flow.py", "--o", "one")
    assert first.record()["parameters"] == {"o": "one"}
    for words in (("-m", "flowc", "resume", "flow.py"), ("flow.py", "resume")):
        done = project.python(*words, "-o", "m.yaml", "--o", "two", "--origin-run-id", first.id)
        assert done.code == 2
        assert "--output needs --target argo, whose manifests it writes" in done.err
        shown = project.python(*words, "--help").out
        assert "-o, --output FILE" in shown


HELP = '\n@project(name="x")\nclass Given(Steps):\n    """About it."""\n\n    help = Parameter("help", default="p")\n'


@pytest.mark.parametrize("command", ["run", "resume", "spin"])
def test_the_help_of_a_command_whose_flow_has_a_parameter_of_that_name(project: Project, command: str) -> None:
    project.write("flow.py", HEAD + HELP + MAIN)
    for words in (("--help", command), ("--quiet", "--help", "--tag", "t", command)):
        shown = project.python("flow.py", *words)
        assert shown.code == 0, shown.err
        assert shown.out.startswith(f"Usage: python flow.py {command} [OPTIONS]")
        assert "--help TEXT" in shown.out
        assert f"--help (before {command})" in shown.out
    behind = project.python("flow.py", command, "--help")
    assert behind.code == 2
    assert f"Error: Option '--help' is a parameter of the flow. Before {command} it shows the help." in behind.err
    assert "FLOW" not in behind.err
    shown = project.flowc(command, "--help", "flow.py")
    assert "--help (before FLOW)" in shown.out
    assert "Before FLOW it shows the help." in project.flowc(command, "flow.py", "--help").err


def test_help_before_other_commands_is_that_of_the_file(project: Project) -> None:
    project.write("flow.py", HEAD + HELP + MAIN)
    for words in (("--help",), ("--help", "check")):
        shown = project.python("flow.py", *words)
        assert shown.code == 0, shown.err
        assert shown.out.startswith("Usage: python flow.py [OPTIONS] [COMMAND]")
    done = project.python("flow.py", "--tag", "--help", "run")  # `--help` is the value of `--tag`
    assert done.code == 0, done.err
    assert project.latest().user_tags() == {"--help"}


def test_the_usage_names_a_flow_only_where_one_is_named(project: Project) -> None:
    project.write("flow.py", f"{HEAD}\nclass Given(Steps):\n    pass\n{MAIN}")
    for command, behind in (("run", ""), ("resume", " [STEP]"), ("spin", " [RUN/]STEP[/TASK]")):
        wrong = project.python("flow.py", command, "--branch", "zz")
        assert f"Usage: python flow.py {command} [OPTIONS]{behind}\n" in wrong.err
    assert "Usage: flowc run [OPTIONS] FLOW\n" in project.flowc("run", "flow.py", "--branch", "zz").err
