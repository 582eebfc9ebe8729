"""A flow for each decorator, and flows for other features that the image must support.

Each flow prints `ran in the image` at its end.
"""

from __future__ import annotations

import textwrap


def _flow(names: str, above: str = "", start: str = "pass", end: str = "pass", *, cls: str = "", head: str = "") -> str:
    """Return the source of a flow with two steps.

    `names` are imported, `cls` decorates the class, and `above` decorates the first step.
    """
    step = textwrap.indent(above.strip(), "    ") + "\n" if above else ""
    return f"""
from metaflow import FlowSpec, step{", " + names if names else ""}
{head}

{cls}
class ImageFlow(FlowSpec):
{step}    @step
    def start(self):
{textwrap.indent(start, " " * 8)}
        self.next(self.end)

    @step
    def end(self):
{textwrap.indent(end, " " * 8)}
        print("ran in the image")
"""


def _split(opens: str, above: str, body: str, end: str, *, names: str = "", head: str = "") -> str:
    """Return a flow with `self.next(self.work, OPENS)`; `above` decorates the step `work`, and `body` is its code."""
    return f"""
from metaflow import FlowSpec, step{", " + names if names else ""}
{head}

class ImageFlow(FlowSpec):
    @step
    def start(self):
        self.items = ["a", "b"]
        self.next(self.work, {opens})

    {above}
    @step
    def work(self):
        {body}
        self.next(self.join)

    @step
    def join(self, inputs):
        self.done = [one.done for one in inputs]
        self.next(self.end)

    @step
    def end(self):
        {end}
        print("ran in the image")
"""


_PROVIDER = """
class Vault:
    def get_secret_as_dict(self, secret_id, options={}, role=None):
        return {"TOKEN": secret_id}
"""
_HOOK = """
def told(run):
    print("hook of", run.pathspec)
"""
_OWN = """
from metaflow import FlowMutator, StepMutator, user_step_decorator

@user_step_decorator
def traced(step_name, flow, inputs=None, attributes=None):
    flow.seen = [step_name]
    yield

class Careful(StepMutator):
    def mutate(self, mutable_step):
        mutable_step.add_decorator("retry", deco_kwargs={"times": 1})

class Everywhere(FlowMutator):
    def mutate(self, mutable_flow):
        for _, each in mutable_flow.steps:
            each.add_decorator("environment", deco_kwargs={"vars": {"ADDED": "1"}})
"""

_ONE_FILE: dict[str, str] = {
    # decorators of steps
    "step": _flow("").replace("@step\n    def start", "@step(start=True)\n    def begin"),
    "parallel": _split(
        "num_parallel=2", "@parallel", "self.done = current.parallel.node_index", "assert self.done == [0, 1]",
        names="current, parallel",
    ),
    "unbounded_test_foreach_internal": _split(
        'foreach="items"', "@unbounded_test_foreach_internal", "self.done = self.input", "pass",
        names="unbounded_test_foreach_internal",
    ),
    "retry": _flow("current, retry", "@retry(times=1)", "assert current.retry_count == 1"),
    "catch": _flow("catch", "@catch(var='why')", "1 / 0", "assert 'ZeroDivisionError' in self.why.type"),
    "timeout": _flow(
        "catch, timeout", "@catch(var='why')\n@timeout(seconds=1)", "import signal; signal.pause()",
        "assert self.why.type.endswith('TimeoutException')",
    ),
    "resources": _flow("resources", "@resources(cpu=2, memory=512)"),
    "environment": _flow(
        "environment", "@environment(vars={'LEVEL': 'deep'})", "import os; assert os.environ['LEVEL'] == 'deep'"
    ),
    "kubernetes": _flow("kubernetes", "@kubernetes(memory=512, labels={'team': 'a'})"),
    "secrets": _flow(
        "secrets", "@secrets(sources=[{'type': 'flow.Vault', 'id': 'db'}])",
        "import os; assert os.environ['TOKEN'] == 'db'", head=_PROVIDER,
    ),
    "card": _flow(
        "card, current",
        "@card",
        "from metaflow.cards import Markdown, ProgressBar, Table, VegaChart\n"
        "current.card.append(Markdown('**strong**'))\n"
        "current.card.append(Table([[1, Markdown('*two*')]]))\n"
        "current.card.append(ProgressBar(max=2))\n"
        "current.card.append(VegaChart({'mark': 'bar', 'data': {'values': []}, 'encoding': {}}))\n"
        "current.card.refresh()",
        "from metaflow import Step\n"
        "from metaflow.cards import get_cards\n"
        "html = get_cards(Step(f'{current.flow_name}/{current.run_id}/start').task)[0].get()\n"
        "assert '<strong>strong</strong>' in html, html",
    ),
    "cache": _flow(
        "", "@cache", "self.x = 1", "assert self.x == 1", head="from flowc.steps import cache, external_file"
    ),
    "pypi": _flow("pypi", "@pypi(packages={'cloudpickle': '3.1.2'})"),
    "conda": _flow("conda", "@conda(packages={'cloudpickle': '3.1.2'})"),
    # decorators of flows
    "pypi_base": _flow("pypi_base", cls="@pypi_base(packages={'cloudpickle': '3.1.2'})"),
    "conda_base": _flow("conda_base", cls="@conda_base(packages={'cloudpickle': '3.1.2'})"),
    "schedule": _flow("schedule", cls="@schedule(cron='0 6 * * *')"),
    "project": _flow("current, project", start="assert current.project_name == 'p'", cls="@project(name='p')"),
    "exit_hook": _flow("exit_hook", cls="@exit_hook(on_success=[told], on_error=[told])", head=_HOOK),
    # features without a decorator
    "own decorators": _flow(
        "", "@traced\n@Careful", "import os; assert os.environ['ADDED'] == '1'", "assert self.seen == ['start']",
        cls="@Everywhere", head=_OWN,
    ),
    "parameters": _flow(
        "Config, IncludeFile, JSONType, Parameter, config_expr, retry", "@retry(times=config_expr('settings.times'))",
        "assert (self.kind, self.bound, self.file, self.data) == ('a', 3, 'text', {'k': [1]})", "pass",
    ).replace(
        "class ImageFlow(FlowSpec):\n",
        "class ImageFlow(FlowSpec):\n"
        "    settings = Config('settings', default_value={'times': 1, 'deep': {'a': [1]}})\n"
        "    kind = Parameter('kind', type=click.Choice(['a', 'b']), default='a')\n"
        "    bound = Parameter('bound', type=click.IntRange(1, 5), default=3)\n"
        "    file = IncludeFile('file', default='note.txt')\n"
        "    data = Parameter('data', type=JSONType, default={'k': [1]})\n",
    ).replace("\n\n\nclass", "\nfrom metaflow._vendor import click\n\nclass"),
    "foreach": _split('foreach="items"', "", "self.done = self.input", "assert self.done == ['a', 'b']"),
    "values": _flow(
        "current",
        start="class Local: pass\n"
        "self.function, self.local = (lambda x: x + 1), Local()\n"
        "self.run = __import__('metaflow').Run(f'{current.flow_name}/{current.run_id}').id",
        end="assert self.function(1) == 2 and type(self.local).__name__ == 'Local'",
    ),
    "names": _flow(
        "",
        start="import metaflow\n"
        "from metaflow.cards import MetaflowCard\n"
        "from metaflow.plugins.datatools.s3 import S3\n"
        "from metaflow.multicore_utils import parallel_map\n"
        "from metaflow.plugins.parsers import yaml_parser\n"
        "assert parallel_map(lambda x: x + 1, [1, 2]) == [2, 3]\n"
        "assert all(hasattr(metaflow, name) for name in metaflow.__all__)",
    ),
}  # fmt: skip

