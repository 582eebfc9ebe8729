"""Golden flows: tests/golden/<case>/flow.py is lowered to ir.txt; the IR survives a round trip through JSON."""

from __future__ import annotations

import copy
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest

from flowc.frontends.metaflow.flowspec import load
from flowc_ir import schema
from flowc_ir.text import print_flow
from flowc_ir.verify import verify

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from flowc_ir import Flow

HERE = Path(__file__).parents[1]
CASES = sorted(path.parent for path in (HERE / "golden").glob("*/flow.py"))
VALIDATOR = jsonschema.Draft202012Validator(json.loads(schema.json_schema()))

pytestmark = pytest.mark.usefixtures("fresh_imports")
each_case = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)


def flow_of(case: Path) -> Flow:
    loaded = load(case / "flow.py")
    assert loaded.diagnostics == ()
    assert loaded.flow is not None
    return loaded.flow


@each_case
def test_printed(case: Path, golden: Callable[[Path, str], None]) -> None:
    golden(case / "ir.txt", print_flow(flow_of(case)))


@each_case
def test_json_is_valid_and_comes_back_the_same(case: Path) -> None:
    flow = flow_of(case)
    text = schema.dumps(flow)
    VALIDATOR.validate(json.loads(text))
    assert schema.loads(text) == flow
    assert schema.dumps(schema.loads(text)) == text
    assert verify(flow) == []


def test_same_source_same_bytes() -> None:
    """Two processes with different hash seeds print identical JSON."""
    program = (
        "import sys; from pathlib import Path; from flowc.frontends.metaflow.flowspec import load; from flowc_ir import schema\n"
        "print(schema.dumps(load(Path(sys.argv[1])).flow))"
    )
    case = HERE / "golden" / "policies" / "flow.py"

    def bytes_with(seed: str) -> bytes:
        environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
        return subprocess.run(
            [sys.executable, "-c", program, str(case)], env=environment, capture_output=True, check=True
        ).stdout

    assert bytes_with("1") == bytes_with("2")


# -- the reader and the JSON Schema refuse the same documents ----------------------------------------------------------


