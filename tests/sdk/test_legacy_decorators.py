"""Decorators of extensions in Metaflow's older form: classes with hooks, in packages `metaflow_extensions.<org>`."""

from __future__ import annotations

import json
import os
import re
import shutil
from typing import TYPE_CHECKING, Any

import pytest

from project import PACKAGES, ROOT

if TYPE_CHECKING:
    from pathlib import Path

    from project import Finished, Project

HOME = "metaflow_extensions/acme/plugins"

DECORATORS = """
    import os
    from metaflow.decorators import FlowDecorator, StepDecorator

    def say(*words):
        print(*words, flush=True)

    class Traced(StepDecorator):
        name = "traced"
        defaults = {"label": "-", "retries": 0, "saves": False, "raises": None}

        def act(self, hook):
            say(f"{self.attributes['label']}.{hook}")
            if self.attributes["raises"] == hook:
                raise RuntimeError(f"asked to in {hook}")

        def init(self):
            self.made_in = os.getpid()

        def step_init(self, flow, graph, step_name, decorators, environment, flow_datastore, logger):
            self.beside = [one.name for one in decorators]
            self.kind = graph[step_name].type
            self.store = flow_datastore
            if self.attributes["raises"] == "step_init":
                raise ValueError(f"not on {step_name}")

        def step_task_retry_count(self):
            return self.attributes["retries"], 0

        def task_pre_step(self, step_name, task_datastore, metadata, run_id, task_id, flow, graph, retry_count,
                          max_user_code_retries, ubf_context, inputs):
            self.step = step_name
            flow.before = {
                "beside": self.beside, "kind": self.kind, "task": task_datastore.pathspec == f"{run_id}/{step_name}/{task_id}",
                "tries": [retry_count, max_user_code_retries], "forked": self.made_in != os.getpid(),
                "root": self.store.datastore_root, "inputs": [sorted(one) for one in inputs],
                "from": [f"{one.step_name}/{one.task_id}" for one in inputs],
            }
            self.act("task_pre_step")

        def task_decorate(self, step_func, flow, graph, retry_count, max_user_code_retries, ubf_context):
            self.act("task_decorate")
            def around(*inputs):
                say(f"{self.attributes['label']} around {len(inputs)}")
                return step_func(*inputs)
            return around

        def task_post_step(self, step_name, flow, graph, retry_count, max_user_code_retries):
            flow.after = retry_count
            self.act("task_post_step")

        def task_exception(self, exception, step_name, flow, graph, retry_count, max_user_code_retries):
            say(f"{self.attributes['label']} told of {exception!r}")
            flow.told = True
            return self.attributes["saves"]

        def task_finished(self, step_name, flow, graph, is_task_ok, retry_count, max_user_code_retries):
            flow.too_late = True
            say(f"{self.attributes['label']} finished {is_task_ok}")
            self.act("task_finished")

    class Around(StepDecorator):
        name = "around_run"

        def runtime_init(self, flow, graph, package, run_id):
            say("begins", flow.name, run_id)

        def runtime_finished(self, exception):
            say("ended", exception)

    class Skipping(StepDecorator):
        name = "skipping"

        def task_decorate(self, step_func, flow, graph, retry_count, max_user_code_retries, ubf_context):
            return lambda: setattr(flow, "skipped", True)

    class Team(FlowDecorator):
        name = "team"
        defaults = {"of": "nobody"}
        options = {"colour": {"default": "red", "help": "The team's."}, "team-size": {"type": int, "default": 3}}

        def flow_init(self, flow, graph, environment, flow_datastore, metadata, logger, echo, options):
            os.environ["TEAM"] = f"{self.attributes['of']} {options['colour']} {options['team_size']}"
            echo(f"the team of {flow.name}: {options}")

    class Packing(StepDecorator):
        name = "packing"

        def add_to_package(self):
            return []

    class Backend(StepDecorator):
        name = "backend"

        def runtime_step_cli(self, cli_args, retry_count, max_user_code_retries, ubf_context):
            pass

    class Curious(StepDecorator):
        name = "curious"

        def task_pre_step(self, step_name, task_datastore, metadata, *others):
            metadata.list_tasks(1, 2, 3, [])
"""

POINTS = """
    STEP_DECORATORS_DESC = [
        ("traced", ".hooks.Traced"), ("around_run", ".hooks.Around"), ("skipping", ".hooks.Skipping"),
        ("packing", ".hooks.Packing"), ("backend", ".hooks.Backend"), ("curious", ".hooks.Curious"),
    ]
    FLOW_DECORATORS_DESC = [("team", ".hooks.Team")]
"""


