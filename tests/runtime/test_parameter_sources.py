"""The precedence of the sources of parameters, compared with a ten-line reference; errors name the source."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowc_ir import Span
from flowc_ir.model import Parameter
from flowc_runtime.pod import arguments
from flowc_runtime.store.values.parameter_sources import (
    PRECEDENCE,
    EarlierValue,
    FileValue,
    MissingValue,
    OptionTexts,
    ParameterSources,
    VariableText,
    choose,
    resolve,
)
from flowc_runtime.store.values.parameters import ParameterError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from project import Project

NUMBER = Parameter(name="n", type="int", default="0", where=Span("flow.py", 1, 1))
NAMES = ("n", "m", "o")
maps = st.dictionaries(st.sampled_from(NAMES), st.integers())


def reference(name: str, sources: Mapping[str, Mapping[str, int]]) -> tuple[int, str]:
    """Return the value of a parameter and the name of its source."""
    if name in sources["given"]:
        return sources["given"][name], "given"
    if name in sources["files"]:
        return sources["files"][name], "files"
    if name in sources["resumed"]:
        return sources["resumed"][name], "resumed"
    if name in sources["environment"]:
        return sources["environment"][name], "environment"
    return sources["defaults"].get(name, 0), "defaults"


@given(st.fixed_dictionaries(dict.fromkeys(PRECEDENCE, maps)))
def test_the_first_source_counts(values: dict[str, dict[str, int]]) -> None:
    sources = ParameterSources(
        given={name: OptionTexts(["7", str(number)]) for name, number in values["given"].items()},
        files={name: FileValue(number, "run.json") for name, number in values["files"].items()},
        resumed={name: EarlierValue(number) for name, number in values["resumed"].items()},
        environment={name: VariableText(str(number), name) for name, number in values["environment"].items()},
        defaults={name: OptionTexts([str(number)]) for name, number in values["defaults"].items()},
    )
    assert sources.names() == {name for mapping in values.values() for name in mapping}
    for name in NAMES:
        resolved = resolve(replace(NUMBER, name=name), sources)
        assert (resolved.value, resolved.origin) == reference(name, values)


@given(
    st.dictionaries(st.sampled_from(NAMES), st.integers(), min_size=3),
    st.none() | st.sets(st.sampled_from(NAMES)),
    maps,
)
def test_the_first_pod_decides_alike(passed: dict[str, int], named: set[str] | None, before: dict[str, int]) -> None:
    """The first pod uses, in this order: values given to a resumed run, the resumed run's values, Argo's values."""
    text = json.dumps([{"name": name, "value": str(number)} for name, number in passed.items()])
    found = arguments.read(text, [replace(NUMBER, name=name) for name in NAMES], named, before)
    given_values = {name: number for name, number in passed.items() if named is None or name in named}
    sources = {"given": given_values, "files": {}, "resumed": before, "environment": {}, "defaults": passed}
    assert found == {name: reference(name, sources)[0] for name in NAMES}


def test_several_values_of_a_variable() -> None:
    several = replace(NUMBER, multiple=True, default=None)
    sources = ParameterSources(environment={"n": VariableText("1 2", "METAFLOW_RUN_N")})
    assert resolve(several, sources).value == [1, 2]
    assert resolve(several, ParameterSources()).value == []


def test_nothing_is_given() -> None:
    assert choose("n", ParameterSources()) is None
    assert resolve(NUMBER, ParameterSources()).value == 0
    with pytest.raises(MissingValue):
        resolve(replace(NUMBER, default=None, required=True), ParameterSources())


@pytest.mark.parametrize(
    ("sources", "message"),
    [
        (ParameterSources(given={"n": OptionTexts(["x"])}), "'x' is not an int"),
        (
            ParameterSources(environment={"n": VariableText("x", "METAFLOW_RUN_N")}),
            "'x' is not an int (from METAFLOW_RUN_N)",
        ),
        (
            ParameterSources(resumed={"n": EarlierValue("x")}),
            "the value of the earlier run no longer fits: 'x' is not an int. Pass a new value",
        ),
    ],
)
def test_an_error_names_where_the_value_was_given(sources: ParameterSources, message: str) -> None:
    with pytest.raises(ParameterError) as raised:
        resolve(NUMBER, sources)
    assert str(raised.value) == message


def test_an_error_of_a_pod_names_the_argument() -> None:
    passed: list[dict[str, Any]] = [{"name": "n", "value": "x"}]
    with pytest.raises(ValueError, match=r"^parameter 'n': 'x' is not an int \(from argument n of the workflow\)$"):
        arguments.read(json.dumps(passed), [NUMBER])


def test_an_error_of_a_run_names_the_variable_and_the_file(project: Project) -> None:
    project.write("flow.py", """
        from metaflow import FlowSpec, IncludeFile, Parameter, step

        class Given(FlowSpec):
            rate = Parameter("learning-rate", default=0.1)
            data = IncludeFile("data", default=None)

            @step
            def start(self):
                self.next(self.end)

            @step
            def end(self):
                pass
        """)  # fmt: skip
    done = project.flowc("run", "--local", "flow.py", METAFLOW_RUN_LEARNING_RATE="x")
    assert done.code == 2
    assert "'x' is not a float (from METAFLOW_RUN_LEARNING_RATE)" in " ".join(done.err.split())
    project.write("run.yaml", "learning-rate: 1\ndata: no.txt\n")
    done = project.flowc("run", "--local", "flow.py", "--params-file", "run.yaml")
    assert done.code == 2
    assert "No such file or directory (from run.yaml, line 2)" in " ".join(done.err.split())
