"""Parts of the cluster commands that can be tested without a cluster: diffs, parameters, Workflows, refusals."""

from __future__ import annotations

import base64
import gzip
import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowc.cli.running.sending import sender
from flowc.targets.argo.cluster import api, submission
from flowc.targets.argo.cluster.deployment import Change
from flowc.targets.argo.cluster.difference import difference, essence
from flowc.targets.argo.cluster.errors import AlreadyThere, Missing
from flowc.targets.argo.cluster.resource_kinds import CONFIG_MAP, TEMPLATE, WORKFLOW
from flowc.targets.argo.cluster.revisions import with_revision
from flowc.targets.argo.cluster.submission import Accepted, BadParameter, arguments_of, check_size, run_name
from flowc.targets.argo.cluster.targets import flow_names
from flowc.targets.argo.cluster.workflows import code_of, store_of, view
from flowc_ir import Parameter, Span
from flowc_runtime.pod.arguments import decode, decode_parameter
from flowc_runtime.store.values.files import MAX_PACKED
from flowc_runtime.store.values.parameter_sources import FileValue

if TYPE_CHECKING:
    from pathlib import Path

    from flowc_ir import ParameterType

# -- differences between objects ---------------------------------------------------------------------------------------

SERVER = {
    "uid": "0",
    "resourceVersion": "7",
    "generation": 2,
    "creationTimestamp": "2026-11-20T09:00:00Z",
    "managedFields": [{}],
}


def template(**spec: Any) -> dict[str, Any]:
    """Return a WorkflowTemplate in the form in which a cluster returns it."""
    return {"kind": "WorkflowTemplate", "metadata": {"name": "a", **SERVER}, "spec": spec, "status": {"x": 1}}


def test_what_the_server_writes_is_no_difference() -> None:
    other = template(entrypoint="main") | {"metadata": {"name": "a"}, "status": {}}
    assert essence(template(entrypoint="main")) == essence(other)
    assert difference(template(entrypoint="main"), other, ("a", "b")) == ""
    assert Change(TEMPLATE, "a", template(entrypoint="main"), other).effect == "unchanged"


def test_the_order_of_keys_and_nulls_are_no_difference() -> None:
    assert difference(template(a="1", b="2", c=None), template(b="2", a="1"), ("a", "b")) == ""


def test_a_difference_is_a_unified_diff() -> None:
    text = difference(template(entrypoint="main", n=1.5), template(entrypoint="other", n=1.5), ("cluster", "flow"))
    assert text.startswith("--- cluster\n+++ flow\n@@ ")
    assert "-  entrypoint: main\n+  entrypoint: other\n" in text
    assert Change(TEMPLATE, "a", template(entrypoint="main"), template(entrypoint="other")).effect == "changed"


def test_what_is_new_is_all_plus() -> None:
    lines = difference(None, template(entrypoint="main"), ("cluster", "flow")).splitlines()
    assert all(line.startswith("+") for line in lines[3:])
    assert Change(TEMPLATE, "a", None, template()).effect == "created"


# -- parameters --------------------------------------------------------------------------------------------------------


def declared(name: str, kind: ParameterType, **fields: Any) -> Parameter:
    return Parameter(name=name, type=kind, where=Span("flow.py", 1, 1), **fields)


TYPED = (
    Accepted("alpha", "alpha", declared("alpha", "float"), required=False),
    Accepted("größe", "x-6772c3b6c39f65", declared("größe", "int"), required=False),
    Accepted("text", "text", declared("text", "str"), required=False),
    Accepted("config", "config", declared("config", "json"), required=False),
    Accepted("depths", "depths", declared("depths", "int", multiple=True), required=False),
    Accepted("columns", "columns", declared("columns", "str", separator=",", choices=("a", "b")), required=False),
    Accepted("data", "data", declared("data", "file", encoding="utf-8"), required=False),
)
NEEDED = Accepted("needed", "needed", declared("needed", "str"), required=True)


