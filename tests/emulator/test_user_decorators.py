"""User-written decorators and mutators in real runs: each test runs a small flow and checks its results."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

import pytest

from metaflow.user_decorators._spec import parse_spec

if TYPE_CHECKING:
    from pathlib import Path

    from project import Finished, Project

DECORATORS = """
    from metaflow import (USER_SKIP_STEP, FlowMutator, StepMutator, UserStepDecorator, current, retry,
                          user_step_decorator)

    def note(flow, text):
        flow.log = [*getattr(flow, "log", []), text]

    @user_step_decorator
    def noted(step_name, flow, inputs=None, attributes=None):
        tag = attributes.get("tag", "noted")
        note(flow, f"{tag} before {step_name}")
        yield
        note(flow, f"{tag} after {step_name}")

    @user_step_decorator
    def forgiving(step_name, flow, inputs=None, attributes=None):
        try:
            yield
        except Exception as error:
            flow.seen = repr(error)

    class Hooks(UserStepDecorator):
        def init(self, *args, **kwargs):
            self.tag = kwargs.get("tag", "hooks")
            self.answer = kwargs.get("answer", "exception")

        def pre_step(self, step_name, flow, inputs=None):
            note(flow, f"{self.tag} pre")

        def post_step(self, step_name, flow, exception=None):
            note(flow, f"{self.tag} post {exception!r}")
            return {"exception": exception, "none": None, "tuple": (None, {}), "wrong": 5}[self.answer]
    """

FLOW = """
    from metaflow import FlowSpec, Parameter, catch, current, resources, retry, step, timeout
    from tools import *

    {above}
    class Small(FlowSpec):
        size = Parameter("size", default=3)

        {decorators}
        @step
        def start(self):
            {body}
            self.next(self.end)

        @step
        def end(self):
            pass
    """


@pytest.fixture
def tools(project: Project) -> Project:
    project.write("tools.py", DECORATORS)
    return project


def small(project: Project, decorators: str, body: str = "pass", *, above: str = "", more: str = "") -> Path:
    """Write a flow of two steps with these decorators; `more` is added to the module of decorators."""
    project.write("tools.py", textwrap.dedent(DECORATORS) + textwrap.dedent(more))
    return project.write("flow.py", FLOW.format(decorators=decorators, body=body, above=above))


def start(project: Project) -> dict[str, object]:
    """Return the artifacts of the start step."""
    return project.artifacts(project.run("flow.py"), "start")


# -- decorators --------------------------------------------------------------------------------------------------------


def test_code_runs_around_the_step_the_first_written_outermost(tools: Project) -> None:
    small(tools, "@noted(tag='a')\n        @retry\n        @noted\n        @Hooks(tag='c')", "self.log += ['code']")
    assert start(tools)["log"] == [
        "a before start", "noted before start", "c pre", "code", "c post None", "noted after start", "a after start",
    ]  # fmt: skip


def test_a_caught_exception_is_success_and_the_flow_goes_on(tools: Project) -> None:
    small(tools, "@forgiving", "raise ValueError('boom')")
    assert start(tools) == {"seen": "ValueError('boom')"}
    assert tools.latest().task("end", "0")["outcome"] == "ok"


@pytest.mark.parametrize("answer", ["none", "tuple"])
def test_post_step_swallows_by_returning_no_exception(tools: Project, answer: str) -> None:
    small(tools, f"@Hooks(tag='outer')\n        @Hooks(answer={answer!r})", "raise ValueError(1)")
    assert start(tools)["log"] == ["outer pre", "hooks pre", "hooks post ValueError(1)", "outer post None"]


def test_what_no_decorator_catches_fails_the_step_with_the_user_s_lines(tools: Project) -> None:
    small(tools, "@noted\n        @Hooks", "raise ValueError('boom')")
    done = tools.flowc("run", "flow.py")
    assert done.code == 1
    error = tools.latest().attempt("start", "0", 1)
    assert error is not None
    assert error["error"]["type"] == "ValueError"
    assert [frame["file"] for frame in error["error"]["frames"]] == ["tools.py", "flow.py"]


def test_sys_exit_is_not_for_decorators_to_catch(tools: Project) -> None:
    small(tools, "@forgiving", "raise SystemExit(3)")
    assert tools.flowc("run", "flow.py").code == 1


def test_an_exception_can_be_replaced_and_is_then_caught_by_catch(tools: Project) -> None:
    more = """
    class Translate(UserStepDecorator):
        def post_step(self, step_name, flow, exception=None):
            return exception and KeyError(str(exception))
    """
    small(tools, "@catch(var='why')\n        @Translate", "raise ValueError('boom')", more=more)
    assert start(tools)["why"].exception == "'boom'"  # type: ignore[attr-defined]


def test_every_attempt_of_a_retry_is_wrapped(tools: Project) -> None:
    more = """
    @user_step_decorator
    def fallback(step_name, flow, inputs=None, attributes=None):
        def instead(self):
            self.failed = attributes["indicator"]
        if current.retry_count == 0:
            yield
        else:
            yield instead
    """
    small(tools, "@retry(times=1)\n        @fallback(indicator='yes')", "raise ValueError('boom')", more=more)
    assert start(tools) == {"failed": "yes"}
    assert tools.latest().task("start", "0")["attempt"] == 2


def test_a_timeout_is_seen_at_the_yield(tools: Project) -> None:
    small(tools, "@forgiving\n        @timeout(seconds=1)", "while True: pass")
    assert "took longer" in str(start(tools)["seen"])


@pytest.mark.parametrize(
    ("decorator", "left"),
    [
        ("yield {}", {"got": 1}),
        ("yield USER_SKIP_STEP", {"got": 1}),
        ("yield lambda self: setattr(self, 'got', 2)", {"got": 2}),
        ("yield lambda self: self.next(self.end)", {"got": 1}),
        ("yield None", {"got": 1, "ran": True}),
    ],
)
def test_a_step_is_skipped_or_replaced(tools: Project, decorator: str, left: dict[str, object]) -> None:
    more = f"""
    @user_step_decorator
    def instead(step_name, flow, inputs, attributes):
        flow.got = 1
        {decorator}
    """
    small(tools, "@instead", "self.ran = True", more=more)
    assert start(tools) == left


@pytest.mark.parametrize("skip", ["True", "{}"])
def test_skip_step_leaves_out_what_is_inside(tools: Project, skip: str) -> None:
    more = f"""
    class Skip(UserStepDecorator):
        def pre_step(self, step_name, flow, inputs=None):
            self.skip_step = {skip}
    """
    small(tools, "@noted\n        @Skip\n        @noted(tag='inner')", "self.ran = True", more=more)
    assert start(tools) == {"log": ["noted before start", "noted after start"]}


@pytest.mark.parametrize(
    ("generator", "message"),
    [
        ("yield; yield", "@wrong (tools.py:LINE) yielded twice; a step runs once"),
        ("if not flow: yield", "@wrong (tools.py:LINE) did not yield"),
        ("yield 'text'", "@wrong (tools.py:LINE) yielded 'text'; yield nothing"),
        ("yield\n        return 5", "@wrong returned 5 after the step"),
        ("yield {'foreach': 'items'}", "passes foreach= to self.next, but the step's call does not"),
        ("yield lambda self: self.next(self.start)", "called self.next with other targets than its source shows"),
    ],
)
def test_a_decorator_that_breaks_the_protocol_fails_the_step(tools: Project, generator: str, message: str) -> None:
    more = f"""
    @user_step_decorator
    def wrong(step_name, flow, inputs=None, attributes=None):
        {generator}
    """
    small(tools, "@wrong", more=more)
    done = tools.flowc("run", "flow.py")
    assert done.code == 1
    assert message.replace("LINE", str(line_of(tools, "def wrong") - 1)) in done.err


def line_of(project: Project, text: str) -> int:
    """Return the number of the first line of tools.py that contains this text."""
    lines = (project.root / "tools.py").read_text().splitlines()
    return next(number for number, line in enumerate(lines, 1) if text in line)


@pytest.mark.parametrize(
    ("definition", "message"),
    [
        ("@user_step_decorator\ndef d(step_name, flow, inputs): pass", "decorates a generator"),
        ("@user_step_decorator\ndef d(step_name): yield", "takes three or four arguments"),
        ("@user_step_decorator\ndef d(step_name, flow, inputs): yield\nd(1)", "takes its arguments by name"),
        ("@noted\ndef d(self): pass", "write it above @step"),
    ],
)
def test_a_decorator_that_can_never_work_is_refused_on_import(tools: Project, definition: str, message: str) -> None:
    small(tools, "", more=definition)
    done = tools.flowc("check", "flow.py")
    assert done.code == 1
    assert message in done.err


FANOUT = """
    from metaflow import FlowSpec, step
    from tools import *

    @user_step_decorator
    def fill(step_name, flow, inputs=None, attributes=None):
        flow.other = [5, 6]
        yield attributes

    @user_step_decorator
    def summed(step_name, flow, inputs=None, attributes=None):
        flow.before = sum(i.input for i in inputs)
        yield add

    def add(self, inputs):
        self.total = sum(i.got for i in inputs)

    class Fanout(FlowSpec):
        @fill(foreach="other")
        @step
        def start(self):
            self.items = [1, 2, 3]
            self.next(self.work, foreach="items")

        @noted
        @step
        def work(self):
            self.got = self.input * 10
            self.next(self.join)

        @summed
        @step
        def join(self, inputs):
            self.next(self.split)

        @forgiving
        @step
        def split(self):
            assert False
            self.next(self.a, self.b)

        @step
        def a(self):
            self.next(self.meet)

        @step
        def b(self):
            self.next(self.meet)

        @step
        def meet(self, inputs):
            self.seen = [i.seen for i in inputs]
            self.next(self.end)

        @step
        def end(self):
            pass
    """


def test_foreach_branches_and_joins_can_be_decorated(tools: Project) -> None:
    """A decorator that skips a step can set its foreach items; a decorator that replaces a join gets the inputs."""
    tools.write("flow.py", FANOUT)
    run = tools.run("flow.py")
    assert [tools.artifacts(run, "work", f"0.{n}")["got"] for n in (0, 1)] == [50, 60]
    assert tools.artifacts(run, "join") == {"before": 11, "total": 110}
    assert tools.artifacts(run, "meet")["seen"] == ["AssertionError()"] * 2


def test_a_pod_wraps_and_mutates_as_the_laptop_does(tools: Project) -> None:
    more = """
    class both(FlowMutator):
        def pre_mutate(self, flow):
            from metaflow import Parameter
            flow.add_parameter("extra", Parameter("extra", default=4))
        def mutate(self, flow):
            flow.start.add_decorator(noted, deco_kwargs={"tag": "added"})
    """
    small(tools, "@Hooks", "self.sum = self.size + self.extra", above="@both", more=more)
    (tools.root / "ir.json").write_text(tools.flowc("ir", "flow.py").out)
    environment = {
        "FLOWC_STORE": tools.store.objects.url,
        "FLOWC_RUN": "r-1",
        "FLOWC_IR": str(tools.root / "ir.json"),
        "FLOWC_CODE": str(tools.root),
        "FLOWC_OUT": str(tools.root / "out"),
        "FLOWC_PARAMETERS": '[{"name": "size", "value": "3"}, {"name": "extra", "value": "4"}]',
    }
    command = ["-m", "flowc_runtime", "task", "start", "--path", "0", "--retry", "0"]
    done = tools.python(*command, **environment)
    assert done.code == 0, done.err
    assert tools.artifacts(tools.store.run("Small", "r-1"), "start") == {
        "log": ["added before start", "hooks pre", "hooks post None", "added after start"],
        "sum": 7,
    }


# -- mutators ----------------------------------------------------------------------------------------------------------


def policies(project: Project) -> str:
    """Return the IR of the flow as text; the tests search it for the policies of the step `start`."""
    done = project.flowc("ir", "--text", "flow.py")
    assert done.code == 0, done.err
    return done.out


def mutating(hook: str, *statements: str) -> str:
    """Return a step mutator and a flow mutator with this code in one of their hooks."""
    body = "; ".join(statements)
    return f"""
    class change(StepMutator):
        def {hook}(self, it):
            {body}

    class change_flow(FlowMutator):
        def {hook}(self, it):
            {body}
    """


@pytest.mark.parametrize(
    "asked",
    ["'retry', deco_kwargs={'times': 4}", "'retry:times=4'", "retry, deco_kwargs={'times': 4}"],
)
def test_a_step_mutator_adds_a_decorator(tools: Project, asked: str) -> None:
    small(tools, "@change", more=mutating("mutate", f"it.add_decorator({asked})"))
    assert "retry" in policies(tools)
    (node,) = [line for line in policies(tools).splitlines() if "retry" in line]
    assert "4" in node


@pytest.mark.parametrize(("duplicates", "times"), [("IGNORE", 1), ("OVERRIDE", 4)])
def test_duplicates_are_ignored_or_take_over(tools: Project, duplicates: str, times: int) -> None:
    more = mutating("mutate", f"it.add_decorator('retry:times=4', duplicates=it.{duplicates})",
                    f"it.add_decorator(noted, deco_kwargs={{'tag': 'new'}}, duplicates=it.{duplicates})")  # fmt: skip
    small(tools, "@change\n        @retry(times=1)\n        @noted(tag='old')", more=more)
    run = tools.run("flow.py")
    tag = "new" if duplicates == "OVERRIDE" else "old"
    assert tools.artifacts(run, "start")["log"] == [f"{tag} before start", f"{tag} after start"]
    assert f"{times}" in next(line for line in policies(tools).splitlines() if "retry" in line)


def test_what_a_mutator_adds_wraps_what_is_written(tools: Project) -> None:
    small(tools, "@noted(tag='a')\n        @change", more=mutating("mutate", "it.add_decorator(Hooks)"))
    assert start(tools)["log"] == ["hooks pre", "a before start", "a after start", "hooks post None"]


def told(project: Project) -> list[str]:
    """Return the lines that mutators print while the flow is checked."""
    done = project.flowc("check", "flow.py")
    assert done.code == 0, done.err
    return [line for line in done.out.splitlines() if line.startswith(">")]


def test_mutators_read_decorators_with_their_defaults_and_remove_them(tools: Project) -> None:
    more = mutating(
        "pre_mutate",
        "[print('>', *spec) for spec in it.decorator_specs]",
        "print('>', it.has_decorator('retry'), it.has_decorator('tools.noted'), it.has_decorator('catch'))",
        "print('>', it.remove_decorator('retry', [], {'times': 1, 'minutes_between_retries': '2'}))",
        "print('>', it.remove_decorator('noted', deco_kwargs={'tag': 'b'}), it.remove_decorator('catch'))",
        "print('>', *it.get_decorator_specs('noted'))",
    )
    small(tools, "@noted(tag='a')\n        @change\n        @retry(times=1)\n        @noted(tag='b')", more=more)
    assert told(tools) == [
        "> retry metaflow.plugins.retry_decorator.RetryDecorator [] {'times': 1, 'minutes_between_retries': '2'}",
        "> noted tools.noted [] {'tag': 'b'}",
        "> noted tools.noted [] {'tag': 'a'}",
        "> change tools.change [] {}",
        "> True True False",
        "> True",
        "> True False",
        "> ('noted', 'tools.noted', [], {'tag': 'a'})",
    ]
    assert not [line for line in policies(tools).splitlines() if "retry" in line and not line.startswith(">")]
    assert start(tools)["log"] == ["a before start", "a after start"]


def test_the_order_of_mutators(tools: Project) -> None:
    """All `pre_mutate` run before all `mutate`; flow mutators before step mutators; mutators of base classes first."""
    more = """
    class of_flow(FlowMutator):
        def init(self, name): self.name = name
        def pre_mutate(self, flow): print(">", self.name, "pre")
        def mutate(self, flow): print(">", self.name, "mutate")

    class of_step(StepMutator):
        def init(self, name): self.name = name
        def pre_mutate(self, step):
            print(">", self.name, "pre")
            step.add_decorator(of_added)
        def mutate(self, step): print(">", self.name, "mutate")

    class of_added(StepMutator):
        def pre_mutate(self, step): print("> added pre")
        def mutate(self, step): print("> added mutate")
    """
    above = """
    @of_flow("base")
    class Base(FlowSpec):
        pass

    @of_flow("outer")
    @of_flow("inner")"""
    small(tools, "@of_step('start')", more=more, above=textwrap.indent(textwrap.dedent(above), "    ").strip())
    text = (tools.root / "flow.py").read_text().replace("class Small(FlowSpec)", "class Small(Base)")
    (tools.root / "flow.py").write_text(text)
    assert told(tools) == [
        "> base pre", "> inner pre", "> outer pre", "> start pre", "> added pre",
        "> base mutate", "> inner mutate", "> outer mutate", "> start mutate", "> added mutate",
    ]  # fmt: skip


def test_a_flow_mutator_sees_steps_and_parameters_and_changes_them(tools: Project) -> None:
    more = """
    from metaflow import Parameter

    class shape(FlowMutator):
        def pre_mutate(self, flow):
            print(">", [name for name, _ in flow.steps], [name for name, _ in flow.parameters], flow.size.name)
            flow.add_parameter("extra", Parameter("more", default=7))
            print(">", flow.remove_parameter("size"), flow.remove_parameter("other"))
            print(">", flow.add_decorator("schedule:weekly=true"), *flow.decorator_specs)
            print(">", flow.end.flow.start.has_decorator("retry"))

        def mutate(self, flow):
            for _, step in flow.steps:
                step.add_decorator("retry", duplicates=step.IGNORE)
    """
    small(tools, "@retry(times=1)", "self.got = self.extra, hasattr(self, 'size')", above="@shape", more=more)
    printed = told(tools)
    assert printed[0] == "> ['start', 'end'] ['size'] size"
    assert printed[1] == "> True False"
    assert "'weekly': True" in printed[2]
    assert printed[3] == "> True"
    run = tools.run("flow.py", "--more", "8")
    assert tools.artifacts(run, "start")["got"] == (8, False)
    assert policies(tools).count("retry") == 2


def test_a_base_class_is_left_as_it_was(tools: Project) -> None:
    """A mutator of a derived flow changes copies: the base class and other derived classes stay unchanged."""
    tools.write(
        "flow.py",
        """
        from metaflow import FlowSpec, step
        from tools import *

        class Base(FlowSpec):
            @step
            def start(self):
                self.next(self.end)

            @step
            def end(self):
                pass

        class loud(FlowMutator):
            def mutate(self, flow):
                flow.start.add_decorator(noted)

        @loud
        class Loud(Base):
            pass

        class Quiet(Base):
            pass
        """,
    )
    assert tools.artifacts(tools.run("flow.py", "--flow", "Loud"), "start")["log"]
    assert tools.flowc("run", "flow.py", "--flow", "Quiet").code == 0
    quiet = tools.store.run("Quiet", tools.store.runs("Quiet")[-1])
    assert tools.artifacts(quiet, "start") == {}


def test_a_class_can_be_prepared_again(tools: Project) -> None:
    """If a class is prepared again, the second preparation starts from the class as written in the source."""
    small(tools, "@change", more=mutating("mutate", "it.add_decorator(noted, duplicates=it.ERROR)"))
    code = "import flow; [flow.Small._flowc_program().prepare({}) for _ in range(3)]; print(flow.Small.start.__name__)"
    done = tools.python("-c", code)
    assert (done.code, done.out) == (0, "start\n"), done.err


def test_one_class_can_wrap_and_mutate(tools: Project) -> None:
    more = """
    class both(UserStepDecorator, StepMutator):
        def init(self, *args, **kwargs): self.given = args, kwargs
        def pre_step(self, step_name, flow, inputs=None): flow.given = self.given
        def mutate(self, step): step.add_decorator("retry:times=1")
    """
    small(tools, "@both(1, a=2)", more=more)
    assert start(tools) == {"given": ((1,), {"a": 2})}
    assert "retry" in policies(tools)


@pytest.mark.parametrize(
    ("hook", "statement", "message"),
    [
        ("mutate", "it.add_decorator('rerty')", "there is no step decorator 'rerty'; did you mean 'retry'?"),
        ("mutate", "it.add_decorator('nowhere.thing')", "cannot import the decorator nowhere.thing: ModuleNotFound"),
        ("mutate", "it.add_decorator('os.path')", "there is no step decorator 'os.path'; there are batch, card"),
        ("mutate", "it.add_decorator(print)", "takes a decorator, or its name, not <built-in function print>"),
        ("mutate", "it.add_decorator('retry', duplicates=it.ERROR)", "step 'start' already has a decorator 'retry'"),
        ("mutate", "it.add_decorator('retry:times=1', deco_kwargs={'times': 2})", "both in the text and outside of it"),
        ("mutate", "it.add_decorator('retry', deco_args=[2])", "@retry takes its arguments by name"),
        ("mutate", "it.add_decorator(change)", "adding the step mutator 'tools.change' is possible only in"),
        ("mutate", "it.flow.add_parameter('x', None)", "adding the parameter 'x' is possible only in"),
        ("pre_mutate", "it.flow.add_parameter('x', 5)", "add_parameter takes a Parameter, not a int"),
        ("pre_mutate", "it.flow.add_decorator('retry')", "there is no flow decorator 'retry'"),
        ("mutate", "it.flow.nothing", "flow 'Small' has no attribute 'nothing'"),
        ("mutate", "1 / 0", "mutate of @tools.change failed: ZeroDivisionError: division by zero"),
        ("init", "pass", "init of @tools.change failed: TypeError: change.init() missing"),
    ],
)
def test_a_mutator_s_mistake_is_a_fault_at_its_line(tools: Project, hook: str, statement: str, message: str) -> None:
    more = mutating(hook, statement).replace("def init(self, it)", "def init(self, it, needed)")
    small(tools, "@change(1)" if hook == "init" else "@change\n        @retry", more=more)
    done = tools.flowc("check", "flow.py")
    assert done.code == 1
    assert message in done.err
    assert "error[mutator-failed]" in done.err
    place = "flow.py:8" if hook == "init" else f"tools.py:{line_of(tools, statement)}"
    assert f"--> {place}" in done.err


def test_arguments_need_an_init(tools: Project) -> None:
    small(tools, "@change(1)", more=mutating("mutate", "pass"))
    assert "is given arguments but has no method to take them" in tools.flowc("check", "flow.py").err


def test_files_that_would_be_left_out_are_refused(tools: Project) -> None:
    small(tools, "@change", more=mutating("add_to_package", "pass"))
    assert "put the files there" in tools.flowc("check", "flow.py").err


# -- decorators as text ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "name", "arguments"),
    [
        ("retry", "retry", {}),
        ("retry:", "retry", {}),
        ("my.deco:a=1,b=x,c=1.5,d=true", "my.deco", {"a": 1, "b": "x", "c": 1.5, "d": True}),
        ('environment:vars={"A": "1", "B": "a=b,c"}', "environment", {"vars": {"A": "1", "B": "a=b,c"}}),
        ("my.deco:url=http://a/b?c=d", "my.deco", {"url": "http://a/b?c=d"}),
    ],
)
def test_a_decorator_as_text(text: str, name: str, arguments: dict[str, object]) -> None:
    assert parse_spec(text) == (name, arguments)


def attached(project: Project, *arguments: str) -> Finished:
    """Run a program that prepares the flow as `--with` does, and that prints the decorators of each step."""
    code = f"""
