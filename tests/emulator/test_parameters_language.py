"""Parameters of every kind: values from the command line, files and the environment, and what steps see.

Each test runs a program and checks its results.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from project import Project

FLOW = """
import click
from metaflow import FlowSpec, JSONType, Parameter, step

class ParamsFlow(FlowSpec):
{parameters}

    @step
    def start(self):
        self.seen = {{name: getattr(self, name) for name in {names}}}
        self.next(self.end)

    @step
    def end(self):
        assert all(getattr(self, name) == value for name, value in self.seen.items())

if __name__ == "__main__":
    ParamsFlow()
"""


def write(project: Project, *parameters: str) -> None:
    """Write a flow with these parameters, whose start step stores their values."""
    names = [line.partition(" ")[0] for line in parameters]
    body = "\n".join(f"    {line}" for line in parameters)
    project.write("flow.py", FLOW.format(parameters=body, names=names))


def seen(project: Project, *arguments: str, **environment: str) -> dict[str, Any]:
    """Run the flow; return the parameters' values in the start step."""
    found: dict[str, Any] = project.artifacts(project.run("flow.py", *arguments, **environment), "start")["seen"]
    return found


def refused(project: Project, *arguments: str, **environment: str) -> str:
    """Return the error of a run with an invalid command line; assert that the exit code is 2 and no run has started."""
    done = project.flowc("run", "flow.py", *arguments, **environment)
    assert done.code == 2
    assert not project.store.flows()
    return done.err


def test_several_values_a_text_that_is_split_and_choices(project: Project) -> None:
    write(
        project,
        'depths = Parameter("depths", type=int, multiple=True, default=[1, 2])',
        'names = Parameter("names", multiple=True)',
        'models = Parameter("models", type=JSONType, multiple=True)',
        'columns = Parameter("columns", separator=",", default="a,b")',
        'rows = Parameter("rows", separator=",")',
        'mode = Parameter("mode", type=click.Choice(["fast", "slow"]), default="fast")',
        'size = Parameter("size", choices=["s", "m"], default="s")',
        'level = Parameter("level", type=click.IntRange(1, 5), default=2)',
        'share = Parameter("share", type=click.FloatRange(0, 1), default=0.5)',
        'dry = Parameter("dry", is_flag=True)',
    )
    assert seen(project) == {
        "depths": (1, 2), "names": (), "models": (), "columns": ["a", "b"], "rows": None, "mode": "fast", "size": "s",
        "level": 2, "share": 0.5, "dry": False,
    }  # fmt: skip
    given = seen(
        project, "--depths", "5", "--depths", "6", "--names", "x", "--models", "1", "--models", '{"a": [2]}',
        "--columns", "c,d,e", "--rows", "only", "--mode", "slow", "--size", "m", "--level", "5", "--share", "1", "--dry",
    )  # fmt: skip
    assert given == {
        "depths": (5, 6), "names": ("x",), "models": (1, {"a": [2]}), "columns": ["c", "d", "e"], "rows": ["only"],
        "mode": "slow", "size": "m", "level": 5, "share": 1.0, "dry": True,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--mode", "x"], "Invalid value for '--mode': 'x' is not one of fast, slow"),
        (["--level", "6"], "Invalid value for '--level': 6 is more than 5"),
        (["--level", "0"], "Invalid value for '--level': 0 is less than 1"),
        (["--n", "1.5"], "Invalid value for '--n': '1.5' is not an int"),
        (["--depths", "1", "--depths", "b"], "Invalid value for '--depths': 'b' is not an int"),
        (["--columns", "a,z"], "Invalid value for '--columns': 'z' is not one of a, b"),
        (["--nn", "1"], "No such option"),
    ],
)
def test_a_wrong_value_is_a_mistake_on_the_command_line(project: Project, arguments: list[str], message: str) -> None:
    write(
        project,
        'mode = Parameter("mode", type=click.Choice(["fast", "slow"]), default="fast")',
        'level = Parameter("level", type=click.IntRange(1, 5), default=2)',
        'n = Parameter("n", default=1)',
        'depths = Parameter("depths", type=int, multiple=True)',
        'columns = Parameter("columns", separator=",", choices=["a", "b"], default="a")',
    )
    assert message in refused(project, *arguments)


