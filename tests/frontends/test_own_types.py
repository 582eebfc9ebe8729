"""Parameters of the author's own types: their recorded values differ from the values in steps."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from flowc.frontends.metaflow.flowspec import load
from flowc.testing import run_step
from flowc_ir import schema
from flowc_ir.text import print_flow
from flowc_runtime.pod import arguments
from flowc_runtime.store.values.parameters import default_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flowc_ir import Flow
    from project import Project

FLOW = """
    import datetime
    import enum
    from pathlib import Path
    from metaflow import FlowSpec, JSONType, Parameter, step

    class Color(enum.Enum):
        RED = "red"

    class Own(FlowSpec):
        path = Parameter("path", type=Path, default="a")
        pathy = Parameter("pathy", default=Path("b"))
        day = Parameter("day", type=datetime.date.fromisoformat)
        color = Parameter("color", type=Color, default=Color.RED)
        some = Parameter("some", default={1, 2})
        dims = Parameter("dims", type=JSONType, default=(1, 2))
        number = Parameter("number", type=str, default=1)
        paths = Parameter("paths", type=Path, multiple=True, default=["x"])

        @step
        def start(self):
            print("seen", [self.path, self.pathy, self.day, self.color, self.some, self.dims, self.number, self.paths])
            self.next(self.end)

        @step
        def end(self):
            self.kept = self.path
            if self.path == Path("fails"):
                raise SystemExit("as asked")

    if __name__ == "__main__":
        Own()
    """
DATES = """def to_date(value):
        return value if isinstance(value, datetime.date) else datetime.date.fromisoformat(value)

    class Color"""
AS_WRITTEN = {
    "path": "a", "pathy": "b", "day": None, "color": "red", "some": None, "dims": None, "number": 1, "paths": ["x"],
}  # fmt: skip


@pytest.fixture
def flow(project: Project, fresh_imports: None) -> Iterator[tuple[Flow, Any]]:
    loaded = load(project.write("own.py", FLOW))
    assert loaded.flow is not None, loaded.diagnostics
    yield loaded.flow, loaded.cls


def test_the_ir_has_values_that_json_holds(flow: tuple[Flow, Any]) -> None:
    assert {parameter.name: default_of(parameter) for parameter in flow[0].parameters} == AS_WRITTEN
    assert [parameter.name for parameter in flow[0].parameters if not parameter.converted] == ["number"]
    assert schema.loads(schema.dumps(flow[0])) == flow[0]
    assert '  parameter path: str converted = "a"\n' in print_flow(flow[0])


def test_they_pass_through_argo(flow: tuple[Flow, Any]) -> None:
    for parameter in flow[0].parameters:
        text = arguments.encode_parameter(parameter, default_of(parameter))
        assert arguments.decode_parameter(parameter, text) == AS_WRITTEN[parameter.name]
    (number,) = (parameter for parameter in flow[0].parameters if parameter.name == "number")
    assert arguments.decode_parameter(number, "2") == "2"
    with pytest.raises(ValueError, match="2 is not of type str"):
        arguments.decode_parameter(number, "json:2")


def test_readers_have_what_steps_have_seen(project: Project) -> None:
    project.write("own.py", FLOW)
    done = project.python("own.py", "run", "--day", "2024-05-06", "--path", "c")
    assert done.code == 0, done.err
    seen = (
        "[PosixPath('c'), PosixPath('b'), datetime.date(2024, 5, 6), <Color.RED: 'red'>, {1, 2}, (1, 2), 1, "
        "(PosixPath('x'),)]"
    )
    assert f"seen {seen}" in done.out
    run = project.latest()
    assert run.record()["parameters"] == {**AS_WRITTEN, "path": "c", "day": "2024-05-06"}
    project.write(
        "reader.py",
        """
        from metaflow import Flow, namespace
        import own
        namespace(None)
        data = Flow("Own").latest_run["end"].task.data
        print([data.path, data.pathy, data.day, data.color, data.some, data.dims, data.number, data.paths])
        """,
    )
    assert project.python("reader.py").out.strip() == seen
    dumped = project.python("own.py", "dump", f"{run.id}/end")
    assert "path [size: " in dumped.out
    assert "] = c\n" in dumped.out


def test_a_resumed_run_has_the_values_of_the_first(project: Project) -> None:
    project.write("own.py", FLOW)
    assert project.python("own.py", "run", "--path", "fails").code == 1
    project.write("own.py", FLOW.replace('Path("fails")', 'Path("other")').replace("default=1)", "default=2)"))
    done = project.python("own.py", "resume")
    assert done.code == 0, done.err
    record = project.latest().record()
    assert record["parameters"]["path"] == "fails"
    assert record["parameters"]["number"] == 1


@pytest.mark.parametrize(
    ("given", "error"),
    [
        (("--day", "someday"), "Error: Invalid value for '--day': 'someday' is not accepted by fromisoformat: "),
        (("--color", "green"), "Error: Invalid value for '--color': 'green' is not accepted by "),
    ],
)
def test_what_the_type_does_not_take(project: Project, given: tuple[str, ...], error: str) -> None:
    project.write("own.py", FLOW)
    done = project.python("own.py", "run", *given)
    assert done.code == 2
    assert error in done.err
    assert project.store.flows() == []


def test_values_of_parameter_files(project: Project) -> None:
    """JSON has no dates, so a date in a TOML file is recorded as its text.

    If a parameter's recorded value is None, steps see the default.
    """
    project.write("own.py", FLOW.replace("datetime.date.fromisoformat", "to_date").replace("class Color", DATES))
    project.write("given.toml", 'day = 2024-05-06\npath = "c"\npaths = ["d"]\n')
    done = project.python("own.py", "run", "--params-file", "given.toml")
    assert done.code == 0, done.err
    assert "seen [PosixPath('c'), PosixPath('b'), datetime.date(2024, 5, 6)," in done.out
    assert project.latest().record()["parameters"]["day"] == "2024-05-06"


def test_a_runner_gives_them_too(project: Project) -> None:
    project.write("own.py", FLOW)
    project.write(
        "drive.py",
        """
        from pathlib import Path
        from metaflow import Runner

        with Runner("own.py", show_output=False).run(path=Path("q"), color="red", paths=[Path("r"), Path("s")]) as ran:
            print(ran.run["end"].task.data.path, ran.run["end"].task.data.paths)
        """,
    )
    done = project.python("drive.py")
    assert done.code == 0, done.err
    assert done.out == "q (PosixPath('r'), PosixPath('s'))\n"


def test_a_default_is_tried_where_it_is_used(project: Project) -> None:
    """A default is not checked when the flow is compiled, since it may be a path that exists only on the cluster."""
    written = FLOW.replace('type=Path, default="a"', 'type=click.Path(exists=True), default="/nowhere/at/all"')
    project.write("own.py", written.replace("import enum", "import enum\n    from metaflow._vendor import click"))
    compiled = project.flowc("compile", "--target", "argo", "own.py", "--image", "i", "--store", "s3://b/p")
    assert compiled.code == 0, compiled.err
    assert project.python("own.py", "run", "--path", "/").code == 0
    done = project.python("own.py", "run")
    assert done.code == 2
    assert "Invalid value for '--path': '/nowhere/at/all' is not accepted" in done.err


def test_a_unit_test_gives_what_steps_see(flow: tuple[Flow, Any]) -> None:
    done = run_step(flow[1], "end", parameters={"path": Path("q"), "color": "red"})
    assert done.artifacts["kept"] == Path("q")


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("type=(str, int)", "a parameter cannot be of type (<class 'str'>, <class 'int'>)"),
        ('type="int"', "a parameter cannot be of type 'int'"),
        ("type=click.Tuple([str, int])", "a parameter cannot be of click's type Tuple"),
        ("type=click.File()", "a parameter cannot be of click's type File"),
        ("type=Path, separator=','", "a separator is for strings only, not for a type of your own"),
        (
            "type=datetime.date.fromisoformat, default=datetime.time(1, 2)",
            "the default of parameter 'path': datetime.time(1, 2) is not accepted by fromisoformat: "
            "fromisoformat: argument must be str",
        ),
        ("type=Path, choices=['a']", "choices must be strings"),
        ("type=bool, default=2", "the default of parameter 'path': 2 is not a bool"),
    ],
)
def test_types_that_there_are_not(project: Project, fresh_imports: None, written: str, message: str) -> None:
    text = FLOW.replace('type=Path, default="a"', written).replace("import enum", "import enum, click")
    assert message in [fault.message for fault in load(project.write("own.py", text)).diagnostics]