def write(project: Project, work: str, body: str = "pass", above: str = "") -> None:
    """Write an extension, and a flow whose step `work` has these decorators and is followed by `join` and `end`."""
    project.write(f"{HOME}/__init__.py", POINTS)
    project.write(f"{HOME}/hooks.py", DECORATORS)
    lines = "\n".join(f"    {line}" for line in work.split())
    project.write("flow.py", f"""
import os
from metaflow import FlowSpec, around_run, backend, catch, current, packing, curious, retry, skipping, step, team, traced, user_step_decorator

@user_step_decorator
def own(step_name, flow, inputs=None, attributes=None):
    print("own before", flush=True)
    yield
    print("own after", flush=True)

{above}
class Orders(FlowSpec):
    @step
    def start(self):
        self.x = 1
        self.next(self.work)

{lines}
    @step
    def work(self):
        print("code", flush=True)
        {body}
        self.next(self.end)

    @step
    def end(self):
        pass

if __name__ == "__main__":
    Orders()
""")  # fmt: skip


def logged(project: Project) -> list[str]:
    """Return the lines in the log of the step `work`."""
    run = project.latest()
    done = project.flowc("logs", f"{run.flow}/{run.id}/work/0")
    return [line for line in done.out.splitlines() if line.strip()]


def test_hooks_are_called_from_the_inside_out(project: Project) -> None:
    """The function of `task_decorate` wraps user-written decorators, which wrap the step's code."""
    write(project, '@own @traced(label="outer") @retry(times=1)')
    run = project.run("flow.py")
    assert logged(project) == [
        "outer.task_pre_step", "outer.task_decorate", "own before", "outer around 0", "code", "own after",
        "outer.task_post_step", "outer finished True", "outer.task_finished",
    ]  # fmt: skip
    before = project.artifacts(run, "work")["before"]
    assert before == {
        "beside": ["retry", "traced"], "kind": "linear", "task": True, "tries": [0, 1], "forked": False,
        "root": str(project.root / ".flowc"), "inputs": [["x"]], "from": ["start/start-0"],
    }  # fmt: skip


def test_spin_may_do_without_them(project: Project) -> None:
    write(project, '@traced(label="outer") @own')
    project.run("flow.py")
    spun = [project.flowc("spin", "flow.py", "work", *words) for words in ((), ("--skip-decorators",))]
    assert [("outer.task_pre_step" in done.out, done.code) for done in spun] == [(True, 0), (False, 0)]
    assert spun[1].out == "[work] code\n"


def test_what_hooks_assign_is_kept_until_the_task_is_finished(project: Project) -> None:
    write(project, "@traced")
    found = project.artifacts(project.run("flow.py"), "end")
    assert found["after"] == 0
    assert "too_late" not in found
    assert "told" not in found


def test_of_two_the_inner_one_comes_first(project: Project) -> None:
    """A decorator that `--with` adds is the outermost, so its hooks are called last."""
    write(project, '@traced(label="written")')
    project.write(f"{HOME}/__init__.py", POINTS + '    STEP_DECORATORS_DESC += [("again", ".hooks.Again")]\n')
    with (project.root / HOME / "hooks.py").open("a") as file:
        file.write('class Again(Traced):\n    name = "again"\n')
    project.run("flow.py", "--with", "again:label=added")
    assert [line for line in logged(project) if "around" in line or "finished T" in line or "code" in line] == [
        "added around 0", "written around 0", "code", "written finished True", "added finished True",
    ]  # fmt: skip


@pytest.mark.parametrize("hook", ["task_pre_step", "task_decorate", "task_post_step"])
def test_a_hook_that_raises_fails_the_task(project: Project, hook: str) -> None:
    write(project, f'@traced(raises="{hook}")')
    done = project.flowc("run", "flow.py")
    assert done.code == 1
    assert f"RuntimeError: asked to in {hook}" in done.err
    said = "\n".join(logged(project))
    assert f"told of RuntimeError('asked to in {hook}')" in said
    assert "- finished False" in said


def test_a_hook_that_raises_at_the_end_fails_the_task_too(project: Project) -> None:
    write(project, '@traced(raises="task_finished")')
    assert "asked to in task_finished" in project.flowc("run", "flow.py").err
    assert logged(project).count("- finished True") == 1


def test_task_exception_may_say_that_all_is_well(project: Project) -> None:
    """If `task_exception` returns True, the flow continues with the steps that the source passes to `self.next`."""
    write(project, "@traced(saves=True)", "self.y = 1 / 0")
    found = project.artifacts(project.run("flow.py"), "end")
    assert found["told"] is True
    assert "y" not in found
    assert "- finished True" in logged(project)


