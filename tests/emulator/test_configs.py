"""Configs: the sources of their values, and their uses in flows. Each test runs a program and checks its results."""

from __future__ import annotations

import copy
import json
import pickle
from typing import TYPE_CHECKING, Any

import pytest

from flowc.frontends.metaflow.configs import ConfigSources
from flowc.frontends.metaflow.flowspec import load
from flowc_ir.schema import loads
from metaflow import Config, ConfigValue, config_expr
from targets.argo.test_conformance import played

if TYPE_CHECKING:
    from pathlib import Path

    from flowc_ir import Flow
    from project import Project

FLOW = """
from metaflow import Config, FlowSpec, step

class SeenFlow(FlowSpec):
    config = Config("config", {arguments})

    @step
    def start(self):
        self.seen = self.config
        self.next(self.end)

    @step
    def end(self):
        pass

if __name__ == "__main__":
    SeenFlow()
"""


def seen(project: Project, *words: str, **environment: str) -> Any:
    """Run `python flow.py …`; return the config's value in a step."""
    done = project.python("flow.py", *words, **environment)
    assert done.code == 0, done.err
    return project.artifacts(project.latest(), "start")["seen"]


def refused(project: Project, *words: str, **environment: str) -> str:
    """Return the error about an invalid config; assert that the exit code is 2 and that no run has started."""
    done = project.python("flow.py", *words, **environment)
    assert done.code == 2, done.err
    assert not project.store.flows()
    return done.err


# -- sources of values -------------------------------------------------------------------------------------------------


def test_the_default_is_a_file_in_the_working_directory_or_beside_the_flow(project: Project) -> None:
    project.write("flow.py", FLOW.format(arguments='default="config.json"'))
    project.write("config.json", '{"where": "beside the flow"}')
    assert seen(project, "run") == {"where": "beside the flow"}
    project.write("work/config.json", '{"where": "in the working directory"}')
    program = "import os, sys; os.chdir('work'); sys.argv[1:] = ['ir', '--text', '../flow.py']; import flowc.cli; "
    done = project.python("-c", program + "flowc.cli.main()")
    assert 'config config = {"where":"in the working directory"}' in done.out, done.err


def test_the_command_line_gives_a_file_or_a_value(project: Project) -> None:
    project.write("flow.py", FLOW.format(arguments='default="no-such.json"'))
    project.write("other.json", '{"from": "file"}')
    assert seen(project, "--config", "config", "other.json", "run") == {"from": "file"}
    assert seen(project, "--config-value", "config", '{"from": "value"}', "run") == {"from": "value"}
    for command in (["check"], ["ir", "--text"], ["run", "--local"], ["compile"]):
        done = project.flowc(*command, "flow.py", "--config", "config", "other.json")
        assert done.code == 0, done.err
    assert project.artifacts(project.latest(), "start")["seen"] == {"from": "file"}


def test_the_environment_gives_values_that_the_flow_s_own_module_may_set(project: Project) -> None:
    project.write("flow.py", FLOW.format(arguments='default_value={"from": "default"}'))
    project.write("other.json", '{"from": "file"}')
    assert seen(project, "run") == {"from": "default"}
    assert seen(project, "run", METAFLOW_FLOW_CONFIG='{"config": "other.json"}') == {"from": "file"}
    assert seen(project, "run", METAFLOW_FLOW_CONFIG_VALUE='{"config": {"from": "dict"}}') == {"from": "dict"}
    assert seen(project, "run", METAFLOW_FLOW_CONFIG_VALUE='{"config": "{\\"from\\": \\"text\\"}"}') == {"from": "text"}
    line = ("--config-value", "config", '{"from": "line"}', "run")
    assert seen(project, *line, METAFLOW_FLOW_CONFIG='{"config": "other.json"}') == {"from": "line"}
    text = (project.root / "flow.py").read_text()
    sets = 'import os\nos.environ["METAFLOW_FLOW_CONFIG"] = \'{"config": "other.json"}\'\n'
    project.write("flow.py", sets + text)
    assert seen(project, "run") == {"from": "file"}


def test_a_required_config_and_one_without_a_value(project: Project) -> None:
    project.write("flow.py", FLOW.format(arguments="required=True"))
    assert "missing configuration for 'config'" in refused(project, "run")
    project.write("flow.py", FLOW.format(arguments=""))
    assert seen(project, "run") is None


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--config", "config", "no.json"], "configuration file 'no.json' could not be read for 'config'"),
        (["--config-value", "config", "{"], "configuration value for 'config' is not valid JSON"),
        (["--config-value", "config", "[1]"], "config 'config' must be a dict, not [1]"),
        (["--config-value", "conf", "{}"], "has no config 'conf'"),
        (["--config-value", "config", "{}", "--config", "config", "flow.py"], "is given both a file and a value"),
    ],
)
def test_a_wrong_value_is_refused(project: Project, words: list[str], message: str) -> None:
    project.write("flow.py", FLOW.format(arguments=""))
    assert message in refused(project, *words, "run")


