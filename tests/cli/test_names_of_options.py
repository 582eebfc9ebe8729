"""A parameter may have the name of any option of flowc: after FLOW, the option means the parameter.

The tests read the names of options from the commands, so they also cover options that are added later.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
import yaml

from flowc.cli.commands.flows.resume import RETRY, resume_command
from flowc.cli.commands.flows.run import run_command
from flowc.cli.commands.flows.spin import spin_command
from flowc.cli.flow_file.group import flow_group
from flowc.cli.options.definitions import BEFORE_OPTIONS, RUN_OPTIONS, TOP_OPTIONS
from flowc.cli.running.sending import sender
from flowc.cli.words.split import name_of
from flowc.frontends.reserved_names import METAFLOW_OPTIONS
from flowc.targets.argo.cluster.submission import accepted, arguments_of
from flowc_ir.schema import loads
from flowc_runtime.store.records.store import Store
from flowc_runtime.store.values.files import MAX_PACKED
from metaflow.runner._signature import FlowParameter
from metaflow.runner.argo_flow import pairs

if TYPE_CHECKING:
    from project import Project

COMMANDS = {"run": run_command, "resume": resume_command, "spin": spin_command}


def spellings() -> list[str]:
    """Return the option names of `run`, `resume` and `spin` that are allowed as parameter names, and `help`."""
    found = [param for command in COMMANDS.values() for param in command.known_params()]
    options = [option[2:] for param in found for option in (*param.opts, *param.secondary_opts) if option[:2] == "--"]
    free = [name for name in options if name.isascii() and "." not in name and name_of(name) not in METAFLOW_OPTIONS]
    return [*dict.fromkeys(free), "help"]


NAMES = spellings()
ODD = [
    "größe",
    "class",
    "_x",
    "__x",
    "Tag",
    "WITH",
    "store-url",
    "params_files",
    "class-name",
    "step",
    "pathspec",
    "cls",
]

FLOW = """
import os
from metaflow import FlowSpec, Parameter, current, step

NAMES = {names!r}

class Named(FlowSpec):
    for number, name in enumerate(NAMES):
        vars()[f"p{{number}}"] = Parameter(name, default="d")
    del number, name

    @step
    def start(self):
        self.given = {{name: getattr(self, f"p{{number}}") for number, name in enumerate(NAMES)}}
        assert len(current.parameter_names) == len(NAMES)
        self.next(self.end)

    @step
    def end(self):
        pass

if __name__ == "__main__":
    Named()