def test_catch_catches_what_no_hook_saves(project: Project) -> None:
    write(project, '@traced @catch(var="failure")', "self.y = 1 / 0")
    found = project.artifacts(project.run("flow.py"), "end")
    assert found["failure"].type == "builtins.ZeroDivisionError"
    assert "- finished True" in logged(project)


KILLED = "os.kill(os.getpid(), 9)"


def test_hooks_are_told_of_attempts_that_were_killed(project: Project) -> None:
    """If an attempt was killed, the last attempt calls the hooks without the step's code, and stores the artifacts that
    they set."""
    write(project, '@traced(saves=True) @retry(times=1) @catch(var="failure")', KILLED)
    found = project.artifacts(project.run("flow.py"), "end")
    assert found["failure"].type.endswith(".FailureHandledByCatch")
    assert "SIGKILL" in found["failure"].exception
    assert (found["told"], found["before"]["tries"]) == (True, [2, 1])
    said = logged(project)
    assert [line for line in said if "told" in line] == [
        "- told of FailureHandledByCatch(2)",
    ]
    assert (said.count("-.task_pre_step"), said.count("code")) == (3, 2)
    assert [line for line in said if line.startswith("-.")][-1] == "-.task_finished"


@pytest.mark.parametrize("hook", ["task_pre_step", "task_finished"])
def test_a_hook_that_raises_when_told_of_them(project: Project, hook: str) -> None:
    """@catch handles an exception of `task_pre_step`, but not an exception of `task_finished`, as in any attempt."""
    write(project, '@traced(label="x") @catch(var="failure")', KILLED)
    source = project.root / HOME / "hooks.py"
    only = f'if self.attributes["raises"] == hook or hook == "{hook}" and current.retry_count:'
    source.write_text(source.read_text().replace('if self.attributes["raises"] == hook:', only, 1))
    source.write_text("from metaflow import current\n" + source.read_text())
    done = project.flowc("run", "flow.py")
    failed = hook == "task_finished"  # @catch handles `task_pre_step`, and prints on stdout
    assert (done.code, f"asked to in {hook}" in (done.err if failed else done.out)) == (1 if failed else 0, True)
    if not failed:
        failure = project.artifacts(project.latest(), "end")["failure"]
        assert (failure.type, failure.exception) == ("builtins.RuntimeError", "asked to in task_pre_step")


def test_hooks_are_not_called_for_what_is_taken_over(project: Project) -> None:
    """No hooks are called for a task whose result comes from the cache."""
    write(project, "@traced @cache", "self.y = self.x")
    source = project.root / "flow.py"
    source.write_text("from flowc.steps import cache\n" + source.read_text())
    assert "-.task_pre_step" in project.flowc("run", "flow.py").out
    again = project.flowc("run", "flow.py")
    assert ("cached work from" in again.err, again.out) == (True, "")
    assert project.artifacts(project.latest(), "end")["after"] == 0


def test_a_decorator_may_ask_for_retries(project: Project) -> None:
    write(project, "@traced(retries=2)", "self.y = 1 / current.retry_count")
    found = project.artifacts(project.run("flow.py"), "end")
    assert (found["y"], found["after"], found["before"]["tries"]) == (1, 1, [1, 2])


@pytest.mark.parametrize("retries", ["2.5", "'two'", "None"])
def test_retries_that_are_no_number_of_attempts_are_refused(project: Project, retries: str) -> None:
    write(project, f"@traced(retries={retries})")
    done = project.flowc("check", "flow.py")
    assert (done.code, f"it requests {retries} further attempts, which is not a whole number" in done.err) == (1, True)


def test_task_decorate_may_leave_out_the_code(project: Project) -> None:
    write(project, "@skipping")
    assert project.artifacts(project.run("flow.py"), "end")["skipped"] is True
    assert "code" not in logged(project)


def test_a_join_gets_its_inputs(project: Project) -> None:
    project.write(f"{HOME}/__init__.py", POINTS)
    project.write(f"{HOME}/hooks.py", DECORATORS)
    project.write("flow.py", """
        from metaflow import FlowSpec, step, traced

        class Many(FlowSpec):
            @step
            def start(self):
                self.items = ["a", "b"]
                self.next(self.each, foreach="items")

            @step
            def each(self):
                self.item = self.input
                self.next(self.join)

            @traced
            @step
            def join(self, inputs):
                self.all = [one.item for one in inputs]
                self.next(self.end)

            @step
            def end(self):
                pass
    """)  # fmt: skip
    found = project.artifacts(project.run("flow.py"), "join")
    assert found["all"] == ["a", "b"]
    assert found["before"]["from"] == ["each/each-0.0", "each/each-0.1"]
    assert found["before"]["inputs"] == [["item", "items"]] * 2