def test_a_file_and_a_value_for_one_config_show_its_declaration(project: Project) -> None:
    project.write("flow.py", FLOW.format(arguments=""))
    message = refused(project, "--config-value", "config", "{}", "--config", "config", "flow.py", "run")
    shown = message.partition("::: flow.py:")[2].splitlines()
    assert 'Config("config"' in shown[1]
    assert shown[2].endswith(" declared here")


def test_a_wrong_variable_is_refused(project: Project) -> None:
    project.write("flow.py", FLOW.format(arguments=""))
    assert "METAFLOW_FLOW_CONFIG cannot be read" in refused(project, "run", METAFLOW_FLOW_CONFIG="{bad")
    message = refused(project, "run", METAFLOW_FLOW_CONFIG_VALUE='{"confg": {}}')
    assert "has no config 'confg'" in message
    assert "did you mean 'config'?" in message


def test_parsers(project: Project) -> None:
    """A config's parser is a function or its dotted name, for YAML, TOML or any other format. A plain config need not
    be a dict."""
    project.write(
        "formats.py",
        """
        def ini(text):
            return dict(line.split("=") for line in text.split())
        """,
    )
    project.write("app.ini", "a=1\nb=2\n")
    for arguments in ('default="app.ini", parser="formats.ini"', 'default="app.ini", parser=__import__("formats").ini'):
        project.write("flow.py", FLOW.format(arguments=arguments))
        assert seen(project, "run") == {"a": "1", "b": "2"}
    project.write("flow.py", FLOW.format(arguments='default_value="a: [1, {b: 2}]", parser="yaml.safe_load"'))
    assert seen(project, "run").a[1].b == 2
    project.write("flow.py", FLOW.format(arguments='default_value="b a", parser=str.split, plain=True'))
    assert seen(project, "run") == ["b", "a"]
    project.write("flow.py", FLOW.format(arguments='default_value="[1", plain=True'))
    assert seen(project, "run") == "[1"


def test_functions_give_defaults(project: Project) -> None:
    project.write("ada.json", '{"from": "function"}')
    project.write("flow.py", FLOW.format(arguments='default=lambda context: context.user_name + ".json"'))
    assert seen(project, "run", METAFLOW_USER="ada") == {"from": "function"}
    project.write(
        "flow.py", FLOW.format(arguments='default_value=lambda c: {"names": [c.flow_name, c.parameter_name]}')
    )
    assert seen(project, "run") == {"names": ["SeenFlow", "config"]}


# -- places of use -----------------------------------------------------------------------------------------------------

EVERYWHERE = """
import os
from metaflow import Config, FlowSpec, JSONType, Parameter, config_expr, environment, resources, retry, schedule, step

def shout(value):
    return f"{value}!"

class Base(FlowSpec):
    base = Config("base", default_value={"greeting": "hello"})

@schedule(cron=config_expr("settings").cron)
class EverywhereFlow(Base):
    settings = Config("settings", default_value={
        "cron": "0 1 * * *", "n": 3, "list": [1, {"b": "two"}], "vars": {"A": "1"}, "key-with-dash": {"x": 9}})
    policy = Config("retry-policy", default_value={"times": 2})

    n = Parameter("n", default=settings.n)
    more = Parameter("more", default=config_expr("settings.n + 1"), help=config_expr("'more than ' + str(settings.n)"))
    parts = Parameter("parts", type=JSONType, default=settings.list)
    dashed = Parameter("dashed", default=settings["key-with-dash"].x)
    fallback = Parameter("fallback", default=settings.get("no such key", 7))
    attribute = settings.n

    @retry(**policy)
    @resources(cpu=settings.n, memory=config_expr("settings.n * 100"))
    @environment(vars={**settings.vars, "B": settings.list[1].b, "C": config_expr("shout(base.greeting)")})
    @step
    def start(self):
        self.seen = [self.n, self.more, self.parts, self.dashed, self.fallback, self.attribute]
        self.variables = [os.environ[name] for name in "ABC"]
        self.kept = self.settings
        self.items = [1, 2]
        self.next(self.work, foreach="items")

    @step
    def work(self):
        self.times = self.policy.times * self.input
        self.next(self.join)

    @step
    def join(self, inputs):
        self.times = [i.times for i in inputs]
        self.of_inputs = [i.settings.n for i in inputs]
        self.next(self.end)

    @step
    def end(self):
        try:
            self.settings = {}
        except AttributeError as error:
            self.said = str(error)
"""


