"""JSON in commands, files and manifests: every reader accepts it, and it represents all floats."""

from __future__ import annotations

import json
import math
import shlex
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from flowc_ir import json_text
from flowc_ir.model import Parameter, Span
from flowc_runtime.pod import arguments
from flowc_runtime.store.values import parameters

if TYPE_CHECKING:
    from project import Project

NAN, INF = math.nan, math.inf
VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=3)
    | st.sampled_from(["NaN", "Infinity"]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["$float", "a", "", "NaN"]), inner, max_size=3)
    ),
)


def strictly(text: str | bytes) -> Any:
    """Read JSON strictly: NaN and Infinity are errors."""

    def refuse(word: str) -> None:
        raise AssertionError(f"{word} is no JSON: {text!r:.300}")

    return json.loads(text, parse_constant=refuse)


@given(VALUES)
def test_what_is_written_is_json_and_is_read_back(value: Any) -> None:
    text = json_text.dumps(value)
    strictly(text)
    for read in (json_text.loads(text), json_text.loads(text.encode())):
        assert repr(read) == repr(value)
    if json_text.is_plain(text):
        assert json.loads(text) == value
    assert repr(json_text.loads(json.dumps(value))) == repr(value) or "$float" in repr(
        value
    )  # a dict with the key `$float` is read as a float: earlier versions wrote floats in this form
    for form in (json_text.shown, json_text.page):
        strictly(form(value))


@pytest.mark.parametrize("form", [json_text.dumps, json_text.shown, json_text.page, json_text.typed])
@given(value=st.recursive(st.none() | st.integers() | st.floats(allow_nan=False, allow_infinity=False), st.lists))
def test_what_json_has_is_written_as_it_was(form: Any, value: Any) -> None:
    assert form(value, indent=2) == json.dumps(value, indent=2)


def test_the_forms() -> None:
    value = {"x": NAN, "y": [INF, (-INF,)], NAN: 1}
    assert json_text.dumps(value) == (
        '{"x": {"$float": "NaN"}, "y": [{"$float": "Infinity"}, [{"$float": "-Infinity"}]], "NaN": 1}'
    )
    assert json_text.shown(value) == '{"x": "NaN", "y": ["Infinity", ["-Infinity"]], "NaN": 1}'
    assert json_text.page(value) == '{"x": null, "y": [null, [null]], "NaN": 1}'
    assert json_text.typed(value) == '{"x": NaN, "y": [Infinity, [-Infinity]], "NaN": 1}'


def test_what_contains_itself_is_a_value_error() -> None:
    value: list[Any] = [NAN]
    value.append(value)
    for form in (json_text.dumps, json_text.shown, json_text.page):
        with pytest.raises(ValueError, match=r"itself|Circular"):
            form(value)


# -- parameters --------------------------------------------------------------------------------------------------------


@given(VALUES)
def test_any_json_parameter_arrives_by_argo(value: Any) -> None:
    parameter = Parameter(name="p", type="json", where=Span("f", 1, 1))
    text = arguments.encode_parameter(parameter, value)
    assert repr(arguments.decode_parameter(parameter, text)) == repr(value)
    assert repr(parameters.from_text(parameters.to_text(value))) == repr(value)


@pytest.mark.parametrize("value", [NAN, INF, -INF])
def test_a_number_arrives_by_argo(value: float) -> None:
    parameter = Parameter(name="p", type="float", where=Span("f", 1, 1))
    # Argo gets the text that a user would type, such as `nan`
    assert arguments.encode_parameter(parameter, value) == repr(value)
    assert repr(arguments.decode_parameter(parameter, repr(value))) == repr(value)


@pytest.mark.parametrize("value", [{"x": NAN}, [NAN, {"y": [-INF]}], {"a": [1.5, NAN]}, NAN])
def test_a_default_may_hold_nan(value: Any) -> None:
    assert repr(parameters.check_value("json", value)) == repr(value)


@pytest.mark.parametrize("value", [(1, 2), {"x": (NAN,)}, {1: NAN}, {"x": {2: 1}}])
def test_a_default_that_would_change_is_still_refused(value: Any) -> None:
    with pytest.raises(parameters.ParameterError, match="it would be read back as"):
        parameters.check_value("json", value)


# -- a run -------------------------------------------------------------------------------------------------------------

FLOW = """
    import json
    from metaflow import Config, FlowSpec, JSONType, Parameter, card, current, step
    from metaflow.cards import JSONViewer, Markdown, Table, VegaChart
    from flowc.steps import cache

    NAN, INF = float("nan"), float("inf")

    class Numbers(FlowSpec):
        config = Config("config", default_value={"rate": NAN})
        f = Parameter("f", type=float, default=NAN)
        g = Parameter("g", type=float, default=-INF)
        j = Parameter("j", type=JSONType, default={"x": NAN, "y": [INF], "$float": "NaN"})

        @card
        @cache
        @step
        def start(self):
            self.seen = repr((self.f, self.g, self.j))
            self.loss, self.losses = NAN, [1.0, INF]
            chart = {"mark": "line", "data": {"values": [{"y": NAN}]}}
            for each in (Table([[NAN]]), JSONViewer({"x": NAN}), JSONViewer('{"x": NaN}'), VegaChart(chart)):
                current.card.append(each)
            current.card.refresh({"loss": NAN}, force=True)
            self.next(self.end)

        @step
        def end(self):
            self.same = repr((self.f, self.g, self.j)) == self.seen

    if __name__ == "__main__":
        Numbers()
    """