def test_a_required_parameter(project: Project) -> None:
    write(project, 'n = Parameter("n", type=int, required=True)')
    assert "Missing option '--n'" in refused(project)
    project.write("run.json", '{"n": 3}')
    assert seen(project, "--params-file", "run.json") == {"n": 3}
    assert seen(project, METAFLOW_RUN_N="4") == {"n": 4}


def test_precedence(project: Project) -> None:
    """The order of precedence: the command line, files (the last one first), the environment, the default."""
    write(project, *(f'{name} = Parameter("{name}", default="default")' for name in "abcde"))
    project.write("one.json", '{"a": "one", "b": "one", "c": "one"}')
    project.write("two.toml", 'a = "two"\nb = "two"\n')
    environment = {f"METAFLOW_RUN_{name}": "environment" for name in "ABCD"}
    files = ["--params-file", "one.json", "--params-file", "two.toml"]
    assert seen(project, "--a", "line", *files, **environment) == {
        "a": "line", "b": "two", "c": "one", "d": "environment", "e": "default",
    }  # fmt: skip


def test_files_of_parameters(project: Project) -> None:
    write(
        project,
        'rate = Parameter("learning-rate", default=0.1)',
        'model = Parameter("model", type=JSONType, default="{}")',
        'depths = Parameter("depths", type=int, multiple=True)',
        'columns = Parameter("columns", separator=",", default="a")',
        'n = Parameter("n", default=1)',
        'note = Parameter("note")',
    )
    expected = {
        "rate": 1.0, "model": {"depth": [1, 2]}, "depths": (3, 4), "columns": ["x", "y"], "n": 5, "note": None,
    }  # fmt: skip
    values = {"learning-rate": 1, "model": {"depth": [1, 2]}, "depths": [3, 4], "columns": ["x", "y"], "n": "5"}
    project.write("run.json", json.dumps(values | {"note": None}))
    project.write(
        "run.yaml",
        """
        learning-rate: 1
        model: {depth: [1, 2]}
        depths: [3, 4]
        columns: x,y
        n: "5"
        """,
    )
    project.write(
        "run.toml",
        """
        learning-rate = 1
        depths = [3, 4]
        columns = ["x", "y"]
        n = 5
        [model]
        depth = [1, 2]
        """,
    )
    for file in ("run.json", "run.yaml", "run.toml"):
        assert seen(project, "--params-file", file) == expected


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("run.json", '{"rat": 1}', "flow 'ParamsFlow' has no parameter 'rat'; did you mean 'rate'?"),
        ("run.json", '{"rate": "fast"}', "Invalid value for '--rate': 'fast' is not a float"),
        ("run.json", "[1]", "a mapping of parameters to values is needed, not list"),
        ("run.json", "{", "cannot read run.json"),
        ("run.yaml", "a: [", "cannot read run.yaml"),
        ("run.toml", "a = ", "cannot read run.toml"),
        ("run.ini", "", "a file of parameters ends with .yaml, .yml, .json or .toml"),
    ],
)
def test_a_wrong_file_is_refused(project: Project, name: str, text: str, message: str) -> None:
    write(project, 'rate = Parameter("rate", default=0.1)')
    project.write(name, text)
    assert message in refused(project, "--params-file", name)