def check_everywhere(project: Project, run: Any) -> None:
    start, join = project.artifacts(run, "start"), project.artifacts(run, "join")
    assert start["seen"] == [3, 4, [1, {"b": "two"}], 9, 7, 3]
    assert start["variables"] == ["1", "two", "hello!"]
    assert start["kept"].list[1].b == "two"
    assert (join["times"], join["of_inputs"]) == ([2, 4], [3, 3])
    assert project.artifacts(run, "end")["said"].startswith("config 'settings' cannot be assigned to")


def test_configs_everywhere(project: Project) -> None:
    """Configs can be used in decorators, parameters, the body of the class, steps, and the inputs of a join."""
    project.write("flow.py", EVERYWHERE)
    run = project.run("flow.py")
    check_everywhere(project, run)
    flow: Flow = loads(run.ir())
    assert flow.schedule is not None
    assert flow.schedule.crons == ("0 1 * * *",)
    start = flow.by_id()["start"]
    assert start.retry is not None
    assert (start.retry.times, start.resources.cpu, start.resources.memory) == (2, "3", 300)  # type: ignore[union-attr]
    assert {p.name: p.help for p in flow.parameters}["more"] == "more than 3"


def test_pods_get_the_same_values(project: Project) -> None:
    """The IR contains the values of configs; a pod reads neither config files nor variables."""
    project.write("flow.py", EVERYWHERE)
    check_everywhere(project, played(project, "flow.py"))


def flow_of(path: Path, **values: str) -> Flow:
    loaded = load(path, configs=ConfigSources(values=values))
    assert loaded.flow is not None, loaded.diagnostics
    return loaded.flow


@pytest.mark.usefixtures("fresh_imports")
def test_the_same_class_can_be_prepared_again_with_other_values(project: Project) -> None:
    path = project.write("again_flow.py", EVERYWHERE)
    policy = {"retry-policy": '{"times": 5}'}
    assert flow_of(path).by_id()["start"].retry.times == 2  # type: ignore[union-attr]
    assert flow_of(path, **policy).by_id()["start"].retry.times == 5  # type: ignore[union-attr]


def test_what_has_no_value_yet_says_so() -> None:
    config = Config("config")
    for use in (
        lambda: config.a + 1, lambda: f"{config.a}", lambda: bool(config.a), lambda: list(config.a),
        lambda: config.a == 1, lambda: len(config), lambda: int(config.a["b"]),
    ):  # fmt: skip
        with pytest.raises(TypeError, match=r"^config\S* has no value yet .*config_expr|^Config\('config'\) has no"):
            use()
    assert repr(config_expr("config.a + 1").upper()["x"]) == "config.a + 1.upper()['x']"


# -- values that JSON cannot represent ---------------------------------------------------------------------------------

EXACT = """
import datetime
import json
from collections import OrderedDict
from metaflow import Config, FlowSpec, step

class Box:
    def __init__(self, size):
        self.size = size

def to_box(text):
    return Box(len(json.loads(text)))

def to_all(text):
    found = set(json.loads(text))
    return {"set": found, "frozen": frozenset(found), "bytes": b"x", "tags": {"$tuple": [1]}, (1, 2): OrderedDict(a=1)}

def to_dates(text):
    return OrderedDict(day=datetime.date(2024, 1, 2), inner=OrderedDict(n=(True, 1)))

class Exact(FlowSpec):
    box = Config("box", default_value="[1, 2]", parser=to_box, plain=True)
    every = Config("every", default_value="[1, 2]", parser=to_all, plain=True)
    dates = Config("dates", default_value="[]", parser=to_dates)

    @step
    def start(self):
        self.seen = [type(self.box), self.box.size, self.every, type(self.every[1, 2]), type(self.dates.inner)]
        self.next(self.end)

    @step
    def end(self):
        assert self.every == self.seen[2]
        print(self.box.size, self.dates.day, self.dates.inner.n, type(self.dates.inner).__name__)
"""


@pytest.mark.parametrize("start", ["fork", "fresh"])
def test_steps_get_what_a_parser_gave(project: Project, start: str) -> None:
    project.write("flow.py", EXACT)
    done = project.flowc("run", "flow.py", "--start", start)
    assert "2 2024-01-02 (True, 1) ConfigValue" in done.out, done.err
    program = """
        import flow, metaflow
        data = metaflow.Flow("Exact").latest_run.data
        assert type(data.box) is flow.Box and data.box.size == 2
        assert data.seen[:2] == [flow.Box, 2]
        assert data.every == data.seen[2] and list(data.every) == ["set", "frozen", "bytes", "tags", (1, 2)]
        assert type(data.every["set"]) is set and type(data.every[1, 2]).__name__ == "OrderedDict"
        assert type(data.dates) is dict and type(data.dates["inner"]) is dict
        task = metaflow.Flow("Exact").latest_run["end"].task
        print([task[name].type for name in ("box", "every", "dates")])
    """
    read = project.python(str(project.write("read.py", program)))
    assert read.out == "['flow.Box', 'dict', 'dict']\n", read.err


