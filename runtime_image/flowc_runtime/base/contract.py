"""The contract of a pod: all that the compiler, the emulator and the cluster write and the runtime reads.

Standard library only, because both sides import it. No literal of it stands elsewhere: `tests/house/test_contract.py`
reads the packages' syntax trees, and compares the Dockerfile and the chart.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from flowc_ir.model import Node

# -- exit codes of a task's process ------------------------------------------------------------------------------------
# 64 is never used: Argo's executor reserves it for its own failures.

OK: Final = 0
"""The attempt is done, or its failure is caught."""
USER_FAILED: Final = 1
"""The user's code failed: retry if retries are left."""
NOT_STARTED: Final = 70
"""A forked child could not even start (EX_SOFTWARE of sysexits.h)."""
INFRASTRUCTURE: Final = 75
"""The store or the machine failed, not the flow (EX_TEMPFAIL of sysexits.h): retry if retries are left."""
NO_RETRY: Final = 79
"""The same would happen again: no retry follows."""
DISALLOW_RETRY: Final = 202
"""The user's code asks for no retry, by Metaflow's number for that (`METAFLOW_EXIT_DISALLOW_RETRY`); a pod says 79."""

RETRY_EXPRESSION: Final = f"lastRetry.exitCode != '{NO_RETRY}'"
"""Argo's condition for a further attempt."""

# -- the command line of a pod -----------------------------------------------------------------------------------------

COMMAND: Final = ("python", "-m", "flowc_runtime")
"""The command of every container; `task_arguments` or `finish_arguments` follow."""
TASK: Final = "task"
"""Make one attempt of one task."""
PATH: Final = "--path"
"""The task's index path, such as 0.3."""
RETRY: Final = "--retry"
"""How many attempts the orchestrator made before."""
FINISH: Final = "finish"
"""Record how the run ended."""
STATUS: Final = "--status"
"""The workflow's phase, such as Succeeded."""


def task_arguments(step: str, path: str, retry: str) -> list[str]:
    """Return the arguments that make one attempt of one task."""
    return [TASK, step, PATH, path, RETRY, retry]


def finish_arguments(status: str) -> list[str]:
    """Return the arguments that record the end of a run."""
    return [FINISH, STATUS, status]


# -- environment variables of a pod ------------------------------------------------------------------------------------

STORE: Final = "FLOWC_STORE"
"""The store's address. Written by the compiler (and by users, for commands on their machine); read by every process."""
RUN: Final = "FLOWC_RUN"
"""The run's id: in a pod the workflow's name. Written by the compiler and by the emulator, which knows strays by it."""
CODE: Final = "FLOWC_CODE"
"""The directory of the code package. Written by the compiler, read by the runtime."""
CODE_DIGEST: Final = "FLOWC_CODE_DIGEST"
"""The digest of the code package and the IR. Written by the compiler, read by the runtime before it imports them."""
IR: Final = "FLOWC_IR"
"""The file with the flow's IR as JSON. Written by the compiler, read by the runtime."""
PARAMETERS: Final = "FLOWC_PARAMETERS"
"""Argo's parameters as JSON, in base64 or as they are. Written by the compiler for the start step, read by its task."""
TAGS: Final = "FLOWC_TAGS"
"""The tags of a new run, a JSON list. Written by the compiler for the start step, read by its task."""
REVISION: Final = "FLOWC_REVISION"
"""The revision of a new run's code, a JSON object. Written by `deploy` for the start step, read by its task."""
LOOPS: Final = "FLOWC_LOOPS"
"""How deep a loop may still go, `LEFT:SIZE,…`. Written by the compiler, read by the task that begins an iteration."""
POD: Final = "FLOWC_POD"
"""The pod's name, where the task is in a pod. Written by the compiler (downward API), read by the runtime."""
POD_UID: Final = "FLOWC_POD_UID"
"""The pod's uid; as `POD`."""
NODE: Final = "FLOWC_NODE"
"""The name of the pod's node; as `POD`."""
POD_IP: Final = "FLOWC_POD_IP"
"""The pod's address. Written by the compiler for the tasks of a gang, read by the runtime."""
RESUME: Final = "FLOWC_RESUME"
"""What the run resumes, `flowc_runtime.run.reuse.Order.text`. Written by `resume --target argo`, read by each task."""
CACHE: Final = "FLOWC_CACHE"
"""`0` runs steps with @cache as others. Written by users (`@environment`), read by a pod's task."""
OUT: Final = "FLOWC_OUT"
"""The directory of the output files. Written by tests, read by the runtime; else it is `OUT_DIRECTORY`."""
BRACE: Final = "FLOWC_BRACE"
"""A `{`, for values that the kubelet expands. Written by the compiler, read by the kubelet only."""