YAML_PARAMETERS = (
    'version = Parameter("version", default="1")',
    'names = Parameter("names", type=str, multiple=True)',
    'mode = Parameter("mode", type=int, default=1)',
    'rate = Parameter("rate", default=0.1)',
    'dry = Parameter("dry", default=False)',
    'model = Parameter("model", type=JSONType, default="{}")',
)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        # values that are strings only if they are quoted in YAML
        (
            "version: 1.10",
            '1.1 is not a string; YAML reads 1.10 as a number: write "1.10" for the string (run.yaml, line 1)',
        ),
        ("# two\n\nversion: no", 'YAML reads no as true or false: write "no" for the string (run.yaml, line 3)'),
        ("version: 2026-11-29", 'YAML reads 2026-11-29 as a date: write "2026-11-29" for the string'),
        ("version: 007", 'YAML reads 007 as a number: write "007" for the string'),
        ("names: [a, 'no', on]", 'YAML reads on as true or false: write "on" for the string'),
        ("model: {day: 2026-11-29}", 'YAML reads 2026-11-29 as a date: write "2026-11-29" for the string'),
        # values that YAML reads as a number that differs from the text
        (
            "mode: 0755",
            'run.yaml, line 1: 0755 is an octal number in YAML and means 493: write 755 or 493 for a number, "0755" for the string',
        ),
        ("model: {mode: [1, 0755]}", "0755 is an octal number in YAML and means 493: write 755"),
        ("mode: 12:30:00", 'line 1: 12:30:00 is a base-60 number in YAML: write "12:30:00" for the string'),
        ("rate: 1:30.5", "1:30.5 is a base-60 number"),
        ("mode: 0o755", "'0o755' is not an int"),
        ("model: {mode: 0o755}", "0o755 is a string in YAML 1.1, and a number in 1.2"),
        (
            "model:\n  mode: 089",
            'line 2: 089 is a string in YAML 1.1, and a number in 1.2: write "089" for the string, or 89',
        ),
        (
            "model: {rate: 1e-3}",
            '1e-3 is a string in YAML 1.1, and a number in 1.2: write "1e-3" for the string, or 0.001',
        ),
        ("model: [1.5e3]", "or 1500.0"),
        ("model: {country: no}", 'no is false in YAML: write that, or "no" for the string'),
        # keys
        ("rate: 1\nmode: 2\nrate: 3", "line 3: the key 'rate' is in line 1 too: keep one of them"),
        ("model: {a: 1, b: {c: 2, c: 3}}", "line 1: the key 'c' is in line 1 too"),
        ("model: [{a: 1}, {b: 1,\n b: 1}]", "line 2: the key 'b' is in line 1 too"),
        ("no: 1", 'line 1: the key no is true or false in YAML: write "no"'),
        ("model: {1: a}", 'line 1: the key 1 is a number in YAML: write "1"'),
        ("? [a]\n: 1", "line 1: a key is not a string"),
        ("model: &a {b: *a}", "is not JSON"),
        ("a: 1\n---\nb: 2", "cannot read run.yaml"),
        ("- a", "a mapping of parameters to values is needed, not list"),
    ],
)
def test_yaml_that_means_something_else_than_it_seems_is_refused(project: Project, text: str, message: str) -> None:
    write(project, *YAML_PARAMETERS)
    project.write("run.yaml", text)
    assert message in " ".join(refused(project, "--params-file", "run.yaml").split())


def test_yaml_that_means_what_it_seems_is_read(project: Project) -> None:
    write(project, *YAML_PARAMETERS)
    project.write(
        "run.yaml",
        """
        version: "1.10"
        names: ["no", a b, 'on']
        mode: 1_000
        rate: 1e-3
        dry: yes
        model:
          first: &first {a: 1, deep: [true, 0.5, -3, 0, 00, 1.0e-3, 0x1F, "0755", "12:30", 12:x, 0o_, "no", ~]}
          second: {<<: *first, a: 2}
        """,
    )
    deep = [True, 0.5, -3, 0, 0, 0.001, 31, "0755", "12:30", "12:x", "0o_", "no", None]
    assert seen(project, "--params-file", "run.yaml") == {
        "version": "1.10", "names": ("no", "a b", "on"), "mode": 1000, "rate": 0.001, "dry": True,
        "model": {"first": {"a": 1, "deep": deep}, "second": {"a": 2, "deep": deep}},
    }  # fmt: skip


@pytest.mark.parametrize("text", ["", "# nothing\n", "---\n"])
def test_yaml_without_anything_gives_nothing(project: Project, text: str) -> None:
    write(project, 'rate = Parameter("rate", default=0.1)')
    project.write("run.yaml", text)
    assert seen(project, "--params-file", "run.yaml") == {"rate": 0.1}


def test_a_key_that_is_doubled_in_json_is_refused(project: Project) -> None:
    write(project, *YAML_PARAMETERS)
    project.write("run.json", '{"model": {"a": 1, "b": 2, "a": 3}}')
    assert "cannot read run.json: the key 'a' occurs twice" in refused(project, "--params-file", "run.json")


def test_a_missing_file_is_refused(project: Project) -> None:
    write(project, 'rate = Parameter("rate", default=0.1)')
    assert "cannot read no.json: No such file or directory" in refused(project, "--params-file", "no.json")