def test_hooks_around_a_run(project: Project) -> None:
    write(project, "@around_run", "1 / int(os.environ['BY'])")
    assert "ended None" in project.flowc("run", "flow.py", BY="1").out
    run = project.latest()
    assert project.flowc("run", "flow.py", BY="0").out.splitlines()[-1] == "ended the run has failed"
    assert run.id != project.latest().id


# -- options of a flow -------------------------------------------------------------------------------------------------


def team(project: Project, *words: str, **environment: str) -> Finished:
    return project.python("flow.py", *words, **environment)


@pytest.mark.parametrize(
    ("before", "environment", "expected"),
    [
        ([], {}, "us red 3"),
        ([], {"METAFLOW_COLOUR": "blue"}, "us blue 3"),
        (["--team-size", "5"], {"METAFLOW_COLOUR": "blue", "METAFLOW_TEAM_SIZE": "4"}, "us blue 5"),
    ],
)
def test_options_come_before_the_command_or_from_variables(
    project: Project, before: list[str], environment: dict[str, str], expected: str
) -> None:
    write(project, "@own", "self.team = os.environ['TEAM']", '@team(of="us")')
    done = team(project, *before, "run", **environment)
    assert done.code == 0, done.err
    assert project.artifacts(project.latest(), "end")["team"] == expected


def test_options_are_in_the_help_and_are_checked(project: Project) -> None:
    write(project, "@own", above="@team")
    assert "The team's." in team(project, "--help").out
    assert team(project, "--team-size", "many", "run").code == 2
    assert "many" in project.flowc("check", "flow.py", METAFLOW_TEAM_SIZE="many").err


# -- faults ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("work", "above", "expected"),
    [
        ("@traced(lable=1)", "", "error[unknown-argument]: @traced has no argument 'lable'"),
        ("@traced(label=print)", "", "error[bad-argument]: @traced: label is a value that JSON can hold"),
        ("@traced @traced", "", "error[duplicate-decorator]: step 'work' has @traced twice"),
        ("@team", "", "error[misplaced-decorator]: @team decorates a flow's class"),
        ("@own", "@traced", "error[misplaced-decorator]: @traced decorates a step"),
        ("@backend", "", "error[unsupported-feature]: @backend has the hook runtime_step_cli"),
        (
            '@traced(raises="step_init")',
            "",
            "error[mutator-failed]: step_init of @traced failed: ValueError: not on work",
        ),
    ],
)
def test_faults(project: Project, work: str, above: str, expected: str) -> None:
    write(project, work, above=above)
    done = project.flowc("check", "flow.py")
    assert done.code == 1
    assert expected in done.err


def test_what_is_to_be_packed_stays_here(project: Project) -> None:
    """A decorator that adds files to the code package works in local runs, and is refused for a cluster."""
    write(project, "@packing")
    project.run("flow.py")
    done = project.flowc("compile", "flow.py")
    assert done.code == 1
    assert "@packing has the hook add_to_package, whose files are not packaged with the flow" in done.err


def test_what_flowc_has_not_is_refused_by_name(project: Project) -> None:
    write(project, "@curious")
    done = project.flowc("run", "flow.py")
    assert "flowc has no metadata.list_tasks" in done.err


# -- in pods -----------------------------------------------------------------------------------------------------------


def test_pods_make_the_decorators_of_the_ir(project: Project, tmp_path: Path) -> None:
    """A pod has only the code package and the IR; it calls `flow_init` with the options given to `compile`."""
    write(project, "@traced(retries=1)", "self.team = os.environ['TEAM']", '@team(of="us")')
    ir = project.python("flow.py", "check")
    assert ir.code == 0, ir.err
    written = project.flowc("ir", "flow.py", METAFLOW_COLOUR="blue")
    flow: dict[str, Any] = json.loads(written.out)
    work = next(node for node in flow["nodes"] if node["id"] == "work")
    assert work["plugins"] == [{"name": "traced", "attributes": '{"retries":1}'}]
    assert work["retry"] == {"times": 1}
    code = tmp_path / "code"
    shutil.copytree(project.root, code, ignore=shutil.ignore_patterns(".flowc"))
    (tmp_path / "ir.json").write_text(written.out)
    environment = {
        "FLOWC_STORE": str(project.root / ".flowc"), "FLOWC_RUN": "run-1", "FLOWC_IR": str(tmp_path / "ir.json"),
        "FLOWC_CODE": str(code), "FLOWC_OUT": str(tmp_path / "out"),
        "PYTHONPATH": os.pathsep.join([*(str(ROOT / part) for part in PACKAGES), str(code)]),
    }  # fmt: skip
    for name in ("start", "work"):
        done = project.python("-m", "flowc_runtime", "task", name, "--path", "0", "--retry", "0", **environment)
        assert done.code == 0, done.err
    found = project.artifacts(project.latest(), "work")
    assert found["team"] == "us blue 3"
    # the decorator object was created in the task's own process, not in a process from which the task was forked
    assert found["before"]["forked"] is False


