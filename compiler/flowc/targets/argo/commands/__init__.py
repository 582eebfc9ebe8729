"""The commands of `flowc` for flows and runs on a cluster, which belong to the target `argo`.

`DEPLOYMENT` lists the commands. Importing `DEPLOYMENT` does not import the commands.
"""

from __future__ import annotations

from typing import Final

from flowc.targets.deployment import Deployment, Need

_HERE: Final = "flowc.targets.argo.commands"
_DEPLOY: Final = "flowc deploy {file} puts the flow on a cluster, flowc compile {file} prints its manifests"

DEPLOYMENT: Final = Deployment(
    system="Argo Workflows",
    commands={
        "deploy": (f"{_HERE}.deploy", "Compile a flow and apply it to a cluster."),
        "diff": (f"{_HERE}.deploy", "Show what a deploy would change."),
        "trigger": (f"{_HERE}.trigger", "Start a run of a deployed flow."),
        "status": (f"{_HERE}.status", "Show the status of runs and deployed flows on the cluster."),
        "suspend": (f"{_HERE}.control", "Suspend a run or a schedule on the cluster."),
        "unsuspend": (f"{_HERE}.control", "Let a suspended run or schedule continue."),
        "terminate": (f"{_HERE}.control", "End a run on the cluster."),
        "delete": (f"{_HERE}.control", "Delete a flow or a run from the cluster."),
    },
    operations=f"{_HERE}.operations:OPERATIONS",
    needs=(
        Need("kubernetes", "kubernetes", "flowc deploy, trigger, status and the like", "pip install 'flowc[cluster]'"),
    ),
    instead={
        "airflow": f"flows run on Argo Workflows: {_DEPLOY}",
        "argo-workflows": f"{_DEPLOY}; flowc trigger, status, suspend, unsuspend, terminate and delete act on it",
        "argo-workflows create": _DEPLOY,
        "argo-workflows delete": "flowc delete {flow}",
        "argo-workflows list-workflow-templates": "flowc status",
        "argo-workflows status": "flowc status {flow}",
        "argo-workflows suspend": "flowc suspend RUN",
        "argo-workflows terminate": "flowc terminate RUN",
        "argo-workflows trigger": "flowc trigger {flow}",
        "argo-workflows unsuspend": "flowc unsuspend RUN",
        "batch": f"flows run on Argo Workflows: {_DEPLOY}",
        "kubernetes": _DEPLOY,
        "step-functions": "flowc compile {file} --target stepfunctions writes a CloudFormation template",
    },
)