def test_the_same_values_are_resumed_spun_and_taken_from_the_cache(project: Project) -> None:
    text = EXACT.replace("    @step\n    def end", "    @cache\n    @step\n    def end").replace(
        "class Exact", "from flowc.steps import cache\n\nclass Exact"
    )
    project.write("flow.py", text)
    assert project.flowc("run", "flow.py").code == 0
    again = project.flowc("run", "flow.py")
    assert "cached end" in again.err + again.out
    other = project.flowc("run", "flow.py", "--config-value", "box", "[1, 2, 3]")
    assert "cached" not in other.err
    assert "3 2024-01-02" in other.out
    resumed = project.flowc("resume", "flow.py", "end", "--no-cache")
    assert "3 2024-01-02" in resumed.out, resumed.err
    spun = project.flowc("spin", "flow.py", "end")
    assert "2 2024-01-02" in spun.out, spun.err


def test_the_ir_keeps_them(project: Project) -> None:
    project.write("flow.py", EXACT)
    first, second = (project.flowc("ir", "flow.py", PYTHONHASHSEED=seed) for seed in "12")
    assert first == second
    configs = {config["name"]: config for config in json.loads(first.out)["configs"]}
    assert json.loads(configs["every"]["exact"])["$dict"][0] == ["set", {"$set": [1, 2]}]
    assert json.loads(configs["dates"]["value"])["inner"] == {"n": [True, 1]}


def test_what_cannot_be_pickled_is_no_config(project: Project) -> None:
    project.write("flow.py", EXACT.replace("return Box(", "import threading\n    return threading.Lock() or Box("))
    done = project.flowc("check", "flow.py")
    assert done.code == 2
    assert "config 'box' cannot be stored: a value of type _thread.lock cannot be pickled" in done.err


# -- ConfigValue -------------------------------------------------------------------------------------------------------

DATA: dict[str, Any] = {"a": 1, "inner": {"b": {"c": "text"}}, "list": [1, {"d": 2}], "key-with-dash": None, "items": 3}


def test_a_config_value_is_a_dict_with_attributes() -> None:
    value = ConfigValue(DATA)
    assert value.a == value["a"] == value.get("a") == 1
    assert value.inner.b.c == value["inner"]["b"]["c"] == "text"
    assert value.list[1].d == 2
    assert value["key-with-dash"] is None
    assert value["items"] == 3  # `value.items` is the dict's method, not an item
    assert value.get("nope", 4) == 4
    assert (len(value), list(value), "a" in value, "b" in value) == (5, list(DATA), True, False)
    assert value == DATA
    assert {**value} == dict(value) == DATA
    assert json.loads(json.dumps(value)) == DATA
    assert repr(value) == str(value) == repr(DATA)
    assert "inner" in dir(value)
    with pytest.raises(AttributeError, match="nope"):
        _ = value.nope
    with pytest.raises(KeyError, match="nope"):
        _ = value["nope"]


def test_a_config_value_cannot_be_changed() -> None:
    value: Any = ConfigValue(DATA)
    for change in (
        lambda: value.__setitem__("a", 2), lambda: setattr(value, "a", 2), lambda: value.__delitem__("a"),
        lambda: delattr(value, "a"), lambda: value.pop("a"), lambda: value.popitem(), lambda: value.clear(),
        lambda: value.update(a=2), lambda: value.setdefault("z", 2), lambda: value.inner.__setitem__("b", 2),
        lambda: value.__ior__({"a": 2}),
    ):  # fmt: skip
        with pytest.raises(TypeError, match="ConfigValue is immutable"):
            change()
    with pytest.raises(TypeError, match="unhashable"):
        hash(value)
    assert value == DATA


def test_copies_of_a_config_value() -> None:
    value = ConfigValue(DATA)
    plain = value.to_dict()
    assert (type(plain), type(plain["inner"]), type(plain["list"][1])) == (dict, dict, dict)
    plain["inner"]["b"] = 5
    for other in (value.copy(), copy.copy(value), copy.deepcopy(value), pickle.loads(pickle.dumps(value))):
        assert type(other) is ConfigValue
        assert other == value
        assert other.inner.b.c == "text"
    assert (value | {"z": 1})["z"] == 1
    assert type(value).__module__ == "metaflow.user_configs.config_parameters"
