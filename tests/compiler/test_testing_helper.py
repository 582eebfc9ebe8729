"""`flowc.testing.run_step`, with which a unit test calls a step like a function."""

from __future__ import annotations

import contextlib
import copy
import os
from types import ModuleType
from typing import TYPE_CHECKING, Any
from unittest.mock import Mock

import pytest

from flowc.testing import FaultyFlowError, run_step
from flowc_runtime.base.ambient import TaskContext, ambient
from flowc_runtime.base.errors import ArtifactError, ProtocolError, StepTimeout
from flowc_runtime.process.loader import load_module
from metaflow import current
from metaflow.exception import UnhandledInMergeArtifactsException

if TYPE_CHECKING:
    from project import Project

FLOW = """
    import os, signal
    from metaflow import FlowSpec, JSONType, Parameter, step, current, catch, environment, retry, timeout

    class Steps(FlowSpec):
        alpha = Parameter("alpha", default=0.5)
        size = Parameter("size", type=int, default=lambda: 7)
        words = Parameter("words", type=JSONType, default="[]")

        @step
        def start(self):
            self.rows = [1, 2, 3]
            self.next(self.left, self.right)

        @retry(times=3)
        @catch(var="failure")
        @environment(vars={"MODE": "fast"})
        @step
        def left(self):
            self.score = self.alpha * sum(self.rows) + self.size
            self.mode = os.environ["MODE"]
            self.next(self.meet)

        @timeout(seconds=1)
        @step
        def right(self):
            self.score = 2
            while self.score > self.limit:
                signal.pause()
            self.next(self.meet)

        @step
        def meet(self, inputs):
            self.best = max(inp.score for inp in inputs)
            self.named = inputs.left.score, inputs[1].score
            self.merge_artifacts(inputs, exclude=["score"])
            self.next(self.split)

        @step
        def split(self):
            self.items = ["a", "b"]
            self.next(self.inner, foreach="items")

        @step
        def inner(self):
            self.numbers = range(2)
            self.next(self.work, foreach="numbers")

        @step
        def work(self):
            self.got = self.input, self.index, current.task_id, current.retry_count, current.step_name
            self.seen.append(self.input)
            self.next(self.close)

        @step
        def close(self, inputs):
            self.all = [inp.got for inp in inputs]
            self.where = self.index, self.input
            self.next(self.collect)

        @step
        def collect(self, inputs):
            self.next(self.end)

        @step
        def end(self):
            self.answer = self.client.ask("what?")
    """


@pytest.fixture
def flow(project: Project, fresh_imports: None) -> Any:
    project.write("steps_flow.py", FLOW)
    return load_module(project.root, "steps_flow.py").Steps


def test_what_a_step_sets_and_where_it_goes(flow: Any) -> None:
    done = run_step(flow, "start")
    assert done.artifacts == {"rows": [1, 2, 3]}
    assert done.next == ("left", "right")
    assert done.foreach is None
    assert done["rows"] == [1, 2, 3]


def test_artifacts_parameters_and_environment(flow: Any) -> None:
    rows = [1, 2]
    done = run_step(flow, flow.left, artifacts={"rows": rows, "other": 1}, parameters={"alpha": 2})
    assert done.artifacts == {"score": 13.0, "mode": "fast"}  # the value is 2 * 3 + 7, where 7 is the default of `size`
    assert "MODE" not in os.environ
    assert not current.is_running_flow


def test_a_step_leaves_nothing_in_the_process(flow: Any) -> None:
    state, before = ambient(), (dict(os.environ), copy.deepcopy(ambient()))
    run_step(flow, "left", parameters={"alpha": 0.1}, artifacts={"rows": [5]})
    assert ambient() is state
    assert (dict(os.environ), state) == before


