"""The client reads a store in a bucket like a store in a directory."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from gateway import gateway

if TYPE_CHECKING:
    from pathlib import Path

    from project import Project

READ = """
    import json, pickle, sys
    from metaflow import Flow, Metaflow, Run, get_metadata, namespace

    flow = Flow("Letters")
    failed, good = list(flow)
    again = pickle.loads(pickle.dumps(good))
    good.add_tags(["a/b", "c"])
    good.remove_tag("a/b")
    print(json.dumps({
        "where": get_metadata(),
        "flows": [one.id for one in Metaflow()],
        "tags": [sorted(run.user_tags) for run in flow],
        "states": [run.status for run in flow],
        "letters": [again.data.letters, [task.data.letter for task in again["each"]]],
        "stdout": good["each"]["0.1"].stdout,
        "exception": failed["each"]["0.3"].exception.type,
        "parents": [task.id for task in good["join"].task.parent_tasks],
        "found": [run.pathspec == good.pathspec for run in flow.runs("c", tags="good", status="succeeded")],
        "metrics": [row["n"] for row in flow.metrics()],
        "type": good["start"].task.metadata_dict["ds-type"],
    }))
    """


@pytest.mark.parametrize("how", ["environment", "metadata"])
def test_a_bucket(made_letters: Path, project: Project, tmp_path_factory: pytest.TempPathFactory, how: str) -> None:
    project.environment["METAFLOW_USER"] = "ann"
    project.write("flow.py", (made_letters / "flow.py").read_text())
    with gateway(tmp_path_factory.mktemp("s3")) as s3:
        url = s3.bucket("reads") + "/team"
        place = dict(s3.environment)
        for options, code in (("--tag", "good"), 0), (("--tag", "bad", "--n", "4"), 1):
            done = project.flowc("run", "--local", "flow.py", *options, "--store", url, **place)
            assert done.code == code, done.err
        if how == "environment":
            place["FLOWC_STORE"] = url
            program = project.write("read.py", READ)
        else:
            choose = f'    from metaflow import metadata\n    metadata("{url}")\n'
            program = project.write("read.py", READ.replace("\n\n", f"\n{choose}\n", 1))
        done = project.python(str(program), **place)
        assert done.code == 0, done.err
        assert json.loads(done.out) == {
            "where": url,
            "flows": ["Letters"],
            "tags": [["bad"], ["c", "good"]],
            "states": ["failed", "succeeded"],
            "letters": ["ABC", ["C", "B", "A"]],
            "stdout": "attempt 1\n",
            "exception": "builtins.IndexError",
            "parents": ["each-0.0", "each-0.1", "each-0.2"],
            "found": [True],
            "metrics": [4, 3],
            "type": "s3",
        }


ASKS = """
    from metaflow import Flow, FlowSpec, Parameter, step

    def newest(context):
        runs = list(Flow("Asks", _namespace_check=False)) if "Asks" in [flow.id for flow in Metaflow()] else []
        return len(runs)

    from metaflow import Metaflow
    BEFORE = len(list(Metaflow()))

    class Asks(FlowSpec):
        runs = Parameter("runs", type=int, default=newest)

        @step
        def start(self):
            self.items = [1, 2, 3]
            self.before = BEFORE
            self.next(self.each, foreach="items")

        @step
        def each(self):
            self.seen = len(list(Flow("Asks")))
            self.next(self.join)

        @step
        def join(self, inputs):
            self.seen = [one.seen for one in inputs]
            self.before = inputs[0].before
            self.next(self.end)

        @step
        def end(self):
            print("seen", self.runs, self.before, self.seen)
    """


def test_a_flow_may_ask_before_its_tasks_are_forked(project: Project, tmp_path_factory: pytest.TempPathFactory) -> None:
    """A flow's file can read the bucket when it is imported: another process sends the requests, so tasks can fork."""
    project.environment["METAFLOW_USER"] = "ann"
    project.write("asks.py", ASKS)
    with gateway(tmp_path_factory.mktemp("s3")) as s3:
        place = s3.environment | {"FLOWC_STORE": s3.bucket("asks")}
        # In a task, the file also finds the current run, because each task imports the file again after the run has
        # started.
        for seen in ("seen 0 1 [1, 1, 1]", "seen 1 1 [2, 2, 2]"):
            done = project.flowc("run", "--local", "asks.py", **place)
            assert done.code == 0, done.err
            assert seen in done.out
