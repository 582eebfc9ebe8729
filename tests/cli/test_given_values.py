"""Parameter values in forms that users expect: null in a file, names of Enum members, environment variables."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from project import Project

FLOW = """
    import enum

    from metaflow import FlowSpec, JSONType, Parameter, step

    class Size(enum.Enum):
        SMALL = 1
        BIG = 2

    class Color(enum.Enum):
        RED = "red"
        BLUE = "RED"

    class Given(FlowSpec):
        lr = Parameter("learning-rate", default=0.1)
        depth = Parameter("depth", type=int)
        options = Parameter("options", type=JSONType, default={"a": 1})
        size = Parameter("size", type=Size, default=Size.SMALL)
        sizes = Parameter("sizes", type=Size, multiple=True)
        color = Parameter("color", default=Color.RED)

        @step
        def start(self):
            self.seen = [self.lr, self.depth, self.options]
            self.members = [self.size.name, [one.name for one in self.sizes or ()], self.color.name]
            self.next(self.end)

        @step
        def end(self):
            pass
    """


@pytest.fixture
def flow(project: Project) -> Project:
    project.write("flow.py", FLOW)
    return project


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("run.json", '{"learning-rate": null, "depth": null, "options": null, "size": null, "color": null}'),
        ("run.yaml", "learning-rate: null\ndepth: ~\noptions: null\nsize:\ncolor: null\n"),
    ],
)
def test_null_is_a_value_of_json_only(flow: Project, name: str, text: str) -> None:
    flow.write(name, text)
    run = flow.run("flow.py", "--params-file", name)
    assert flow.artifacts(run, "end")["seen"] == [0.1, None, None]
    assert flow.artifacts(run, "end")["members"] == ["SMALL", [], "RED"]
    flow.write("first.json", '{"learning-rate": 0.5, "depth": 3}')
    run = flow.run("flow.py", "--params-file", "first.json", "--params-file", name)
    assert flow.artifacts(run, "end")["seen"][:2] == [0.5, 3]


def test_null_is_no_value_of_a_required_parameter(flow: Project) -> None:
    flow.write("flow.py", FLOW.replace('"depth", type=int', '"depth", type=int, required=True'))
    flow.write("run.json", '{"depth": null}')
    done = flow.flowc("run", "flow.py", "--params-file", "run.json")
    assert (done.code, "Missing option '--depth'" in done.err) == (2, True), done.err


def test_members_of_an_enum_by_value_or_name(flow: Project) -> None:
    for size, sizes, color in (("2", ("1", "BIG"), "red"), ("BIG", ("SMALL", "2"), "red")):
        given = [word for one in sizes for word in ("--sizes", one)]
        run = flow.run("flow.py", "--size", size, *given, "--color", color)
        assert flow.artifacts(run, "end")["members"] == ["BIG", ["SMALL", "BIG"], "RED"]
    run = flow.run("flow.py", "--color", "RED")  # a member's value takes precedence over a member's name
    assert flow.artifacts(run, "end")["members"] == ["SMALL", [], "BLUE"]
    flow.write("run.json", '{"size": 2, "sizes": ["BIG", 1], "color": "BLUE"}')
    run = flow.run("flow.py", "--params-file", "run.json")
    assert flow.artifacts(run, "end")["members"] == ["BIG", ["BIG", "SMALL"], "BLUE"]
    assert flow.flowc("resume", "flow.py").code == 0
    assert flow.artifacts(flow.latest(), "end")["members"] == ["BIG", ["BIG", "SMALL"], "BLUE"]


def test_what_an_enum_has_not(flow: Project) -> None:
    for option, value, known in (("--size", "3", "SMALL, BIG"), ("--color", "green", "red, RED")):
        done = flow.flowc("run", "flow.py", option, value)
        assert (done.code, f"'{value}' is not accepted by {option[2:].title()}: " in done.err) == (2, True), done.err
        assert f"has {known}\n" in done.err


def test_a_generic_type_is_called_as_under_metaflow(flow: Project) -> None:
    """`check` warns about a type such as `list[int]` (tests/errors/parameter-type.txt), but the flow can run."""
    flow.write("flow.py", FLOW.replace('"depth", type=int', '"depth", type=list[int]'))
    assert "warning[parameter-type]" in flow.flowc("check", "flow.py").err
    assert flow.artifacts(flow.run("flow.py"), "end")["seen"][1] is None
    assert flow.artifacts(flow.run("flow.py", "--depth", "12"), "end")["seen"][1] == ["1", "2"]
    flow.write("flow.py", FLOW.replace('"depth", type=int', '"depth", type=int | None'))
    assert flow.artifacts(flow.run("flow.py"), "end")["seen"][1] is None
    done = flow.flowc("run", "flow.py", "--depth", "12")
    assert (done.code, "int | None cannot be called" in done.err) == (2, True)


@pytest.mark.parametrize(
    ("name", "parameter", "right"),
    [
        ("METAFLOW_RUN_LR", "learning-rate", "METAFLOW_RUN_LEARNING_RATE"),
        ("METAFLOW_RUN_lr", "learning-rate", "METAFLOW_RUN_LEARNING_RATE"),
        ("METAFLOW_RUN_learning_rate", "learning-rate", "METAFLOW_RUN_LEARNING_RATE"),
        ("METAFLOW_RUN_LEARNING-RATE", "learning-rate", "METAFLOW_RUN_LEARNING_RATE"),
        ("METAFLOW_RUN_LEARNIG_RATE", "learning-rate", "METAFLOW_RUN_LEARNING_RATE"),
        ("METAFLOW_RUN_COLOUR", "color", "METAFLOW_RUN_COLOR"),
    ],
)
def test_a_variable_that_is_spelt_otherwise(flow: Project, name: str, parameter: str, right: str) -> None:
    done = flow.flowc("run", "flow.py", **{name: "0.7"})
    assert done.code == 0
    assert f"warning: {name} is not read: the variable of parameter '{parameter}' is {right}\n" in done.err


def test_variables_that_are_read_or_mean_something_else(flow: Project) -> None:
    done = flow.flowc(
        "run", "flow.py", METAFLOW_RUN_LEARNING_RATE="0.7", METAFLOW_RUN_MAX_WORKERS="2", METAFLOW_RUN_TAGS="a",
        METAFLOW_RUN_SOMETHING_ELSE="x", METAFLOW_RUN_PARAMS_FILES="", METAFLOW_RUNTIME="y",
    )  # fmt: skip
    assert (done.code, "warning" in done.err) == (0, False), done.err
    assert flow.artifacts(flow.latest(), "end")["seen"][0] == 0.7