def everything() -> Any:
    """Return an IR document in which every field of every class occurs."""
    span = "flow.py:1:1"
    node = {"where": span, "run": {"method": "start"}}
    document = {
        "flowc": 2,
        "name": "Demo",
        "doc": "A flow.",
        "code": {"file": "flow.py", "name": "Demo", "digest": "sha256:" + "0" * 64},
        "where": span,
        "start": "start",
        "nodes": [
            {**node, "id": "start", "next": {"foreach": "items", "body": "body", "item": "one"}},
            {**node, "id": "body", "next": "join", "doc": "Text.", "retry": {"times": 1, "wait_seconds": 2},
             "catch": {"var": "failure", "print_exception": False}, "timeout": {"seconds": 3},
             "resources": {"cpu": "0.5", "memory": 1, "gpu": 2, "disk": 3, "shared_memory": 4},
             "environment": {"NAME": "value"},
             "kubernetes": {
                 "image": "image", "image_pull_policy": "Always", "image_pull_secrets": ["pull"],
                 "service_account": "account", "namespace": "space", "secrets": ["secret"],
                 "node_selector": {"disk": "ssd"}, "gpu_vendor": "amd",
                 "tolerations": [{"key": "k", "operator": "Equal", "value": "v", "effect": "NoExecute",
                                  "toleration_seconds": 1}],
                 "labels": {"label": "value"}, "annotations": {"annotation": "value"},
                 "use_tmpfs": True, "tmpfs_tempdir": False, "tmpfs_size": 1, "tmpfs_path": "/fast",
                 "persistent_volume_claims": {"claim": "/data"}, "port": 80, "compute_pool": "pool",
                 "executable": "python", "hostname_resolution_timeout": 5, "qos": "guaranteed",
                 "extended_resources": {"example.com/thing": "1"},
                 "security_context": {"privileged": False, "allow_privilege_escalation": False, "run_as_user": 1,
                                      "run_as_group": 1, "run_as_non_root": True}},
             "secrets": [{"type": "env", "id": "NAME", "options": "{}", "role": "reader", "allow_override": True}],
             "cards": [{"type": "blank", "id": "one", "options": "{}", "timeout": 5, "refresh_interval": 1,
                        "save_errors": False, "customize": True}],
             "packages": {"python": "3.11", "pypi": {"six": "1.16.0"}, "conda": {"zlib": ""}, "disabled": True}},
            {**node, "id": "join", "next": ["a", "b"], "joins": "start"},
            {**node, "id": "a", "next": {"gang": "member"}, "run": {
                "function": "Model.fit", "module": "pkg.models", "returns": [{"name": "score", "kind": "metric"}],
                "end_event": "last"}},
            {**node, "id": "member", "next": "members", "run": {
                "shell": "echo hello", "returns": [{"name": "text", "kind": "json"}]}},
            {**node, "id": "members", "next": "meet", "joins": "a"},
            {**node, "id": "b", "next": {"switch": "way", "arms": [["x", "b"], [1, "meet"]], "default": "meet",
                                         "loop": {"iterations": 3, "index": "turn"}},
             "run": {"notebook": "explore/plot.ipynb", "returns": [{"name": "plot", "kind": "pickled"}]}},
            {**node, "id": "meet", "next": "end", "joins": "join", "run": {"merge": [
                {"name": "score", "function": {"function": "mean", "module": "statistics"}}]}},
            {**node, "id": "end", "next": None, "run": {"stub": True},
             "files": {"get": ["a.csv"], "put": ["out/**"], "copy": False, "folder": "data"}},
        ],
        "parameters": [
            {"name": "alpha", "type": "int", "where": span, "default": "1", "computed": True, "required": True,
             "help": "Text.", "multiple": True, "separator": ",", "choices": ["a"], "minimum": "1", "maximum": "2",
             "flag": True, "hidden": True, "encoding": "utf-8", "attribute": "a"},
        ],
        "configs": [{"name": "config", "where": span, "value": "{}", "attribute": "c"}],
        "schedule": {"crons": ["0 6 * * *"], "timezone": "Europe/Berlin", "where": span},
        "project": {"name": "demo", "branch": "prod", "production": True},
        "triggers": [{"kind": "event", "name": "data", "where": span, "computed": True, "parameters": {"alpha": "a"},
                      "project": "other", "branch": "prod", "options": "{}"}],
        "exit_hooks": [{"on": "success", "function": "notify", "where": span, "options": "{}"}],
    }  # fmt: skip
    return json.loads(json.dumps(document))  # a deep copy, so that a change of one `span` does not change the others


Place = tuple[Any, ...]


def places(value: Any, at: Place = ()) -> Iterator[Place]:
    yield at
    if isinstance(value, dict | list):
        for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield from places(inner, (*at, key))


def value_at(document: Any, place: Place) -> Any:
    for key in place:
        document = document[key]
    return document


def with_value(place: Place, value: Any) -> Any:
    document = everything()
    if not place:
        return value
    value_at(document, place[:-1])[place[-1]] = value
    return document


def without(place: Place) -> Any:
    document = everything()
    del value_at(document, place[:-1])[place[-1]]
    return document


def refused_by_both(document: Any) -> bool:
    by_schema = not VALIDATOR.is_valid(document)
    try:
        schema.loads(json.dumps(document))
    except schema.SchemaError:
        assert by_schema, "the reader refuses what the JSON Schema allows"
        return True
    assert not by_schema, "the JSON Schema refuses what the reader allows"
    return False


def test_everything_is_a_flow() -> None:
    assert not refused_by_both(everything())
    assert verify(schema.loads(json.dumps(everything()))) == []


REQUIRED = {
    "flow": {"flowc", "name", "code", "where", "start", "nodes"},
    "code": {"file", "digest"},
    "nodes": {"id", "where", "run", "next"},
    "run": {"method", "function", "module", "notebook", "shell", "merge", "stub"},
    "returns": {"name", "kind"},
    "merge": {"name", "function"},
    "function": {"function", "module"},
    "loop": {"iterations"},
    "next": {"foreach", "body", "gang", "switch", "arms"},
    "retry": {"times"},
    "timeout": {"seconds"},
    "parameters": {"name", "type", "where"},
    "configs": {"name", "where"},
    "schedule": {"crons", "where"},
    "secrets": {"type", "id"},
    "project": {"name", "branch"},
    "triggers": {"kind", "name", "where"},
    "exit_hooks": {"on", "function", "where"},
}


