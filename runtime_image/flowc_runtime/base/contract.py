"""The contract of a pod: names and values that the compiler, the emulator or the cluster writes and the runtime reads.

This module imports only the standard library, because the compiler and the pods import it. No other module repeats the
literals of this module: `tests/house/test_contract.py` checks the packages' syntax trees, the Dockerfile and the chart.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from flowc_ir.model import Node

# -- exit codes of a task's process ------------------------------------------------------------------------------------
# 64 is never used: Argo's executor reserves it for its own failures.

OK: Final = 0
"""The attempt succeeded, or its failure was caught."""
USER_FAILED: Final = 1
"""The user's code failed: the attempt is retried if retries are left."""
NOT_STARTED: Final = 70
"""A forked child failed before it started its work (the value of EX_SOFTWARE in sysexits.h)."""
INFRASTRUCTURE: Final = 75
"""The store or the machine failed, not the flow (EX_TEMPFAIL in sysexits.h): retried if retries are left."""
NO_RETRY: Final = 79
"""The task has failed and is not retried, because a retry would fail in the same way."""
DISALLOW_RETRY: Final = 202
"""The user's code forbids a retry: Metaflow's `METAFLOW_EXIT_DISALLOW_RETRY`. The child process in a pod exits with
this code, and the pod itself exits with NO_RETRY."""

RETRY_EXPRESSION: Final = f"lastRetry.exitCode != '{NO_RETRY}'"
"""Argo's condition for a further attempt."""

# -- the command line of a pod -----------------------------------------------------------------------------------------

COMMAND: Final = ("python", "-m", "flowc_runtime")
"""The command of every container; `task_arguments` or `finish_arguments` follow."""
TASK: Final = "task"
"""The subcommand that runs one attempt of one task."""
PATH: Final = "--path"
"""The option with the task's index path, such as 0.3."""
RETRY: Final = "--retry"
"""The option with the number of attempts that the orchestrator started before this one."""
FINISH: Final = "finish"
"""The subcommand that records how the run ended."""
STATUS: Final = "--status"
"""The option with the workflow's phase, such as Succeeded."""


def task_arguments(step: str, path: str, retry: str) -> list[str]:
    """Return the arguments of the command that runs one attempt of one task.

    Args:
        step: the step. Each argument may be a template tag of Argo.
        path: the task's index path.
        retry: the number of earlier attempts by the orchestrator.
    """
    return [TASK, step, PATH, path, RETRY, retry]


def finish_arguments(status: str) -> list[str]:
    """Return the arguments of the command that records the end of a run."""
    return [FINISH, STATUS, status]


# -- environment variables of a pod ------------------------------------------------------------------------------------

STORE: Final = "FLOWC_STORE"
"""The store's address. Written by the compiler (and by users, for commands on their machine); read by every process."""
RUN: Final = "FLOWC_RUN"
"""The run's id; in a pod, the workflow's name. Written by the compiler and the emulator, read by the runtime."""
RETRY_RUN: Final = "FLOWC_RETRY_RUN"
"""The run to retry, as RUN or FLOW/RUN. Written by users, read by `run` and by programs that execute pipelines."""
UI_TOKEN: Final = "FLOWC_UI_TOKEN"
"""The token that browsers need for the page of `flowc ui`. Written by users and the chart, read by `flowc ui`."""
CODE: Final = "FLOWC_CODE"
"""The directory of the code package. Written by the compiler, read by the runtime; also set for shell commands."""
RETURNS: Final = "FLOWC_RETURNS"
"""The file into which a shell command writes its return values. Written by the runtime, read by the command."""
METRICS: Final = "FLOWC_METRICS"
"""The file into which a shell command or notebook writes metrics. Written by the runtime, read by the command."""
TRACKER: Final = "FLOWC_TRACKER"
"""The value of the setting `tracker`. Written by the compiler (and by users), read by the runtime."""
CODE_DIGEST: Final = "FLOWC_CODE_DIGEST"
"""The digest of code package and IR. Written by the compiler, read by the runtime before it imports the code."""
IR: Final = "FLOWC_IR"
"""The file with the flow's IR as JSON. Written by the compiler, read by the runtime."""
PARAMETERS: Final = "FLOWC_PARAMETERS"
"""Argo's parameters as JSON, plain or in base64. Written by the compiler for the start step, read by its task."""
TARGET: Final = "FLOWC_TARGET"
"""The orchestrator of a new run, `argo` if unset. Written by the compiler, read by the task of the start step."""
TAGS: Final = "FLOWC_TAGS"
"""The tags of a new run, a JSON list. Written by the compiler for the start step, read by its task."""
REVISION: Final = "FLOWC_REVISION"
"""The revision of a new run's code, a JSON object. Written by `deploy` for the start step, read by its task."""
LOOPS: Final = "FLOWC_LOOPS"
"""The limits of the loops around a task, as `LEFT:SIZE,…`: LEFT is the number of nested template calls that Argo still
allows, and each SIZE is the number of iterations of one loop that fit into one call. Written by the compiler, read by
tasks in loops."""
POD: Final = "FLOWC_POD"
"""The pod's name, only set in pods. Written by the compiler (downward API), read by the runtime."""
POD_UID: Final = "FLOWC_POD_UID"
"""The pod's uid. Written by the compiler (downward API), read by the runtime."""
NODE: Final = "FLOWC_NODE"
"""The name of the pod's node. Written by the compiler (downward API), read by the runtime."""
POD_IP: Final = "FLOWC_POD_IP"
"""The pod's IP address. Written by the compiler for the tasks of a gang, read by the runtime."""
RESUME: Final = "FLOWC_RESUME"
"""The run to resume, and the tasks to reuse from this run, as `flowc_runtime.run.reuse.Order.text` returns it.

Written by `resume --target argo`, read by each task.
"""
CATALOG: Final = "FLOWC_CATALOG"
"""The value of the setting `catalog`, if it is not `store`. Written by the compiler, read by the task."""
SECRETS: Final = "FLOWC_SECRETS"
"""The value of the setting `secrets`, for a step that names secrets. Written by the compiler, read by the task."""
PICKLER: Final = "FLOWC_PICKLER"
"""The value of the setting `pickler`, if it is not `pickle`. Written by the compiler, read by the task."""
FUNCTIONS: Final = "FLOWC_FUNCTIONS"
"""The directory of the pickled functions of a run on this machine. Written by the command line, read by tasks."""
EVENTS: Final = "FLOWC_EVENTS"
"""The socket of the program that reads the events of a run. Written by `execute_streaming`, read by tasks."""
CACHE: Final = "FLOWC_CACHE"
"""`0` disables @cache. Written by users (`@environment`), read by a pod's task."""
OUT: Final = "FLOWC_OUT"
"""A directory for the output files that replaces `OUT_DIRECTORY`. Written by tests, read by the runtime."""
BRACE: Final = "FLOWC_BRACE"
"""The character `{`. The kubelet replaces `$(FLOWC_BRACE)` in commands by this character.

Written by the compiler, read only by the kubelet."""