# -- beside them -------------------------------------------------------------------------------------------------------


def test_what_a_mutator_prints_is_no_part_of_the_data(project: Project) -> None:
    project.write("flow.py", """
        from metaflow import FlowMutator, FlowSpec, step

        class Chatty(FlowMutator):
            def mutate(self, mutable_flow):
                print("chatty")

        print("imported")

        @Chatty
        class Quiet(FlowSpec):
            @step
            def start(self):
                self.next(self.end)

            @step
            def end(self):
                pass
    """)  # fmt: skip
    done = project.flowc("ir", "flow.py")
    assert json.loads(done.out)["name"] == "Quiet"
    assert done.err == "imported\nchatty\n"
    compiled = project.flowc("compile", "flow.py")
    assert compiled.out.startswith("apiVersion")
    assert compiled.err == "imported\nchatty\n"


def test_decorators_that_do_not_travel_are_refused(project: Project) -> None:
    """A decorator is refused if its module is outside of the flow's directory and of installed packages."""
    project.write("lib/shared/tools.py", """
        from metaflow import user_step_decorator

        @user_step_decorator
        def loud(step_name, flow, inputs=None, attributes=None):
            yield
    """)  # fmt: skip
    project.write("flows/flow.py", """
        from metaflow import FlowSpec, step
        from shared.tools import loud

        class Far(FlowSpec):
            @loud
            @step
            def start(self):
                self.next(self.end)

            @step
            def end(self):
                pass
    """)  # fmt: skip
    path = os.pathsep.join([project.environment["PYTHONPATH"], str(project.root / "lib")])
    assert project.flowc("check", "flows/flow.py", PYTHONPATH=path).code == 0
    done = project.flowc("compile", "flows/flow.py", PYTHONPATH=path)
    assert done.code == 1
    assert "the decorator shared.tools.loud is in the module 'shared.tools', which is not packaged" in done.err
    shutil.move(project.root / "lib" / "shared", project.root / "flows" / "shared")
    assert project.flowc("compile", "flows/flow.py").code == 0


def test_namespaced_event_name(project: Project) -> None:
    """The namespaced name of an event can be used in @trigger and computed in a step."""
    project.write("flow.py", """
        from metaflow import FlowSpec, namespaced_event_name, project, step, trigger

        @trigger(events=[namespaced_event_name("ready"), {"name": namespaced_event_name("new"), "parameters": {}}])
        @project(name="shop")
        class Orders(FlowSpec):
            @step
            def start(self):
                self.name_here = namespaced_event_name("ready")()
                self.next(self.end)

            @step
            def end(self):
                pass
    """)  # fmt: skip
    done = project.flowc("ir", "flow.py", METAFLOW_USER="me")
    assert [event["name"] for event in json.loads(done.out)["triggers"]] == [
        "mfns.shop.user.me.ready", "mfns.shop.user.me.new",
    ]  # fmt: skip
    run = project.run("flow.py", "--branch", "blue", METAFLOW_USER="me")
    assert project.artifacts(run, "end")["name_here"] == "mfns.shop.test.blue.ready"
    plain = project.python("-c", "from metaflow import namespaced_event_name as n; print(n('ready')())")
    assert plain.out == "mfns.ready\n"


@pytest.mark.parametrize("name", ["debug", "system_context", "EXT_PKG"])
def test_other_names_are_refused_with_a_hint(project: Project, name: str) -> None:
    write(project, "@own", above=f"from metaflow import {name}")
    assert "error[unsupported-feature]" in project.flowc("check", "flow.py").err
    done = project.python("-c", f"from metaflow import {name}")
    assert re.search(rf"'(metaflow\.)?{name}'.* is not supported by flowc; ", done.err)