PARALLEL_MAIN_IP: Final = "MF_PARALLEL_MAIN_IP"
"""The address of a gang's first task, a name of Metaflow's. Written by the runtime, or by who starts the gang."""
PARALLEL_NUM_NODES: Final = "MF_PARALLEL_NUM_NODES"
"""The size of a gang, a name of Metaflow's. Written by the runtime for the user's code."""
PARALLEL_NODE_INDEX: Final = "MF_PARALLEL_NODE_INDEX"
"""The task's number in its gang, a name of Metaflow's. Written by the runtime for the user's code."""
PARALLEL_CONTROL_TASK_ID: Final = "MF_PARALLEL_CONTROL_TASK_ID"
"""The id of a gang's first task, a name of Metaflow's. Written by the runtime for the user's code."""

CLUSTER_USER: Final = "argo"
"""The user of every run on a cluster, whoever starts it: a workflow does not say who that is."""

# -- files of a pod ----------------------------------------------------------------------------------------------------

CODE_VOLUME: Final = "code"
"""The name of the volume with the ConfigMap of code and IR. The compiler writes it, `targets.argo.cluster` reads it."""
CODE_ROOT: Final = "/flowc"
"""Where that volume is mounted."""
CODE_DIRECTORY: Final = "code"
"""The directory of the code package below it."""
IR_FILE: Final = "ir/ir.json"
"""The file with the IR below it."""
IR_KEY: Final = "ir.json"
"""The IR's key in the ConfigMap. The compiler writes it, `targets.argo.cluster` reads it."""
TMP: Final = "/tmp"
"""The one place where a pod can write; its home too."""
OUT_DIRECTORY: Final = f"{TMP}/flowc/out"
"""The directory of the files that Argo routes on."""
COUNT: Final = "count"
"""The output file with the number of tasks of a foreach or gang, and the output parameter of that name."""
CHOICE: Final = "choice"
"""The output file with the step that a switch chose, and the output parameter of that name."""

# -- labels of pods ----------------------------------------------------------------------------------------------------

FLOW_LABEL: Final = "flowc.dev/flow"
"""The flow's name, on whatever belongs to it. The compiler writes it, `targets.argo.cluster` reads it."""
STEP_LABEL: Final = "flowc.dev/step"
"""The step's title, on a pod."""
PATH_LABEL: Final = "flowc.dev/path"
"""The task's path as it is shown, on a pod."""

# -- times and attempts ------------------------------------------------------------------------------------------------

TIMEOUT_GRACE: Final = 120
"""Seconds past its timeout after which a task is killed. The runtime interrupts a step at its timeout; this is for a
step that ignores that: the pod's deadline on a cluster, the emulator's SIGKILL here."""
END_PATIENCE: Final = 120.0
"""Seconds to wait for the pods of a run that is told to end: their own grace is 30; the exit handler starts too."""


def retries(node: Node) -> int:
    """Return how many attempts of the user's code follow the first."""
    return node.retry.times if node.retry else 0


def attempts_limit(node: Node) -> int:
    """Return how many attempts follow the first: the retries, and one that catches that a process was lost."""
    return retries(node) + (1 if node.catch else 0)