"""


@pytest.fixture
def named(project: Project) -> list[str]:
    names = [*NAMES, *ODD]
    project.write("flow.py", FLOW.format(names=names))
    return names


def given(project: Project) -> dict[str, str]:
    found: dict[str, str] = project.artifacts(project.latest(), "end")["given"]
    return found


def test_the_names_are_those_of_many_options() -> None:
    assert {"flow", "store", "local", "start", "config", "cache", "no-cache", "target", "output", "quiet"} <= {*NAMES}


@pytest.mark.parametrize("words", [("flowc", "run", "--local", "flow.py"), ("flow.py", "run")], ids=" ".join)
def test_behind_the_flow_every_name_is_the_parameter_s(
    project: Project, named: list[str], words: tuple[str, ...]
) -> None:
    start = ("-m", *words) if words[0] == "flowc" else words
    options = [word for name in named for word in (f"--{name}", f"v-{name}")]
    done = project.python(*start, *options)
    assert done.code == 0, done.err
    assert given(project) == {name: f"v-{name}" for name in named}
    equal = project.python(*start, *(f"--{name}=w" for name in named))
    assert equal.code == 0, equal.err
    assert {*given(project).values()} == {"w"}


def test_variables_and_files_name_parameters_too(project: Project, named: list[str]) -> None:
    variables = {f"METAFLOW_RUN_{name.upper().replace('-', '_')}": f"v-{name}" for name in named}
    done = project.python("flow.py", "run", **variables)
    assert done.code == 0, done.err
    assert given(project) == {name: f"v-{name}" for name in named}
    project.write("params.json", json.dumps({name: f"f-{name}" for name in named}))
    done = project.python("flow.py", "--params-file", "params.json", "run", **variables)
    assert done.code == 0, done.err
    assert given(project) == {name: f"f-{name}" for name in named}
    assert project.flowc("run", "--params-file", "params.json", "flow.py", "--store", "s").code == 0
    assert given(project) == {name: f"f-{name}" for name in named} | {"store": "s"}


def test_before_the_flow_every_name_is_the_option_s(project: Project, named: list[str]) -> None:
    project.write("params.json", json.dumps({"größe": "m"}))
    options = ("--store", "elsewhere", "--params-file", "params.json", "--log-format", "json", "--start", "fresh",
               "--flow", "Named", "--tag", "t", "--no-cache", "--with", "retry:times=1", "--quiet")  # fmt: skip
    theirs = ("--store", "x", "--start", "y", "--quiet", "z", "--flow", "Other", "--log-format", "text")
    for line in (
        ("-m", "flowc", "run", *options, "--local", "flow.py", *theirs),
        ("flow.py", *(word for word in options if word not in ("--flow", "Named")), "run", *theirs),
    ):
        done = project.python(*line)
        assert done.code == 0, done.err
        assert json.loads(done.out.splitlines()[0])
        store = Store.open(str(project.root / "elsewhere"))
        run = store.run("Named", store.runs("Named")[-1])
        values = project.artifacts(run, "end")["given"]
        assert values == dict.fromkeys(named, "d") | {
            "store": "x", "start": "y", "quiet": "z", "flow": "Other", "log-format": "text", "größe": "m",
        }  # fmt: skip
    assert not project.store.flows()


def test_settings_have_variables_of_their_own(project: Project, named: list[str]) -> None:
    settings = {"FLOWC_STORE": "elsewhere", "FLOWC_LOG_FORMAT": "json", "FLOWC_START": "fresh"}
    done = project.python("flow.py", "run", "--store", "x", "--log-format=y", "--start", "z", **settings)
    assert done.code == 0, done.err
    assert json.loads(done.out.splitlines()[0])
    assert Store.open(str(project.root / "elsewhere")).flows() == ["Named"]


def test_resume_and_spin_take_them_as_run_does(project: Project, named: list[str]) -> None:
    project.run("flow.py", "--target", "first", "--force", "yes")
    first = project.latest().id
    done = project.python(
        "flow.py", "--target", "local", "resume", "start", "--origin-run-id", first, "--target", "second"
    )
    assert done.code == 0, done.err
    assert given(project) == dict.fromkeys(named, "d") | {"target": "second", "force": "yes"}
    done = project.flowc("resume", "--force", "flow.py", "--origin-run-id", first, "--output", "third")
    assert done.code == 0, done.err
    assert given(project)["output"] == "third"
    spun = project.flowc("spin", "flow.py", "start", "--persist", "--store", "s")
    assert spun.code == 0, spun.err
    assert project.flowc("retry", "flow.py", "--store", "s").code == 1  # nothing has failed


def test_help_names_both(project: Project, named: list[str]) -> None:
    shown = project.flowc("run", "--help", "flow.py")
    assert shown.code == 0, shown.err
    assert "--store TEXT" in shown.out
    assert "--store (before FLOW) DIR|URL" in shown.out
    wrong = project.flowc("run", "--start", "never", "flow.py")
    assert wrong.code == 2
    assert "'--start (before FLOW)': 'never' is not one of" in wrong.err


def test_a_program_gives_them_by_their_names(project: Project, named: list[str]) -> None:
    project.write(
        "drive.py",
        f"""
        from metaflow import Runner

        names = {named!r}
        given = {{name.replace("-", "_"): f"v-{{name}}" for name in names}}
        with Runner("flow.py", show_output=False, store_url="there").run(max_workers=1, tags=["t"], **given) as running:
            assert running.status == "successful", running.stderr
            assert running.run.data.given == {{name: f"v-{{name}}" for name in names}}, running.run.data.given
            print(*running.run.user_tags)
        with Runner("flow.py", show_output=False, store_url="there").resume(step_to_rerun="start", store="s") as running:
            print(running.run.data.given["store"], running.run.data.given["flow"])
            print(running.runner.spin("start", flow="w").task.data.given["flow"])
        """,
    )
    done = project.python("drive.py")
    assert (done.code, done.out) == (0, "t\ns v-flow\nw\n"), done.err
    assert (project.root / "there").is_dir()


def test_an_option_before_another_command_is_refused(project: Project, named: list[str]) -> None:
    done = project.python("flow.py", "--store", "x", "check")
    assert done.code == 2
    assert "--store before the command is only for run, resume, spin" in done.err
    assert "For check, set the store in the environment: FLOWC_STORE=x python flow.py check\n" in done.err


def test_options_without_a_command_are_refused(project: Project, named: list[str]) -> None:
    done = project.python("flow.py", "--store", "x y")
    assert done.code == 2
    line = "a command is missing: --store is for run, resume, spin, as in: python flow.py --store 'x y' run\n"
    assert line in done.err


def test_options_before_the_command_have_no_variables(project: Project, named: list[str]) -> None:
    variables = {f"METAFLOW_{str(option.name).upper()}": "nonsense" for option in BEFORE_OPTIONS}
    assert project.python("flow.py", "run", **variables).code == 0


def test_what_metaflow_refuses_is_refused(project: Project) -> None:
    for name in ("tag", "max-workers", "run_id_file", "with"):
        project.write("flow.py", FLOW.format(names=[name]))
        done = project.python("flow.py", "run")
        assert done.code == 1
        assert f"a parameter cannot be called '{name}': Metaflow's `run` has that option" in done.err


def test_every_option_of_ours_may_stand_before_the_command() -> None:
    group = {option for param in flow_group().params for option in param.opts}
    options = {
        option for param in (*RUN_OPTIONS, *TOP_OPTIONS, *RETRY.params) for option in param.opts if option[:2] == "--"
    }
    assert {name_of(option) for option in options - group} <= {*METAFLOW_OPTIONS, "origin_run_id"}


def test_a_flag_of_the_flow_hides_no_option_behind_it(project: Project) -> None:
    project.write(
        "flow.py",
        """
        from metaflow import FlowSpec, Parameter, current, step

        class Flags(FlowSpec):
            dry = Parameter("dry", is_flag=True)
            cache = Parameter("cache", is_flag=True)

            @step
            def start(self):
                self.seen = self.dry, self.cache, current.retry_count
                assert current.retry_count
                self.next(self.end)

            @step
            def end(self):
                pass

        if __name__ == "__main__":
            Flags()
        """,
    )
    for words in (("-m", "flowc", "run", "flow.py"), ("flow.py", "run")):
        done = project.python(*words, "--dry", "--with", "retry:times=1,minutes_between_retries=0", "--cache")
        assert done.code == 0, done.err
        assert project.artifacts(project.latest(), "end")["seen"] == (True, True, 1)


def test_parameters_that_a_mutator_adds_count_too(project: Project) -> None:
    project.write(
        "flow.py",
        """
        from metaflow import FlowMutator, FlowSpec, Parameter, current, step

        class add(FlowMutator):
            def pre_mutate(self, mutable_flow):
                for number, name in enumerate(("start", "with_", "cache", "store", "config")):
                    mutable_flow.add_parameter(f"p{number}", Parameter(name, default="d"))

        @add
        class Added(FlowSpec):
            @step
            def start(self):
                self.seen = [getattr(self, f"p{number}") for number in range(5)]
                self.next(self.end)

            @step
            def end(self):
                pass

        if __name__ == "__main__":
            Added()
        """,
    )
    for words in (("-m", "flowc", "run", "--cache", "flow.py"), ("flow.py", "--cache", "run"), ("flow.py", "run")):
        options = ("--start", "c", "--store=s", "--tag", "t", "--cache", "yes")
        done = project.python(*words, *options, METAFLOW_RUN_CONFIG="b")
        assert done.code == 0, done.err
        assert project.artifacts(project.latest(), "end")["seen"] == ["c", "d", "yes", "s", "b"]
        assert project.latest().user_tags() == {"t"}
        assert (project.latest().executes().by_id()["start"].cache is not None) == ("--cache" in words)


SEVERAL = """
from metaflow import FlowSpec, Parameter, step