import flow
flow.Small._flowc_program().prepare({{}}, [{", ".join(arguments)}])
from metaflow.user_decorators.common import user_decorators
from metaflow.decorators import applied_to
for name in ("start", "end"):
    function = getattr(flow.Small, name)
    print([a.name for a in applied_to(function)], [d.get_args_kwargs()[1] for d in user_decorators(function)])
"""
    return project.python("-c", code)


def test_decorators_of_the_command_line_go_to_steps_that_lack_them(tools: Project) -> None:
    small(tools, "@noted(tag='own')\n        @retry(times=1)")
    done = attached(tools, "('tools.noted', {'tag': 'given'})",
                    "('retry', {})")  # fmt: skip
    assert done.out.splitlines() == ["['step', 'retry'] [{'tag': 'own'}]", "['step', 'retry'] [{'tag': 'given'}]"]


def test_a_mutator_of_the_command_line_and_its_duplicates(tools: Project) -> None:
    """In a mutator that `--with` adds, `duplicates=ERROR` has the effect of IGNORE, and causes no error."""
    small(tools, "@retry(times=1)", more=mutating("mutate", "it.add_decorator('retry', duplicates=it.ERROR)"))
    done = attached(tools, "('tools.change', {})")
    assert done.out.splitlines() == ["['step', 'retry'] [{}]", "['step', 'retry'] [{}]"], done.err
