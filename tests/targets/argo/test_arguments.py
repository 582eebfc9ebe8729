"""Argo and the kubelet pass parameter values on unchanged."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from flowc_ir import Parameter, Span
from flowc_runtime.pod import arguments

text = st.text(st.characters(exclude_categories=["Cs"])) | st.text(alphabet='{}$()"\\ é\x1b\x7f\u2028😀=:json')
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | text,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(text, inner, max_size=4),
    max_leaves=10,
)


def check_undamaged(encoded: str) -> None:
    assert "{{" not in encoded
    assert encoded.isprintable()
    # characters above U+FFFF are not in the text, because versions of Go escape them differently
    assert all(char <= "\uffff" for char in encoded)


@given(text)
@example("")
@example("json:1")
@example("{{{{")
@example("$$(HOME)")
@example("\0")
def test_strings(value: str) -> None:
    encoded = arguments.encode("str", value)
    check_undamaged(encoded)
    assert arguments.decode("str", encoded) == value


@given(values)
def test_json(value: object) -> None:
    encoded = arguments.encode("json", value)
    check_undamaged(encoded)
    decoded = arguments.decode("json", encoded)
    assert decoded == value
    # as JSON texts, 1, 1.0 and True differ, although they are equal in Python
    assert json.dumps(decoded) == json.dumps(value)


@given(st.integers() | st.none())
def test_ints(value: int | None) -> None:
    assert arguments.decode("int", arguments.encode("int", value)) == value


@given(st.floats(allow_nan=False) | st.none())
def test_floats(value: float | None) -> None:
    assert arguments.decode("float", arguments.encode("float", value)) == value


@pytest.mark.parametrize("kind", ["str", "int", "float", "bool", "json"])
def test_none(kind: arguments.Kind) -> None:
    assert arguments.decode(kind, arguments.encode(kind, None)) is None


@pytest.mark.parametrize(
    ("kind", "typed", "value"),
    [
        ("str", "Bob", "Bob"),
        ("str", " 1 ", " 1 "),
        ("int", "3", 3),
        ("float", "3", 3.0),
        ("float", "json:3", 3.0),
        ("bool", "True", True),
        ("bool", "no", False),
        ("json", '{"a": [1]}', {"a": [1]}),
        ("str", r'json:"a\nb"', "a\nb"),
    ],
)
def test_what_people_type(kind: arguments.Kind, typed: str, value: object) -> None:
    decoded = arguments.decode(kind, typed)
    assert decoded == value
    assert type(decoded) is type(value)


@pytest.mark.parametrize(
    ("kind", "typed"),
    [
        ("int", "x"),
        ("int", "1.5"),
        ("bool", "maybe"),
        ("json", "{"),
        ("str", "json:{"),
        ("str", "json:1"),
        ("int", "json:true"),
    ],
)
def test_what_is_refused(kind: arguments.Kind, typed: str) -> None:
    with pytest.raises(ValueError):
        arguments.decode(kind, typed)


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1), st.text(st.characters(exclude_categories=["Cs"])))
@example("json", "x-6a736f6e")
def test_names(one: str, other: str) -> None:
    made = arguments.argument_name(one)
    assert made != "json"
    assert made.isascii()
    assert made.replace("-", "").replace("_", "").isalnum() or set(made) <= {"-", "_"}
    assert (made == arguments.argument_name(other)) == (one == other)


def declared(name: str, kind: arguments.Kind = "str", **fields: Any) -> Parameter:
    return Parameter(name=name, type=kind, where=Span("flow.py", 1, 1), **fields)


@given(st.lists(text))
@example([""])
@example([])
def test_several_texts(value: list[str]) -> None:
    for parameter in (declared("p", multiple=True), declared("p", separator=",")):
        encoded = arguments.encode_parameter(parameter, value)
        check_undamaged(encoded)
        assert arguments.decode_parameter(parameter, encoded) == value


@given(st.lists(values))
def test_several_json_values(value: list[object]) -> None:
    parameter = declared("p", "json", multiple=True)
    assert arguments.decode_parameter(parameter, arguments.encode_parameter(parameter, value)) == value


@pytest.mark.parametrize(
    ("parameter", "typed", "value"),
    [
        (declared("p", "int", multiple=True), "3", [3]),
        (declared("p", "int", multiple=True), "json:[3,4]", [3, 4]),
        (declared("p", multiple=True), "json:null", []),
        (declared("p", separator=","), "a,b", ["a", "b"]),
        (declared("p", separator=","), "json:null", None),
        (declared("p", choices=("a",)), "json:null", None),
        (declared("p", "file"), "ü", {"file": "", "content": "w7w="}),
        (declared("p", "file"), "json:null", None),
    ],
)
def test_what_people_type_for_a_parameter(parameter: Parameter, typed: str, value: object) -> None:
    assert arguments.decode_parameter(parameter, typed) == value


@pytest.mark.parametrize(
    ("parameter", "typed"),
    [
        (declared("p", "int", multiple=True), "json:3"),
        (declared("p", "int", multiple=True), 'json:["3"]'),
        (declared("p", choices=("a",)), "b"),
        (declared("p", separator=",", choices=("a",)), "a,b"),
        (declared("p", "int", minimum="1", maximum="5"), "6"),
        (declared("p", "int", minimum="1", maximum="5"), "0"),
    ],
)
def test_what_a_parameter_refuses(parameter: Parameter, typed: str) -> None:
    with pytest.raises(ValueError):
        arguments.decode_parameter(parameter, typed)


@pytest.mark.parametrize("transport", [str, lambda text: base64.b64encode(text.encode()).decode()])
def test_reading_what_argo_passes(transport: object) -> None:
    passed = [
        {"name": "alpha", "value": "1"},
        {"name": arguments.argument_name("größe"), "value": "x"},
        {"name": "other"},
    ]
    text = transport(json.dumps(passed))  # type: ignore[operator]
    assert arguments.read(text, [declared("alpha", "float"), declared("größe")]) == {"alpha": 1.0, "größe": "x"}
    with pytest.raises(ValueError, match="'gone' is missing"):
        arguments.read(text, [declared("gone", "int")])
    with pytest.raises(ValueError, match="'größe': 'x' is not an int"):
        arguments.read(text, [declared("größe", "int")])