def is_free(place: Place) -> bool:
    """Return whether the keys of the object at this path are chosen by the user, such as names of parameters."""
    return place[-1:] == ("parameters",) if place[:1] == ("triggers",) else bool(place) and place[-1] in FREE_KEYS


def is_required(place: Place) -> bool:
    if is_free(place[:-1]):
        return False
    owner = next((key for key in reversed(place[:-1]) if isinstance(key, str)), "flow")
    return place[-1] in REQUIRED.get(owner, ())


def refers(place: Place) -> bool:
    """Return whether the value at this path is the name of a step."""
    value = value_at(everything(), place)
    if not isinstance(value, str) or place[:1] not in (("nodes",), ("start",)):
        return False
    match place[2:]:
        case ("next" | "joins",) | ("next", int()) | ("next", "body" | "gang") | ("next", "arms", int(), 1):
            return True
    return place == ("start",)


FREE_KEYS = {
    "environment",
    "node_selector",
    "labels",
    "annotations",
    "persistent_volume_claims",
    "extended_resources",
    "pypi",
    "conda",
}


@pytest.mark.parametrize("place", [p for p in places(everything()) if p and isinstance(p[-1], str)], ids=str)
def test_a_missing_field_is_refused_exactly_if_required(place: Place) -> None:
    assert refused_by_both(without(place)) == is_required(place)


@pytest.mark.parametrize("place", list(places(everything())), ids=str)
def test_an_unknown_field_is_refused(place: Place) -> None:
    value = copy.deepcopy(value_at(everything(), place))
    if isinstance(value, dict) and not is_free(place):
        assert refused_by_both(with_value(place, {**value, "unknown": 1}))


@pytest.mark.parametrize("place", list(places(everything())), ids=str)
@pytest.mark.parametrize("wrong", [None, True, 7, 1.5, "text", [1], {"a": 1}], ids=repr)
def test_a_value_of_another_type_is_refused(place: Place, wrong: Any) -> None:
    old = value_at(everything(), place)
    is_next = place[-1:] == ("next",)
    is_choice = "arms" in place and place[-1] == 0 and len(place) == 6
    allowed = str | None if is_next else str | int | float if is_choice else ()
    if type(old) is not type(wrong) and not isinstance(wrong, allowed):
        assert refused_by_both(with_value(place, wrong))


@pytest.mark.parametrize("place", [p for p in places(everything()) if refers(p)], ids=str)
def test_a_name_of_a_step_that_there_is_not_is_refused_with_its_place(place: Place) -> None:
    document = with_value(place, "nowhere")
    with pytest.raises(schema.SchemaError) as caught:
        schema.loads(json.dumps(document))
    where = "start" if place == ("start",) else f"nodes[{place[1]}].{place[2]}"
    assert str(caught.value).startswith(f"flow.{where}: ")
    assert "'nowhere'" in str(caught.value)


@pytest.mark.parametrize(("what", "field"), [("nodes", "id"), ("parameters", "name")])
def test_a_name_that_two_have_is_refused_with_its_place(what: str, field: str) -> None:
    document = everything()
    document[what].append(copy.deepcopy(document[what][0]))
    last = len(document[what]) - 1
    with pytest.raises(schema.SchemaError) as caught:
        schema.loads(json.dumps(document))
    assert str(caught.value).startswith(f"flow.{what}[{last}].{field}: {document[what][0][field]!r} is the ")


def test_every_kind_of_reference_is_in_the_example() -> None:
    kinds = {tuple(key for key in place if isinstance(key, str)) for place in places(everything()) if refers(place)}
    assert kinds == {
        ("start",), ("nodes", "next"), ("nodes", "joins"), ("nodes", "next", "body"), ("nodes", "next", "gang"),
        ("nodes", "next", "arms"),
    }  # fmt: skip