NESTED = """
    import os
    from flowc.testing import run_step
    from metaflow import FlowSpec, current, get_namespace, namespace, step

    def seen():
        extra = [name for name in ("mine", "trigger") if getattr(current, name, None) is not None]
        return current.step_name, extra, get_namespace(), os.environ.get("OUTER")

    def change(fails):
        current._update_env({"mine": 1, "trigger": 2})
        namespace("user:nested")
        os.environ["OUTER"] = "inner"
        if fails:
            raise LookupError("as asked")

    class Inner(FlowSpec):
        @step
        def start(self):
            self.seen = seen()
            change(self.fails)
            self.next(self.end)

        @step
        def end(self):
            self.seen = seen()

    class Outer(FlowSpec):
        @step
        def start(self):
            current._update_env({"mine": "outer"})
            os.environ["OUTER"] = "outer"
            before = seen()
            self.inner = []
            for fails in (False, True, False):
                try:
                    self.inner.append(run_step(Inner, "start", artifacts={"fails": fails})["seen"])
                except LookupError as error:
                    self.inner.append(str(error))
            self.same = seen() == before
            self.mine = current.mine
            self.client = run_step(Inner, "end", artifacts={"given": self.given}, pickled=False).artifacts["seen"][0]
            self.asked = self.given.ask()  # not read before: the nested step must not have let go of it
            self.next(self.end)

        @step
        def end(self):
            pass
"""


def test_a_step_that_tests_another_step_keeps_its_own_state(project: Project, fresh_imports: None) -> None:
    project.write("nested_flow.py", NESTED)
    outer = load_module(project.root, "nested_flow.py").Outer
    state, before = ambient(), copy.deepcopy(ambient())
    given = Mock(ask=lambda: 42)
    found = run_step(outer, "start", artifacts={"given": given}, pickled=False).artifacts
    nothing = ("start", [], None, "outer")
    assert found["inner"] == [nothing, "as asked", nothing]
    assert (found["same"], found["mine"], found["client"], found["asked"]) == (True, "outer", "end", 42)
    assert (ambient() is state, state) == (True, before)


