"""Exit hooks of runs whose store is a bucket: the hooks run in forked processes, and can still use the client."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from gateway import gateway

if TYPE_CHECKING:
    from project import Project

FLOW = """
    from metaflow import Flow, FlowSpec, exit_hook, namespace, step

    def told(run):
        namespace(None)
        print(run.data.value, Flow("Far").latest_run == run)

    @exit_hook(on_success=[told])
    class Far(FlowSpec):
        @step
        def start(self):
            self.value = 7
            self.next(self.end)

        @step
        def end(self):
            pass
    """


def test_a_bucket(project: Project, tmp_path_factory: pytest.TempPathFactory) -> None:
    pytest.importorskip("obstore")
    project.write("flow.py", FLOW)
    (project.root / "ir.json").write_text(project.flowc("ir", "flow.py").out)
    with gateway(tmp_path_factory.mktemp("s3")) as s3:
        done = project.flowc("run", "flow.py", "--store", s3.bucket("here"), **s3.environment)
        assert (done.code, done.out) == (0, "[exit_hook told] 7 True\n"), done.err
        pods = {
            "FLOWC_RUN": "far-1", "FLOWC_IR": str(project.root / "ir.json"), "FLOWC_CODE": str(project.root),
            "FLOWC_OUT": str(project.root / "out"), "FLOWC_PARAMETERS": "[]", "FLOWC_STORE": s3.bucket("pods"),
        } | s3.environment  # fmt: skip
        for step in "start", "end":
            done = project.python("-m", "flowc_runtime", "task", step, "--path", "0", "--retry", "0", **pods)
            assert done.code == 0, done.err
        done = project.python("-m", "flowc_runtime", "finish", "--status", "Succeeded", **pods)
        assert done.out == "run Far/far-1: Succeeded\n7 True\n", done.err
