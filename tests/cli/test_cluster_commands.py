"""Commands that need a cluster, when there is none: each prints one line with the problem, and a hint."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from kubeconfig import KUBECONFIG

if TYPE_CHECKING:
    from project import Project

FLOW = """
    from metaflow import FlowSpec, Parameter, step

    class Tiny(FlowSpec):
        n = Parameter("n", default=1)

        @step
        def start(self):
            self.next(self.end)

        @step
        def end(self):
            pass
    """
COMMANDS = [
    ["deploy", "flow.py"],
    ["trigger", "tiny"],
    ["status"],
    ["status", "tiny"],
    ["runs", "--cluster"],
    ["suspend", "tiny"],
    ["unsuspend", "tiny"],
    ["terminate", "tiny-1"],
    ["delete", "tiny"],
]


@pytest.fixture
def flow(project: Project) -> Project:
    project.write("flow.py", FLOW)
    project.write("kubeconfig", KUBECONFIG)
    return project


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_no_cluster_is_known(flow: Project, command: list[str]) -> None:
    done = flow.flowc(*command)
    assert (done.code, done.out) == (1, "")
    assert done.err.splitlines() == [
        "error: no kubeconfig names a cluster",
        "hint: give one with --kubeconfig or KUBECONFIG; kubectl needs it too",
    ]


@pytest.mark.parametrize("command", [*COMMANDS, ["trigger", "flow.py"]], ids=" ".join)
def test_the_cluster_does_not_answer(flow: Project, command: list[str]) -> None:
    done = flow.flowc(*command, "--kubeconfig", "kubeconfig")
    assert (done.code, done.out) == (1, "")
    assert done.err.splitlines() == [
        "error: the cluster does not answer at http://127.0.0.1:1: Connection refused",
        "hint: is it running, and is this the right --context?",
    ]


def test_diff_has_the_exit_codes_of_diff(flow: Project) -> None:
    assert flow.flowc("diff", "flow.py", KUBECONFIG="kubeconfig").code == 2
    flow.write("broken.py", FLOW.replace("self.next(self.end)", "pass"))
    done = flow.flowc("diff", "broken.py", KUBECONFIG="kubeconfig")
    assert done.code == 2
    assert "error[missing-next]" in done.err


def test_a_context_that_there_is_not(flow: Project) -> None:
    done = flow.flowc("status", "--context", "there", KUBECONFIG="kubeconfig")
    assert done.code == 1
    assert done.err.startswith("error: the kubeconfig cannot be used: ")
    assert "there" in done.err
    assert flow.flowc("status", "--kubeconfig", "nowhere").err == "error: there is no kubeconfig nowhere\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["trigger", "tiny", "--param", "n"], "'n' has no '='; write NAME=VALUE"),
        (["trigger", "nowhere.py"], "nowhere.py' does not exist"),
        (["deploy", "flow.py", "--kind", "workflow"], "'workflow' is not one of 'template', 'cron'"),
        (["deploy", "flow.py", "--namespace", "A B"], "setting namespace"),
        (["terminate"], "Missing argument 'RUN'"),
    ],
)
def test_usage(flow: Project, arguments: list[str], message: str) -> None:
    done = flow.flowc(*arguments, KUBECONFIG="kubeconfig")
    assert done.code == 2
    assert message in done.err


def test_without_the_client(flow: Project) -> None:
    """Only commands that need a cluster require the Kubernetes client, which is an extra."""
    code = (
        "import sys; sys.modules['kubernetes'] = None; sys.argv = ['flowc', 'status']; import flowc.cli as c; c.main()"
    )
    done = flow.python("-c", code)
    assert (done.code, done.err) == (
        1,
        "error: talking to a cluster needs the package kubernetes\nhint: pip install 'flowc[cluster]'\n",
    )
