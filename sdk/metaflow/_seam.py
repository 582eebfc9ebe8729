"""The calls from the API to the packages above it, in one table.

The file of a flow is a program whose command line is flowc's, and a `Deployer` is a client of a cluster. The packages
that implement both import the API. The API imports none of them: it calls a row of this table, and the row imports
its function when it is called. `flowc_ir.late` has the class of the rows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowc_ir.late import LateFunction

if TYPE_CHECKING:
    from collections.abc import Iterable
    from contextlib import AbstractContextManager
    from pathlib import Path

    import click

    from flowc_ir.diagnostic import Diagnostic
    from flowc_ir.model import Flow
    from flowc_runtime.run.program import Program
    from metaflow.runner._deployments import Deployments

run_command_line: LateFunction[[type], None] = LateFunction("flowc.cli.flow_file.group:flow_main")
"""Run the command line of the file of a flow's class."""

command_line: LateFunction[[], click.Group] = LateFunction("flowc.cli.flow_file.group:flow_group")
"""Return that command line, for a program to call."""

command_context: LateFunction[[click.Command], click.Context] = LateFunction("flowc.cli:context_of")
"""Return a context in which the parameters or the commands of a command can be read."""

make_program: LateFunction[[type], Program] = LateFunction("metaflow._program:FlowProgram")
"""Return a flow's class as the runtime runs it. The module is the API's own; it derives from what calls this row."""

show_object: LateFunction[[object], str] = LateFunction("metaflow.client.html:show")
"""Return an object of the client as HTML, for a notebook."""

show_artifacts: LateFunction[[Iterable[object]], str] = LateFunction("metaflow.client.html:artifact_table")
"""Return artifacts of the client as an HTML table."""

read_graph: LateFunction[[type], Flow | tuple[Diagnostic, ...]] = LateFunction(
    "flowc.frontends.metaflow.outline:outline"
)
"""Return the graph of a flow's class, or the faults of its structure."""

find_faults: LateFunction[[type], tuple[tuple[Diagnostic, ...], Path]] = LateFunction(
    "flowc.frontends.metaflow.faults:find_faults"
)
"""Return the faults of a flow's class, and the directory to which their files are relative."""

refuse_other: LateFunction[[str, bytes], str | None] = LateFunction("flowc.not_python:describe_other")
"""Return the fault of a flow's file that is not Python; the arguments are its name and its content."""

open_cluster: LateFunction[[str | None, str | None, str | None], AbstractContextManager[Deployments]] = LateFunction(
    "flowc.targets.argo.commands.deployed_flows:open_cluster"
)
"""Connect to a cluster by the kubeconfig, its context and the namespace; None means the default.

The connection's methods raise MetaflowException for every failure.
"""