class Base(FlowSpec):
    @step
    def start(self):
        self.seen = getattr(self, "flow", "none")
        self.next(self.end)

    @step
    def end(self):
        pass

class With(Base):
    flow = Parameter("flow", default="d")

class Without(Base):
    pass
"""


def test_the_class_of_several(project: Project) -> None:
    project.write("flow.py", SEVERAL)
    for words, seen in {
        ("--flow", "With", "flow.py"): ("With", "d"),
        ("--flow", "With", "flow.py", "--flow", "x"): ("With", "x"),
        ("flow.py:With", "--flow", "Without"): ("With", "Without"),
        ("flow.py", "--flow", "Without"): ("Without", "none"),
    }.items():
        done = project.flowc("run", *words)
        assert done.code == 0, done.err
        run = project.store.run(seen[0], project.store.runs(seen[0])[-1])
        assert project.artifacts(run, "end")["seen"] == seen[1]
    done = project.flowc("run", "flow.py:Without", "--flow", "With")
    assert done.code == 2
    assert "name different classes" in done.err
    project.write("flow.py", SEVERAL + '\nif __name__ == "__main__":\n    With()\n')
    assert project.flowc("run", "flow.py", "--flow", "Without").code == 0
    run = project.store.run("With", project.store.runs("With")[-1])
    assert project.artifacts(run, "end")["seen"] == "Without"


def test_an_extension_s_option_comes_before_ours(project: Project) -> None:
    project.write(
        "metaflow_extensions/acme/plugins/__init__.py", 'FLOW_DECORATORS_DESC = [("aimed", ".aimed.Aimed")]\n'
    )
    project.write(
        "metaflow_extensions/acme/plugins/aimed.py",
        """
        from metaflow.decorators import FlowDecorator

        class Aimed(FlowDecorator):
            name = "aimed"
            defaults = {}
            options = {"target": {"default": "nothing", "help": "What to aim at."}}

            def flow_init(self, flow, graph, environment, flow_datastore, metadata, logger, echo, options):
                print("aims at", options["target"])
        """,
    )
    project.write("flow.py", SEVERAL.replace("class With(", "@aimed\nclass With(").replace("step\n", "aimed, step\n", 1)
                  + '\nif __name__ == "__main__":\n    With()\n')  # fmt: skip
    done = project.python("flow.py", "--target", "the moon", "run", "--flow", "x")
    assert done.code == 0, done.err
    assert "aims at the moon" in done.out + done.err


def test_a_deployed_flow_takes_them_and_its_pods_read_them(project: Project, named: list[str]) -> None:
    compiled = project.flowc("compile", "flow.py")
    assert compiled.code == 0, compiled.err
    manifests = list(yaml.safe_load_all(compiled.out))
    template = next(each for each in manifests if each["kind"] == "WorkflowTemplate")
    definition = project.flowc("ir", "flow.py").out
    project.write("ir.json", definition)
    parameters = accepted(template, loads(definition))
    assert [parameter.name for parameter in parameters] == named
    known = [FlowParameter.from_ir(parameter) for parameter in loads(definition).parameters]
    # the arguments of DeployedFlow.trigger(…)
    given = pairs(known, {name.replace("-", "_"): f"v-{name}" for name in named})
    assert given == [(name, f"v-{name}") for name in named]  # the arguments of `flowc trigger --param NAME=VALUE`
    done = project.python(
        *("-m", "flowc_runtime", "task", "start", "--path", "0", "--retry", "0"),
        FLOWC_STORE=project.store.objects.url, FLOWC_RUN="named-x7", FLOWC_IR=str(project.root / "ir.json"),
        FLOWC_CODE=str(project.root), FLOWC_OUT=str(project.root / "out"),
        FLOWC_PARAMETERS=json.dumps(arguments_of(parameters, given, sender(None, MAX_PACKED))),
    )  # fmt: skip
    assert done.code == 0, done.err
    values = project.artifacts(project.store.run("Named", "named-x7"), "start")["given"]
    assert values == {name: f"v-{name}" for name in named}