def test_a_step_s_state_is_apart_from_that_of_the_process(
    project: Project, fresh_imports: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A step may call `run_step` itself, as unit tests do; the call does not change the state of the calling step."""
    project.write("nested_flow.py", NESTED)
    inner = load_module(project.root, "nested_flow.py").Inner
    own = TaskContext(flow="F", run="1", step="own", task_id="own-0", attempt=2, user="ann", parameter_names=())
    monkeypatch.setattr(ambient(), "task", own)
    monkeypatch.setitem(ambient().extra, "mine", "own")
    for fails in (True, False):
        with contextlib.ExitStack() as stack:
            if fails:
                stack.enter_context(pytest.raises(LookupError))
            run_step(inner, "start", artifacts={"fails": fails})
        assert (current.step_name, current.retry_count, current.mine, ambient().task) == ("own", 1, "own", own)
        assert (ambient().metadata, ambient().find_class, ambient().before_fork) == ([], None, None)


def test_what_a_step_raises_comes_through(flow: Any) -> None:
    with pytest.raises(AttributeError, match="no attribute 'rows'"):
        run_step(flow, "left")  # `run_step` applies neither @retry nor @catch


def test_a_timeout_is_one(flow: Any) -> None:
    with pytest.raises(StepTimeout):
        run_step(flow, "right", artifacts={"limit": 1})


def test_a_join_of_branches(flow: Any) -> None:
    inputs = {"right": {"score": 2, "common": "c"}, "left": {"score": 1, "common": "c"}}
    done = run_step(flow, "meet", inputs=inputs)
    assert done.artifacts == {"best": 2, "named": (1, 2), "common": "c"}
    assert run_step(flow, "meet", inputs=[inputs["left"], inputs["right"]]) == done
    with pytest.raises(UnhandledInMergeArtifactsException, match="common"):
        run_step(flow, "meet", inputs=[{"score": 1, "common": 1}, {"score": 2, "common": 2}])


def test_a_foreach(flow: Any) -> None:
    done = run_step(flow, "split")
    assert (done.next, done.foreach) == (("inner",), ("a", "b"))
    done = run_step(flow, "inner", input="a")
    assert done.foreach == (0, 1)
    seen: list[int] = []
    done = run_step(flow, "work", artifacts={"seen": seen, "kept": 1}, outer=[(1, "b")], input=5, index=3)
    assert done.artifacts == {
        "got": (5, 3, "work-0.1.3", 0, "work"),
        "seen": [5],
    }  # `seen` is in the result although the step only changed it in place
    assert seen == []  # the caller's list is unchanged, because the step gets a copy, as in a run


def test_a_join_of_a_foreach(flow: Any) -> None:
    done = run_step(flow, "close", inputs=[{"got": 1}, {"got": 2}, {"got": 3}], input="b", index=1)
    assert done.artifacts == {"all": [1, 2, 3], "where": (1, "b")}
    assert run_step(flow, "close", inputs=[]).artifacts["all"] == []


def test_current_says_what_it_is_told(flow: Any) -> None:
    done = run_step(flow, "work", artifacts={"seen": []}, current={"retry_count": 2, "task_id": "t"})
    assert done["got"] == (None, 0, "t", 2, "work")
    with pytest.raises(TypeError, match=r"current\.nope cannot be given"):
        run_step(flow, "work", current={"nope": 1})


def test_artifacts_have_to_be_picklable_unless_a_test_says_otherwise(flow: Any) -> None:
    client = Mock()
    client.ask.return_value = "that"
    with pytest.raises(ArtifactError, match=r"type unittest\.mock\.Mock"):
        run_step(flow, "end", artifacts={"client": client})
    done = run_step(flow, "end", artifacts={"client": client}, pickled=False)
    assert done.artifacts == {"answer": "that"}
    assert done.next == ()
    client.ask.assert_called_once_with("what?")


MISFITS: list[tuple[str, dict[str, Any], str]] = [
    ("nope", {}, "flow 'Steps' has no step 'nope'; it has start, left"),
    ("start", {"parameters": {"beta": 1}}, "has no parameter 'beta'; it has alpha, size, words"),
    ("start", {"inputs": []}, "step 'start' is not a join"),
    ("start", {"input": 1}, "step 'start' is in 0 foreaches, but 1 items are given"),
    ("meet", {}, "step 'meet' is a join: give it inputs"),
    ("meet", {"inputs": [{}]}, "join 'meet' has 2 inputs: left, right"),
    ("meet", {"inputs": {"left": {}}}, "the inputs of join 'meet' must have the names left, right"),
    ("close", {"inputs": {"work": {}}}, "the inputs of join 'close' are a list with a mapping for each item"),
]


@pytest.mark.parametrize(("step", "arguments", "message"), MISFITS)
def test_arguments_that_do_not_fit_the_flow(flow: Any, step: str, arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(TypeError, match=message):
        run_step(flow, step, **arguments)


def test_a_parameter_of_another_type(flow: Any) -> None:
    with pytest.raises(ValueError, match="'many' is not an int"):
        run_step(flow, "start", parameters={"size": "many"})


def load(project: Project, text: str) -> ModuleType:
    project.write("other_flow.py", text)
    return load_module(project.root, "other_flow.py")


def test_a_flow_with_faults(project: Project, fresh_imports: None) -> None:
    module = load(
        project,
        """
        from metaflow import FlowSpec, step

        class Faulty(FlowSpec):
            @step
            def start(self):
                self.next(self.nowhere)
        """,
    )
    with pytest.raises(FaultyFlowError, match="nowhere") as caught:
        run_step(module.Faulty, "start")
    assert "other_flow.py:6" in str(caught.value)


def test_a_step_that_does_not_say_what_follows(project: Project, fresh_imports: None) -> None:
    module = load(
        project,
        """
        from metaflow import FlowSpec, step

        class Silent(FlowSpec):
            @step
            def start(self):
                if self.stop:
                    return
                self.next(self.end)

            @step
            def end(self):
                pass
        """,
    )
    with pytest.raises(ProtocolError, match=r"returned before its self\.next"):
        run_step(module.Silent, "start", artifacts={"stop": True})
    assert run_step(module.Silent, "start", artifacts={"stop": False}).next == ("end",)


def test_nothing_is_stored(flow: Any, project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(project.root)
    run_step(flow, "start")
    assert sorted(path.name for path in project.root.iterdir()) == ["steps_flow.py"]


GIVEN = """
    import os
    from metaflow import Config, FlowSpec, IncludeFile, Parameter, card, config_expr, current, environment, project, step
    from metaflow.cards import Markdown

    @project(name="tried")
    class Given(FlowSpec):
        sizes = Config("sizes", default_value={"rate": 2, "mode": "slow"})
        needed = Config("needed", required=True, plain=True)
        rate = Parameter("rate", default=sizes.rate)
        words = Parameter("words", type=str, multiple=True)
        parts = Parameter("parts", separator=",", default="a,b")
        text = IncludeFile("text", default="beside.txt")
        raw = IncludeFile("raw", is_text=False)
        parsed = IncludeFile("parsed", parser="json.loads")

        @environment(vars={"MODE": config_expr("sizes.mode")})
        @step
        def start(self):
            self.configs = self.sizes.rate, self.needed, os.environ["MODE"]
            self.given = self.rate, self.words, self.parts
            self.files = self.text, self.raw, self.parsed
            self.says = current.tags, current.branch_name, current.is_production, current.namespace, current.trigger
            self.next(self.end)

        @card(type="blank")
        @step
        def end(self):
            current.card.append(Markdown("shown"))
            current.card.refresh()
"""


def test_configs(project: Project, fresh_imports: None) -> None:
    """Configs are given as Python values, or as texts like on the command line; a call does not affect later calls."""
    project.write("beside.txt", "")
    flow = load(project, GIVEN).Given
    assert run_step(flow, "start", configs={"needed": "x"})["configs"] == (2, "x", "slow")
    done = run_step(flow, "start", configs={"needed": [1], "sizes": {"rate": 9, "mode": "fast"}})
    assert (done["configs"], done["given"][0]) == ((9, [1], "fast"), 9)
    done = run_step(flow, "start", configs={"needed": 1, "sizes": '{"rate": 3, "mode": "text"}'})
    assert done["configs"] == (3, 1, "text")
    with pytest.raises(FaultyFlowError, match="missing configuration for 'needed'"):
        run_step(flow, "start")
    with pytest.raises(TypeError, match="flow 'Given' has no config 'need'; it has needed, sizes"):
        run_step(flow, "start", configs={"need": 1})


def test_parameters_of_all_kinds(project: Project, fresh_imports: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file parameter is given as its content or its path; a default path is relative to the flow's file."""
    beside = project.write("beside.txt", "beside")
    flow = load(project, GIVEN).Given
    monkeypatch.chdir("/")

    def start(**parameters: Any) -> Any:
        return run_step(flow, "start", configs={"needed": 1}, parameters=parameters)

    assert start()["given"] == (2, (), ["a", "b"])
    assert start()["files"] == ("beside", None, None)
    assert start(words=["a", "b"], parts="c")["given"] == (2, ("a", "b"), ["c"])
    assert start(text="ä", raw=b"\xff", parsed='{"a": [1]}')["files"] == ("ä", b"\xff", {"a": [1]})
    assert start(text=b"\xc3\xa4", raw=beside)["files"] == ("ä", b"beside", None)
    for wrong, kind, message in [
        ({"raw": "text"}, TypeError, "'raw' is a file: give its content as bytes, or a Path"),
        ({"text": b"\xff"}, ValueError, "'text' is not text in utf-8"),
        ({"words": "a"}, ValueError, "'a' is not a list"),
    ]:
        with pytest.raises(kind, match=message):
            start(**wrong)


def test_more_that_current_says(project: Project, fresh_imports: None) -> None:
    project.write("beside.txt", "")
    flow = load(project, GIVEN).Given
    assert run_step(flow, "start", configs={"needed": 1})["says"] == (set(), "user.test", False, None, None)
    said = {"tags": ["a"], "branch_name": "prod", "is_production": True, "namespace": "n", "trigger": "event"}
    done = run_step(flow, "start", configs={"needed": 1}, current=said)
    assert done["says"] == ({"a"}, "prod", True, "n", "event")
    assert current.get("trigger") is None
    with pytest.raises(TypeError, match=r"current\.pathspec cannot be given"):
        run_step(flow, "start", configs={"needed": 1}, current={"pathspec": "F/1/s/0"})


def test_cards_are_there_and_nobody_makes_them(
    project: Project, fresh_imports: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.write("beside.txt", "")
    monkeypatch.delattr(os, "fork")
    assert run_step(load(project, GIVEN).Given, "end", configs={"needed": 1}).next == ()
