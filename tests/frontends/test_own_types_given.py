"""Parameters of the author's own types with values that are not strings, from all sources of values."""

from __future__ import annotations

import json
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from flowc.frontends.metaflow.flowspec import load
from flowc.frontends.metaflow.resolve_defaults import DefaultError, resolve_defaults
from flowc.targets.argo.cluster.submission import Accepted, arguments_of
from flowc.testing import run_step
from flowc_runtime.pod import arguments
from flowc_runtime.store.values.parameters import ParameterError, check_parameter, from_text

if TYPE_CHECKING:
    from pathlib import Path

    from project import Project

FLOW = """
    import enum
    from datetime import date
    from decimal import Decimal
    from metaflow import FlowSpec, Parameter, step

    class Size(enum.Enum):
        SMALL = 1

    class Version(str):
        pass

    def number(text):
        return int(text.strip())

    class Own(FlowSpec):
        amount = Parameter("amount", type=Decimal, default=2.5)
        day = Parameter("day", type=date.fromisoformat, default=date(2024, 1, 2))
        days = Parameter("days", type=date.fromisoformat, multiple=True)
        size = Parameter("size", type=Size)
        counts = Parameter("counts", type=lambda x: int(x), multiple=True, default=[1, 2])
        strict = Parameter("strict", type=number, default=7)
        version = Parameter("version", type=Version, default="1")

        @step
        def start(self):
            self.kept = [self.amount, self.day, self.days, self.size, self.counts, self.strict, self.version]
            print("seen", self.kept[:3] + self.kept[4:])
            if self.version == "fails":
                raise SystemExit("as asked")
            self.next(self.end)

        @step
        def end(self):
            pass

    if __name__ == "__main__":
        Own()
    """
DEFAULTS = "[Decimal('2.5'), datetime.date(2024, 1, 2), (), (1, 2), 7, '1']"
GIVEN = "[Decimal('3.5'), datetime.date(2024, 5, 6), (datetime.date(2024, 7, 8),), (3, 4), 8, '1']"
FILES = {
    "given.toml": 'amount = 3.5\nday = 2024-05-06\ndays = [2024-07-08]\ncounts = [3, "4"]\nstrict = 8\nsize = 1\n',
    "given.yaml": 'amount: 3.5\nday: 2024-05-06\ndays: [2024-07-08]\ncounts: [3, "4"]\nstrict: 8\nsize: 1\n',
    "given.json": '{"amount": 3.5, "day": "2024-05-06", "days": ["2024-07-08"], "counts": [3, "4"], "strict": "8"}',
}


@pytest.mark.parametrize("name", FILES)
def test_a_file_of_parameters(project: Project, name: str) -> None:
    project.write("own.py", FLOW)
    project.write(name, FILES[name])
    done = project.python("own.py", "run", "--params-file", name)
    assert done.code == 0, done.err
    assert f"seen {GIVEN}" in done.out
    assert project.latest().record()["parameters"]["day"] == "2024-05-06"


def test_defaults(project: Project) -> None:
    project.write("own.py", FLOW)
    done = project.python("own.py", "run")
    assert done.code == 0, done.err
    assert f"seen {DEFAULTS}" in done.out


@pytest.mark.parametrize(
    ("name", "text", "error"),
    [
        ("g.yaml", "day: 12", "12 is not accepted by fromisoformat: fromisoformat: argument must be str; YAML reads 12 as a "
                              'number: write "12" for the string (g.yaml, line 1)'),
        ("g.yaml", "amount: 1\ndays: [x]", "'x' is not accepted by fromisoformat: Invalid isoformat string: 'x' "
                                           "(g.yaml, line 2)"),
        ("g.yaml", "version: 1.10", 'g.yaml, line 1: 1.10 is the number 1.1 in YAML: write that, or "1.10" for the string'),
        ("g.yaml", "version: no", 'g.yaml, line 1: no is false in YAML: write that, or "no" for the string'),
        ("g.json", '{"days": "2024-05-06"}', "'2024-05-06' is not a list (g.json)"),
        ("g.toml", "size = 2", "2 is not accepted by Size: 2 is not a valid Size (g.toml)"),
    ],
)  # fmt: skip
def test_what_a_file_gives_wrongly_has_its_place(project: Project, name: str, text: str, error: str) -> None:
    project.write("own.py", FLOW)
    project.write(name, text)
    done = project.python("own.py", "run", "--params-file", name)
    assert done.code == 2
    assert error in done.err
    assert "Traceback" not in done.err


def test_a_function_s_default(project: Project, fresh_imports: None) -> None:
    computed = FLOW.replace("default=2.5", "default=lambda: 2.5").replace(
        "default=date(2024, 1, 2)", "default=lambda context: date(2024, 1, 2)"
    )
    loaded = load(project.write("own.py", computed.replace("default=[1, 2]", "default=lambda: (1, 2)")))
    assert loaded.flow is not None, loaded.diagnostics
    assert loaded.cls is not None
    found = {each.name: each.default for each in resolve_defaults(loaded.flow, loaded.cls).parameters}
    assert (found["amount"], found["day"], found["counts"]) == ("2.5", '"2024-01-02"', "[1,2]")


