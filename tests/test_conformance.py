"""The same flow in the emulator and as its compiled manifests, played: the same tasks with the same artifacts."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml

from argo.controller import play
from compare import summary
from project import PACKAGES, ROOT
from test_golden_ir import CASES

if TYPE_CHECKING:
    from flowc_runtime.store import RunStore
    from project import Project

# Flows that need more than goldens show: (name, source, the state that the run ends in).
FLOWS: dict[str, tuple[str, str]] = {}


def case(state: str, source: str) -> str:
    name = source.split("class ")[1].split("(")[0]
    FLOWS[name] = (state, "from metaflow import *\nimport os, signal, sys, time\n\n\n" + source)
    return name


case(
    "succeeded",
    """class Attempts(FlowSpec):
    @step
    def start(self):
        self.items = list("abc")
        self.next(self.flaky, foreach="items")

    @retry(times=2, minutes_between_retries=0)
    @step
    def flaky(self):
        if self.index == 1 and current.retry_count < 2:
            os.kill(os.getpid(), signal.SIGKILL)
        if self.index == 2 and current.retry_count < 1:
            raise KeyError("once")
        self.got = self.input
        self.next(self.join)

    @step
    def join(self, inputs):
        self.got = [inp.got for inp in inputs]
        self.next(self.end)

    @step
    def end(self):
        pass
""",
)
case(
    "succeeded",
    """class Catches(FlowSpec):
    @step
    def start(self):
        self.next(self.raises, self.dies, self.slow, self.leaves)

    @catch(var="why")
    @retry(times=1, minutes_between_retries=0)
    @step
    def raises(self):
        self.before = "kept"
        raise ValueError("boom")
        self.next(self.join)

    @catch(var="why")
    @step
    def dies(self):
        os.kill(os.getpid(), signal.SIGKILL)
        self.next(self.join)

    @catch(var="why")
    @timeout(seconds=1)
    @step
    def slow(self):
        time.sleep(60)
        self.next(self.join)

    @catch
    @step
    def leaves(self):
        sys.exit(3)
        self.next(self.join)

    @step
    def join(self, inputs):
        self.why = [str(inputs[at].why.type) for at in range(3)]
        self.next(self.end)

    @step
    def end(self):
        pass
""",
)
case(
    "failed",
    """class Fails(FlowSpec):
    @step
    def start(self):
        self.next(self.work)

    @retry(times=1, minutes_between_retries=0)
    @step
    def work(self):
        raise ValueError("boom")
        self.next(self.end)

    @step
    def end(self):
        pass
""",
)
case(
    "succeeded",
    '''class Awkward(FlowSpec):
    """Strings that a shell, YAML, Argo or Kubernetes would like to change."""

    text = Parameter("text", default="quotes ' \\" \\n $HOME $(touch x) `id` {{workflow.name}} {{=1+1}} \\x1b 🎉 json:1 ")
    long = Parameter("long", default="ü" * 30_000)
    data = Parameter("data", type=JSONType, default={"a": {"b": ["{{x}}", None, 1.5, "\\t"]}})
    flag = Parameter("flag", default=True)
    none = Parameter("none", type=int)
    computed = Parameter("computed", default=lambda context: context.flow_name, type=str)

    @step
    def start(self):
        self.seen = self.text, len(self.long), self.data, self.flag, self.none, self.computed
        self.next(self.end)

    @step
    def end(self):
        assert self.seen == (self.text, len(self.long), self.data, self.flag, self.none, "Awkward")
''',
)


def played(project: Project, file: str, **parameters: str) -> RunStore:
    """Compile the flow, play its manifests in a store of their own."""
    done = project.flowc("compile", file)
    assert done.code == 0, done.err
    manifests = list(yaml.safe_load_all(done.out))
    environment = {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": os.pathsep.join(str(ROOT / part) for part in PACKAGES),
        "PYTHONWARNINGS": "error",
    }
    work = project.root / "cluster"
    work.mkdir()
    url = f"file://{project.root}/.cluster"
    workflow = play(manifests, url, work, parameters, name="played", environment=environment)
    (config,) = [manifest for manifest in manifests if manifest["kind"] == "ConfigMap"]
    from flowc_runtime.store import Store

    (flow,) = Store.open(url).flows()
    run = Store.open(url).run(flow, "played")
    assert config["immutable"]
    assert (workflow.phase == "Succeeded") == (run.status()["state"] == "succeeded"), workflow.logs()
    return run


@pytest.mark.parametrize("golden", CASES, ids=lambda path: path.name)
def test_golden_flows(project: Project, golden: Path) -> None:
    for file in golden.glob("*.py"):
        project.write(file.name, file.read_text())
    local = project.run("flow.py")
    assert summary(played(project, "flow.py")) == summary(local)


@pytest.mark.parametrize("name", FLOWS)
def test_flows(project: Project, name: str) -> None:
    state, source = FLOWS[name]
    project.write("flow.py", source)
    done = project.flowc("run", "flow.py")
    assert done.code == (0 if state == "succeeded" else 1), done.err
    local = summary(project.latest())
    assert local["state"] == state
    other = summary(played(project, "flow.py"))
    assert other == local