PARALLEL_MAIN_IP: Final = "MF_PARALLEL_MAIN_IP"
"""The address of a gang's first task, under Metaflow's name. Written by the runtime, or by whoever started the gang."""
PARALLEL_NUM_NODES: Final = "MF_PARALLEL_NUM_NODES"
"""The size of a gang, under Metaflow's name. Written by the runtime for the user's code."""
PARALLEL_NODE_INDEX: Final = "MF_PARALLEL_NODE_INDEX"
"""The task's number in its gang, under Metaflow's name. Written by the runtime for the user's code."""
PARALLEL_CONTROL_TASK_ID: Final = "MF_PARALLEL_CONTROL_TASK_ID"
"""The id of a gang's first task, under Metaflow's name. Written by the runtime for the user's code."""

CLUSTER_USERS: Final = {"argo": "argo", "stepfunctions": "stepfunctions"}
"""The recorded user of all runs of an orchestrator, since the orchestrator does not show who started a run."""

# -- files of a pod ----------------------------------------------------------------------------------------------------

CODE_VOLUME: Final = "code"
"""The name of the volume with the ConfigMap of code and IR. The compiler writes it, `targets.argo.cluster` reads it."""
CODE_ROOT: Final = "/flowc"
"""The directory at which the volume with code and IR is mounted."""
CODE_DIRECTORY: Final = "code"
"""The directory of the code package, below `CODE_ROOT`."""
IR_FILE: Final = "ir/ir.json"
"""The file with the IR, below `CODE_ROOT`."""
IR_KEY: Final = "ir.json"
"""The IR's key in the ConfigMap. The compiler writes it, `targets.argo.cluster` reads it."""
TMP: Final = "/tmp"
"""The only directory that a pod can write to, and its home directory."""
OUT_DIRECTORY: Final = f"{TMP}/flowc/out"
"""The directory of the output files that Argo reads to choose the next tasks."""
COUNT: Final = "count"
"""The name of the output file, and of Argo's output parameter, with the number of tasks of a foreach or gang."""
CHOICE: Final = "choice"
"""The name of the output file, and of Argo's output parameter, with the step that a switch has chosen."""

# -- labels of pods ----------------------------------------------------------------------------------------------------

FLOW_LABEL: Final = "flowc.dev/flow"
"""The label with the flow's name, on each object of the flow. The compiler writes it, `targets.argo.cluster` reads it.
"""
STEP_LABEL: Final = "flowc.dev/step"
"""The label of a pod with the step's title."""
PATH_LABEL: Final = "flowc.dev/path"
"""The label of a pod with the task's index path, as commands show it."""

# -- times and attempts ------------------------------------------------------------------------------------------------

TIMEOUT_GRACE: Final = 120
"""A task is killed this many seconds after its timeout. The runtime interrupts a step at its timeout. A step that
ignores the interruption is killed: by the pod's deadline on a cluster, by the emulator's SIGKILL on this machine."""
END_PATIENCE: Final = 120.0
"""Seconds to wait for the end of a run that is being stopped: for its pods (30 s of grace) and the exit handler."""


def retries(node: Node) -> int:
    """Return how many times the user's code may be retried after the first attempt."""
    return node.retry.times if node.retry else 0


def attempts_limit(node: Node) -> int:
    """Return the largest number of attempts after the first attempt. A step with @catch gets one more attempt after its
    retries, which records the failure if the process of the last retry was lost."""
    return retries(node) + (1 if node.catch else 0)