def test_a_function_s_default_that_no_record_can_hold(project: Project, fresh_imports: None) -> None:
    loaded = load(project.write("own.py", FLOW.replace("type=number, default=7", "type=set, default=lambda: {1}")))
    assert loaded.flow is not None, loaded.diagnostics
    assert loaded.cls is not None
    with pytest.raises(DefaultError) as raised:
        resolve_defaults(loaded.flow, loaded.cls)
    (fault,) = raised.value.diagnostics
    assert fault.message.endswith("has a wrong type: the parameter converts no JSON value to {1}")
    assert fault.hint == "let the function return a string that the type accepts"


def test_a_unit_test(project: Project, fresh_imports: None) -> None:
    cls: Any = load(project.write("own.py", FLOW)).cls
    done = run_step(cls, "start", parameters={"amount": 3.5, "day": date(2024, 5, 6), "counts": [3, 4], "size": 1})
    assert done.artifacts["kept"][:2] == [Decimal("3.5"), date(2024, 5, 6)]
    assert done.artifacts["kept"][3].name == "SMALL"
    assert done.artifacts["kept"][4] == (3, 4)
    with pytest.raises(ParameterError, match="is not accepted by Decimal"):
        run_step(cls, "start", parameters={"amount": object()})


def test_a_resumed_run_and_a_spun_step_keep_them(project: Project) -> None:
    project.write("own.py", FLOW)
    project.write("given.toml", FILES["given.toml"] + 'version = "fails"\n')
    assert project.python("own.py", "run", "--params-file", "given.toml").code == 1
    project.write("own.py", FLOW.replace('== "fails"', '== "other"'))
    done = project.python("own.py", "resume")
    assert done.code == 0, done.err
    assert f"seen {GIVEN.replace(repr('1'), repr('fails'))}" in done.out
    project.write("instead.py", """
        from datetime import date
        from decimal import Decimal
        ARTIFACTS = {"amount": Decimal("4.50"), "day": date(2025, 1, 1), "counts": [9]}
        """)  # fmt: skip
    done = project.python("own.py", "spin", "start", "--artifacts-module", "instead.py")
    assert done.code == 0, done.err
    assert "[Decimal('4.50'), datetime.date(2025, 1, 1), (datetime.date(2024, 7, 8),), (9,), 8, 'fails']" in done.out


def test_numbers_for_texts_that_an_earlier_run_had_as_its_default(project: Project) -> None:
    flow = """
        from metaflow import FlowSpec, Parameter, step

        class Own(FlowSpec):
            names = Parameter("names", type=str, multiple=True, default=[1, 2])

            @step
            def start(self):
                assert len(self.names) == 1, self.names
                self.next(self.end)

            @step
            def end(self):
                pass

        if __name__ == "__main__":
            Own()
        """
    project.write("own.py", flow)
    assert project.python("own.py", "run").code == 1
    project.write("own.py", flow.replace("[1, 2]", "[3]").replace("== 1", "== 2"))
    done = project.python("own.py", "resume")
    assert done.code == 0, done.err
    assert project.latest().record()["parameters"]["names"] == [1, 2]


def test_a_runner(project: Project) -> None:
    project.write("own.py", FLOW)
    project.write(
        "drive.py",
        """
        from datetime import date
        from decimal import Decimal
        from metaflow import Runner

        given = {"amount": Decimal("3.5"), "day": date(2024, 5, 6), "days": [date(2024, 7, 8)], "counts": [3, 4],
                 "strict": 8}
        with Runner("own.py", show_output=False).run(**given) as running:
            assert running.status == "successful", running.stderr
            print(running.stdout)
        """,
    )
    done = project.python("drive.py")
    assert done.code == 0, done.err
    assert f"seen {GIVEN}" in done.out


def test_a_cluster(project: Project, fresh_imports: None) -> None:
    """Values in a file for a deployed flow are sent to pods as JSON, because the flow's class is unknown here."""
    from flowc.cli.options.params_files import read_params_files

    loaded = load(project.write("own.py", FLOW))
    assert loaded.flow is not None, loaded.diagnostics
    parameters = {each.name: each for each in loaded.flow.parameters}
    file = project.write("given.toml", FILES["given.toml"])
    in_files = read_params_files(loaded.flow, [str(file)])
    known = [Accepted(name, name, each, required=False) for name, each in parameters.items()]
    passed = {each["name"]: each["value"] for each in arguments_of(known, [], _no_file, in_files)}
    found = {name: arguments.decode_parameter(parameters[name], text) for name, text in passed.items()}
    assert found == {
        "amount": 3.5, "day": "2024-05-06", "days": ["2024-07-08"], "counts": [3, "4"], "strict": 8, "size": 1,
    }  # fmt: skip
    for each in loaded.flow.parameters:  # defaults survive the same encoding and decoding as values of the file
        if each.default is not None:
            text = arguments.encode_parameter(each, from_text(each.default))
            assert arguments.decode_parameter(each, text) == from_text(each.default)


def test_what_no_record_can_hold(project: Project, fresh_imports: None, tmp_path: Path) -> None:
    loaded = load(project.write("own.py", FLOW))
    assert loaded.flow is not None, loaded.diagnostics
    (amount,) = (each for each in loaded.flow.parameters if each.name == "amount")
    assert check_parameter(amount, {"a": [1, None]}) == {"a": [1, None]}
    for value in ({1}, {1: 2}, object()):
        with pytest.raises(ParameterError, match="is not JSON"):
            check_parameter(amount, value)


def _no_file(path: str) -> dict[str, Any]:
    raise AssertionError(json.dumps(path))
