"""`Deployer` and `DeployedFlow` without a cluster: the errors of invalid calls."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from flowc.targets.argo.settings import Settings
from flowc_ir.model import Parameter, Span
from kubeconfig import KUBECONFIG
from metaflow.runner._signature import FlowParameter
from metaflow.runner.argo_flow import looks, pairs
from small_flows import two_steps

if TYPE_CHECKING:
    from project import Project

FLOW = two_steps("Tiny")


@pytest.fixture
def directory(project: Project) -> Project:
    pytest.importorskip("kubernetes")
    project.write("flow.py", FLOW)
    project.write("kubeconfig", KUBECONFIG)
    return project


def said(project: Project, expression: str) -> str:
    """Run an expression in a program; return the type and the text of the error that it raises."""
    project.write(
        "program.py",
        f"""
        from metaflow import DeployedFlow, Deployer, NBDeployer
        try:
            {expression}
        except Exception as error:
            print(type(error).__name__, error)
        """,
    )
    done = project.python("program.py")
    assert done.code == 0, done.err
    return done.out.strip()


REFUSED = [
    ("Deployer('none.py')", "FileNotFoundError Flow file not present at '/"),
    ("Deployer('flow.py').step_functions()", "MetaflowException flowc does not deploy to AWS Step Functions"),
    ("Deployer('flow.py').airflow()", "MetaflowException flowc does not deploy to Airflow"),
    ("Deployer('flow.py').argo_workflows(title='x')", "ValueError Unknown argument: 'title', possible args are: name"),
    (
        "Deployer('flow.py').argo_workflows().create(authorize='x')",
        "ValueError a deployment has no option 'authorize': ",
    ),
    ("Deployer('flow.py').argo_workflows().create(colour='x')", "ValueError Unknown argument: 'colour', possible args"),
    ("Deployer('flow.py').argo_workflows().create(max_workers='3')", "TypeError Invalid type for 'parallelism'"),
    (
        "Deployer('flow.py', tags=['x']).argo_workflows().create()",
        "ValueError a deployment has no option 'tags': create(tags=…) tags the runs",
    ),
    ("Deployer('flow.py', colour=1).argo_workflows().create()", "ValueError Unknown argument: 'colour', possible args"),
    ("Deployer('flow.py', show_output=False).argo_workflows(name='A b').create()", "RuntimeError Error deploying /"),
    (
        "DeployedFlow.from_deployment('tiny', impl='tape')",
        "ValueError No deployer 'tape' exists; valid deployers are: ",
    ),
    (
        "DeployedFlow.from_step_functions('tiny')",
        "ValueError No deployer 'step_functions' exists; valid deployers are:",
    ),
    ("DeployedFlow.from_deployment('tiny')", "MetaflowException no kubeconfig names a cluster; give one"),
    ("NBDeployer(object)", "NBDeployerInitializationError 'NBDeployer' requires an interactive Python environment"),
]


@pytest.mark.parametrize(("expression", "message"), REFUSED, ids=[expression for expression, _ in REFUSED])
def test_refusals(directory: Project, expression: str, message: str) -> None:
    assert said(directory, expression).startswith(message)


def test_a_cluster_that_does_not_answer(directory: Project) -> None:
    """The error contains the stderr of `deploy`, for each way to name the kubeconfig."""
    no_answer = "the cluster does not answer at http://127.0.0.1:1: Connection refused"
    deployer = "Deployer('flow.py', show_output=False{}).argo_workflows().create({})"
    assert no_answer in said(directory, deployer.format("", "kubeconfig='kubeconfig'"))
    assert no_answer in said(directory, deployer.format(", env={'KUBECONFIG': 'kubeconfig'}", ""))
    directory.environment["KUBECONFIG"] = "kubeconfig"
    assert said(directory, "DeployedFlow.from_deployment('tiny')").startswith(f"MetaflowException {no_answer}")
    assert said(directory, "list(DeployedFlow.list_deployed_flows())").startswith(f"MetaflowException {no_answer}")


def test_options_of_a_deployment(directory: Project) -> None:
    """`create` accepts the options of `flowc deploy` by name, and Metaflow's names for them."""
    directory.write(
        "program.py",
        """
        from metaflow import Deployer

        deployer = Deployer("flow.py", show_output=False, decospecs=["retry"]).argo_workflows(name="nightly")
        try:
            deployer.create(tags=["team:blue", "try"], max_workers=7, workflow_timeout=60, kubeconfig="kubeconfig")
        except RuntimeError:
            (command,) = deployer.spm.commands.values()
            print(*command.command[2:-2])
        """,
    )
    assert directory.python("program.py").out.strip() == (
        "--with retry deploy --name nightly --tag team:blue --tag try --max-workers 7 --workflow-timeout 60 "
        "--kubeconfig kubeconfig"
    )


def test_a_flow_with_a_fault(directory: Project) -> None:
    directory.write("flow.py", FLOW.replace("self.next(self.end)", "self.next(self.nowhere)"))
    assert "'nowhere'" in said(directory, "Deployer('flow.py', show_output=False).argo_workflows().create()")


def test_names_and_limits_of_templates(directory: Project) -> None:
    """The options of `compile` correspond to arguments of `argo_workflows` and `create`."""
    options = ["--name", "nightly", "--max-workers", "7", "--workflow-timeout", "60"]
    done = directory.flowc("compile", "flow.py", *options)
    assert done.code == 0, done.err
    assert "  name: nightly\n" in done.out and "flowc.dev/flow: nightly" in done.out
    assert "activeDeadlineSeconds: 60\n" in done.out
    assert directory.flowc("compile", "flow.py", "--name", "Not Plain").code == 2
    with pytest.raises(ValueError, match="name: at most 52 characters"):
        Settings(name="x" * 53)


def parameter(name: str, kind: Any, **more: Any) -> FlowParameter:
    """Return a parameter in the form in which a deployed flow declares it."""
    return FlowParameter.from_ir(Parameter(name=name, type=kind, where=Span("flow.py", 1, 1, 1), **more))


def test_values_of_a_trigger() -> None:
    """The values of a triggered run's parameters are checked and converted to text, like those of a Runner."""
    parameters = [parameter("alpha", "float"), parameter("n-items", "int"), parameter("data", "json")]
    given = {"alpha": 2, "n_items": -1, "data": {"a": [None]}}
    assert pairs(parameters, given) == [("alpha", "2"), ("n-items", "-1"), ("data", '{"a": [null]}')]
    assert pairs(parameters, {"alpha": None}) == []
    with pytest.raises(ValueError, match="Unknown argument: 'beta', possible args are: alpha, n_items, data"):
        pairs(parameters, {"beta": 1})
    with pytest.raises(TypeError, match="Invalid type for 'n_items'"):
        pairs(parameters, {"n_items": "1"})


def test_waiting_looks_once_more_when_time_is_up() -> None:
    assert list(zip(range(3), looks(0, None), strict=False)) == [(0, False), (1, False), (2, False)]
    assert next(looks(5, 0)) is True


def test_the_cluster_s_client_is_imported_late() -> None:
    code = "import metaflow.runner.argo, sys; print(sorted({'kubernetes', 'hera', 'yaml'} & {*sys.modules}))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
