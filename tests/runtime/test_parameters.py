"""The values of parameters: given as text, from defaults, and as attributes of a flow object."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowc.frontends.metaflow.flowspec import load
from flowc.frontends.metaflow.resolve_defaults import DefaultError, resolve_defaults
from flowc_runtime.store.values.parameters import ParameterError, check_value, from_text, parse_value, to_text
from metaflow import JSONType, Parameter


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        ("str", "", ""),
        ("str", " a\n'\"$(x) ", " a\n'\"$(x) "),
        ("int", "-12", -12),
        ("float", "1e3", 1000.0),
        ("float", "inf", math.inf),
        *[("bool", text, True) for text in ("true", "True", "1", "yes", "on", "y", "t")],
        *[("bool", text, False) for text in ("false", "FALSE", "0", "no", "off", "n", "f")],
        ("json", '{"a": [1, 2.5, null, "ü"]}', {"a": [1, 2.5, None, "ü"]}),
        ("json", '"text"', "text"),
    ],
)
def test_text_is_parsed(kind: Any, text: str, value: object) -> None:
    parsed = parse_value(kind, text)
    assert parsed == value
    assert type(parsed) is type(value)


@pytest.mark.parametrize(
    ("kind", "text", "message"),
    [
        ("int", "abc", "'abc' is not an int"),
        ("int", "1.5", "'1.5' is not an int"),
        ("float", "", "'' is not a float"),
        ("bool", "maybe", "'maybe' is not a bool: write true or false"),
        ("json", "{a: 1}", "'{a: 1}' is not JSON: Expecting property name"),
        ("str", "\udcff", "is not valid Unicode text"),
        ("int", "x" * 500, "is not an int"),
    ],
)
def test_text_of_another_kind_is_refused(kind: Any, text: str, message: str) -> None:
    with pytest.raises(ParameterError) as caught:
        parse_value(kind, text)
    assert message in str(caught.value)
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("str", 1), ("int", True), ("int", 1.0), ("int", "1"), ("float", True), ("float", "1"), ("bool", 1),
        ("json", (1, 2)), ("json", {1: "a"}), ("json", {"a": {1, 2}}), ("json", "{"), ("str", "\ud800"),
        ("json", ["\ud800"]),
    ],
)  # fmt: skip
def test_a_default_of_another_type_is_refused(kind: Any, value: object) -> None:
    with pytest.raises(ParameterError):
        check_value(kind, value)


def test_an_int_may_stand_for_a_float() -> None:
    assert type(check_value("float", 1)) is float


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(JSON_VALUES)
def test_every_json_value_comes_back(value: object) -> None:
    if isinstance(value, str):
        value = json.dumps(value)  # if a JSON parameter gets a string, the string is JSON text
    checked = check_value("json", value)
    assert from_text(to_text(checked)) == checked
    assert parse_value("json", json.dumps(checked)) == checked


@given(st.text())
def test_every_text_comes_back(text: str) -> None:
    assert from_text(to_text(parse_value("str", text))) == text


class Holder:
    rate = Parameter("learning-rate", default=0.1)
    options = Parameter("options", type=JSONType, default="{}")


def test_a_parameter_is_read_from_what_the_runtime_put_there_and_never_assigned() -> None:
    holder = Holder()
    assert isinstance(Holder.rate, Parameter)
    with pytest.raises(AttributeError, match="'learning-rate' has no value yet"):
        _ = holder.rate
    holder.__dict__["_flowc_parameters"] = {"learning-rate": 0.5, "options": None}
    assert holder.rate == 0.5
    assert holder.options is None
    with pytest.raises(AttributeError, match="cannot be assigned"):
        holder.rate = 1.0
    with pytest.raises(AttributeError, match="cannot be assigned"):
        holder.__dict__["_flowc_parameters"]["learning-rate"] = 0.5
        setattr(holder, "rate", 2)  # noqa: B010


# -- defaults that are functions ---------------------------------------------------------------------------------------

FLOW = """
from metaflow import FlowSpec, JSONType, Parameter, step

class Demo(FlowSpec):
{parameters}

    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass
"""


def resolved(root: Path, *parameters: str, **options: Any) -> dict[str, tuple[str | None, bool]]:
    (root / "defaults_flow.py").write_text(FLOW.format(parameters="\n".join(f"    {line}" for line in parameters)))
    loaded = load(root / "defaults_flow.py")
    assert loaded.flow is not None, loaded.diagnostics
    assert loaded.cls is not None
    flow = resolve_defaults(loaded.flow, loaded.cls, **options)
    return {parameter.name: (parameter.default, parameter.computed) for parameter in flow.parameters}


@pytest.mark.usefixtures("fresh_imports")
def test_functions_are_called_with_a_context_if_they_take_one(tmp_path: Path) -> None:
    assert resolved(
        tmp_path,
        'a = Parameter("a", default=lambda: "plain")',
        'b = Parameter("b", default=lambda c: f"{c.flow_name} {c.user_name} {c.parameter_name}")',
        'c = Parameter("c", type=JSONType, default=lambda: {"x": [1]})',
        'd = Parameter("d", type=int, default=lambda: None)',
        'e = Parameter("e", type=float, default=lambda: 2)',
        'f = Parameter("f", default=str)',
        user_name="ada",
    ) == {
        "a": ('"plain"', False),
        "b": ('"Demo ada b"', False),
        "c": ('{"x":[1]}', False),
        "d": (None, False),
        "e": ("2.0", False),
        "f": ('""', False),
    }


@pytest.mark.usefixtures("fresh_imports")
def test_a_function_is_not_called_for_a_given_value(tmp_path: Path) -> None:
    found = resolved(tmp_path, 'a = Parameter("a", default=lambda: 1 / 0)', skip={"a"})
    assert found == {"a": (None, True)}


@pytest.mark.usefixtures("fresh_imports")
def test_every_failing_function_is_reported(tmp_path: Path) -> None:
    with pytest.raises(DefaultError) as caught:
        resolved(tmp_path, 'a = Parameter("a", default=lambda: 1 / 0)', 'b = Parameter("b", default=lambda: 3)')
    assert [diagnostic.span.line for diagnostic in caught.value.diagnostics] == [5, 6]