# The functions are in the file of the pipeline, so a pod that imports them also imports the authoring API.
_PIPELINE = """
import dataclasses
from flowc.pipeline import (
    AsyncPythonTask, Catalog, Conditional, Loop, Map, Parallel, Pipeline, PipelineError, PythonTask, ShellTask, Stub, json,
    metric, pickled,
)

@dataclasses.dataclass
class Size:
    rows: int

def load():
    with open("sizes.txt", "w") as file:
        file.write("1 2")
    return [Size(1), Size(2)], 0.5

def grow(item):
    return item.rows + 1

async def report(grown):
    yield {"type": "done", "text": f"{grown} {open('sizes.txt').read()}"}

def fail():
    raise ValueError("fails")

def last(error, text, said):
    try:
        Pipeline(steps=[Stub(name="inner")]).execute()
    except PipelineError as refused:
        print(refused)
    assert (error.exception, text, said) == ("fails", "[2, 3] 1 2", [2, 3]), (error, text, said)
    print("ran in the image")

handler = Pipeline(steps=[PythonTask(function=last, name="last")])
pipeline = Pipeline(name="image", steps=[
    PythonTask(name="load", function=load, returns=[pickled("sizes"), metric("score")], catalog=Catalog(put=["sizes.txt"])),
    Map(name="each", iterate_on="sizes", iterate_as="item", branch=Pipeline(steps=[
        PythonTask(name="grow", function=grow, returns=[json("grown")])])),
    AsyncPythonTask(name="report", function=report, returns=["text"], catalog=Catalog(get=["*.txt"])),
    Parallel(name="both", branches={
        "a": Pipeline(steps=[ShellTask(name="say", command="export said=$grown", returns=["said"])]),
        "b": Pipeline(steps=[Stub(name="nothing")])}),
    PythonTask(name="fail", function=fail, on_failure=handler),
])
"""

FLOWS: dict[str, dict[str, str]] = {name: {"flow.py": text, "note.txt": "text"} for name, text in _ONE_FILE.items()} | {
    "pipeline": {"flow.py": _PIPELINE}
}
"""Decorator or feature -> the files of a flow's directory."""

REFUSED: dict[str, str] = {
    "batch": _flow("batch", "@batch(cpu=1)"),
    "airflow_external_task_sensor": _flow(
        "airflow_external_task_sensor", cls="@airflow_external_task_sensor(external_dag_id='d')"
    ),
    "airflow_s3_key_sensor": _flow("airflow_s3_key_sensor", cls="@airflow_s3_key_sensor(bucket_key='s3://b/k')"),
    "trigger": _flow("trigger", cls="@trigger(event='e')"),
    "trigger_on_finish": _flow("trigger_on_finish", cls="@trigger_on_finish(flow='Other')"),
}
"""Flows with a decorator that is refused for the image, by the decorator's name."""