SEND = sender(None, MAX_PACKED)  # no store is named


def passed(*given: tuple[str, str]) -> dict[str, str]:
    """Return the Workflow's arguments for these parameter values: name -> text."""
    return {entry["name"]: entry["value"] for entry in arguments_of(TYPED, given, SEND)}


def test_values_are_typed_as_the_flow_says() -> None:
    assert passed(("alpha", "1"), ("größe", " 3 "), ("config", '{"a": [1, 2]}')) == {
        "alpha": "1.0",
        "x-6772c3b6c39f65": "3",
        "config": '{"a":[1,2]}',
    }
    assert passed() == {}


def test_several_values_and_a_text_that_is_split() -> None:
    assert passed(("depths", "1"), ("depths", "2"), ("columns", "a,b")) == {"depths": "json:[1,2]", "columns": "a,b"}


def test_what_is_given_counts_before_what_is_in_files() -> None:
    values = {"alpha": 2, "depths": [3, 4], "text": None, "größe": 5}
    in_files = {name: FileValue(value, "run.json") for name, value in values.items()}
    found = arguments_of(TYPED, [("alpha", "1")], SEND, in_files)
    assert {entry["name"]: entry["value"] for entry in found} == {
        "alpha": "1.0", "depths": "json:[3,4]", "text": "json:null", "x-6772c3b6c39f65": "5",
    }  # fmt: skip


def test_a_file_is_passed_by_its_content(tmp_path: Path) -> None:
    file = tmp_path / "data.txt"
    file.write_text("{{x}}")
    packed = decode_parameter(declared("data", "file"), passed(("data", str(file)))["data"])
    assert packed == {"file": str(file), "content": base64.b64encode(b"{{x}}").decode()}
    with pytest.raises(BadParameter, match=r"parameter 'data': could not open file"):
        passed(("data", str(tmp_path / "no.txt")))
    with pytest.raises(
        BadParameter, match=r"'no.txt' for reading: No such file or directory \(from run.yaml, line 2\)"
    ):
        arguments_of(TYPED, [], SEND, {"data": FileValue("no.txt", "run.yaml, line 2")})
    file.write_bytes(b"x" * (MAX_PACKED + 1))
    with pytest.raises(BadParameter, match="has 65,537 bytes, and there is room for 65,536: name the store"):
        passed(("data", str(file)))


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_every_text_arrives(text: str) -> None:
    assert decode("str", passed(("text", text))["text"]) == text


def test_a_template_of_somebody_elses_gets_texts_as_they_are() -> None:
    assert arguments_of([Accepted("x", "x", None, required=False)], [("x", "json:1")], SEND) == [
        {"name": "x", "value": "json:1"}
    ]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ([("needed", ""), ("alhpa", "1")], "there is no parameter 'alhpa'; did you mean 'alpha'?"),
        (
            [("needed", ""), ("zzz", "1")],
            "there is no parameter 'zzz'; there are alpha, größe, text, config, depths, columns, data, needed",
        ),
        ([("needed", ""), ("alpha", "one")], "parameter 'alpha': 'one' is not a float"),
        ([("needed", ""), ("text", "\udcff")], "parameter 'text': '\\udcff' is not valid Unicode text"),
        ([("needed", ""), ("alpha", "1"), ("alpha", "1")], "parameter 'alpha' is given twice"),
        ([("needed", ""), ("columns", "a,z")], "parameter 'columns': 'z' is not one of a, b"),
        ([], "parameter 'needed' is required and has no default; give --param needed=VALUE"),
    ],
)
def test_what_does_not_fit(given: list[tuple[str, str]], message: str) -> None:
    with pytest.raises(BadParameter) as raised:
        arguments_of([*TYPED, NEEDED], given, SEND)
    assert str(raised.value) == message