DEFAULTS = "(nan, -inf, {'x': nan, 'y': [inf], '$float': 'NaN'})"


@pytest.fixture
def numbers(project: Project) -> Project:
    project.write("flow.py", FLOW)
    return project


def check_files(project: Project) -> None:
    """Assert that every file in the store that begins with `{` is valid JSON."""
    files = [path for path in (project.root / ".flowc").rglob("*") if path.is_file()]
    read = [strictly(data) for path in files if (data := path.read_bytes())[:1] == b"{"]
    assert len(read) > 5


def test_a_run_with_nan_and_everything_that_is_printed_of_it(numbers: Project) -> None:
    run = numbers.run("flow.py")
    left = numbers.artifacts(run, "end")
    assert (left["seen"], left["same"]) == (DEFAULTS, True)
    assert repr(run.record()["parameters"]["j"]) == "{'x': nan, 'y': [inf], '$float': 'NaN'}"
    check_files(numbers)
    commands = [
        "runs --json", f"show Numbers/{run.id} --json", f"show Numbers/{run.id}/start --json", "gc --keep-last 1 --json",
        f"show Numbers/{run.id}/start/start-0 --json", f"dump Numbers/{run.id}/start --json", "artifact Numbers/loss --json",
        f"logs Numbers/{run.id}/start --json", "ir flow.py", f"tag list Numbers/{run.id} --json", "config --json",
        f"card list Numbers/{run.id}/start --json", "doctor --json",
    ]  # fmt: skip
    for command in commands:
        done = numbers.flowc(*command.split())
        assert done.code in (0, 1), f"{command}: {done.err}"
        for text in done.out.splitlines() if command.startswith("logs") else [done.out]:
            strictly(text)
    (listed,) = strictly(numbers.flowc("runs", "--json").out)
    assert listed["parameters"]["f"] == "NaN"
    assert listed["parameters"]["j"] == {"x": "NaN", "y": ["Infinity"], "$float": "NaN"}
    for command in ["output-raw --json", "show --json", "card list --as-json"]:
        done = numbers.python("flow.py", *command.replace("card list", f"card list {run.id}/start").split())
        assert done.code == 0, done.err
        strictly(done.out)


def test_a_resumed_run_and_a_cached_task_have_the_same_values(numbers: Project) -> None:
    numbers.run("flow.py", "--j", '{"z": [NaN, -Infinity], "$float": {"a": NaN}}', "--f", "inf")
    done = numbers.flowc("resume", "flow.py", "end")
    assert done.code == 0, done.err
    run = numbers.latest()
    assert numbers.artifacts(run, "end")["seen"] == "(inf, -inf, {'z': [nan, -inf], '$float': {'a': nan}})"
    assert numbers.artifacts(run, "end")["same"]
    first = numbers.run("flow.py")
    again = numbers.run("flow.py")
    cached = again.task("start", "0").get("cached")
    assert cached is not None
    assert cached["run"] == first.id
    check_files(numbers)


def test_events_of_a_run_are_json(numbers: Project) -> None:
    done = numbers.flowc("run", "--local", "flow.py", "--log-format", "json")
    assert done.code == 0, done.err
    assert [strictly(line)["event"] for line in done.out.splitlines()]


def test_manifests_hold_json(numbers: Project) -> None:
    done = numbers.flowc("compile", "flow.py")
    assert done.code == 0, done.err
    code, template, *_ = yaml.safe_load_all(done.out)
    strictly(code["data"]["ir.json"])
    given = {each["name"]: each["value"] for each in template["spec"]["arguments"]["parameters"]}
    assert (given["f"], given["g"]) == ("nan", "-inf")
    strictly(given["j"].removeprefix(arguments.MARKER))


def test_the_page_of_a_card_holds_json(numbers: Project) -> None:
    run = numbers.run("flow.py")
    done = numbers.flowc("card", "get", f"Numbers/{run.id}/start")
    assert done.code == 0, done.err
    scripts = [part.partition("</script>")[0] for part in done.out.split('<script type="application/json">')[1:]]
    assert scripts
    for script in scripts:
        strictly(script)


def test_help_shows_defaults_as_they_are_typed(numbers: Project) -> None:
    text = " ".join(numbers.python("flow.py", "run", "--help").out.split())
    assert "[default: NaN]" in text
    assert "[default: -Infinity]" in text
    typed = '{"x":NaN,"y":[Infinity],"$float":"NaN"}'
    assert f"[default: {typed}]" in text
    command = shlex.split(f"run --f NaN --g=-Infinity --j '{typed}'")
    assert numbers.python("flow.py", *command).code == 0
    assert numbers.artifacts(numbers.latest(), "end")["seen"] == DEFAULTS


def test_mapping_reads_objects_only() -> None:
    assert json_text.mapping(json_text.dumps({"x": [1.5, None]})) == {"x": [1.5, None]}
    for text, kind in (("[1]", "list"), ("null", "NoneType"), ('"text"', "str")):
        with pytest.raises(ValueError, match=f"^an object, not {kind}$"):
            json_text.mapping(text)
