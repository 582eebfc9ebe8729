"""A table of functions that the API calls in packages that themselves import the API.

The API needs flowc's command line, to run a flow's file, and a client of the cluster, for `Deployer`. The packages with
the command line and the cluster client import the API. To avoid an import cycle, the API does not import these
packages. It calls an entry of this table, which imports the function on the first call. The class of the entries is in
`flowc_ir.late`.
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
"""Run the command line of a flow's file for this flow class."""

command_line: LateFunction[[], click.Group] = LateFunction("flowc.cli.flow_file.group:flow_group")
"""Return the command line of a flow's file as a click group, for a program to call."""

command_context: LateFunction[[click.Command], click.Context] = LateFunction("flowc.cli:context_of")
"""Return a click context in which the parameters or subcommands of a command can be read."""

make_program: LateFunction[[type], Program] = LateFunction("metaflow._program:FlowProgram")
"""Return the `Program` through which the runtime runs a flow's class.

Although `metaflow._program` belongs to the API, it is imported late, because its classes derive from classes of a
package that imports this table.
"""

show_object: LateFunction[[object], str] = LateFunction("metaflow.client.html:show")
"""Return a client object, such as a Run, as HTML for a notebook."""

show_artifacts: LateFunction[[Iterable[object]], str] = LateFunction("metaflow.client.html:artifact_table")
"""Return artifacts as an HTML table for a notebook."""

read_graph: LateFunction[[type], Flow | tuple[Diagnostic, ...]] = LateFunction(
    "flowc.frontends.metaflow.outline:outline"
)
"""Return the graph of a flow's class, or the errors in its structure."""

find_faults: LateFunction[[type], tuple[tuple[Diagnostic, ...], Path]] = LateFunction(
    "flowc.frontends.metaflow.faults:find_faults"
)
"""Return the errors of a flow's class, and the directory to which their file paths are relative."""

refuse_other: LateFunction[[str, bytes], str | None] = LateFunction("flowc.not_python:describe_other")
"""Return the error message for a flow's file that is not Python; the arguments are the file's name and content."""

open_cluster: LateFunction[[str | None, str | None, str | None], AbstractContextManager[Deployments]] = LateFunction(
    "flowc.targets.argo.commands.deployed_flows:open_cluster"
)
"""Connect to a cluster with the given kubeconfig, context and namespace; None means the default.

The methods of the connection raise MetaflowException for every failure.
"""