def test_the_environment(project: Project) -> None:
    """Variables have names in capitals with `_` for `-`; blanks separate multiple values; empty text is a value."""
    write(
        project,
        'rate = Parameter("learning-rate", default=0.1)',
        'depths = Parameter("depths", type=int, multiple=True)',
        'dry = Parameter("dry", is_flag=True)',
        'note = Parameter("note", default="some")',
    )
    found = seen(
        project,
        METAFLOW_RUN_LEARNING_RATE="0.5",
        METAFLOW_RUN_DEPTHS="7 8",
        METAFLOW_RUN_DRY="yes",
        METAFLOW_RUN_NOTE="",
    )
    assert found == {"rate": 0.5, "depths": (7, 8), "dry": True, "note": ""}
    assert "'x' is not a float" in project.flowc("run", "flow.py", METAFLOW_RUN_LEARNING_RATE="x").err


def test_a_default_function_is_called_once_a_run_with_a_context(project: Project) -> None:
    project.write(
        "flow.py",
        """
        from metaflow import Config, FlowSpec, Parameter, step

        def compute(context):
            context.logger("computing")
            with open("calls", "a") as file:
                print(*context[:3], context.ds_type, context.configs.settings.k, file=file)
            return context.configs["settings"]["k"]

        class DefaultFlow(FlowSpec):
            settings = Config("settings", default_value={"k": 3})
            k = Parameter("k", type=int, default=compute)

            @step
            def start(self):
                self.items = [1, 2]
                self.next(self.work, foreach="items")

            @step
            def work(self):
                self.seen = self.k
                self.next(self.join)

            @step
            def join(self, inputs):
                self.all = [i.seen for i in inputs] + [i.k for i in inputs]
                self.next(self.end)

            @step
            def end(self):
                pass
        """,
    )
    done = project.flowc("run", "flow.py", METAFLOW_USER="ada")
    assert done.code == 0, done.err
    assert "computing" in done.err
    assert project.artifacts(project.latest(), "join")["all"] == [3, 3, 3, 3]
    assert (project.root / "calls").read_text() == "DefaultFlow ada k local 3\n"
    project.run("flow.py", "--k", "4")
    assert (project.root / "calls").read_text().count("\n") == 1


def test_a_parameter_is_read_only_and_says_so(project: Project) -> None:
    project.write(
        "flow.py",
        """
        from metaflow import FlowSpec, Parameter, step

        class ReadOnlyFlow(FlowSpec):
            n = Parameter("n", default=1)
            constant = 5

            @step
            def start(self):
                self.said = []
                for name in ("n", "constant"):
                    try:
                        setattr(self, name, 2)
                    except AttributeError as error:
                        self.said.append(str(error))
                try:
                    self.n = 3
                except AttributeError:
                    self.said.append("again")
                self.next(self.end)

            @step
            def end(self):
                assert (self.n, self.constant) == (1, 5)
        """,
    )
    said = project.artifacts(project.run("flow.py"), "start")["said"]
    assert len(said) == 3
    assert said[0] == "parameter 'n' cannot be assigned to: give an artifact another name"


def test_a_parameter_outside_of_a_run_says_that_it_has_no_value(project: Project) -> None:
    write(project, 'n = Parameter("n", default=1)')
    done = project.python("-c", "from flow import ParamsFlow; ParamsFlow(use_cli=False).n")
    assert "AttributeError: parameter 'n' has no value yet: parameters are read in a step of a run" in done.err


def test_help_shows_parameters_as_they_are_given(project: Project) -> None:
    write(
        project,
        'who = Parameter("who", default="Ada", help="Who.")',
        'columns = Parameter("columns", separator=",", default="a,b")',
        'depths = Parameter("depths", multiple=True, default=[1, 2])',
        'mode = Parameter("mode", choices=["fast", "slow"])',
        'secret = Parameter("quiet", default="unseen", show_default=False)',
        'inner = Parameter("inner", default=1, hidden=True)',
        'late = Parameter("late", default=lambda: "x")',
    )
    text = " ".join(project.flowc("run", "flow.py", "--help").out.split())
    assert "--who TEXT Who. [default: Ada]" in text
    assert "--columns TEXT [default: a,b]" in text
    assert "--depths INTEGER [default: 1, 2]" in text
    assert "--mode [fast|slow]" in text
    assert "[default: computed when the run starts]" in text
    assert "--quiet" in text
    assert "unseen" not in text
    assert "--inner" not in text


def test_a_parameter_may_be_called_config(project: Project) -> None:
    """`--config` after the command is the parameter; before the command, it sets a config of the flow."""
    write(project, 'config = Parameter("config", default="x")')
    done = project.python("flow.py", "run", "--config", "given")
    assert done.code == 0, done.err
    assert project.artifacts(project.latest(), "start")["seen"] == {"config": "given"}
