"""The in-pod entrypoint: `python -m flowc_runtime task STEP --path PATH --retry N` and `… finish --status PHASE`.

The commands read all other values from environment variables, which `flowc_runtime.base.contract` lists.
"""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from flowc_ir.schema import SchemaError, loads
from flowc_ir.versions import NewerError
from flowc_runtime.base import contract
from flowc_runtime.base.contract import INFRASTRUCTURE, OK
from flowc_runtime.base.errors import FlowcError, ProtocolError
from flowc_runtime.base.index import Graph
from flowc_runtime.pod.container import ContainerTask
from flowc_runtime.pod.integrity import check_code
from flowc_runtime.pod.workflow import environment, finish
from flowc_runtime.run.task.attempts import exit_code
from flowc_runtime.store.records.store import Store

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flowc_ir import Flow


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one attempt, or record the end of the run; return an exit code of `flowc_runtime.base.contract`."""
    parser = argparse.ArgumentParser(prog="python -m flowc_runtime", description="flowc's in-pod entrypoint")
    commands = parser.add_subparsers(dest="command", required=True)
    task = commands.add_parser(contract.TASK, help="run one attempt of one task")
    task.add_argument("step")
    task.add_argument(contract.PATH, dest="path", required=True, help="the task's index path, such as 0.3")
    task.add_argument(
        contract.RETRY, dest="retry", required=True, type=int, help="the number of earlier attempts by the orchestrator"
    )
    ending = commands.add_parser(contract.FINISH, help="record how the run ended")
    ending.add_argument(contract.STATUS, dest="status", required=True, help="the workflow's phase, such as Succeeded")
    options = parser.parse_args(arguments)
    try:
        graph = Graph(_read_ir(environment(contract.IR)))
        run = Store.open(environment(contract.STORE)).run(graph.flow.name, environment(contract.RUN))
        if options.command == contract.FINISH:
            finish(run, graph, options.status)
            return OK
        check_code()
        return ContainerTask(
            run, graph, graph.node(options.step), graph.inside(options.step, options.path), options.retry
        ).main()
    except OSError as error:  # for example, the volume is full or missing
        print(f"flowc: {error}", file=sys.stderr)
        return INFRASTRUCTURE
    except FlowcError as error:
        print(f"flowc: {error}", file=sys.stderr)
        return exit_code(error)


def _read_ir(path: str) -> Flow:
    try:
        with open(path, "rb") as file:
            return loads(file.read())
    except NewerError as error:
        raise ProtocolError(f"the IR {path} was {error} in the image") from error
    except (OSError, SchemaError) as error:
        raise ProtocolError(f"cannot read the IR {path}: {error}") from error


if __name__ == "__main__":
    sys.exit(main())
