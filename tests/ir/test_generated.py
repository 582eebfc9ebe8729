"""The generated files match the classes of the IR, and values outside of a field's limits are refused everywhere."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from dataclasses import make_dataclass, replace
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest

from flowc.frontends.metaflow.flowspec import load
from flowc_ir import IR_VERSION, schema
from flowc_ir.model import Branch, Flow, Goto, Node, Resources, Retry, Timeout
from flowc_ir.verify import verify
from flowc_ir.versions import IR
from ir.test_golden_ir import CASES, everything
from stores import STORES
from tools.ir_shape.generate import DIRECTORY, generated
from tools.ir_shape.shape import Record, shape_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from project import Project

VALIDATOR = jsonschema.Draft202012Validator(json.loads(schema.json_schema()))
FILES = generated()


# -- the committed files equal those of `make generate` ----------------------------------------------------------------


@pytest.mark.parametrize("name", FILES)
def test_the_committed_file_is_the_generated_one(name: str) -> None:
    assert (DIRECTORY / name).read_text("utf-8") == FILES[name], "run `make generate`"


def test_no_other_file_is_there() -> None:
    assert {path.name for path in DIRECTORY.iterdir() if path.is_file()} == {*FILES, "__init__.py"}


@pytest.mark.parametrize("name", [name for name in FILES if name.endswith(".py")])
def test_a_header_says_how_to_regenerate(name: str) -> None:
    assert "`make generate`: do not edit." in (ast.get_docstring(ast.parse(FILES[name])) or "")


def test_reading_a_flow_evaluates_no_annotation() -> None:
    """Reading and writing a flow evaluates no annotations of the IR, and does not import `flowc_ir.markers`."""
    program = (
        "import sys; from flowc_ir import schema\n"
        "flow = schema.loads(sys.stdin.read()); schema.dumps(flow)\n"
        "print('flowc_ir.markers' in sys.modules)"
    )
    text = json.dumps(everything())
    run = subprocess.run([sys.executable, "-c", program], input=text, capture_output=True, text=True, check=True)
    assert run.stdout == "False\n"


def test_a_new_field_is_in_all_that_is_generated() -> None:
    timeout = make_dataclass(
        "Timeout", [("seconds", "Annotated[int, AtLeast(1)]"), ("grace", "Annotated[int, AtLeast(2)]", 5)]
    )
    timeout.__module__ = "flowc_ir.model"
    files = generated(timeout)
    assert 'grace=optional(data, "grace", at, number, 5),' in files["reader.py"]
    assert "    if value.grace != 5:\n" in files["writer.py"]
    assert "    if value.grace < 2:\n" in files["limits.py"]
    assert json.loads(files["schema.json"])["properties"]["grace"] == {"type": "integer", "minimum": 2, "default": 5}


@pytest.mark.parametrize(
    ("annotation", "message"),
    [("complex", "is of no kind that the IR has"), ("str | None", "give it the default None")],
)
def test_a_field_that_json_cannot_have_is_refused(annotation: str, message: str) -> None:
    with pytest.raises(TypeError, match=message):
        shape_of(make_dataclass("Odd", [("field", annotation)]))


# -- the JSON Schema ---------------------------------------------------------------------------------------------------


def test_the_schema_is_one() -> None:
    jsonschema.Draft202012Validator.check_schema(json.loads(schema.json_schema()))


def test_the_command_prints_it(project: Project) -> None:
    assert project.flowc("ir", "--schema").out == FILES["schema.json"]
    for words in (["flow.py"], ["--text"]):
        refused = project.flowc("ir", "--schema", *words)
        assert (refused.code, refused.out) == (2, "")
        assert "--schema prints the schema of all flows" in refused.err


@pytest.mark.parametrize("path", [path / "ir.json" for path in STORES], ids=lambda path: path.parent.name)
def test_what_is_stored_validates_once_it_is_of_the_current_version(path: Path) -> None:
    document = IR.read("flow", json.loads(path.read_text()))
    assert document["flowc"] == IR_VERSION
    VALIDATOR.validate(document)


def mutations(document: Any) -> Iterator[Any]:
    """Yield copies of a document with one fault each: an unknown field, a missing field, or a wrong type."""

    def changed(change: Callable[[Any], None]) -> Any:
        copy = json.loads(json.dumps(document))
        change(copy)
        return copy

    def spoil(*keys: str | int, name: str, value: object) -> Any:
        def change(copy: Any) -> None:
            for key in keys:
                copy = copy[key]
            copy[name] = value

        return changed(change)

    for name in ("name", "code", "start", "nodes"):
        yield changed(lambda copy, name=name: copy.pop(name))
        yield spoil(name=name, value=7)
    yield spoil(name="unknown", value=1)
    yield spoil("code", name="unknown", value=1)
    for index, node in enumerate(document["nodes"]):
        for name in node:
            yield spoil("nodes", index, name=name, value=False)
        for name in ("id", "where", "run", "next"):
            yield changed(lambda copy, index=index, name=name: copy["nodes"][index].pop(name))
        yield spoil("nodes", index, name="unknown", value=1)


@pytest.mark.usefixtures("fresh_imports")
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_golden_flow_that_is_spoiled_is_refused_by_the_schema_and_the_reader(case: Path) -> None:
    flow = load(case / "flow.py").flow
    assert flow is not None
    document = json.loads(schema.dumps(flow))
    VALIDATOR.validate(document)
    spoiled = list(mutations(document))
    assert len(spoiled) > 20
    for wrong in spoiled:
        assert not VALIDATOR.is_valid(wrong), wrong
        with pytest.raises(schema.SchemaError, match=r"^flow[.\[]"):
            schema.loads(json.dumps(wrong))


# -- limits ------------------------------------------------------------------------------------------------------------

LIMITED = {
    "flow.name: a string that is not empty, not ''": (("name",), ""),
    "flow.code.digest: sha256: and hexadecimal digits, not 'md5:0'": (("code", "digest"), "md5:0"),
    "flow.nodes[1].retry.times: at least 0, not -1": (("nodes", 1, "retry", "times"), -1),
    "flow.nodes[1].retry.wait_seconds: at least 0, not -1": (("nodes", 1, "retry", "wait_seconds"), -1),
    "flow.nodes[1].timeout.seconds: at least 1, not 0": (("nodes", 1, "timeout", "seconds"), 0),
    "flow.nodes[1].resources.cpu: decimal text such as 0.5, not '500m'": (("nodes", 1, "resources", "cpu"), "500m"),
    "flow.nodes[1].resources.memory: at least 0, not -1": (("nodes", 1, "resources", "memory"), -1),
    "flow.nodes[1].resources.gpu: at least 0, not -1": (("nodes", 1, "resources", "gpu"), -1),
    "flow.nodes[1].resources.disk: at least 0, not -1": (("nodes", 1, "resources", "disk"), -1),
    "flow.nodes[1].resources.shared_memory: at least 0, not -1": (("nodes", 1, "resources", "shared_memory"), -1),
    "flow.parameters[0].name: a string that is not empty, not ''": (("parameters", 0, "name"), ""),
    "flow.configs[0].name: a string that is not empty, not ''": (("configs", 0, "name"), ""),
}


def with_value(place: tuple[str | int, ...], value: object) -> Any:
    document = everything()
    inner = document
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = value
    return document


@pytest.mark.parametrize("message", LIMITED)
def test_a_value_outside_its_limits_is_refused_by_the_schema_and_found_by_verify(message: str) -> None:
    document = with_value(*LIMITED[message])
    assert not VALIDATOR.is_valid(document)
    faults = verify(schema.loads(json.dumps(document)))
    assert [(fault.code, fault.message) for fault in faults] == [("bad-policy", message)]


@pytest.mark.parametrize(
    ("place", "value", "message"),
    [
        (("nodes", 2, "next"), ["a", "a"], "flow.nodes[2].next[1]: 'a' is in the list already"),
        (("nodes", 2, "next"), ["a"], "flow.nodes[2].next: a list of at least 2, not of 1"),
        (("nodes", 6, "next", "arms"), [], "flow.nodes[6].next.arms: a list of at least 1, not of 0"),
        (("nodes", 6, "next", "arms", 1), [1], "flow.nodes[6].next.arms[1]: a list of 2, not of 1"),
        (("nodes", 6, "next", "arms", 1, 0), None,
         "flow.nodes[6].next.arms[1][0]: a string, a number or a boolean, not null"),
        (("schedule", "crons"), [], "flow.schedule.crons: a list of at least 1, not of 0"),
        (("nodes",), [], "flow.nodes: a list of at least 1, not of 0"),
        (("nodes", 1, "retry", "times"), True, "flow.nodes[1].retry.times: an integer, not a boolean"),
        (("nodes", 1, "catch", "print_exception"), "no",
         "flow.nodes[1].catch.print_exception: a boolean, not a string"),
        (("nodes", 1, "environment"), [], "flow.nodes[1].environment: an object, not a list"),
        (("nodes", 1, "cards", 0), 1.5, "flow.nodes[1].cards[0]: an object, not a number"),
        (("nodes", 1, "secrets"), {}, "flow.nodes[1].secrets: a list, not an object"),
        (("nodes", 8, "run", "stub"), 7, "flow.nodes[8].run.stub: true, not 7"),
        (("nodes", 3, "run"), {"function": "f"}, "flow.nodes[3].run.module: missing"),
        (("nodes", 3, "run"), {}, "flow.nodes[3].run: an object with 'method', with 'function' and 'module', "
         "with 'notebook', with 'shell', with 'merge', or with 'stub': true"),
        (("nodes", 2, "next"), 1, "flow.nodes[2].next: null, a string, a list, or an object with 'foreach' and 'body', "
         "with 'gang', or with 'switch' and 'arms'"),
        (("nodes", 0, "where"), "flow.py:1", "flow.nodes[0].where: a place such as 'flow.py:12:5', not 'flow.py:1'"),
        (("nodes", 0, "where"), "flow.py:١:1", "flow.nodes[0].where: a place such as 'flow.py:12:5', not 'flow.py:١:1'"),
        (("parameters", 0, "type"), "text",
         "flow.parameters[0].type: 'str', 'int', 'float', 'bool', 'json', 'any' or 'file', not 'text'"),
    ],
)  # fmt: skip
def test_a_shape_that_is_wrong_is_refused_with_its_place(place: Any, value: object, message: str) -> None:
    document = with_value(place, value)
    assert not VALIDATOR.is_valid(document)
    with pytest.raises(schema.SchemaError) as caught:
        schema.loads(json.dumps(document))
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("change", "place"),
    [
        (lambda node: replace(node, retry=Retry(times=-1)), "retry.times"),
        (lambda node: replace(node, timeout=Timeout(seconds=0)), "timeout.seconds"),
        (lambda node: replace(node, resources=Resources(cpu="-1")), "resources.cpu"),
    ],
)
def test_verify_finds_a_value_that_a_pass_has_made(change: Callable[[Node], Node], place: str) -> None:
    flow: Flow = schema.loads(json.dumps(everything()))
    nodes = tuple(change(node) if isinstance(node.next, Goto) else node for node in flow.nodes)
    faults = verify(replace(flow, nodes=nodes))
    at = [index for index, node in enumerate(nodes) if isinstance(node.next, Goto)]
    assert [fault.message.split(": ")[0] for fault in faults] == [f"flow.nodes[{index}].{place}" for index in at]
    assert [fault.span for fault in faults] == [nodes[index].where for index in at]


def test_every_mark_has_an_example() -> None:
    marked = {f"{part.name}.{field.name}" for part in shape_of(Flow) if isinstance(part, Record) for field in part.fields
              if field.marks}  # fmt: skip
    assert marked == {
        "flow.name", "code.digest", "retry.times", "retry.wait_seconds", "timeout.seconds", "resources.cpu",
        "resources.memory", "resources.gpu", "resources.disk", "resources.shared_memory", "parameter.name",
        "config.name", "node.id", "branch.targets", "switch.arms", "schedule.crons", "flow.nodes",
        "return.name", "reducer.name", "loop_limit.iterations",
    }  # fmt: skip


def test_a_branch_with_one_target_is_found_by_verify() -> None:
    """`verify` refuses a branch with one target: its JSON is a list of one item, which the reader refuses."""
    flow: Flow = schema.loads(json.dumps(everything()))
    nodes = tuple(replace(node, next=Branch(targets=("meet",))) if node.id == "a" else node for node in flow.nodes)
    assert verify(replace(flow, nodes=nodes)) != []
