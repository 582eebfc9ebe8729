"""The calls from the API to the packages above it, in one table.

The file of a flow is a program whose command line is flowc's, and a `Deployer` is a client of a cluster. The packages
that implement both import the API. The API imports none of them: it calls a row of this table, and the row imports
its function when it is called.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Final, Generic, ParamSpec, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from contextlib import AbstractContextManager
    from pathlib import Path

    import click

    from flowc_ir.diagnostic import Diagnostic
    from flowc_ir.model import Flow
    from flowc_runtime.run.program import Program
    from metaflow.runner._deployments import Deployments

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


class Upward(Generic[Arguments, Result]):
    """A function of a package above, named `module:function`."""

    def __init__(self, target: str) -> None:
        self.target: Final = target

    def __call__(self, *args: Arguments.args, **kwargs: Arguments.kwargs) -> Result:
        """Import the function and call it."""
        module, _, name = self.target.partition(":")
        function: Callable[Arguments, Result] = getattr(import_module(module), name)
        return function(*args, **kwargs)


run_command_line: Upward[[type], None] = Upward("flowc.cli.flow_file.group:flow_main")
"""Run the command line of the file of a flow's class."""

command_line: Upward[[], click.Group] = Upward("flowc.cli.flow_file.group:flow_group")
"""Return that command line, for a program to call."""

make_program: Upward[[type], Program] = Upward("metaflow._program:FlowProgram")
"""Return a flow's class as the runtime runs it. The module is the API's own; it derives from what calls this row."""

show_object: Upward[[object], str] = Upward("metaflow.client.html:show")
"""Return an object of the client as HTML, for a notebook."""

show_artifacts: Upward[[Iterable[object]], str] = Upward("metaflow.client.html:artifact_table")
"""Return artifacts of the client as an HTML table."""

read_graph: Upward[[type], Flow | tuple[Diagnostic, ...]] = Upward("flowc.frontends.metaflow.outline:outline")
"""Return the graph of a flow's class, or the faults of its structure."""

find_faults: Upward[[type], tuple[tuple[Diagnostic, ...], Path]] = Upward("flowc.frontends.metaflow.faults:find_faults")
"""Return the faults of a flow's class, and the directory to which their files are relative."""

refuse_other: Upward[[str, bytes], str | None] = Upward("flowc.not_python:tell_other")
"""Return the fault of a flow's file that is not Python; the arguments are its name and its content."""

open_cluster: Upward[[str | None, str | None, str | None], AbstractContextManager[Deployments]] = Upward(
    "flowc.targets.argo.commands.deployed_flows:open_cluster"
)
"""Connect to a cluster by the kubeconfig, its context and the namespace; None means the default.

The connection's methods raise MetaflowException for every failure.
"""