def test_parameters_of_a_template() -> None:
    given = [{"name": "a", "value": "1"}, {"name": "b"}, {"name": "c", "default": "x"}]
    found = submission.accepted(template(arguments={"parameters": given}), None)
    assert [(p.name, p.declared, p.required) for p in found] == [
        ("a", None, False),
        ("b", None, True),
        ("c", None, False),
    ]
    assert submission.accepted(template(), None) == ()


def test_what_a_pod_cannot_take_is_said_before() -> None:
    """Parameters that are too long are refused before the run: the first pod gets them, in base64, in one variable of
    128 KiB."""
    takes = template(arguments={"parameters": [{"name": "a", "value": "x"}]})
    room = 128 * 1024 * 3 // 4 - len('[{"name":"a","value":""}]') - 40
    check_size(takes, [{"name": "a", "value": "x" * room}], {})
    with pytest.raises(BadParameter, match=r"the parameters take 128 KiB together.*; the longest is 'a'"):
        check_size(takes, [{"name": "a", "value": "x" * (room + 40)}], {})
    with pytest.raises(BadParameter):
        check_size(takes, [{"name": "a", "value": "<" * (room // 4)}], {})


def test_names_of_runs() -> None:
    assert run_name("hello-flow", "20261120-091500-482kxz") == "hello-flow-20261120-091500-482kxz"
    long = run_name("a" * 39 + "-" + "b" * 12, "20261120-091500-482kxz")
    assert len(long) <= 63
    assert long == "a" * 39 + "-20261120-091500-482kxz"


def test_names_of_flows() -> None:
    assert flow_names("HelloFlow") == ["hello-flow"]
    assert flow_names("hello-flow")[0] == "hello-flow"
    assert len(flow_names("Größe")) == 1


# -- a run -------------------------------------------------------------------------------------------------------------


def node(kind: str, phase: str, message: str = "", **more: Any) -> dict[str, Any]:
    return {"type": kind, "phase": phase, "message": message, "displayName": "x", **more}


def task(step: str, path: str) -> dict[str, Any]:
    return {"inputs": {"parameters": [{"name": "step", "value": step}, {"name": "path", "value": path}]}}


NODES = {
    "run": node("DAG", "Failed", children=["start"]),
    "start": node("Retry", "Succeeded", children=["start0"], boundaryID="run", **task("start", "0")),
    "start0": node("Pod", "Succeeded", boundaryID="run", **task("start", "0")),
    "each": node("Steps", "Failed", "child 'b' failed", children=["group"], boundaryID="run"),
    "group": node("StepGroup", "Failed", "child 'b' failed", children=["a", "b"], boundaryID="each"),
    "a": node("Retry", "Succeeded", children=["a0", "a1"], boundaryID="each", **task("train", "0.0")),
    "a0": node("Pod", "Failed", "Error (exit code 1)", boundaryID="each", **task("train", "0.0")),
    "a1": node("Pod", "Succeeded", boundaryID="each", **task("train", "0.0")),
    "b": node("Retry", "Failed", "No more retries left", children=["b0", "b1"], boundaryID="each", **task("train", "0.1")),
    "b0": node("Pod", "Failed", "Error (exit code 1)", boundaryID="each", **task("train", "0.1")),
    "b1": node("Pod", "Error", "OOMKilled\n(exit code 137)", boundaryID="each", **task("train", "0.1")),
    "c": node("Pod", "Pending", "ImagePullBackOff: nope", boundaryID="run", **task("other", "0")),
}  # fmt: skip


def run(status: dict[str, Any], **spec: Any) -> dict[str, Any]:
    labels = {"flowc.dev/flow": "hello-flow"}
    return {"metadata": {"name": "hello-flow-1", "labels": labels, **SERVER}, "spec": spec, "status": status}


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "compressed"])
def test_the_tasks_that_failed_and_those_that_wait(packed: bool) -> None:
    status = (
        {"compressedNodes": base64.b64encode(gzip.compress(json.dumps(NODES).encode())).decode()}
        if packed
        else {"nodes": NODES}
    )
    seen = view(run({"phase": "Running", "progress": "2/5", **status}))
    assert [(n.task, n.phase, n.message) for n in seen.failed] == [("train/0.1", "Failed", "OOMKilled (exit code 137)")]
    assert [(n.task, n.message) for n in seen.waiting] == [("other/0", "ImagePullBackOff: nope")]
    assert (seen.name, seen.flow, seen.phase, seen.progress, seen.active) == (
        "hello-flow-1",
        "hello-flow",
        "Running",
        "2/5",
        True,
    )


def test_a_node_that_failed_with_nothing_failed_inside() -> None:
    nodes = {
        "run": node("DAG", "Error", children=["each"]),
        "each": node("Steps", "Error", "invalid count", boundaryID="run"),
    }
    seen = view(run({"phase": "Error", "nodes": nodes}))
    assert [n.message for n in seen.failed] == ["invalid count"]
    assert not seen.active


def test_a_run_that_nobody_has_looked_at_yet() -> None:
    fresh = {"metadata": {"name": "r", "creationTimestamp": "2026-11-20T09:00:00Z"}, "spec": {}}
    seen = view(fresh)
    assert (seen.phase, seen.flow, seen.started, seen.asked) == ("Pending", None, None, None)
    assert view(run({"phase": "Running"}, suspend=True)).asked == "suspended"
    assert view(run({"phase": "Running"}, shutdown="Stop", suspend=True)).asked == "stop"
    assert view(run({"phase": "Failed"}, shutdown="Stop")).asked is None
    assert view(run({"phase": "Running", "offloadNodeStatusVersion": "x"})).note


def test_where_its_code_and_store_are() -> None:
    spec = {
        "volumes": [{"name": "tmp", "emptyDir": {}}, {"name": "code", "configMap": {"name": "hello-code-1"}}],
        "templates": [
            {"name": "main", "dag": {}},
            {
                "container": {
                    "env": [{"name": "FLOWC_STORE", "value": "s3://b"}, {"name": "FLOWC_POD", "valueFrom": {}}]
                }
            },
        ],
    }
    for item in (template(**spec), run({"storedWorkflowTemplateSpec": spec}), run({}, **spec)):
        assert (code_of(item), store_of(item)) == ("hello-code-1", "s3://b")
    assert (code_of(run({})), store_of(run({}))) == (None, None)


def test_deployed_code_keeps_the_revision_that_it_was_deployed_with() -> None:
    def deployed(code: str, *env: dict[str, str]) -> dict[str, Any]:
        step = {"name": "step", "container": {"env": [{"name": "FLOWC_RUN", "value": "x"}, *env]}}
        volumes = [{"name": "code", "configMap": {"name": code}}]
        return template(
            volumes=volumes, templates=[{"name": "main", "dag": {}}, step, {"name": "bare", "container": {}}]
        )

    def revisions(made: dict[str, Any]) -> list[Any]:
        assert made["spec"]["templates"][0] == {"name": "main", "dag": {}}
        return [variable["value"] for each in made["spec"]["templates"][1:] for variable in each["container"].get("env", ())
                if variable["name"] == "FLOWC_REVISION"]  # fmt: skip

    manifest = deployed("code-1")
    new: Any = {"commit": "a" * 40, "branch": "x/{{y}}$(HOME)", "dirty": ["staged"]}
    first = with_revision(manifest, new)
    (value, same) = revisions(first)
    assert value == same
    assert json.loads(value) == new
    assert "{{" not in value
    assert "$" not in value
    assert manifest == deployed("code-1")  # `with_revision` has not changed the manifest that it was given
    for live, expected in (
        (deployed("code-1"), value),
        (deployed("code-1", {"name": "FLOWC_REVISION", "value": "old"}), "old"),
        (deployed("code-0", {"name": "FLOWC_REVISION", "value": "old"}), value),
    ):
        assert revisions(with_revision(manifest, new, live)) == [expected] * 2
    assert with_revision(manifest, None) == manifest
    assert revisions(with_revision(manifest, None, deployed("code-1", {"name": "FLOWC_REVISION", "value": "old"}))) == [
        "old", "old",
    ]  # fmt: skip


# -- refusals ----------------------------------------------------------------------------------------------------------


def refused(status: int, said: object, method: str = "PATCH", kind: Any = TEMPLATE, name: str | None = "a") -> Any:
    data = said.encode() if isinstance(said, str) else json.dumps(said).encode()
    return api.refusal(method, kind, name, "ns", status, data)


def test_forbidden_names_verb_resource_and_role() -> None:
    message = (
        'workflowtemplates.argoproj.io "a" is forbidden: User "ada" cannot create resource "workflowtemplates" in API '
        'group "argoproj.io" in the namespace "ns"'
    )
    error = refused(403, {"kind": "Status", "message": message})
    assert error.message == "you may not create workflowtemplates.argoproj.io in namespace ns"
    assert '["argoproj.io"], resources ["workflowtemplates"], verbs ["create"]' in error.hint
    quota = refused(403, {"message": 'configmaps "a" is forbidden: exceeded quota: q'}, "POST", CONFIG_MAP)
    assert quota.message.endswith("namespace ns: configmaps \"a\" is forbidden: exceeded quota: q")  # fmt: skip
    assert quota.hint is None


def test_argo_is_not_installed() -> None:
    error = refused(404, "404 page not found\n", "GET", WORKFLOW, None)
    assert "no workflows.argoproj.io: Argo Workflows is not installed" in error.message
    assert not isinstance(error, Missing)


def test_what_is_not_there() -> None:
    assert isinstance(
        refused(404, {"reason": "NotFound", "details": {"name": "a", "kind": "workflowtemplates"}}), Missing
    )
    error = refused(404, {"reason": "NotFound", "details": {"name": "ns", "kind": "namespaces"}})
    assert (error.message, error.hint) == ("there is no namespace 'ns'", "kubectl create namespace ns")


def test_conflicts() -> None:
    assert isinstance(refused(409, {"reason": "AlreadyExists"}, "POST"), AlreadyThere)
    cause = {
        "reason": "FieldManagerConflict",
        "message": 'conflict with "kubectl" using argoproj.io/v1alpha1',
        "field": ".spec.templates",
    }
    error = refused(409, {"reason": "Conflict", "details": {"causes": [cause]}})
    assert (
        error.message == "workflowtemplate/a is also managed by 'kubectl', which sets another value of .spec.templates"
    )
    assert "--force-conflicts" in error.hint
    assert "try again" in refused(409, {"reason": "Conflict", "message": "try again"}).message


@pytest.mark.parametrize(
    ("status", "said", "message"),
    [
        (401, {"message": "Unauthorized"}, "the cluster does not accept your credentials"),
        (422, {"message": "a is invalid: spec.x: no\nmore"}, "the cluster refuses workflowtemplate/a: a is invalid: spec.x: no"),
        (502, "<html>", "the cluster refuses workflowtemplate/a: <html>"),
        (503, "", "the cluster refuses workflowtemplate/a: HTTP 503"),
        (500, "[]", "the cluster refuses workflowtemplate/a: []"),
    ],
)  # fmt: skip
def test_other_refusals(status: int, said: object, message: str) -> None:
    assert refused(status, said).message == message


def test_the_logs_of_the_one_task_that_failed_are_named_by_its_id() -> None:
    from flowc.targets.argo.cluster.workflows import NodeView
    from flowc.targets.argo.commands.status import _part

    train, other = (NodeView(task=task, phase="Failed", message="") for task in ("train/0.1", "an exit handler"))
    assert _part([train]) == "/train/train-0.1"
    assert _part([train, train]) == _part([other]) == _part([]) == ""
